//! A column chunk as it grows, page by page.

use std::io::Write;

use bytes::Bytes;
use parquet::basic::{Encoding, PageType};
use parquet::column::page::{CompressedPage, Page as ParquetPage, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::{Bounds, Order, bit_width, hybrid};
use crate::Compression;

/// Higher ones take several times as long for a few percent.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

/// Compresses pages; keeps what it allocated from one to the next.
pub(crate) struct Codec {
    compression: Compression,
    snappy: snap::raw::Encoder,
    compressed: Vec<u8>,
    /// A page before it is compressed.
    page: Vec<u8>,
    /// The dictionary indexes of a page.
    indexes: Vec<u8>,
    /// Memory of a column chunk that has been written.
    spare: Vec<u8>,
}

/// A data page: all of its rows, and the values of those that are not null.
pub(crate) struct Page<'a> {
    /// The definition level of each row; none for a column whose rows all have a value.
    pub(crate) levels: Option<&'a [u32]>,
    pub(crate) rows: usize,
    pub(crate) nulls: usize,
    /// The values as they are encoded.
    pub(crate) values: &'a [u8],
}

/// A data page as a file has it, but for its header.
#[derive(Clone)]
pub(crate) struct EncodedPage {
    bytes: Bytes,
    uncompressed_bytes: usize,
    rows: usize,
    nulls: usize,
}

/// A column chunk under way.
pub(crate) struct ChunkPages {
    column: ColumnDescPtr,
    order: Order,
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

/// A column chunk that is complete.
pub(crate) struct Encoded {
    bytes: Bytes,
    close: ColumnCloseResult,
}

impl Encoded {
    /// Writes the chunk as the next one of the row group; gives its memory back.
    pub(crate) fn append_to<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<Vec<u8>> {
        group.append_column(&self.bytes, self.close)?;
        Ok(self.bytes.into())
    }
}

impl Codec {
    pub(crate) fn new() -> Self {
        let snappy = snap::raw::Encoder::new();
        let (compressed, page, indexes, spare) = Default::default();
        Self { compression: Compression::Uncompressed, snappy, compressed, page, indexes, spare }
    }

    /// Compresses this way from here on.
    pub(crate) fn begin(&mut self, compression: Compression) {
        self.compression = compression;
    }

    /// Memory for a column chunk.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Takes the memory of a column chunk back.
    pub(crate) fn reuse(&mut self, buffer: Vec<u8>) {
        self.spare = buffer;
    }

    /// Encodes a data page of a column whose levels go up to `most`.
    pub(crate) fn page(&mut self, page: &Page<'_>, most: i16) -> Result<EncodedPage> {
        let mut bytes = std::mem::take(&mut self.page);
        bytes.clear();
        if let Some(levels) = page.levels {
            bytes.extend_from_slice(&[0; 4]);
            hybrid(levels, bit_width(most as usize + 1), &mut bytes);
            let length = bytes.len() as u32 - 4;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
        }
        bytes.extend_from_slice(page.values);
        let compressed = self.compress(&bytes)?;
        let uncompressed_bytes = bytes.len();
        self.page = bytes;
        Ok(EncodedPage { bytes: compressed, uncompressed_bytes, rows: page.rows, nulls: page.nulls })
    }

    /// Encodes a data page of values from a dictionary, as numbers of so many bits.
    pub(crate) fn index_page(
        &mut self,
        levels: Option<&[u32]>,
        rows: usize,
        indexes: &[u32],
        width: u8,
        most: i16,
    ) -> Result<EncodedPage> {
        let mut values = std::mem::take(&mut self.indexes);
        values.clear();
        values.push(width);
        hybrid(indexes, width, &mut values);
        let page = self.page(&Page { levels, rows, nulls: rows - indexes.len(), values: &values }, most);
        self.indexes = values;
        page
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
                self.compressed = zstd::bulk::compress(page, ZSTD_LEVEL)?;
                self.compressed.len()
            }
            Compression::Uncompressed => return Ok(Bytes::copy_from_slice(page)),
        };
        Ok(Bytes::copy_from_slice(&self.compressed[..length]))
    }
}

impl ChunkPages {
    /// A chunk of `column` without pages. `page_index` says whether the bounds of its pages are kept apart. `buffer` is
    /// memory to use.
    pub(crate) fn new(
        column: ColumnDescPtr,
        order: Order,
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

    /// Writes a data page; `bounds` are those of its values, where they are wanted and there are any.
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
        self.take_bounds(bounds, nulls);
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
        // Levels are run lengths, and a dictionary's entries plain.
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
