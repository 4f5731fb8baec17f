//! What a file's rows must be, and what Parquet and quarantine files hold, in a form that can be held against each other.
//!
//! The one side goes from the file's text to rows by the general path alone; the other reads Parquet with the Parquet crate's
//! own reader. So what is proven is what the converter does quickly and by itself: the usual record's short way, equal
//! lines found by the plan, chunks cut apart, dictionaries, pages and their packing.
//!
//! A row is known by its line and a 128-bit hash (XXH3) of all its values. The sum of the hashes of a file, or of all files of
//! an hour, does not depend on their order: a [`Fingerprint`].

mod lines;
mod quarantined;
mod stored;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read};

use pipeline::receipt::RecordCounts;
use pipeline::version::Payload;
use twox_hash::XxHash3_128;

use crate::decode::{Fields, acceptable};
use crate::records::{Framed, Framing, READ_BYTES, Record, Records};
use crate::row::EventRow;
use crate::scan::Scanner;
use crate::{ConvertError, Types, shape};

use lines::LineHashes;
use values::Values;

pub use quarantined::{NoQuarantine, quarantined};
pub use stored::{StoredError, stored};

/// A row, or a bad record: where it is from, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known {
    /// Number of its line in the file, from 1.
    pub line: u64,
    /// Hash of its values; of a bad record, of its place and its bytes.
    pub hash: u128,
}

/// The sum of hashes, whatever their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(u128);

/// What a file's text must become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Lines and records.
    pub counts: RecordCounts,
    /// Rows by event type, as receipts count them.
    pub types: BTreeMap<String, u64>,
    /// The rows, in the order of the file.
    pub rows: Vec<Known>,
    /// The bad records, in the order of the file.
    pub quarantined: Vec<Known>,
}

impl Fingerprint {
    /// Of these rows or records.
    pub fn of(known: &[Known]) -> Self {
        Self(known.iter().fold(0, |sum, known| sum.wrapping_add(known.hash)))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Works out what the whole text of a file must become.
///
/// Holds 40 bytes for each line and 32 for each record, and the largest record.
///
/// # Errors
/// [`ConvertError::Read`] if `text` fails.
pub fn expected(text: impl Read, payload: Payload) -> Result<Expected, ConvertError> {
    let (mut hashes, mut framing, mut scanner) = (LineHashes::default(), Framing::new(), Scanner::new());
    let mut all: Vec<(Known, Result<String, ()>)> = Vec::new();
    let text = BufReader::with_capacity(READ_BYTES, hashes.of(text));
    let mut records = Records::new(text, 1, 0, &mut framing);
    while let Some(record) = records.next()? {
        let line = record.line;
        all.push(match row(&record, &mut scanner) {
            Some(row) => {
                let hash = Values::of_row(&row, line, payload).hash();
                (Known { line, hash }, Ok(row.event_type.into_owned()))
            }
            None => (Known { line, hash: bad(&record) }, Err(())),
        });
    }
    let (lines, blank_lines) = (records.lines(), records.blank_lines());
    drop(records);
    let duplicates = hashes.duplicate_lines();
    let mut expected =
        Expected { counts: RecordCounts { lines, blank_lines, ..RecordCounts::default() }, ..Expected::default() };
    let mut types = Types::default();
    for (known, is_row) in all {
        expected.counts.records += 1;
        match is_row {
            _ if duplicates.binary_search(&known.line).is_ok() => expected.counts.duplicates += 1,
            Ok(event_type) => {
                expected.counts.rows += 1;
                types.count(&event_type, 1);
                expected.rows.push(known);
            }
            Err(()) => {
                expected.counts.quarantined += 1;
                expected.quarantined.push(known);
            }
        }
    }
    expected.types = types.0.into_iter().collect();
    Ok(expected)
}

/// The row of a record, if it is an event.
fn row<'a>(record: &Record<'a>, scanner: &mut Scanner) -> Option<EventRow<'a>> {
    let Framed::Value(bytes) = record.framed else { return None };
    let (text, object) = acceptable(bytes, record.object).ok()?;
    shape::to_row(&Fields::new(text, object), scanner).ok()
}

/// The hash of a bad record.
fn bad(record: &Record<'_>) -> u128 {
    let (bytes, length) = match &record.framed {
        Framed::Value(bytes) | Framed::Broken { bytes, .. } => (*bytes, bytes.len() as u64),
        Framed::Oversized { prefix, length, .. } => (*prefix, *length),
    };
    bad_hash(record.offset, record.line, length, bytes)
}

fn bad_hash(offset: u64, line: u64, length: u64, bytes: &[u8]) -> u128 {
    let mut hash = XxHash3_128::new();
    for number in [offset, line, length] {
        hash.write(&number.to_le_bytes());
    }
    hash.write(bytes);
    hash.finish_128()
}

#[cfg(test)]
mod tests;
