//! Items in DynamoDB's JSON.

use std::io::Write;

use crate::attributes::{KEY, LOAD_ATTRIBUTES, LoadAttributes};
use crate::id::sha256_hex;
use crate::records::CsvRecord;
use crate::rules::{EmptyCells, LoadRules};
use crate::types::{self, ColumnType};

/// Writes valid rows as items.
#[derive(Debug)]
pub struct ItemWriter<'a> {
    rules: &'a LoadRules,
    /// For each column, the text before its value: `,"price":{`.
    before: Vec<Vec<u8>>,
    /// The end of every item: the attributes of the load.
    end: Vec<u8>,
    form: Vec<u8>,
}

impl<'a> ItemWriter<'a> {
    pub fn new(rules: &'a LoadRules, added: &LoadAttributes<'_>) -> Self {
        let before = rules.columns.iter().map(|name| format!(",{}:{{", json(name)).into_bytes()).collect();
        let values = [added.ingestion_timestamp, added.source_file, added.load_id];
        let attribute = |(name, value): (&str, &str)| format!(r#","{name}":{{"S":{}}}"#, json(value));
        let end: String = LOAD_ATTRIBUTES.into_iter().zip(values).map(attribute).collect();
        Self { rules, before, end: (end + "}").into_bytes(), form: Vec::new() }
    }

    /// Appends a valid row to `out`: `{"id":{"S":"…"},…}`.
    pub fn write(&mut self, record: &CsvRecord<'_>, out: &mut Vec<u8>) {
        let rules = self.rules;
        out.extend_from_slice(br#"{"id":{"S":"#);
        let mut form = std::mem::take(&mut self.form);
        let identity = rules.identity(record, &mut form);
        match rules.id_column {
            Some(_) => text(out, identity),
            None => text(out, sha256_hex(identity).as_bytes()),
        }
        self.form = form;
        out.push(b'}');
        for (index, cell) in record.cells().enumerate() {
            let is_key = rules.id_column == Some(index) && rules.columns[index] == KEY;
            if is_key || (cell.is_empty() && rules.empty_cells == EmptyCells::Omit) {
                continue;
            }
            out.extend_from_slice(&self.before[index]);
            value(out, rules.types[index], cell);
            out.push(b'}');
        }
        out.extend_from_slice(&self.end);
    }
}

fn value(out: &mut Vec<u8>, column_type: ColumnType, cell: &[u8]) {
    match column_type {
        ColumnType::S => {
            out.extend_from_slice(br#""S":"#);
            text(out, cell);
        }
        _ if cell.is_empty() => out.extend_from_slice(br#""NULL":true"#),
        ColumnType::N => {
            out.extend_from_slice(br#""N":"#);
            text(out, cell);
        }
        ColumnType::BOOL => {
            let value = types::boolean(cell).expect("the rules accepted the row");
            write!(out, r#""BOOL":{value}"#).expect("writing to memory does not fail");
        }
    }
}

fn text(out: &mut Vec<u8>, cell: &[u8]) {
    let text = std::str::from_utf8(cell).expect("the rules accepted the row");
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("any text can be written as JSON")
}
