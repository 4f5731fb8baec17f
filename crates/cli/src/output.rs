//! Standard output: results, for a person or for a program.

use std::io::{self, Write};

use serde::Serialize;

/// Prints one JSON document.
pub(crate) fn json(value: &impl Serialize) {
    let json = serde_json::to_string_pretty(value).expect("results have no map whose keys are no text");
    text(&(json + "\n"));
}

/// Prints text as it is. Where standard output is closed, nobody reads it.
pub(crate) fn text(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
