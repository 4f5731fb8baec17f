//! The conversion of one chunk.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use json_scan::Scanner;
use pipeline::receipt::RecordCounts;
use pipeline::version::Payload;

use crate::canonical_event::CanonicalEvent;
use crate::columns::RowGroupColumns;
use crate::compression::Compression;
use crate::error::ConvertError;
use crate::parquet_file::ParquetFile;
use crate::quarantine::QuarantineFile;
use crate::records::{FramedRecord, RecordBuffers, RecordContent, RecordReader};
use crate::reject::{RecordRejectReason, RecordRejection};
use crate::{decode, shape};

/// Which part of a file the text is, and how to convert it. The default is a whole file.
#[derive(Clone, Copy, Debug)]
pub struct ChunkSpec<'a> {
    /// The number of the text's first line in the file, from 1.
    pub first_line: u64,
    /// The offset of the text's first byte in the file's text.
    pub first_offset: u64,
    /// The lines that are equal to an earlier line, as line numbers in the file, in ascending order. Their records are
    /// counted and skipped.
    pub duplicate_lines: &'a [u64],
    pub payload: Payload,
    pub compression: Compression,
}

impl Default for ChunkSpec<'_> {
    fn default() -> Self {
        Self {
            first_line: 1,
            first_offset: 0,
            duplicate_lines: &[],
            payload: Payload::Keep,
            compression: Compression::Snappy,
        }
    }
}

/// The result of a conversion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvertedChunk {
    /// The records balance: each is a row, a duplicate or quarantined.
    pub counts: RecordCounts,
    /// Rows by event type. Types with a name longer than [`pipeline::receipt::MAX_TYPE_NAME_BYTES`] are counted
    /// together under [`pipeline::receipt::OTHER_TYPES`].
    pub types: BTreeMap<String, u64>,
    /// Whether there is a row, and therefore a Parquet file.
    pub wrote_parquet: bool,
    /// Whether there is a bad record, and therefore a quarantine file.
    pub wrote_quarantine: bool,
}

/// Converts chunks one after the other, and reuses its memory.
pub struct ChunkConverter {
    buffers: RecordBuffers,
    /// For the objects within records.
    scanner: Scanner,
    columns: RowGroupColumns,
}

impl Default for ChunkConverter {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkConverter {
    pub fn new() -> Self {
        Self { buffers: RecordBuffers::new(), scanner: Scanner::new(), columns: RowGroupColumns::new() }
    }

    /// Converts the chunk `spec`, whose text is `text`. Rows are written to `parquet` and bad records to `quarantine`,
    /// both in the order of the text.
    ///
    /// Most events are read in the memory of `text`, which should hold some hundred KiB at a time. A bad record does
    /// not fail the chunk. If there is no row, nothing is written to `parquet`. If there is no bad record, nothing is
    /// written to `quarantine`. Memory is bounded for every text: a record of more than 16 MiB is rejected, and only its
    /// first 64 KiB stay in memory.
    ///
    /// # Errors
    ///
    /// [`ConvertError::Read`] if `text` fails, [`ConvertError::Write`] if one of the outputs fails. The outputs are
    /// incomplete then.
    pub fn convert(
        &mut self,
        spec: &ChunkSpec<'_>,
        text: impl BufRead,
        parquet: impl Write + Send,
        quarantine: impl Write,
    ) -> Result<ConvertedChunk, ConvertError> {
        let Self { buffers, scanner, columns } = self;
        let mut counts = RecordCounts::default();
        let mut records = RecordReader::new(text, spec.first_line, spec.first_offset, buffers);
        let mut rows = ParquetFile::new(parquet, spec.payload, spec.compression, columns);
        let mut rejected = QuarantineFile::new(quarantine);
        records.for_each(|record| {
            counts.records += 1;
            if spec.duplicate_lines.binary_search(&record.line).is_ok() {
                counts.duplicates += 1;
                return Ok(());
            }
            match store(record, &mut rows, scanner)? {
                Ok(()) => counts.rows += 1,
                Err(rejection) => {
                    counts.quarantined += 1;
                    rejected.push(record, &rejection)?;
                }
            }
            Ok(())
        })?;
        counts.lines = records.lines();
        counts.blank_lines = records.blank_lines();
        let (wrote_parquet, types) = rows.finish()?;
        let wrote_quarantine = rejected.finish()?;
        Ok(ConvertedChunk { counts, types: types.into_map(), wrote_parquet, wrote_quarantine })
    }
}

/// Converts one chunk; see [`ChunkConverter::convert`].
///
/// # Errors
///
/// See [`ChunkConverter::convert`].
pub fn convert_chunk(
    spec: &ChunkSpec<'_>,
    text: impl BufRead,
    parquet: impl Write + Send,
    quarantine: impl Write,
) -> Result<ConvertedChunk, ConvertError> {
    ChunkConverter::new().convert(spec, text, parquet, quarantine)
}

/// Stores a record as a row, or returns why it is rejected.
fn store<W: Write + Send>(
    record: &FramedRecord<'_>,
    rows: &mut ParquetFile<'_, W>,
    scanner: &mut Scanner,
) -> Result<Result<(), RecordRejection>, ConvertError> {
    let fields = match &record.content {
        RecordContent::Canonical { bytes, event } => return store_canonical(bytes, event, record.line, rows),
        RecordContent::Object { bytes, object } => decode::object_fields(bytes, object),
        RecordContent::OtherValue(bytes) => Err(decode::not_an_object(bytes)),
        RecordContent::Broken { detail, .. } => Err(RecordRejection::new(RecordRejectReason::InvalidJson, detail)),
        RecordContent::Oversized { length, .. } => Err(RecordRejection::oversized(*length)),
    };
    let fields = match fields {
        Ok(fields) => fields,
        Err(rejection) => return Ok(Err(rejection)),
    };
    match shape::to_row(&fields, scanner) {
        Ok(row) => rows.push(&row, record.line).map(Ok),
        Err(rejection) => Ok(Err(rejection)),
    }
}

/// Stores a canonical event, or returns where it is not UTF-8.
fn store_canonical<W: Write + Send>(
    record: &[u8],
    event: &CanonicalEvent,
    line: u64,
    rows: &mut ParquetFile<'_, W>,
) -> Result<Result<(), RecordRejection>, ConvertError> {
    if decode::utf8(event.unchecked.of(record)).is_err()
        && let Err(rejection) = decode::utf8(record)
    {
        return Ok(Err(rejection));
    }
    rows.push_canonical(event, record, line).map(Ok)
}
