//! Standard output: results, for a person or for a program.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
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

/// A table without borders; the first `numbers` columns but the first are to the right.
pub(crate) fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>, numbers: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (1..numbers).contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}
