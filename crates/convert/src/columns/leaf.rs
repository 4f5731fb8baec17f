//! Column chunks: indexes into a dictionary, line numbers, and booleans.

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{IntegerDictionary, NULL, TextDictionary};
use crate::pages::{
    Bounds, ChunkPages, DataPage, EncodedChunk, EncodedPage, PageCodec, ValueOrder, bit_width, delta_pack,
};

/// A dictionary that can be written as a page.
pub(super) trait Dictionary {
    const ORDER: ValueOrder;

    fn write_page(&self, chunk: &mut ChunkPages, codec: &mut PageCodec) -> Result<()>;

    fn count(&self) -> usize;

    /// The bounds of the values at these indexes.
    fn bounds(&self, indexes: &[u32]) -> Option<Bounds>;
}

impl Dictionary for TextDictionary {
    const ORDER: ValueOrder = ValueOrder::Text;

    fn write_page(&self, chunk: &mut ChunkPages, codec: &mut PageCodec) -> Result<()> {
        chunk.dictionary(self.encoded(), self.len(), codec)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn bounds(&self, indexes: &[u32]) -> Option<Bounds> {
        Self::ORDER.bounds(indexes.iter().map(|index| self.get(*index)))
    }
}

impl Dictionary for IntegerDictionary {
    const ORDER: ValueOrder = ValueOrder::Integer;

    fn write_page(&self, chunk: &mut ChunkPages, codec: &mut PageCodec) -> Result<()> {
        chunk.dictionary(&self.encoded(), self.len(), codec)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn bounds(&self, indexes: &[u32]) -> Option<Bounds> {
        let values: Vec<[u8; 8]> = indexes.iter().map(|index| self.get(*index).to_le_bytes()).collect();
        Self::ORDER.bounds(values.iter().map(|value| &value[..]))
    }
}

/// The rows of one or more columns, as dictionary indexes. Its memory is reused from one column to the next.
#[derive(Default)]
pub(super) struct DictionaryRows {
    rows: usize,
    levels: Vec<u32>,
    indexes: Vec<u32>,
    /// Each index once, computed on demand.
    distinct: Option<Vec<u32>>,
    /// The encoded page and the bits of its indexes, for further columns with the same rows.
    page: Option<(u8, EncodedPage)>,
}

impl DictionaryRows {
    /// Replaces the rows. `value` returns the definition level and the index (or [`NULL`]) of a row.
    pub(super) fn set<R: Copy>(&mut self, rows: &[R], value: impl Fn(R) -> (u32, u32)) {
        self.rows = rows.len();
        self.levels.clear();
        self.indexes.clear();
        for row in rows {
            let (level, index) = value(*row);
            self.levels.push(level);
            if index != NULL {
                self.indexes.push(index);
            }
        }
        self.distinct = None;
        self.page = None;
    }

    /// The column chunk of the rows: a dictionary and one data page. `bounded`: whether it has bounds.
    pub(super) fn chunk<D: Dictionary>(
        &mut self,
        column: ColumnDescPtr,
        bounded: bool,
        dictionary: &D,
        codec: &mut PageCodec,
    ) -> Result<EncodedChunk> {
        let max_level = column.max_def_level();
        let mut chunk = ChunkPages::new(column, D::ORDER, Encoding::RLE_DICTIONARY, bounded, codec.buffer());
        dictionary.write_page(&mut chunk, codec)?;
        let width = bit_width(dictionary.count());
        let page = match &self.page {
            Some((page_width, page)) if *page_width == width => page.clone(),
            _ => {
                let levels = (max_level > 0).then_some(&self.levels[..]);
                let page = codec.index_page(levels, self.rows, &self.indexes, width, max_level)?;
                self.page = Some((width, page.clone()));
                page
            }
        };
        let bounds = if bounded { dictionary.bounds(self.distinct(dictionary.count())) } else { None };
        chunk.data(page, bounds)?;
        chunk.finish(codec)
    }

    /// Each index once. All of them are below `count`.
    fn distinct(&mut self, count: usize) -> &[u32] {
        self.distinct.get_or_insert_with(|| {
            let mut seen = vec![false; count];
            let is_first = |index: &u32| !std::mem::replace(&mut seen[*index as usize], true);
            self.indexes.iter().copied().filter(is_first).collect()
        })
    }
}

/// The column chunk of line numbers in ascending order: one delta-packed page.
pub(super) fn line_chunk(column: ColumnDescPtr, lines: &[i64], codec: &mut PageCodec) -> Result<EncodedChunk> {
    let mut chunk = ChunkPages::new(column, ValueOrder::Integer, Encoding::DELTA_BINARY_PACKED, true, codec.buffer());
    let mut values = Vec::new();
    delta_pack(lines, &mut values);
    let encoded = [lines.first(), lines.last()].map(|line| line.map_or([0; 8], |line| line.to_le_bytes()));
    let bounds = ValueOrder::Integer.bounds(encoded.iter().map(|line| &line[..]));
    let page = DataPage { levels: None, rows: lines.len(), nulls: 0, values: &values };
    chunk.data(codec.page(&page, 0)?, bounds)?;
    chunk.finish(codec)
}

/// The column chunk of booleans: one plain page.
pub(super) fn bool_chunk(column: ColumnDescPtr, bools: &[Option<bool>], codec: &mut PageCodec) -> Result<EncodedChunk> {
    let max_level = column.max_def_level();
    let mut chunk = ChunkPages::new(column, ValueOrder::Bool, Encoding::PLAIN, true, codec.buffer());
    let levels: Vec<u32> = bools.iter().map(|value| u32::from(value.is_some())).collect();
    let present: Vec<bool> = bools.iter().flatten().copied().collect();
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    let values: Vec<u8> = present.chunks(8).map(byte).collect();
    let bounds = ValueOrder::Bool.bounds(present.iter().map(|value| if *value { &[1][..] } else { &[0][..] }));
    let (rows, nulls) = (bools.len(), bools.len() - present.len());
    let page = DataPage { levels: Some(&levels), rows, nulls, values: &values };
    chunk.data(codec.page(&page, max_level)?, bounds)?;
    chunk.finish(codec)
}
