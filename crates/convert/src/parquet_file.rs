//! The Parquet file of a chunk.
//!
//! Snappy unless asked otherwise; statistics on every column and page; dictionaries where values repeat, so not for `id`, `payload`, `other` and
//! `source_line`. One row group, unless the rows are more than [`ROW_GROUP_BYTES`]. The bytes depend on the rows alone:
//! there is no clock in them, and rows are batched by count and size.

use std::io::Write;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use pipeline::version::{CONVERTER_VERSION, Payload};

use crate::columns::{Columns, schema};
use crate::row::EventRow;
use crate::{Compression, ConvertError};

const BATCH_ROWS: usize = 4096;
const BATCH_BYTES: usize = 8 << 20;
/// A row group is closed when its rows take about this much, as text.
const ROW_GROUP_BYTES: usize = 256 << 20;
const PAGE_BYTES: usize = 256 << 10;
const PAYLOAD_PAGE_BYTES: usize = 1 << 20;

/// The file: nothing is written before the first row.
pub(crate) struct ParquetFile<W: Write + Send> {
    /// Where the file goes, until it is opened.
    output: Option<W>,
    writer: Option<ArrowWriter<W>>,
    columns: Columns,
    compression: Compression,
    row_group_bytes: usize,
}

impl<W: Write + Send> ParquetFile<W> {
    /// A file without rows that goes to `output`.
    pub(crate) fn new(output: W, payload: Payload, compression: Compression) -> Self {
        let columns = Columns::new(payload);
        Self { output: Some(output), writer: None, columns, compression, row_group_bytes: 0 }
    }

    /// Adds a row that stands on line `source_line` of the file.
    pub(crate) fn push(&mut self, row: &EventRow<'_>, source_line: u64) -> Result<(), ConvertError> {
        self.columns.push(row, source_line);
        if self.columns.rows() >= BATCH_ROWS || self.columns.bytes() >= BATCH_BYTES {
            self.write_batch().map_err(ConvertError::from_parquet)?;
        }
        Ok(())
    }

    /// Completes the file; whether there is one.
    pub(crate) fn finish(mut self) -> Result<bool, ConvertError> {
        if self.columns.rows() > 0 {
            self.write_batch().map_err(ConvertError::from_parquet)?;
        }
        let Some(writer) = self.writer else { return Ok(false) };
        writer.close().map_err(ConvertError::from_parquet)?;
        Ok(true)
    }

    fn write_batch(&mut self) -> Result<(), ParquetError> {
        if let Some(output) = self.output.take() {
            let options =
                ArrowWriterOptions::new().with_properties(properties(self.compression)).with_skip_arrow_metadata(true);
            self.writer = Some(ArrowWriter::try_new_with_options(output, schema(), options)?);
        }
        let writer = self.writer.as_mut().expect("a file that could not be opened is written to no more");
        self.row_group_bytes += self.columns.bytes();
        writer.write(&self.columns.take()?)?;
        if self.row_group_bytes >= ROW_GROUP_BYTES {
            self.row_group_bytes = 0;
            writer.flush()?;
        }
        Ok(())
    }
}

fn properties(compression: Compression) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        // Readers of the parquet-mr family trust statistics only if they can parse this.
        .set_created_by(format!("ghactivity version {CONVERTER_VERSION} (build convert)"))
        .set_compression(compression.codec())
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(None)
        .set_data_page_size_limit(PAGE_BYTES);
    for column in ["id", "payload", "other", "source_line"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    for column in ["payload", "other"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk);
    }
    properties.set_column_data_page_size_limit(ColumnPath::from("payload"), PAYLOAD_PAGE_BYTES).build()
}
