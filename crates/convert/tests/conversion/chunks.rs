//! A file converted chunk by chunk has the same rows as one converted as a whole.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};

use convert::ChunkSpec;
use flate2::{Compression, write::GzEncoder};
use gzip_plan::{ChunkReader, PlanSettings, Planner};
use pipeline::receipt::RecordCounts;

use crate::support::{WHOLE, convert, event};

/// Converts `text` in chunks of `lines_per_chunk` lines and as a whole, without duplicate lines, and compares the results.
pub(crate) fn assert_chunks_add_up(text: &[u8], lines_per_chunk: usize) {
    let duplicates = duplicate_lines_of(text);
    let whole = convert(&ChunkSpec { duplicate_lines: &duplicates, ..WHOLE }, text);
    let (mut rows, mut bad, mut types, mut counts) = (Vec::new(), Vec::new(), BTreeMap::new(), RecordCounts::default());
    let (mut first_line, mut first_offset) = (1, 0);
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    for chunk in lines.chunks(lines_per_chunk) {
        let chunk_text = chunk.concat();
        let after = first_line + chunk.len() as u64;
        let duplicate_lines: Vec<u64> =
            duplicates.iter().copied().filter(|line| (first_line..after).contains(line)).collect();
        let part =
            convert(&ChunkSpec { first_line, first_offset, duplicate_lines: &duplicate_lines, ..WHOLE }, &chunk_text);
        rows.extend(part.rows());
        bad.extend(part.quarantine);
        part.converted.types.into_iter().for_each(|(name, rows)| *types.entry(name).or_insert(0) += rows);
        add(&mut counts, part.converted.counts);
        (first_line, first_offset) = (after, first_offset + chunk_text.len() as u64);
    }
    assert_eq!(rows, whole.rows());
    assert_eq!(bad, whole.quarantine);
    assert_eq!(counts, whole.converted.counts);
    assert_eq!(types, whole.converted.types);
}

fn add(sum: &mut RecordCounts, counts: RecordCounts) {
    sum.lines += counts.lines;
    sum.blank_lines += counts.blank_lines;
    sum.records += counts.records;
    sum.rows += counts.rows;
    sum.duplicates += counts.duplicates;
    sum.quarantined += counts.quarantined;
}

/// The numbers of the lines that are equal to an earlier line and not blank.
fn duplicate_lines_of(text: &[u8]) -> Vec<u64> {
    let mut seen = HashSet::new();
    let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    let repeated = lines.filter(|(_, line)| !line.iter().all(|byte| b" \t\r\0".contains(byte)) && !seen.insert(*line));
    repeated.map(|(number, _)| number).collect()
}

#[test]
fn rows_do_not_depend_on_chunk_size() {
    let mut lines: Vec<String> = (0..3000).map(|id| event(&format!(r#","id":"{}","x":{id}"#, id % 700))).collect();
    lines[11] = lines[3].clone();
    lines[2999] = lines[0].clone();
    lines[20] = format!("{}{}", lines[21], lines[22]);
    lines[40] = lines[20].clone();
    lines[50] = "{\"torn".to_owned();
    lines[60] = lines[50].clone();
    lines[70] = String::new();
    lines[71] = "\0 ".to_owned();
    let text = lines.join("\n");
    let whole = convert(&ChunkSpec { duplicate_lines: &duplicate_lines_of(text.as_bytes()), ..WHOLE }, text.as_bytes());
    let counts = whole.converted.counts;
    assert_eq!((counts.lines, counts.blank_lines, counts.records), (3000, 2, 3000));
    assert_eq!((counts.duplicates, counts.quarantined), (5, 1), "a duplicate line of two records counts twice");
    for lines_per_chunk in [1, 7, 1000, 2999] {
        assert_chunks_add_up(text.as_bytes(), lines_per_chunk);
    }
}

/// The rows of a gzip file that is planned in chunks of `chunk_records`, each inflated and converted separately.
fn planned_rows(file: &[u8], chunk_records: u32) -> Vec<serde_json::Value> {
    let mut planner = Planner::new(PlanSettings { chunk_records, max_chunk_bytes: 128 << 20 });
    planner.push(file).unwrap();
    let planned = planner.finish().unwrap();
    let mut rows = Vec::new();
    for (number, chunk) in (0..).zip(&planned.plan.chunks) {
        let window = planned.plan.access_points[chunk.access_point as usize].window;
        let window = window.map(|at| &planned.windows[at.offset as usize..at.offset as usize + at.length as usize]);
        let compressed = &file[chunk.compressed_start as usize..chunk.compressed_end as usize];
        let mut text = Vec::new();
        ChunkReader::new(compressed, &planned.plan, number, window).unwrap().read_to_end(&mut text).unwrap();
        let spec = ChunkSpec {
            first_line: chunk.first_line,
            first_offset: chunk.uncompressed_start,
            duplicate_lines: &chunk.duplicate_lines,
            ..WHOLE
        };
        let part = convert(&spec, &text);
        assert_eq!((part.converted.counts.lines, part.converted.counts.blank_lines), (chunk.lines, chunk.blank_lines));
        if part.converted.wrote_parquet {
            rows.extend(part.rows());
        }
    }
    rows
}

#[test]
fn planned_rows_do_not_depend_on_chunk_size() {
    let mut lines: Vec<String> = (0..10_200).map(|id| event(&format!(r#","id":"{id}","x":{}"#, id * 7919))).collect();
    lines[9_000] = lines[3].clone();
    lines[20] = format!("{}{}", lines[21], lines[22]);
    lines[50] = "{\"torn".to_owned();
    lines[70] = String::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(lines.join("\n").as_bytes()).unwrap();
    let file = encoder.finish().unwrap();
    let rows = planned_rows(&file, 20_000);
    assert_eq!(rows.len(), 10_200 + 1 - 3, "two records on a line; one duplicate, one torn and one blank line");
    for chunk_records in [1, 7, 1_000, 10_000] {
        assert_eq!(planned_rows(&file, chunk_records), rows, "chunks of {chunk_records}");
    }
}
