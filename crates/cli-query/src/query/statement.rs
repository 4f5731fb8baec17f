//! Finds the query in a statement, to estimate its price.

/// A statement, by what it reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueryStatement {
    /// It reads only the catalogue, which is free.
    Catalogue,
    /// It reads as much as this query.
    Reads(String),
}

/// First words of catalogue statements. EXPLAIN is one, EXPLAIN ANALYZE is not.
const CATALOGUE: [&str; 4] = ["show", "describe", "desc", "explain"];
/// First words of queries, beside a parenthesis.
const QUERY: [&str; 4] = ["select", "with", "values", "table"];

/// A word, quoted text or character, with its byte offset and the number of parentheses open there.
struct SqlToken<'a> {
    at: usize,
    depth: usize,
    text: &'a str,
}

impl QueryStatement {
    pub(super) fn of(sql: &str) -> Self {
        let bare = without_comments(sql);
        let bare = bare.trim().trim_end_matches(';').trim_end();
        let tokens = tokens(bare);
        let word = |at: usize| tokens.get(at).map(|token| token.text.to_ascii_lowercase()).unwrap_or_default();
        let query = match word(0).as_str() {
            "explain" if word(1) == "analyze" => after(bare, &tokens, 2),
            first if CATALOGUE.contains(&first) => return Self::Catalogue,
            "insert" => after(bare, &tokens, 1),
            "unload" => in_parentheses(bare, &tokens),
            "create" => {
                let named = tokens.iter().position(|token| token.depth == 0 && token.text.eq_ignore_ascii_case("as"));
                named.map(|at| &bare[tokens[at].at + 2..])
            }
            _ => None,
        };
        // Athena plans or refuses unknown statements.
        Self::Reads(query.unwrap_or(bare).trim().to_owned())
    }
}

/// The text from the first token at or after `from` that begins a query.
fn after<'a>(sql: &'a str, tokens: &[SqlToken<'_>], from: usize) -> Option<&'a str> {
    let begins = |token: &&SqlToken<'_>| QUERY.iter().any(|word| token.text.eq_ignore_ascii_case(word));
    let first = tokens.iter().skip(from).find(begins)?;
    // `(SELECT …) UNION (SELECT …)` is one query.
    let opened = tokens.iter().skip(from).filter(|token| token.at < first.at && token.text == "(");
    let start = opened.rev().take(first.depth).last().map_or(first.at, |token| token.at);
    Some(&sql[start..])
}

/// The text in the first pair of parentheses.
fn in_parentheses<'a>(sql: &'a str, tokens: &[SqlToken<'_>]) -> Option<&'a str> {
    let open = tokens.iter().find(|token| token.text == "(")?;
    let close = tokens.iter().find(|token| token.text == ")" && token.depth == open.depth)?;
    Some(&sql[open.at + 1..close.at])
}

fn tokens(sql: &str) -> Vec<SqlToken<'_>> {
    let (mut found, mut depth, mut at) = (Vec::new(), 0_usize, 0);
    while let Some(c) = sql[at..].chars().next() {
        let length = match c {
            '\'' | '"' | '`' => quoted(&sql[at..], c),
            c if c.is_alphanumeric() || c == '_' => {
                let rest = &sql[at..];
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        depth = depth.saturating_sub(usize::from(c == ')'));
        if !c.is_whitespace() {
            found.push(SqlToken { at, depth, text: &sql[at..at + length] });
        }
        depth += usize::from(c == '(');
        at += length;
    }
    found
}

/// Length of a quoted text with its quotes. A doubled quote in it ends one text and begins the next.
fn quoted(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |at| at + 2)
}

/// The text with a space in place of each comment.
fn without_comments(sql: &str) -> String {
    let (mut bare, mut rest) = (String::with_capacity(sql.len()), sql);
    while let Some(c) = rest.chars().next() {
        let comment = if rest.starts_with("--") {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else {
            let inside = rest.strip_prefix("/*");
            inside.map(|inside| inside.find("*/").map_or(rest.len(), |at| at + 4))
        };
        let length = match (comment, c) {
            (Some(length), _) => length,
            (None, '\'' | '"' | '`') => quoted(rest, c),
            (None, c) => c.len_utf8(),
        };
        bare.push_str(if comment.is_some() { " " } else { &rest[..length] });
        rest = &rest[length..];
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_catalogue_statements_read_nothing() {
        for sql in
            ["SHOW PARTITIONS events", " /* x */ describe events;", "DESC events", "EXPLAIN SELECT * FROM events"]
        {
            assert_eq!(QueryStatement::of(sql), QueryStatement::Catalogue, "{sql}");
        }
    }

    #[test]
    fn query_is_found_in_each_statement() {
        for (phrase, sql, query) in [
            ("a query", "SELECT 1", "SELECT 1"),
            ("its end", "SELECT 1 ; ", "SELECT 1"),
            ("a comment before it", "/* x */ SELECT 1", "SELECT 1"),
            ("a comment of a line", "-- why\nSELECT 1", "SELECT 1"),
            ("a comment that has no end", "SELECT 1 /* x", "SELECT 1"),
            ("marks of comments in texts", "SELECT '--', \"/*\" FROM t", "SELECT '--', \"/*\" FROM t"),
            ("a quote in a text", "SELECT 'it''s -- no' -- yes", "SELECT 'it''s -- no'"),
            ("a table", "TABLE events", "TABLE events"),
            ("a union", "(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"),
            ("an explained query", "EXPLAIN ANALYZE VERBOSE SELECT 1", "SELECT 1"),
            ("the same with a comment", "EXPLAIN /**/ ANALYZE (FORMAT JSON) TABLE events", "TABLE events"),
            ("the same of a union", "EXPLAIN ANALYZE (SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"),
            ("a table made of it", "CREATE TABLE a WITH (format = 'ORC') AS SELECT 1 AS one", "SELECT 1 AS one"),
            ("rows for a table", "INSERT INTO t (a, b) SELECT 1, 2", "SELECT 1, 2"),
            (
                "rows for a quoted table",
                "INSERT INTO \"select\" WITH x AS (SELECT 1) TABLE x",
                "WITH x AS (SELECT 1) TABLE x",
            ),
            ("files", "UNLOAD (SELECT (1)) TO 's3://b/(' WITH (format = 'ORC')", "SELECT (1)"),
            ("an unknown statement", "MERGE INTO t", "MERGE INTO t"),
            ("a table without a query", "CREATE EXTERNAL TABLE t (a int)", "CREATE EXTERNAL TABLE t (a int)"),
            ("an unfinished text", "é'", "é'"),
        ] {
            assert_eq!(QueryStatement::of(sql), QueryStatement::Reads(query.to_owned()), "{phrase}");
        }
    }
}
