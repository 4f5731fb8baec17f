//! Any text is converted: the result does not depend on reads, the counts balance, and a row is what serde_json
//! accepts.

#![no_main]

use std::io::{self, BufReader, Read};

use convert::{ChunkSpec, ConvertedChunk, convert_chunk};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Returns its text in reads of one length.
struct FixedReads<'a>(&'a [u8], usize);

impl Read for FixedReads<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(buffer.len()).min(self.0.len());
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

fn convert(text: &[u8], read: usize) -> (ConvertedChunk, Vec<u8>, Vec<u8>) {
    let (mut parquet, mut quarantine) = (Vec::new(), Vec::new());
    let converted = convert_chunk(&ChunkSpec::default(), BufReader::new(FixedReads(text, read)), &mut parquet, &mut quarantine);
    (converted.expect("neither reading nor writing fails"), parquet, quarantine)
}

/// Whether a line is one event; `None` if its `created_at` has a rare form.
fn is_event(line: &[u8]) -> Option<bool> {
    let Value::Object(object) = serde_json::from_slice::<Value>(line).ok()? else { return Some(false) };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let created_at = text("created_at").unwrap_or_default();
    let is_common = created_at.len() == 20 && created_at.ends_with('Z') && created_at.as_bytes()[10] == b'T';
    if created_at.is_empty() || text("type").is_none_or(str::is_empty) {
        return Some(false);
    }
    (is_common && !created_at.contains(":60")).then(|| created_at.parse::<jiff::Timestamp>().is_ok())
}

fuzz_target!(|text: &[u8]| {
    // Most canonical events are lines with a line feed.
    let ended = [text, b"\n"].concat();
    let line = text;
    let text = if text.contains(&b'\n') { text } else { &ended };
    let (converted, parquet, quarantine) = convert(text, usize::MAX);
    assert!(converted.counts.balance());
    let read = 1 + text.len() % 7;
    assert!(convert(text, read) == (converted.clone(), parquet, quarantine), "reads of {read} bytes change the result");
    let private = text.windows(7).any(|part| part == b"serde_j");
    if !line.contains(&b'\n') && !line.starts_with(b"\xef\xbb\xbf") && !private {
        match is_event(line) {
            Some(true) => assert_eq!(converted.counts.rows, 1),
            Some(false) => assert_eq!(converted.counts.rows, 0),
            None => {}
        }
    }
});
