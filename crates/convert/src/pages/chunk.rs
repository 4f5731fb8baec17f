//! A column chunk, built page by page.

use std::io::Write;

use bytes::Bytes;
use parquet::basic::{Encoding, PageType};
use parquet::column::page::{CompressedPage, Page as ParquetPage, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::bounds::{Bounds, ValueOrder};
use super::page::{EncodedPage, PageCodec};

/// An incomplete column chunk.
pub(crate) struct ChunkPages {
    column: ColumnDescPtr,
    order: ValueOrder,
    /// How the values in data pages are encoded.
    encoding: Encoding,
    sink: TrackedWrite<Vec<u8>>,
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

/// A complete column chunk.
pub(crate) struct EncodedChunk {
    bytes: Bytes,
    close: ColumnCloseResult,
}

impl EncodedChunk {
    /// Writes the chunk as the next one of the row group. Returns its memory for reuse.
    pub(crate) fn append_to<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<Vec<u8>> {
        group.append_column(&self.bytes, self.close)?;
        Ok(self.bytes.into())
    }
}

impl ChunkPages {
    /// A chunk of `column` without pages. `page_index`: whether a page index is written. `buffer`: memory to use.
    pub(crate) fn new(
        column: ColumnDescPtr,
        order: ValueOrder,
        encoding: Encoding,
        page_index: bool,
        mut buffer: Vec<u8>,
    ) -> Self {
        let column_index = page_index.then(|| ColumnIndexBuilder::new(column.physical_type()));
        buffer.clear();
        Self {
            column,
            order,
            encoding,
            sink: TrackedWrite::new(buffer),
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

    pub(crate) fn bytes(&self) -> usize {
        self.sink.bytes_written()
    }

    /// Writes the dictionary page, which must be the first page.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a row group has at most GROUP_ROWS rows, with a few values each"
    )]
    pub(crate) fn dictionary(&mut self, entries: &[u8], count: usize, codec: &mut PageCodec) -> Result<()> {
        let page = ParquetPage::DictionaryPage {
            buf: codec.compress(entries)?,
            num_values: count as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.dictionary_offset = Some(self.write(page, entries.len())?.0);
        Ok(())
    }

    /// Writes a data page. `bounds`: those of its values, unless all are null or the column has no bounds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "a page has at most GROUP_ROWS rows"
    )]
    pub(crate) fn data(&mut self, page: EncodedPage, bounds: Option<Bounds>) -> Result<()> {
        let EncodedPage { bytes, uncompressed_bytes, rows, nulls } = page;
        let data = ParquetPage::DataPage {
            buf: bytes,
            num_values: rows as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (offset, length) = self.write(data, uncompressed_bytes)?;
        if self.data_pages == 0 {
            self.data_offset = offset;
        }
        self.data_pages += 1;
        self.rows += rows;
        self.nulls += nulls;
        self.offset_index.append_offset_and_size(offset, length);
        self.offset_index.append_row_count(rows as i64);
        self.add_bounds(bounds, nulls as i64);
        Ok(())
    }

    fn add_bounds(&mut self, bounds: Option<Bounds>, nulls: i64) {
        match (&mut self.bounds, &bounds) {
            (Some(all), Some(page)) => all.extend(page, self.order),
            (all @ None, Some(_)) => all.clone_from(&bounds),
            (_, None) => {}
        }
        if let Some(index) = &mut self.column_index {
            let is_null = bounds.is_none();
            let (min, max) = bounds.unwrap_or_default().for_index(self.order);
            index.append(is_null, min, max, nulls, None);
        }
    }

    /// Writes a page. Returns its offset and length, including its header.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "a chunk is far smaller than 2 GiB"
    )]
    fn write(&mut self, page: ParquetPage, uncompressed_bytes: usize) -> Result<(i64, i32)> {
        let page = CompressedPage::new(page, uncompressed_bytes);
        let written = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        self.uncompressed_bytes += written.uncompressed_size;
        Ok((written.offset as i64, written.compressed_size as i32))
    }

    /// Completes the chunk.
    #[expect(clippy::cast_possible_wrap, reason = "a chunk is far smaller than 2 GiB")]
    pub(crate) fn finish(self, codec: &PageCodec) -> Result<EncodedChunk> {
        let bytes_written = self.sink.bytes_written() as u64;
        // RLE is the encoding of levels, PLAIN that of dictionary entries.
        let mut encodings = vec![self.encoding, Encoding::RLE];
        encodings.extend(self.dictionary_offset.map(|_| Encoding::PLAIN));
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut page_stats = vec![stats(PageType::DATA_PAGE, self.encoding, self.data_pages)];
        if self.dictionary_offset.is_some() {
            page_stats.insert(0, stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_encodings(encodings)
            .set_page_encoding_stats(page_stats)
            .set_compression(codec.compression().codec())
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
        Ok(EncodedChunk { bytes: self.sink.into_inner()?.into(), close })
    }
}
