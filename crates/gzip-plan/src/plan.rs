//! The plan as a document.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How a gzip file is cut into chunks of whole lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Length of the gzip file, trailing bytes included.
    pub compressed_bytes: u64,
    /// Length of what it inflates to.
    pub uncompressed_bytes: u64,
    /// Members of the gzip file (1 in every known hour; more are legal).
    pub members: u32,
    /// Zero bytes after the last member, which are ignored; any other byte there is an error.
    pub trailing_zero_bytes: u64,
    /// Lines, blank ones included: the sum of the chunks'.
    pub lines: u64,
    /// Lines of white space (or NUL) alone: the sum of the chunks'.
    pub blank_lines: u64,
    /// Lines equal to an earlier line that is not blank: the sum of the chunks'.
    pub duplicate_lines: u64,
    /// Places where inflating can begin, in order; only those that a chunk uses.
    pub access_points: Vec<AccessPoint>,
    /// The chunks, in order, without gap or overlap. None if the file holds no byte.
    pub chunks: Vec<Chunk>,
}

impl Plan {
    /// A stretch of the text as a chunk of its own, wherever the plan's chunks begin and end, for [`crate::ChunkReader::of`].
    /// It has no hash, and lines are not counted. None if the stretch is empty or not within the text.
    pub fn stretch(&self, text: Range<u64>) -> Option<Chunk> {
        let holding =
            |offset: u64| self.chunks.get(self.chunks.partition_point(|chunk| chunk.uncompressed_end <= offset));
        if text.is_empty() {
            return None;
        }
        let (first, last) = (holding(text.start)?, holding(text.end - 1)?);
        Some(Chunk {
            access_point: first.access_point,
            compressed_start: first.compressed_start,
            compressed_end: last.compressed_end,
            uncompressed_start: text.start,
            uncompressed_end: text.end,
            first_line: 0,
            lines: 0,
            blank_lines: 0,
            duplicate_lines: Vec::new(),
            xxh3: String::new(),
        })
    }
}

/// A place in the gzip file where inflating can begin: the start of a deflate block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessPoint {
    /// Offset of the block's first bit, in bits from the start of the file.
    pub compressed_bit: u64,
    /// Offset of the block's first byte in the inflated text.
    pub uncompressed_offset: u64,
    /// Where the up to 32 KiB of text before it lie in the windows object; absent where no text of the member precedes.
    pub window: Option<Window>,
}

/// A range of the windows object: one window, deflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Offset of its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u32,
}

/// A stretch of whole lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// Index into [`Plan::access_points`]: the last access point at or before the chunk's first byte.
    pub access_point: u32,
    /// Offset of the first byte of the gzip file that is needed.
    pub compressed_start: u64,
    /// Offset after the last byte of the gzip file that is needed.
    pub compressed_end: u64,
    /// Offset of the chunk's first byte in the inflated text; always the start of a line.
    pub uncompressed_start: u64,
    /// Offset after its last byte; always after a line feed or at the end of the text.
    pub uncompressed_end: u64,
    /// Number of its first line in the file, from 1.
    pub first_line: u64,
    /// Its lines, blank ones included.
    pub lines: u64,
    /// Its lines of white space (or NUL) alone.
    pub blank_lines: u64,
    /// Its lines that are equal to an earlier line of the file, as line numbers in the file, from 1, in order.
    pub duplicate_lines: Vec<u64>,
    /// XXH3 (64 bits) of its text in lower-case hex: whoever inflates the chunk checks it.
    pub xxh3: String,
}
