//! A column of texts that hardly repeat, written as they are, page by page as they come.

use std::ops::Range;

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use crate::pages::{Bounds, ChunkPages, Codec, Encoded, Order, Page};

/// The column, of which the current page is held as text and the pages before it compressed.
pub(super) struct PlainTexts {
    column: ColumnDescPtr,
    page_bytes: usize,
    /// Whether bounds are kept: those of long texts help nobody.
    bounded: bool,
    chunk: ChunkPages,
    values: Vec<u8>,
    /// 1 for a text, 0 for null.
    levels: Vec<u32>,
    nulls: usize,
    /// The least and the greatest text.
    min: Extreme,
    max: Extreme,
}

/// A text, where in the values it is; and its first bytes as a number, which mostly tell how it compares.
#[derive(Clone, Default)]
struct Extreme {
    text: Range<usize>,
    head: u128,
}

impl PlainTexts {
    /// A column without rows, whose pages are closed at `page_bytes`.
    pub(super) fn new(column: ColumnDescPtr, page_bytes: usize, bounded: bool) -> Self {
        Self {
            page_bytes,
            bounded,
            chunk: new_chunk(&column, bounded, Vec::new()),
            column,
            values: Vec::new(),
            levels: Vec::new(),
            nulls: 0,
            min: Extreme::default(),
            max: Extreme::default(),
        }
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, text: Option<&[u8]>, codec: &mut Codec) -> Result<()> {
        match text {
            Some(text) => {
                self.values.extend_from_slice(&(text.len() as u32).to_le_bytes());
                let start = self.values.len();
                self.values.extend_from_slice(text);
                if self.bounded {
                    self.note(start..self.values.len());
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

    fn note(&mut self, text: Range<usize>) {
        let text = Extreme { head: head(&self.values[text.clone()]), text };
        let first = self.levels.len() == self.nulls;
        if first || self.is_less(&text, &self.min) {
            self.min = text.clone();
        }
        if first || self.is_less(&self.max, &text) {
            self.max = text;
        }
    }

    #[inline]
    fn is_less(&self, a: &Extreme, b: &Extreme) -> bool {
        a.head < b.head || a.head == b.head && self.values[a.text.clone()] < self.values[b.text.clone()]
    }

    fn close_page(&mut self, codec: &mut Codec) -> Result<()> {
        let bounds = (self.bounded && self.nulls < self.levels.len()).then(|| Bounds {
            min: self.values[self.min.text.clone()].to_vec(),
            max: self.values[self.max.text.clone()].to_vec(),
        });
        let rows = self.levels.len();
        let page = Page { levels: Some(&self.levels), rows, nulls: self.nulls, values: &self.values };
        self.chunk.data(codec.page(&page, self.column.max_def_level())?, bounds)?;
        self.clear_page();
        Ok(())
    }

    /// Gives the column chunk of the rows so far to `write`, which gives its memory back; the next row begins another one.
    pub(super) fn take(&mut self, codec: &mut Codec, write: impl FnOnce(Encoded) -> Result<Vec<u8>>) -> Result<()> {
        if !self.levels.is_empty() {
            self.close_page(codec)?;
        }
        // A record may be large: what its page took is not kept for the next ones.
        self.values.shrink_to(2 * self.page_bytes);
        let next = new_chunk(&self.column, self.bounded, Vec::new());
        let buffer = write(std::mem::replace(&mut self.chunk, next).finish(codec)?)?;
        self.chunk = new_chunk(&self.column, self.bounded, buffer);
        Ok(())
    }

    /// Forgets the rows.
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

    /// About the bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.chunk.bytes() + self.values.len()
    }
}

/// The first 16 bytes of a text, as a number that compares as they do; zeros stand for what is not there.
#[inline]
fn head(text: &[u8]) -> u128 {
    match text.first_chunk() {
        Some(bytes) => u128::from_be_bytes(*bytes),
        None => {
            text.iter().fold(0, |head, byte| head << 8 | u128::from(*byte)).unbounded_shl(128 - 8 * text.len() as u32)
        }
    }
}

fn new_chunk(column: &ColumnDescPtr, bounded: bool, buffer: Vec<u8>) -> ChunkPages {
    ChunkPages::new(column.clone(), Order::Text, Encoding::PLAIN, bounded, buffer)
}
