//! The catalogue of errors: what each public error name means, whether it is retried, and what to do.
//!
//! The data is `errors.toml`. The page `docs/errors.md` ([`page`]), the advice that the command prints ([`advice`]) and the
//! contract tests are all made from it.
//!
//! Invariant: the crate is a constant table. It does no I/O and has no dependencies when it runs.

use std::fmt::Write as _;

/// A section of the page.
#[derive(Debug)]
pub struct Section {
    pub key: &'static str,
    pub title: &'static str,
    pub intro: &'static str,
    pub entries: &'static [ErrorEntry],
}

/// An error or a finding. The texts are Markdown.
#[derive(Debug)]
pub struct ErrorEntry {
    /// The name that Step Functions, the ledger and the command show; the first part of the names of a family.
    pub name: &'static str,
    /// The members of a family (`DynamoDb.ThrottlingException`); empty for a single error.
    pub names: &'static [&'static str],
    /// The functions and state machines that return it. `*` is every function, `AWS` is AWS itself.
    pub origins: &'static [&'static str],
    /// Whether a state machine retries it.
    pub transient: bool,
    pub meaning: &'static str,
    pub cause: &'static str,
    /// The next step, without a capital and a full stop.
    pub advice: &'static str,
    /// More about the next step; may be empty.
    pub details: &'static str,
}

/// All errors, in the order of the page.
pub const SECTIONS: &[Section] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// The section of findings. They are names in a proof's report, not errors.
const FINDINGS: &str = "finding";

/// The next step for an error that the catalogue does not have.
const FALLBACK: &str = "run the same command again: that is always safe; docs/errors.md explains the error names";

/// The entry of an error name or a member of a family.
pub fn find(name: &str) -> Option<&'static ErrorEntry> {
    let is_of = |entry: &&ErrorEntry| entry.name == name || entry.names.contains(&name);
    let mut errors = SECTIONS.iter().filter(|section| section.key != FINDINGS).flat_map(|section| section.entries);
    errors.find(is_of)
}

/// The next step after an execution ended with the error `name`, to be printed after the error.
pub fn advice(name: &str) -> &'static str {
    find(name).map_or(FALLBACK, |entry| entry.advice)
}

/// Whether a state machine retries the error `name`.
pub fn is_transient(name: &str) -> bool {
    find(name).is_some_and(|entry| entry.transient)
}

/// The page `docs/errors.md`.
pub fn page() -> String {
    let mut page = String::from(PREAMBLE);
    for Section { key, title, intro, entries } in SECTIONS {
        write!(page, "\n## {title}\n\n{intro}\n").expect(TO_MEMORY);
        for entry in *entries {
            push_entry(&mut page, entry, *key != FINDINGS);
        }
    }
    page
}

const PREAMBLE: &str = "\
# Errors

<!-- Made by `cargo run -p error-catalog > docs/errors.md` from crates/error-catalog/errors.toml. -->

Every error name that Step Functions, the ledger, `job_run_details` and the command show. A *transient* error is retried by the
state machine. For any other error, follow 'What to do'. Running the same hour or load again is always safe.
";

const TO_MEMORY: &str = "writing to memory does not fail";

fn push_entry(page: &mut String, entry: &ErrorEntry, is_error: bool) {
    let ErrorEntry { name, names, origins, transient, meaning, cause, advice, details } = entry;
    write!(page, "\n### {name}\n\n{meaning}\n\n- **Cause:** {cause}\n- **What to do:** {}.", sentence(advice))
        .expect(TO_MEMORY);
    if !details.is_empty() {
        write!(page, " {details}").expect(TO_MEMORY);
    }
    page.push('\n');
    if !names.is_empty() {
        writeln!(page, "- **Names:** {}", quoted(names)).expect(TO_MEMORY);
    }
    if is_error {
        let retried = if *transient { "transient, retried" } else { "not retried" };
        writeln!(page, "- **From:** {}; {retried}", origin_list(origins)).expect(TO_MEMORY);
    }
}

fn origin_list(origins: &[&str]) -> String {
    let text = |origin: &&str| match *origin {
        "*" => "every function".to_owned(),
        "AWS" => "AWS".to_owned(),
        name => format!("`{name}`"),
    };
    origins.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The advice as Markdown: with a capital, and with backticks around commands.
fn sentence(advice: &str) -> String {
    let mut letters = advice.chars().map(|letter| if letter == '\'' { '`' } else { letter });
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn entries() -> impl Iterator<Item = &'static ErrorEntry> {
        SECTIONS.iter().flat_map(|section| section.entries)
    }

    #[test]
    fn catalog_has_each_name_once() {
        let names: Vec<&str> = entries().flat_map(|entry| entry.names.iter().chain([&entry.name])).copied().collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn texts_are_sentences_and_advice_is_not() {
        for ErrorEntry { name, meaning, cause, advice, details, .. } in entries() {
            for text in [meaning, cause, details].into_iter().filter(|text| !text.is_empty()) {
                assert!(text.ends_with('.'), "{name}: {text}");
            }
            assert!(!advice.ends_with('.') && advice.len() <= 120, "{name}: {advice}");
            assert!(!advice.starts_with(char::is_uppercase), "{name}: {advice}");
            assert!(advice.matches('\'').count() % 2 == 0, "single quotes are for commands: {name}: {advice}");
        }
    }

    #[test]
    fn find_knows_members_of_families() {
        assert_eq!(find("DynamoDb.ThrottlingException").map(|entry| entry.name), Some("DynamoDb"));
        assert!(is_transient("AwsThrottled") && !is_transient("AwsRefused") && !is_transient("Unheard"));
        assert!(find("HourOpen").is_none(), "a finding is not an error");
        assert_eq!(advice("Unheard"), FALLBACK);
    }

    #[test]
    fn errors_page_matches_the_catalog() {
        let committed = include_str!("../../../docs/errors.md");
        assert!(committed == page(), "run: cargo run -p error-catalog > docs/errors.md");
    }
}
