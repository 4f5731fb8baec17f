//! A text column without a dictionary, for texts that rarely repeat. Full pages are compressed immediately.

use std::ops::Range;

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use crate::pages::{Bounds, ChunkPages, DataPage, EncodedChunk, PageCodec, ValueOrder};

/// The column. The current page is plain text in memory, the pages before it are compressed.
pub(super) struct PlainTextColumn {
    column: ColumnDescPtr,
    page_bytes: usize,
    /// Whether the column has bounds. No query filters by long texts.
    bounded: bool,
    chunk: ChunkPages,
    values: Vec<u8>,
    /// 1 for a text, 0 for null.
    levels: Vec<u32>,
    nulls: usize,
    min: PageExtreme,
    max: PageExtreme,
}

/// The least or greatest text of the page: its range in `values`, and its first bytes as a number, which decide most
/// comparisons.
#[derive(Clone, Default)]
struct PageExtreme {
    text: Range<usize>,
    head: u128,
}

impl PlainTextColumn {
    /// A column without rows. A page is closed when it reaches `page_bytes`.
    pub(super) fn new(column: ColumnDescPtr, page_bytes: usize, bounded: bool) -> Self {
        Self {
            page_bytes,
            bounded,
            chunk: new_chunk(&column, bounded, Vec::new()),
            column,
            values: Vec::new(),
            levels: Vec::new(),
            nulls: 0,
            min: PageExtreme::default(),
            max: PageExtreme::default(),
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a record has at most MAX_RECORD_BYTES")]
    pub(super) fn push(&mut self, text: Option<&[u8]>, codec: &mut PageCodec) -> Result<()> {
        match text {
            Some(text) => {
                self.values.extend_from_slice(&(text.len() as u32).to_le_bytes());
                let start = self.values.len();
                self.values.extend_from_slice(text);
                if self.bounded {
                    self.update_bounds(start..self.values.len());
                }
            }
            None => self.nulls += 1,
        }
        self.levels.push(u32::from(text.is_some()));
        if self.values.len() >= self.page_bytes {
            self.close_page(codec)?;
        }
        Ok(())
    }

    fn update_bounds(&mut self, text: Range<usize>) {
        let text = PageExtreme { head: head(&self.values[text.clone()]), text };
        let is_first = self.levels.len() == self.nulls;
        if is_first || self.is_less(&text, &self.min) {
            self.min = text.clone();
        }
        if is_first || self.is_less(&self.max, &text) {
            self.max = text;
        }
    }

    #[inline]
    fn is_less(&self, a: &PageExtreme, b: &PageExtreme) -> bool {
        a.head < b.head || a.head == b.head && self.values[a.text.clone()] < self.values[b.text.clone()]
    }

    fn close_page(&mut self, codec: &mut PageCodec) -> Result<()> {
        let bounds = (self.bounded && self.nulls < self.levels.len()).then(|| Bounds {
            min: self.values[self.min.text.clone()].to_vec(),
            max: self.values[self.max.text.clone()].to_vec(),
        });
        let rows = self.levels.len();
        let page = DataPage { levels: Some(&self.levels), rows, nulls: self.nulls, values: &self.values };
        self.chunk.data(codec.page(&page, self.column.max_def_level())?, bounds)?;
        self.clear_page();
        Ok(())
    }

    /// Passes the column chunk to `write`, which returns its memory for the next one, and empties the column.
    pub(super) fn write(
        &mut self,
        codec: &mut PageCodec,
        write: impl FnOnce(EncodedChunk) -> Result<Vec<u8>>,
    ) -> Result<()> {
        if !self.levels.is_empty() {
            self.close_page(codec)?;
        }
        // A record may be large; the memory of its page is not kept.
        self.values.shrink_to(2 * self.page_bytes);
        let next = new_chunk(&self.column, self.bounded, Vec::new());
        let buffer = write(std::mem::replace(&mut self.chunk, next).finish(codec)?)?;
        self.chunk = new_chunk(&self.column, self.bounded, buffer);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        if self.chunk.bytes() > 0 {
            self.chunk = new_chunk(&self.column, self.bounded, Vec::new());
        }
        self.clear_page();
    }

    fn clear_page(&mut self) {
        self.values.clear();
        self.levels.clear();
        self.nulls = 0;
    }

    /// The approximate memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.chunk.bytes() + self.values.len()
    }
}

/// The first 16 bytes of a text, padded with zeros, as a number with the same order.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a text of less than 16 bytes")]
fn head(text: &[u8]) -> u128 {
    match text.first_chunk() {
        Some(bytes) => u128::from_be_bytes(*bytes),
        None => {
            text.iter().fold(0, |head, byte| head << 8 | u128::from(*byte)).unbounded_shl(128 - 8 * text.len() as u32)
        }
    }
}

fn new_chunk(column: &ColumnDescPtr, bounded: bool, buffer: Vec<u8>) -> ChunkPages {
    ChunkPages::new(column.clone(), ValueOrder::Text, Encoding::PLAIN, bounded, buffer)
}
