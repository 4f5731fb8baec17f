//! Plans a file and loads it chunk by chunk into a map.

use std::collections::BTreeMap;

use csv_load::CsvChunk;
use csv_load::receipt::RowCounts;
use csv_load::{
    CsvPlanError, CsvPlanner, CsvRecordReader, ItemWriter, LoadAttributes, LoadOptions, PlannedCsv, PlannerSettings,
    RecordPosition, is_set,
};
use serde_json::Value;

pub(crate) const ADDED: LoadAttributes<'static> = LoadAttributes {
    ingestion_timestamp: "2025-11-21T00:00:00Z",
    source_file: "s3://bucket/raw/a.csv",
    load_id: "0123456789abcdef",
};

pub(crate) fn settings(chunk_rows: u64) -> PlannerSettings {
    PlannerSettings { chunk_rows, chunk_bytes: 1 << 20, seed: 7, added_bytes: 0 }
}

/// The plan of a text, and the lines of its quarantine.
pub(crate) fn plan(
    text: &[u8],
    options: &LoadOptions,
    chunk_rows: u64,
) -> Result<(PlannedCsv, Vec<Value>), CsvPlanError> {
    let mut quarantine = Vec::new();
    let planned = CsvPlanner::new(options, settings(chunk_rows)).plan(text, &mut quarantine)?;
    let lines = quarantine.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok((planned, lines.map(|line| serde_json::from_slice(line).unwrap()).collect()))
}

/// Loads chunks in the given order. Returns the items by id and the counts of each chunk.
pub(crate) fn load(
    text: &[u8],
    planned: &PlannedCsv,
    order: impl Iterator<Item = usize>,
) -> (BTreeMap<String, Value>, Vec<RowCounts>) {
    let (mut items, mut counts) = (BTreeMap::new(), vec![RowCounts::default(); planned.chunks.len()]);
    for index in order {
        counts[index] = load_chunk(text, planned, &planned.chunks[index], &mut items);
    }
    (items, counts)
}

fn load_chunk(text: &[u8], planned: &PlannedCsv, chunk: &CsvChunk, items: &mut BTreeMap<String, Value>) -> RowCounts {
    let bits = chunk
        .superseded_offset
        .map_or(&[][..], |offset| &planned.superseded_bits[index(offset)..index(offset + chunk.superseded_bytes())]);
    let position = RecordPosition { offset: chunk.start, line: chunk.first_line };
    let range = &text[index(chunk.start)..index(chunk.end)];
    let mut records = CsvRecordReader::new(range, planned.rules.delimiter.byte(), position);
    let mut writer = ItemWriter::new(&planned.rules, &ADDED);
    let mut counts = RowCounts::default();
    while let Some(record) = records.next_record().unwrap() {
        let row = counts.read;
        counts.read += 1;
        if planned.rules.judge(&record).is_err() {
            counts.rejected += 1;
        } else if is_set(bits, row) {
            counts.duplicate += 1;
        } else {
            let mut json = Vec::new();
            writer.write(&record, &mut json);
            let item: Value = serde_json::from_slice(&json).unwrap();
            let id = item["id"]["S"].as_str().unwrap().to_owned();
            assert!(items.insert(id, item).is_none(), "an id was written twice");
            counts.written += 1;
        }
    }
    counts
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("a test file fits into memory")
}

/// The items of a file with the default options.
pub(crate) fn items(text: &str) -> Vec<Value> {
    items_with(text, &LoadOptions::default())
}

pub(crate) fn items_with(text: &str, options: &LoadOptions) -> Vec<Value> {
    let (planned, _) = plan(text.as_bytes(), options, 2).unwrap();
    let chunks = planned.chunks.len();
    load(text.as_bytes(), &planned, 0..chunks).0.into_values().collect()
}

/// The text of an attribute.
pub(crate) fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item[name]["S"].as_str()
}
