//! Column chunks of values from a dictionary, and of numbers as they are.

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{NULL, Numbers, Texts};
use crate::pages::{Bounds, ChunkPages, Codec, Encoded, EncodedPage, Order, Page, bit_width, differences};

/// A dictionary as pages need it.
pub(super) trait Dictionary {
    const ORDER: Order;

    fn page(&self, chunk: &mut ChunkPages, codec: &mut Codec) -> Result<()>;

    fn count(&self) -> usize;

    /// The bounds of those values that these numbers stand for.
    fn bounds(&self, numbers: &[u32]) -> Option<Bounds>;
}

impl Dictionary for Texts {
    const ORDER: Order = Order::Text;

    fn page(&self, chunk: &mut ChunkPages, codec: &mut Codec) -> Result<()> {
        chunk.dictionary(self.encoded(), self.len(), codec)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn bounds(&self, numbers: &[u32]) -> Option<Bounds> {
        Self::ORDER.bounds(numbers.iter().map(|number| self.get(*number)))
    }
}

impl Dictionary for Numbers {
    const ORDER: Order = Order::Number;

    fn page(&self, chunk: &mut ChunkPages, codec: &mut Codec) -> Result<()> {
        chunk.dictionary(&self.encoded(), self.len(), codec)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn bounds(&self, numbers: &[u32]) -> Option<Bounds> {
        let values: Vec<[u8; 8]> = numbers.iter().map(|number| self.get(*number).to_le_bytes()).collect();
        Self::ORDER.bounds(values.iter().map(|value| &value[..]))
    }
}

/// Rows as numbers of dictionary entries, and how they are written; keeps what it allocated from one column to the next.
#[derive(Default)]
pub(super) struct Indexes {
    rows: usize,
    levels: Vec<u32>,
    numbers: Vec<u32>,
    /// Each number once, if it was asked for.
    distinct: Option<Vec<u32>>,
    /// The rows as a page, with numbers of so many bits, if they were written as such.
    page: Option<(u8, EncodedPage)>,
}

impl Indexes {
    /// Takes these rows, each of which has the level and the number (or [`NULL`]) that `value` answers.
    pub(super) fn take<R: Copy>(&mut self, rows: &[R], value: impl Fn(R) -> (u32, u32)) {
        self.rows = rows.len();
        self.levels.clear();
        self.numbers.clear();
        for row in rows {
            let (level, number) = value(*row);
            self.levels.push(level);
            if number != NULL {
                self.numbers.push(number);
            }
        }
        self.distinct = None;
        self.page = None;
    }

    /// The column chunk, of one page, of the rows. `bounded` says whether bounds are kept.
    pub(super) fn chunk<D: Dictionary>(
        &mut self,
        column: ColumnDescPtr,
        bounded: bool,
        dictionary: &D,
        codec: &mut Codec,
    ) -> Result<Encoded> {
        let most = column.max_def_level();
        let mut chunk = ChunkPages::new(column, D::ORDER, Encoding::RLE_DICTIONARY, bounded, codec.buffer());
        dictionary.page(&mut chunk, codec)?;
        let width = bit_width(dictionary.count());
        let page = match &self.page {
            Some((known, page)) if *known == width => page.clone(),
            _ => {
                let levels = (most > 0).then_some(&self.levels[..]);
                let page = codec.index_page(levels, self.rows, &self.numbers, width, most)?;
                self.page = Some((width, page.clone()));
                page
            }
        };
        let bounds = if bounded { dictionary.bounds(self.distinct(dictionary.count())) } else { None };
        chunk.data(page, bounds)?;
        chunk.finish(codec)
    }

    /// Each number, all of which are below `count`, once.
    fn distinct(&mut self, count: usize) -> &[u32] {
        self.distinct.get_or_insert_with(|| {
            let mut seen = vec![false; count];
            let first = |number: &u32| !std::mem::replace(&mut seen[*number as usize], true);
            self.numbers.iter().copied().filter(first).collect()
        })
    }
}

/// The column chunk, of one page, of line numbers, as the differences between them.
pub(super) fn lines(column: ColumnDescPtr, lines: &[i64], codec: &mut Codec) -> Result<Encoded> {
    let mut chunk = ChunkPages::new(column, Order::Number, Encoding::DELTA_BINARY_PACKED, true, codec.buffer());
    let mut values = Vec::new();
    differences(lines, &mut values);
    let encoded = [lines.first(), lines.last()].map(|line| line.map_or([0; 8], |line| line.to_le_bytes()));
    // Lines come in their order.
    let bounds = Order::Number.bounds(encoded.iter().map(|line| &line[..]));
    let page = Page { levels: None, rows: lines.len(), nulls: 0, values: &values };
    chunk.data(codec.page(&page, 0)?, bounds)?;
    chunk.finish(codec)
}

/// The column chunk, of one page, of truth values.
pub(super) fn truths(column: ColumnDescPtr, truths: &[Option<bool>], codec: &mut Codec) -> Result<Encoded> {
    let most = column.max_def_level();
    let mut chunk = ChunkPages::new(column, Order::Bool, Encoding::PLAIN, true, codec.buffer());
    let levels: Vec<u32> = truths.iter().map(|truth| u32::from(truth.is_some())).collect();
    let known: Vec<bool> = truths.iter().flatten().copied().collect();
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    let values: Vec<u8> = known.chunks(8).map(byte).collect();
    let bounds = Order::Bool.bounds(known.iter().map(|truth| if *truth { &[1][..] } else { &[0][..] }));
    let (rows, nulls) = (truths.len(), truths.len() - known.len());
    let page = Page { levels: Some(&levels), rows, nulls, values: &values };
    chunk.data(codec.page(&page, most)?, bounds)?;
    chunk.finish(codec)
}
