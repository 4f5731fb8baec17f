//! Proves a conversion: compares the rows that a text must have with the rows that its files hold.
//!
//! [`expected`] computes the rows from the text by the general path. [`mod@stored`] reads Parquet files with the Parquet
//! crate's reader, and [`mod@quarantined`] reads quarantine files. Neither uses the converter's fast code, which is what
//! the comparison proves: canonical events, the duplicate lines of the plan, the division into chunks, dictionaries,
//! and pages.
//!
//! A [`RowFingerprint`] is a row's line and a 128-bit hash (XXH3) of all its values. A [`Fingerprint`] is the sum of
//! such hashes, so it does not depend on the order of rows or files.

mod fingerprint;
mod lines;
mod quarantined;
mod stored;
mod values;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use pipeline::receipt::RecordCounts;
use pipeline::version::Payload;

use json_scan::Scanner;

use crate::error::ConvertError;
use crate::records::{FramedRecord, READ_BYTES, RecordBuffers, RecordContent, RecordReader};
use crate::row::EventRow;
use crate::type_counts::TypeCounts;
use crate::{decode, shape};

use fingerprint::quarantine_hash;
use lines::LineHashes;
use values::RowContents;

pub use fingerprint::{Fingerprint, RowFingerprint};
pub use quarantined::{QuarantineLineError, quarantined};
pub use stored::{StoredError, stored};

/// The rows and bad records that a text must have, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedRows {
    pub counts: RecordCounts,
    /// Rows by event type, counted as in [`crate::ConvertedChunk::types`].
    pub types: BTreeMap<String, u64>,
    pub rows: Vec<RowFingerprint>,
    pub quarantined: Vec<RowFingerprint>,
}

/// Computes the rows and bad records of the whole text of a file.
///
/// Holds 40 bytes per line and 32 bytes per record, and the largest record.
///
/// # Errors
///
/// [`ConvertError::Read`] if `text` fails.
pub fn expected(text: impl Read, payload: Payload) -> Result<ExpectedRows, ConvertError> {
    let (mut hashes, mut buffers, mut scanner) = (LineHashes::default(), RecordBuffers::new(), Scanner::new());
    // The fingerprint of each record, and the event type of a row.
    let mut all: Vec<(RowFingerprint, Option<String>)> = Vec::new();
    let text = BufReader::with_capacity(READ_BYTES, hashes.hash_lines_of(text));
    let mut records = RecordReader::new(text, 1, 0, &mut buffers).without_canonical();
    records.for_each(|record| {
        let line = record.line;
        let (hash, event_type) = match row(record, &mut scanner) {
            Some(row) => (RowContents::of_row(&row, line, payload).hash(), Some(row.event_type.into_owned())),
            None => (quarantine_hash(record.offset, line, record.length(), record.bytes()), None),
        };
        all.push((RowFingerprint { line, hash }, event_type));
        Ok(())
    })?;
    let (lines, blank_lines) = (records.lines(), records.blank_lines());
    drop(records);
    let counts = RecordCounts { lines, blank_lines, ..RecordCounts::default() };
    Ok(without_duplicates(all, &hashes.duplicate_lines(), counts))
}

/// Drops the records of duplicate lines, and counts the others.
fn without_duplicates(
    records: Vec<(RowFingerprint, Option<String>)>,
    duplicate_lines: &[u64],
    counts: RecordCounts,
) -> ExpectedRows {
    let mut expected = ExpectedRows { counts, ..ExpectedRows::default() };
    let mut types = TypeCounts::default();
    for (fingerprint, event_type) in records {
        expected.counts.records += 1;
        match event_type {
            _ if duplicate_lines.binary_search(&fingerprint.line).is_ok() => expected.counts.duplicates += 1,
            Some(event_type) => {
                expected.counts.rows += 1;
                types.count(&event_type, 1);
                expected.rows.push(fingerprint);
            }
            None => {
                expected.counts.quarantined += 1;
                expected.quarantined.push(fingerprint);
            }
        }
    }
    expected.types = types.into_map();
    expected
}

/// The row of a record; `None` if the record is not an event.
fn row<'a>(record: &FramedRecord<'a>, scanner: &mut Scanner) -> Option<EventRow<'a>> {
    let RecordContent::Object { bytes, object } = &record.content else { return None };
    shape::to_row(&decode::object_fields(bytes, object).ok()?, scanner).ok()
}

#[cfg(test)]
mod tests;
