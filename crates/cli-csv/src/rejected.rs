//! Reads rejected rows from the quarantine of a load.

use std::io::BufRead;

use cli_core::format::{count, one_line};
use serde::{Deserialize, Serialize};

/// Most rejected rows that are printed. The quarantine has all of them.
pub(crate) const MAX_PRINTED: usize = 10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RejectedRow {
    line: u64,
    reason: String,
    message: String,
}

impl RejectedRow {
    #[cfg(test)]
    pub(crate) fn new(line: u64, reason: &str, message: &str) -> Self {
        Self { line, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// The first rows of a quarantine, up to a line that is cut off.
    pub(crate) fn read(quarantine: impl BufRead, most: usize) -> Vec<Self> {
        let rows = quarantine.lines().map_while(Result::ok).map_while(|line| serde_json::from_str(&line).ok());
        rows.take(most).collect()
    }
}

/// The rejected rows, one line each.
pub(crate) fn rejected_lines(rows: &[RejectedRow], rejected: u64, quarantine: Option<&str>) -> String {
    if rejected == 0 {
        return String::new();
    }
    let all = quarantine.map(|address| format!("; all of them: {address}")).unwrap_or_default();
    let first = match rows.len() as u64 {
        0 => String::new(),
        shown if shown == rejected => ":".to_owned(),
        shown => format!("; the first {shown}:"),
    };
    let mut text = format!("{} rows are rejected{all}{first}\n", count(rejected));
    for RejectedRow { line, reason, message } in rows {
        text.push_str(&format!("  line {line}: {reason}: {}\n", one_line(message)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantine_is_read_up_to_a_cut_line() {
        let rows = b"{\"line\":3,\"row\":1,\"reason\":\"CellCount\",\"message\":\"few\"}\n{\"line\":4,\"rea";
        assert_eq!(RejectedRow::read(&rows[..], 5), [RejectedRow::new(3, "CellCount", "few")]);
    }
}
