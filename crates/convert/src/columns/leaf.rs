//! Column chunks of values from a dictionary, and of numbers as they are.

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{NULL, Numbers, Texts};
use crate::pages::{Bounds, ChunkPages, Codec, Encoded, Order, Page, differences};

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

/// Writes columns of values from dictionaries; keeps what it allocated from one to the next.
#[derive(Default)]
pub(super) struct Indexes {
    levels: Vec<u32>,
    numbers: Vec<u32>,
    seen: Vec<bool>,
    distinct: Vec<u32>,
}

impl Indexes {
    /// The column chunk, of one page, of the rows, each of which has the level and the number (or [`NULL`]) that `value`
    /// answers. `bounded` says whether bounds are kept.
    pub(super) fn chunk<D: Dictionary, R: Copy>(
        &mut self,
        column: ColumnDescPtr,
        bounded: bool,
        dictionary: &D,
        rows: &[R],
        value: impl Fn(R) -> (u32, u32),
        codec: &mut Codec,
    ) -> Result<Encoded> {
        let required = column.max_def_level() == 0;
        let mut chunk = ChunkPages::new(column, D::ORDER, Encoding::RLE_DICTIONARY, bounded, codec.buffer());
        dictionary.page(&mut chunk, codec)?;
        self.levels.clear();
        self.numbers.clear();
        for row in rows {
            let (level, number) = value(*row);
            self.levels.push(level);
            if number != NULL {
                self.numbers.push(number);
            }
        }
        let bounds = if bounded { self.bounds(dictionary) } else { None };
        let levels = (!required).then_some(&self.levels[..]);
        chunk.indexes(levels, rows.len(), &self.numbers, dictionary.count(), bounds, codec)?;
        chunk.finish(codec)
    }

    /// The bounds of the values: each is looked at once.
    fn bounds<D: Dictionary>(&mut self, dictionary: &D) -> Option<Bounds> {
        self.seen.clear();
        self.seen.resize(dictionary.count(), false);
        self.distinct.clear();
        for number in &self.numbers {
            if !std::mem::replace(&mut self.seen[*number as usize], true) {
                self.distinct.push(*number);
            }
        }
        dictionary.bounds(&self.distinct)
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
    chunk.data(Page { levels: None, rows: lines.len(), nulls: 0, values: &values, bounds }, codec)?;
    chunk.finish(codec)
}

/// The column chunk, of one page, of truth values.
pub(super) fn truths(column: ColumnDescPtr, truths: &[Option<bool>], codec: &mut Codec) -> Result<Encoded> {
    let mut chunk = ChunkPages::new(column, Order::Bool, Encoding::PLAIN, true, codec.buffer());
    let levels: Vec<u32> = truths.iter().map(|truth| u32::from(truth.is_some())).collect();
    let known: Vec<bool> = truths.iter().flatten().copied().collect();
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    let values: Vec<u8> = known.chunks(8).map(byte).collect();
    let bounds = Order::Bool.bounds(known.iter().map(|truth| if *truth { &[1][..] } else { &[0][..] }));
    let (rows, nulls) = (truths.len(), truths.len() - known.len());
    chunk.data(Page { levels: Some(&levels), rows, nulls, values: &values, bounds }, codec)?;
    chunk.finish(codec)
}
