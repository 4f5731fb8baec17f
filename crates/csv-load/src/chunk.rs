//! A chunk of a CSV file.

use serde::{Deserialize, Serialize};

/// The largest number of chunks of a load.
pub const MAX_CHUNKS: usize = 10_000;

/// A part of the text that consists of whole records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvChunk {
    /// The offset of the first byte in the (inflated) text: the start of a record.
    pub start: u64,
    /// The offset after the last byte: the start of the next record, or the end of the text.
    pub end: u64,
    /// The line number of the first record, from 1.
    pub first_line: u64,
    /// The number of the first row in the file, from 0. The header is not a row.
    pub first_row: u64,
    pub rows: u64,
    /// Rows that are not valid.
    pub rejected: u64,
    /// Rows whose id occurs again later in the file.
    pub superseded: u64,
    /// The offset of the chunk's bits in the object of superseded rows; absent if the chunk has none. There is one bit for
    /// each row; the first row is the lowest bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_offset: Option<u64>,
}

impl CsvChunk {
    /// The number of bytes of the chunk's bits.
    pub fn superseded_bytes(&self) -> u64 {
        self.rows.div_ceil(8)
    }
}
