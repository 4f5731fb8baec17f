//! The plan, a JSON document.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How a gzip file is divided into chunks of whole lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GzipPlan {
    /// The length of the gzip file, including trailing bytes.
    pub compressed_bytes: u64,
    /// The length of its text.
    pub uncompressed_bytes: u64,
    /// The members of the gzip file. Every known hour has one; more are valid.
    pub members: u32,
    /// The zero bytes after the last member. They are ignored; any other byte there is an error.
    pub trailing_zero_bytes: u64,
    /// The lines, including blank ones: the sum of the chunks'.
    pub lines: u64,
    /// The lines of only white space and NUL: the sum of the chunks'.
    pub blank_lines: u64,
    /// The lines that are equal to an earlier line and not blank: the sum of the chunks'.
    pub duplicate_lines: u64,
    /// The access points that a chunk uses, in order.
    pub access_points: Vec<AccessPoint>,
    /// The chunks, in order, without gap or overlap; empty if the text is.
    pub chunks: Vec<Chunk>,
}

impl GzipPlan {
    /// A chunk for any stretch of the text, independent of the plan's chunks, for [`crate::ChunkReader::of`]. It has no
    /// hash and no line numbers. `None` if the stretch is empty or not within the text.
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

/// The start of a deflate block, where inflating can begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessPoint {
    /// The offset of the block's first bit, in bits from the start of the file.
    pub compressed_bit: u64,
    /// The offset of the block's first byte in the text.
    pub uncompressed_offset: u64,
    /// The range of the window in the windows object: up to 32 KiB of text before the block. `None` at the start of a
    /// member.
    pub window: Option<GzipWindow>,
}

/// A range of the windows object that holds one deflated window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GzipWindow {
    /// The offset of its first byte.
    pub offset: u64,
    /// In bytes.
    pub length: u32,
}

/// A range of whole lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// The index in [`GzipPlan::access_points`] of the last access point at or before the chunk's first byte.
    pub access_point: u32,
    /// The offset of the first byte of the gzip file that is needed.
    pub compressed_start: u64,
    /// The offset after the last byte of the gzip file that is needed.
    pub compressed_end: u64,
    /// The offset of the chunk's first byte in the text; always the start of a line.
    pub uncompressed_start: u64,
    /// The offset after its last byte; always after a line feed or at the end of the text.
    pub uncompressed_end: u64,
    /// The number of its first line in the file, from 1.
    pub first_line: u64,
    /// Its lines, including blank ones.
    pub lines: u64,
    /// Its lines of only white space and NUL.
    pub blank_lines: u64,
    /// Its lines that are equal to an earlier line of the file, as ascending line numbers in the file, from 1.
    pub duplicate_lines: Vec<u64>,
    /// The XXH3 hash (64 bits) of its text in lower-case hex. [`crate::ChunkReader`] verifies it.
    pub xxh3: String,
}
