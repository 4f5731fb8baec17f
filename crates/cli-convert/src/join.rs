//! Joins Parquet files of one schema: row groups are copied unchanged, with their page index.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use crate::error::FileError;

pub(crate) enum JoinError {
    Open(PathBuf, io::Error),
    Parquet(ParquetError),
}

impl JoinError {
    /// The error of an input that was to be joined at `output`.
    pub(crate) fn into_file_error(self, output: &Path) -> FileError {
        match self {
            Self::Open(path, source) => FileError::Output { path, source },
            Self::Parquet(ParquetError::External(cause)) => match cause.downcast::<io::Error>() {
                Ok(source) => FileError::Output { path: output.to_owned(), source: *source },
                Err(cause) => FileError::Join(ParquetError::External(cause)),
            },
            Self::Parquet(error) => FileError::Join(error),
        }
    }
}

impl From<ParquetError> for JoinError {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

/// Writes the row groups of `parts` (at least one file) in order to `output`.
pub(crate) fn join(parts: &[PathBuf], output: impl Write + Send) -> Result<(), JoinError> {
    let mut output = Some(output);
    let mut writer = None;
    for path in parts {
        let input = File::open(path).map_err(|error| JoinError::Open(path.clone(), error))?;
        let metadata =
            ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional).parse_and_finish(&input)?;
        if let Some(output) = output.take() {
            writer = Some(begin(&metadata, output)?);
        }
        if let Some(writer) = &mut writer {
            append(writer, &input, &metadata)?;
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}

/// Starts a file with the schema and the `created_by` of `like`.
fn begin<W: Write + Send>(like: &ParquetMetaData, output: W) -> Result<SerializedFileWriter<W>, ParquetError> {
    let like = like.file_metadata();
    let mut properties = WriterProperties::builder();
    if let Some(created_by) = like.created_by() {
        properties = properties.set_created_by(created_by.to_owned());
    }
    SerializedFileWriter::new(output, like.schema_descr().root_schema_ptr(), Arc::new(properties.build()))
}

fn append<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    input: &File,
    metadata: &ParquetMetaData,
) -> Result<(), ParquetError> {
    let index = metadata.page_index();
    for (at, group) in metadata.row_groups().iter().enumerate() {
        let mut copy = writer.next_row_group()?;
        for (column_at, column) in group.columns().iter().enumerate() {
            let closed = ColumnCloseResult {
                bytes_written: u64::try_from(column.compressed_size()).unwrap_or_default(),
                rows_written: u64::try_from(group.num_rows()).unwrap_or_default(),
                metadata: column.clone(),
                bloom_filter: None,
                column_index: index.and_then(|index| index.column_index(at, column_at)).cloned(),
                offset_index: index.and_then(|index| index.offset_index(at, column_at)).cloned(),
            };
            copy.append_column(input, closed)?;
        }
        copy.close()?;
    }
    Ok(())
}
