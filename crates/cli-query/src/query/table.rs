//! A result as a table and as CSV.

use cli_core::format::{printable, truncated};
use cli_core::output;

use crate::athena::QueryResult;

/// Most rows of the table.
const MAX_ROWS: usize = 1000;
/// Most characters of a cell in the table.
const MAX_CELL_CHARS: usize = 60;

const NUMBERS: [&str; 7] = ["tinyint", "smallint", "integer", "bigint", "double", "float", "decimal"];

/// A table with a header, numbers aligned to the right.
pub(super) fn text(answer: &QueryResult) -> String {
    let names: Vec<_> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    let cells =
        |row: &Vec<Option<String>>| row.iter().map(|cell| cell.as_deref().map_or("NULL".to_owned(), cut)).collect();
    let rows = answer.rows.iter().take(MAX_ROWS).map(cells);
    let is_number = |at: usize| answer.columns.get(at).is_some_and(|one| NUMBERS.contains(&one.kind.as_str()));
    let table = output::table::<Vec<String>>(&names, rows, is_number);
    let more = match answer.rows.len().saturating_sub(MAX_ROWS) {
        0 => String::new(),
        more => format!("… and {more} more rows; --csv and --json print all\n"),
    };
    table + &more
}

fn cut(cell: &str) -> String {
    truncated(&printable(&cell.replace(['\n', '\r', '\t'], " ")), MAX_CELL_CHARS)
}

/// RFC 4180, as Athena writes it: text in quotes, an empty cell for NULL.
pub(super) fn csv(answer: &QueryResult) -> String {
    let names = answer.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(",");
    let mut text = names + "\n";
    for row in &answer.rows {
        let cells: Vec<_> = row.iter().map(|cell| cell.as_deref().map(quoted).unwrap_or_default()).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::athena::ResultColumn;

    fn answer() -> QueryResult {
        let column = |name: &str, kind: &str| ResultColumn { name: name.to_owned(), kind: kind.to_owned() };
        let cell = |text: &str| Some(text.to_owned());
        QueryResult {
            columns: vec![column("repo", "varchar"), column("events", "bigint")],
            rows: vec![
                vec![cell("a/b"), cell("7")],
                vec![None, cell("12345")],
                vec![cell("say \"x\", \u{1b}[2J\n"), cell("0")],
            ],
            ..QueryResult::default()
        }
    }

    #[test]
    fn table_aligns_numbers_and_hides_control_chars() {
        insta::assert_snapshot!(text(&answer()));
    }

    #[test]
    fn csv_quotes_text_and_leaves_null_empty() {
        assert_eq!(
            csv(&answer()),
            "\"repo\",\"events\"\n\"a/b\",\"7\"\n,\"12345\"\n\"say \"\"x\"\", \u{1b}[2J\n\",\"0\"\n"
        );
    }
}
