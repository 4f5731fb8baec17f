//! Data pages, encoded and compressed.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};

use super::rle_bitpack::{bit_width, rle_bitpack};
use crate::compression::Compression;

/// Higher levels take several times as long and save a few percent.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

/// Encodes and compresses pages, and reuses its memory.
pub(crate) struct PageCodec {
    compression: Compression,
    snappy: snap::raw::Encoder,
    compressed: Vec<u8>,
    /// A page before it is compressed.
    page: Vec<u8>,
    /// The dictionary indexes of a page.
    indexes: Vec<u8>,
    /// The memory of a column chunk that was written.
    spare: Vec<u8>,
}

/// The contents of a data page.
pub(crate) struct DataPage<'a> {
    /// The definition level of each row; `None` for a required column.
    pub(crate) levels: Option<&'a [u32]>,
    pub(crate) rows: usize,
    pub(crate) nulls: usize,
    /// The encoded values of the rows that are not null.
    pub(crate) values: &'a [u8],
}

/// A compressed data page without its header.
#[derive(Clone)]
pub(crate) struct EncodedPage {
    pub(super) bytes: Bytes,
    pub(super) uncompressed_bytes: usize,
    pub(super) rows: usize,
    pub(super) nulls: usize,
}

impl PageCodec {
    pub(crate) fn new() -> Self {
        let snappy = snap::raw::Encoder::new();
        let (compressed, page, indexes, spare) = Default::default();
        Self { compression: Compression::Uncompressed, snappy, compressed, page, indexes, spare }
    }

    /// Sets the compression of the pages that follow.
    pub(crate) fn set_compression(&mut self, compression: Compression) {
        self.compression = compression;
    }

    /// Memory for a column chunk; give it back with [`Self::reuse`].
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    pub(crate) fn reuse(&mut self, buffer: Vec<u8>) {
        self.spare = buffer;
    }

    /// Encodes a data page of a column with definition levels up to `max_level`.
    #[expect(clippy::cast_possible_truncation, reason = "levels take at most two bytes a row")]
    pub(crate) fn page(&mut self, page: &DataPage<'_>, max_level: i16) -> Result<EncodedPage> {
        let mut bytes = std::mem::take(&mut self.page);
        bytes.clear();
        if let Some(levels) = page.levels {
            bytes.extend_from_slice(&[0; 4]);
            rle_bitpack(levels, bit_width(usize::from(max_level.unsigned_abs()) + 1), &mut bytes);
            let length = bytes.len() as u32 - 4;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
        }
        bytes.extend_from_slice(page.values);
        let compressed = self.compress(&bytes)?;
        let uncompressed_bytes = bytes.len();
        self.page = bytes;
        Ok(EncodedPage { bytes: compressed, uncompressed_bytes, rows: page.rows, nulls: page.nulls })
    }

    /// Encodes a data page of dictionary indexes of `width` bits each.
    pub(crate) fn index_page(
        &mut self,
        levels: Option<&[u32]>,
        rows: usize,
        indexes: &[u32],
        width: u8,
        max_level: i16,
    ) -> Result<EncodedPage> {
        let mut values = std::mem::take(&mut self.indexes);
        values.clear();
        values.push(width);
        rle_bitpack(indexes, width, &mut values);
        let page = self.page(&DataPage { levels, rows, nulls: rows - indexes.len(), values: &values }, max_level);
        self.indexes = values;
        page
    }

    /// The compression of the pages.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    pub(super) fn compress(&mut self, page: &[u8]) -> Result<Bytes> {
        let length = match self.compression {
            Compression::Snappy => {
                let bound = snap::raw::max_compress_len(page.len());
                if self.compressed.len() < bound {
                    self.compressed.resize(bound, 0);
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
