//! The Parquet file of a chunk.
//!
//! Snappy unless asked otherwise; statistics on every column, and on every page of those that people filter by;
//! dictionaries where values repeat, so not for `id`, `payload`, `other` and `source_line`. One row group, unless the rows
//! are more than [`GROUP_ROWS`] or take more memory than [`ROW_GROUP_BYTES`]. The bytes depend on the rows alone: there is no clock in them, and row
//! groups and pages are closed by count and size.

use std::io::Write;
use std::sync::Arc;

use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use pipeline::version::{CONVERTER_VERSION, Payload};

use crate::columns::Columns;
use crate::pages::GROUP_ROWS;
use crate::plain_event::PlainEvent;
use crate::row::EventRow;
use crate::scan::Scanner;
use crate::usual_event::UsualEvent;
use crate::{Compression, ConvertError, Types};

/// A row group is closed when its rows, partly compressed, take about this much memory.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// The memory that rows take is looked at once in so many rows; that of their JSON, which may be large, after each.
const ROWS_BETWEEN_CHECKS: usize = 64;

/// The file: nothing is written before the first row group is complete.
pub(crate) struct ParquetFile<'c, W: Write + Send> {
    /// Where the file goes, until it is opened.
    output: Option<W>,
    writer: Option<SerializedFileWriter<W>>,
    columns: &'c mut Columns,
}

impl<'c, W: Write + Send> ParquetFile<'c, W> {
    /// A file without rows that goes to `output`; `columns` are emptied for it.
    pub(crate) fn new(output: W, payload: Payload, compression: Compression, columns: &'c mut Columns) -> Self {
        columns.begin(payload, compression);
        Self { output: Some(output), writer: None, columns }
    }

    /// Adds an event that stands on line `source_line` and is spelled as usual in `record`, which is UTF-8.
    pub(crate) fn push_usual(
        &mut self,
        event: &UsualEvent,
        record: &[u8],
        source_line: u64,
    ) -> std::result::Result<(), ConvertError> {
        self.columns.push_usual(event, record, source_line).map_err(ConvertError::from_parquet)?;
        self.write_if_large().map_err(ConvertError::from_parquet)
    }

    /// Adds an event that stands on line `source_line`, if its columns hold all of it; answers whether they do.
    pub(crate) fn push_plain(
        &mut self,
        event: &PlainEvent<'_>,
        source_line: u64,
        scanner: &mut Scanner,
    ) -> std::result::Result<bool, ConvertError> {
        let pushed = self.columns.push_plain(event, source_line, scanner).map_err(ConvertError::from_parquet)?;
        if pushed {
            self.write_if_large().map_err(ConvertError::from_parquet)?;
        }
        Ok(pushed)
    }

    /// Adds a row that stands on line `source_line` of the file.
    pub(crate) fn push(&mut self, row: &EventRow<'_>, source_line: u64) -> std::result::Result<(), ConvertError> {
        self.columns.push(row, source_line).map_err(ConvertError::from_parquet)?;
        self.write_if_large().map_err(ConvertError::from_parquet)
    }

    /// Completes the file; answers whether there is one, and its rows by type.
    pub(crate) fn finish(mut self) -> std::result::Result<(bool, Types), ConvertError> {
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
        let writer = self.writer.as_mut().expect("a file that could not be opened is written to no more");
        let mut group = writer.next_row_group()?;
        self.columns.write(&mut group)?;
        group.close()?;
        Ok(())
    }
}

fn properties() -> WriterProperties {
    // Readers of the parquet-mr family trust statistics only if they can parse this.
    WriterProperties::builder()
        .set_created_by(format!("ghactivity version {CONVERTER_VERSION} (build convert)"))
        .build()
}
