//! Converting a file chunk by chunk gives what converting it at once gives.

use std::collections::{BTreeMap, HashSet};

use convert::ChunkSpec;
use pipeline::receipt::Counts;

use crate::support::{WHOLE, convert, event};

/// Converts `text` in chunks of `lines_per_chunk` lines and at once, equal lines skipped, and compares.
pub(crate) fn assert_chunks_add_up(text: &[u8], lines_per_chunk: usize) {
    let duplicates = equal_to_an_earlier_line(text);
    let whole = convert(&ChunkSpec { duplicate_lines: &duplicates, ..WHOLE }, text);
    let (mut rows, mut bad, mut types, mut counts) = (Vec::new(), Vec::new(), BTreeMap::new(), Counts::default());
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

fn add(sum: &mut Counts, counts: Counts) {
    sum.lines += counts.lines;
    sum.blank_lines += counts.blank_lines;
    sum.records += counts.records;
    sum.rows += counts.rows;
    sum.duplicates += counts.duplicates;
    sum.quarantined += counts.quarantined;
}

/// Numbers of the lines that equal an earlier one, blank lines apart: naively, with all lines in memory.
fn equal_to_an_earlier_line(text: &[u8]) -> Vec<u64> {
    let mut seen = HashSet::new();
    let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    let repeated = lines.filter(|(_, line)| !line.iter().all(|byte| b" \t\r\0".contains(byte)) && !seen.insert(*line));
    repeated.map(|(number, _)| number).collect()
}

#[test]
fn rows_do_not_depend_on_the_size_of_chunks() {
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
    let whole =
        convert(&ChunkSpec { duplicate_lines: &equal_to_an_earlier_line(text.as_bytes()), ..WHOLE }, text.as_bytes());
    let counts = whole.converted.counts;
    assert_eq!((counts.lines, counts.blank_lines, counts.records), (3000, 2, 3000));
    assert_eq!((counts.duplicates, counts.quarantined), (5, 1), "a duplicate line of two records is two duplicates");
    for lines_per_chunk in [1, 7, 1000, 2999] {
        assert_chunks_add_up(text.as_bytes(), lines_per_chunk);
    }
}
