//! The Parquet file of a chunk.
//!
//! - Statistics on every column, and on every page of the columns that queries filter by.
//! - Dictionaries for all columns except those whose values rarely repeat: `id`, `payload`, `other` and `source_line`.
//! - One row group, unless there are more than [`GROUP_ROWS`] rows or they need more memory than [`ROW_GROUP_BYTES`].
//!
//! The bytes depend only on the rows: there is no time in them, and row groups and pages are closed by count and size.

use std::io::Write;
use std::sync::Arc;

use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use pipeline::version::{CONVERTER_VERSION, Payload};

use crate::canonical_event::CanonicalEvent;
use crate::columns::RowGroupColumns;
use crate::compression::Compression;
use crate::error::ConvertError;
use crate::pages::GROUP_ROWS;
use crate::row::EventRow;
use crate::type_counts::TypeCounts;

/// A row group is closed when its rows, some of them compressed, need about this much memory.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// The memory of the JSON columns, which may be large, is checked after each row; that of all columns after this many
/// rows.
const ROWS_BETWEEN_CHECKS: usize = 64;

/// The file. Nothing is written before the first row group is complete.
pub(crate) struct ParquetFile<'c, W: Write + Send> {
    /// The output, until the file is opened.
    output: Option<W>,
    writer: Option<SerializedFileWriter<W>>,
    columns: &'c mut RowGroupColumns,
}

impl<'c, W: Write + Send> ParquetFile<'c, W> {
    /// A file without rows. `columns` is memory from an earlier file.
    pub(crate) fn new(output: W, payload: Payload, compression: Compression, columns: &'c mut RowGroupColumns) -> Self {
        columns.begin(payload, compression);
        Self { output: Some(output), writer: None, columns }
    }

    /// Adds the canonical event of line `source_line`. `record` must be UTF-8.
    pub(crate) fn push_canonical(
        &mut self,
        event: &CanonicalEvent,
        record: &[u8],
        source_line: u64,
    ) -> std::result::Result<(), ConvertError> {
        self.columns.push_canonical(event, record, source_line).map_err(ConvertError::from_parquet)?;
        self.write_if_large().map_err(ConvertError::from_parquet)
    }

    /// Adds the row of line `source_line`.
    pub(crate) fn push(&mut self, row: &EventRow<'_>, source_line: u64) -> std::result::Result<(), ConvertError> {
        self.columns.push(row, source_line).map_err(ConvertError::from_parquet)?;
        self.write_if_large().map_err(ConvertError::from_parquet)
    }

    /// Completes the file. Returns whether it has a row, and its rows by type.
    pub(crate) fn finish(mut self) -> std::result::Result<(bool, TypeCounts), ConvertError> {
        if self.columns.rows() > 0 {
            self.write_row_group().map_err(ConvertError::from_parquet)?;
        }
        let types = self.columns.take_types();
        let Some(writer) = self.writer else { return Ok((false, types)) };
        writer.close().map_err(ConvertError::from_parquet)?;
        Ok((true, types))
    }

    fn write_if_large(&mut self) -> Result<()> {
        let rows = self.columns.rows();
        let bytes =
            if rows.is_multiple_of(ROWS_BETWEEN_CHECKS) { self.columns.bytes() } else { self.columns.json_bytes() };
        let large = bytes >= ROW_GROUP_BYTES;
        if large || rows >= GROUP_ROWS { self.write_row_group() } else { Ok(()) }
    }

    fn write_row_group(&mut self) -> Result<()> {
        if let Some(output) = self.output.take() {
            self.writer = Some(SerializedFileWriter::new(output, self.columns.schema(), Arc::new(properties()))?);
        }
        let writer = self.writer.as_mut().expect("the file is open: an error ends the conversion");
        let mut group = writer.next_row_group()?;
        self.columns.write(&mut group)?;
        group.close()?;
        Ok(())
    }
}

fn properties() -> WriterProperties {
    // parquet-mr and its relatives ignore the statistics of a writer that they cannot parse.
    WriterProperties::builder()
        .set_created_by(format!("ghactivity version {CONVERTER_VERSION} (build convert)"))
        .build()
}
