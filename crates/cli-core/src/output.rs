//! Prints results to standard output, for people or for programs.
//!
//! Failed writes are ignored, because standard output is closed then.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Prints one JSON document, indented.
///
/// # Panics
///
/// If a map in `value` has keys that are not strings.
pub fn json(value: &impl Serialize) {
    let json = serde_json::to_string_pretty(value).expect("the maps of results have strings as keys");
    text(&(json + "\n"));
}

/// Prints text byte for byte.
pub fn text(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Prints text with its colours on a terminal, and without them elsewhere or where `NO_COLOR` is set.
pub fn styled(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// A table without borders, its columns two spaces apart. `is_number` selects the columns (from 0) that are aligned to
/// the right.
pub fn table<Row>(head: &[&str], rows: impl IntoIterator<Item = Row>, is_number: impl Fn(usize) -> bool) -> String
where
    Row: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if !head.is_empty() {
        table.set_header(head.iter().copied());
    }
    for row in rows {
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if is_number(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}
