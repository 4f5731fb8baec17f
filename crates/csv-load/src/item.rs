//! Items as DynamoDB's JSON has them.

use std::io::Write;

use crate::id::sha256_hex;
use crate::records::CsvRecord;
use crate::rules::{EmptyCells, LoadRules};
use crate::types::{self, ColumnType};

/// The table's key.
pub(crate) const KEY: &str = "id";
/// The attributes that the load adds.
pub const LOAD_ATTRIBUTES: [&str; 3] = ["ingestion_timestamp", "source_file", "load_id"];
/// No item may be larger. Source: DynamoDB's limits.
pub(crate) const MAX_ITEM_BYTES: u64 = 400 << 10;
/// No partition key may be longer. Source: DynamoDB's limits.
pub(crate) const MAX_KEY_BYTES: usize = 2048;
/// So much of an item is kept for what the load adds: with the longest address of a file (`s3://`, a bucket of 63 characters,
/// a key of 1024 bytes) it is 1176. Rows are judged alike under every name of their file.
pub(crate) const RESERVED_BYTES: u64 = 1200;
/// Hex digits of a load id.
const LOAD_ID_CHARS: usize = 16;

/// What the load adds to each item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadAttributes<'a> {
    /// When the load was planned.
    pub ingestion_timestamp: &'a str,
    /// The file's `s3://` address.
    pub source_file: &'a str,
    /// The load.
    pub load_id: &'a str,
}

impl LoadAttributes<'_> {
    /// What they take of an item, as DynamoDB counts it: names and values.
    pub fn bytes_of(ingestion_timestamp: &str, source_file: &str) -> u64 {
        let names: usize = LOAD_ATTRIBUTES.iter().map(|name| name.len()).sum();
        (names + ingestion_timestamp.len() + source_file.len() + LOAD_ID_CHARS) as u64
    }
}

/// Writes rows that fit as items.
#[derive(Debug)]
pub struct ItemWriter<'a> {
    rules: &'a LoadRules,
    /// For each column, its name and type up to its value: `,"price":{"N":"`.
    before: Vec<Vec<u8>>,
    /// What every item ends with.
    end: Vec<u8>,
    form: Vec<u8>,
}

impl<'a> ItemWriter<'a> {
    /// A writer of items of a load.
    pub fn new(rules: &'a LoadRules, added: &LoadAttributes<'_>) -> Self {
        let before = rules.columns.iter().map(|name| format!(",{}:{{", json(name)).into_bytes()).collect();
        let values = [added.ingestion_timestamp, added.source_file, added.load_id];
        let attribute = |(name, value): (&str, &str)| format!(r#","{name}":{{"S":{}}}"#, json(value));
        let end: String = LOAD_ATTRIBUTES.into_iter().zip(values).map(attribute).collect();
        Self { rules, before, end: (end + "}").into_bytes(), form: Vec::new() }
    }

    /// Appends a row that fits to `out`: `{"id":{"S":"…"},…}`.
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
            let value = types::boolean(cell).expect("the row was judged");
            write!(out, r#""BOOL":{value}"#).expect("a vector takes all");
        }
    }
}

fn text(out: &mut Vec<u8>, cell: &[u8]) {
    let text = std::str::from_utf8(cell).expect("the row was judged");
    serde_json::to_writer(out, text).expect("a vector takes all");
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}
