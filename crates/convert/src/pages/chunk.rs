//! A column chunk as it grows, page by page.

use bytes::Bytes;
use parquet::basic::{Encoding, PageType};
use parquet::column::page::{CompressedPage, Page as ParquetPage, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::{Bounds, Order, bit_width, hybrid};
use crate::Compression;

/// Compresses pages; keeps what it allocated from one to the next.
pub(crate) struct Codec {
    compression: Compression,
    snappy: snap::raw::Encoder,
    compressed: Vec<u8>,
}

/// A data page: all of its rows, and the values of those that are not null.
pub(crate) struct Page<'a> {
    /// The definition level of each row; none for a column whose rows all have a value.
    pub(crate) levels: Option<&'a [u32]>,
    pub(crate) rows: usize,
    pub(crate) nulls: usize,
    /// The values as they are encoded.
    pub(crate) values: &'a [u8],
    /// The least and the greatest value, where they are wanted and there are any.
    pub(crate) bounds: Option<Bounds>,
}

/// A column chunk under way.
pub(crate) struct ChunkPages {
    column: ColumnDescPtr,
    order: Order,
    /// How the values in data pages are encoded.
    encoding: Encoding,
    sink: TrackedWrite<Vec<u8>>,
    /// A page before it is compressed.
    page: Vec<u8>,
    rows: usize,
    nulls: usize,
    data_pages: i32,
    uncompressed_bytes: usize,
    dictionary_offset: Option<i64>,
    data_offset: i64,
    bounds: Option<Bounds>,
    column_index: Option<ColumnIndexBuilder>,
    offset_index: OffsetIndexBuilder,
}

/// A column chunk that is complete.
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

impl Codec {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { compression, snappy: snap::raw::Encoder::new(), compressed: Vec::new() }
    }

    fn compress(&mut self, page: &[u8]) -> Result<Bytes> {
        let length = match self.compression {
            Compression::Snappy => {
                let most = snap::raw::max_compress_len(page.len());
                if self.compressed.len() < most {
                    self.compressed.resize(most, 0);
                }
                let length = self.snappy.compress(page, &mut self.compressed);
                length.map_err(|error| ParquetError::External(Box::new(error)))?
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                self.compressed = zstd::bulk::compress(page, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                self.compressed.len()
            }
            Compression::Uncompressed => return Ok(Bytes::copy_from_slice(page)),
        };
        Ok(Bytes::copy_from_slice(&self.compressed[..length]))
    }
}

impl ChunkPages {
    /// A chunk of `column` without pages. `page_index` says whether the bounds of its pages are kept apart.
    pub(crate) fn new(column: ColumnDescPtr, order: Order, encoding: Encoding, page_index: bool) -> Self {
        let column_index = page_index.then(|| ColumnIndexBuilder::new(column.physical_type()));
        Self {
            column,
            order,
            encoding,
            sink: TrackedWrite::new(Vec::new()),
            page: Vec::new(),
            rows: 0,
            nulls: 0,
            data_pages: 0,
            uncompressed_bytes: 0,
            dictionary_offset: None,
            data_offset: 0,
            bounds: None,
            column_index,
            offset_index: OffsetIndexBuilder::new(),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.sink.bytes_written()
    }

    /// Writes the dictionary, which comes before all data.
    pub(crate) fn dictionary(&mut self, entries: &[u8], count: usize, codec: &mut Codec) -> Result<()> {
        let page = ParquetPage::DictionaryPage {
            buf: codec.compress(entries)?,
            num_values: count as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.dictionary_offset = Some(self.write(page, entries.len())?.0);
        Ok(())
    }

    /// Writes a data page of values from the dictionary, which has `entries` of them.
    pub(crate) fn indexes(
        &mut self,
        levels: Option<&[u32]>,
        rows: usize,
        indexes: &[u32],
        entries: usize,
        bounds: Option<Bounds>,
        codec: &mut Codec,
    ) -> Result<()> {
        let width = bit_width(entries);
        let mut values = vec![width];
        hybrid(indexes, width, &mut values);
        let nulls = rows - indexes.len();
        self.data(Page { levels, rows, nulls, values: &values, bounds }, codec)
    }

    /// Writes a data page.
    pub(crate) fn data(&mut self, page: Page<'_>, codec: &mut Codec) -> Result<()> {
        self.page.clear();
        if let Some(levels) = page.levels {
            self.page.extend_from_slice(&[0; 4]);
            hybrid(levels, bit_width(self.column.max_def_level() as usize + 1), &mut self.page);
            let length = self.page.len() as u32 - 4;
            self.page[..4].copy_from_slice(&length.to_le_bytes());
        }
        self.page.extend_from_slice(page.values);
        let data = ParquetPage::DataPage {
            buf: codec.compress(&self.page)?,
            num_values: page.rows as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (offset, length) = self.write(data, self.page.len())?;
        if self.data_pages == 0 {
            self.data_offset = offset;
        }
        self.data_pages += 1;
        self.rows += page.rows;
        self.nulls += page.nulls;
        self.offset_index.append_offset_and_size(offset, length);
        self.offset_index.append_row_count(page.rows as i64);
        self.take_bounds(page.bounds, page.nulls);
        Ok(())
    }

    fn take_bounds(&mut self, bounds: Option<Bounds>, nulls: usize) {
        match (&mut self.bounds, &bounds) {
            (Some(all), Some(page)) => all.extend(page, self.order),
            (all @ None, Some(_)) => all.clone_from(&bounds),
            (_, None) => {}
        }
        if let Some(index) = &mut self.column_index {
            let is_null = bounds.is_none();
            let (min, max) = bounds.unwrap_or_default().for_index(self.order);
            index.append(is_null, min, max, nulls as i64, None);
        }
    }

    /// Writes a page; answers its offset and length, its header included.
    fn write(&mut self, page: ParquetPage, uncompressed_bytes: usize) -> Result<(i64, i32)> {
        let page = CompressedPage::new(page, uncompressed_bytes);
        let written = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        self.uncompressed_bytes += written.uncompressed_size;
        Ok((written.offset as i64, written.compressed_size as i32))
    }

    /// Completes the chunk.
    pub(crate) fn finish(self, codec: &Codec) -> Result<Encoded> {
        let bytes_written = self.sink.bytes_written() as u64;
        let mut encodings = vec![Encoding::PLAIN, Encoding::RLE, self.encoding];
        encodings.dedup();
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut page_stats = vec![stats(PageType::DATA_PAGE, self.encoding, self.data_pages)];
        if self.dictionary_offset.is_some() {
            page_stats.insert(0, stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_encodings(encodings)
            .set_page_encoding_stats(page_stats)
            .set_compression(codec.compression.codec())
            .set_num_values(self.rows as i64)
            .set_total_compressed_size(bytes_written as i64)
            .set_total_uncompressed_size(self.uncompressed_bytes as i64)
            .set_data_page_offset(self.data_offset)
            .set_dictionary_page_offset(self.dictionary_offset)
            .set_statistics(self.order.statistics(self.bounds.as_ref(), self.nulls as u64))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: self.column_index.map(ColumnIndexBuilder::build).transpose()?,
            offset_index: Some(self.offset_index.build()),
        };
        Ok(Encoded { bytes: self.sink.into_inner()?.into(), close })
    }
}
