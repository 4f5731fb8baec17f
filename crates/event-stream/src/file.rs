//! The stored bytes: Parquet, or JSON lines in gzip. They depend on the events alone.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::{Compression as GzipLevel, GzBuilder};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::SerializedFileReader;
use parquet::record::Field as ParquetValue;
use parquet::record::reader::RowIter;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::datetime::DatetimeWriter;
use crate::event::Event;
use crate::layout::ObjectFormat;

/// Encodes events. Without events, the file has no rows.
pub fn encode(events: &[&Event], format: ObjectFormat) -> Vec<u8> {
    match format {
        ObjectFormat::Parquet => parquet(events).expect("writing to memory does not fail"),
        ObjectFormat::JsonLines => json_lines(events),
    }
}

fn parquet(events: &[&Event]) -> Result<Vec<u8>, ParquetError> {
    let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
    let schema = Arc::new(schema());
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
    let mut datetimes = DatetimeWriter::new();
    let mut created = StringBuilder::with_capacity(events.len(), 24 * events.len());
    for event in events {
        created.append_value(datetimes.write(event.created_ms));
    }
    let columns: [ArrayRef; 6] = [
        Arc::new(StringArray::from_iter_values(events.iter().map(|event| &*event.uuid))),
        Arc::new(StringArray::from_iter_values(events.iter().map(|event| &*event.name))),
        Arc::new(StringArray::from_iter_values(events.iter().map(|event| event.subtype()))),
        Arc::new(Int64Array::from_iter_values(events.iter().map(|event| event.created_ms))),
        Arc::new(created.finish()),
        Arc::new(events.iter().map(|event| event.other.as_deref()).collect::<StringArray>()),
    ];
    writer.write(&RecordBatch::try_new(schema, columns.into())?)?;
    writer.into_inner()
}

/// The columns of both formats. The partition keys `event_type` and `event_date` are only in the object key.
fn schema() -> Schema {
    Schema::new(vec![
        Field::new("event_uuid", DataType::Utf8, false),
        Field::new("event_name", DataType::Utf8, false),
        Field::new("event_subtype", DataType::Utf8, false),
        Field::new("created_at", DataType::Int64, false),
        Field::new("created_datetime", DataType::Utf8, false),
        Field::new("other", DataType::Utf8, true),
    ])
}

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by("ghactivity version 1 (build event-stream)".to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for unique in ["event_uuid", "created_at", "created_datetime", "other"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    for unfiltered in ["event_uuid", "other"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(unfiltered), EnabledStatistics::None);
    }
    properties.build()
}

#[derive(Serialize)]
struct StoredLine<'a> {
    event_uuid: &'a str,
    event_name: &'a str,
    event_subtype: &'a str,
    created_at: i64,
    created_datetime: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<&'a str>,
}

fn json_lines(events: &[&Event]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().write(Vec::new(), GzipLevel::default());
    let mut datetimes = DatetimeWriter::new();
    for event in events {
        let line = StoredLine {
            event_uuid: &event.uuid,
            event_name: &event.name,
            event_subtype: event.subtype(),
            created_at: event.created_ms,
            created_datetime: datetimes.write(event.created_ms),
            other: event.other.as_deref(),
        };
        serde_json::to_writer(&mut gzip, &line).expect("writing to memory does not fail");
        gzip.write_all(b"\n").expect("writing to memory does not fail");
    }
    gzip.finish().expect("writing to memory does not fail")
}

/// The columns of a stored event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct StoredRow {
    pub event_uuid: String,
    pub event_name: String,
    pub event_subtype: String,
    /// In milliseconds since 1970.
    pub created_at: i64,
    pub created_datetime: String,
    pub other: Option<String>,
}

impl StoredRow {
    pub fn of(event: &Event) -> Self {
        Self {
            event_uuid: event.uuid.clone(),
            event_name: event.name.clone(),
            event_subtype: event.subtype().to_owned(),
            created_at: event.created_ms,
            created_datetime: event.created_datetime(),
            other: event.other.clone(),
        }
    }
}

/// The bytes cannot be decoded. The numbers of rows and lines start at 1.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableError {
    #[error("not readable as Parquet: {0}")]
    Parquet(#[from] ParquetError),
    #[error("row {row} has no column {column} of type {kind}")]
    Column { row: usize, column: &'static str, kind: &'static str },
    /// The gzip file is damaged, or its text is not UTF-8.
    #[error("not readable as text in gzip: {0}")]
    Gzip(#[from] std::io::Error),
    #[error("line {line}: {error}")]
    Line { line: usize, error: serde_json::Error },
}

/// Decodes an object of any writer. The encoding of the columns does not matter.
///
/// # Errors
/// The object cannot be read to its end, or does not have the columns of a [`StoredRow`].
pub fn decode(bytes: Bytes, format: ObjectFormat) -> Result<Vec<StoredRow>, UnreadableError> {
    match format {
        ObjectFormat::Parquet => {
            let rows = RowIter::from_file_into(Box::new(SerializedFileReader::new(bytes)?));
            rows.enumerate().map(|(at, row)| ParquetRow { row: at + 1, fields: row?.into_columns() }.read()).collect()
        }
        ObjectFormat::JsonLines if bytes.is_empty() => {
            Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
        }
        ObjectFormat::JsonLines => {
            let lines = BufReader::new(MultiGzDecoder::new(&bytes[..])).lines();
            let row = |(at, line): (usize, std::io::Result<String>)| {
                serde_json::from_str(&line?).map_err(|error| UnreadableError::Line { line: at + 1, error })
            };
            lines.enumerate().map(row).collect()
        }
    }
}

/// A row of a Parquet file.
struct ParquetRow {
    row: usize,
    fields: Vec<(String, ParquetValue)>,
}

impl ParquetRow {
    fn read(mut self) -> Result<StoredRow, UnreadableError> {
        Ok(StoredRow {
            event_uuid: self.text("event_uuid")?,
            event_name: self.text("event_name")?,
            event_subtype: self.text("event_subtype")?,
            created_at: match self.take("created_at") {
                Some(ParquetValue::Long(number)) => number,
                _ => return Err(self.absent("created_at", "int64")),
            },
            created_datetime: self.text("created_datetime")?,
            other: match self.take("other") {
                Some(ParquetValue::Str(text)) => Some(text),
                Some(ParquetValue::Null) => None,
                _ => return Err(self.absent("other", "text")),
            },
        })
    }

    fn text(&mut self, column: &'static str) -> Result<String, UnreadableError> {
        match self.take(column) {
            Some(ParquetValue::Str(text)) => Ok(text),
            _ => Err(self.absent(column, "text")),
        }
    }

    fn take(&mut self, column: &str) -> Option<ParquetValue> {
        let (_, field) = self.fields.iter_mut().find(|(name, _)| name == column)?;
        Some(std::mem::replace(field, ParquetValue::Null))
    }

    fn absent(&self, column: &'static str, kind: &'static str) -> UnreadableError {
        UnreadableError::Column { row: self.row, column, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let event = |number: i64, other: Option<&str>| Event {
            uuid: format!("00000000-0000-4000-8000-{number:012}"),
            name: ["login", "product:processed:timeout"][usize::from(number % 2 == 1)].to_owned(),
            created_ms: 1_763_683_200_250 + number,
            other: other.map(str::to_owned),
        };
        vec![event(1, None), event(2, Some(r#"{"note":"über\n"}"#)), event(3, Some("{}"))]
    }

    #[test]
    fn decode_returns_the_encoded_rows() {
        let events = events();
        let rows: Vec<StoredRow> = events.iter().map(StoredRow::of).collect();
        assert_eq!(
            (&*rows[0].event_subtype, &*rows[0].created_datetime),
            ("processed:timeout", "2025-11-21T00:00:00.251Z")
        );
        for format in [ObjectFormat::Parquet, ObjectFormat::JsonLines] {
            let bytes = Bytes::from(encode(&events.iter().collect::<Vec<_>>(), format));
            assert_eq!(decode(bytes, format).unwrap(), rows, "{format:?}");
            assert_eq!(decode(encode(&[], format).into(), format).unwrap(), [], "{format:?}: a seal has no rows");
        }
    }

    #[test]
    fn decode_of_truncated_object_is_an_error() {
        let events = events();
        for format in [ObjectFormat::Parquet, ObjectFormat::JsonLines] {
            let whole = Bytes::from(encode(&events.iter().collect::<Vec<_>>(), format));
            for end in 0..whole.len() {
                assert!(decode(whole.slice(..end), format).is_err(), "{format:?} cut at {end}");
            }
        }
    }

    #[test]
    fn decode_of_other_columns_is_an_error() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let rows = RecordBatch::try_from_iter([("event_uuid", numbers)]).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        let error = decode(writer.into_inner().unwrap().into(), ObjectFormat::Parquet).unwrap_err();
        assert_eq!(error.to_string(), "row 1 has no column event_uuid of type text");
        let mut gzip = GzBuilder::new().write(Vec::new(), GzipLevel::default());
        gzip.write_all(b"{\"event_uuid\":\"a\"}\n").unwrap();
        let error = decode(gzip.finish().unwrap().into(), ObjectFormat::JsonLines).unwrap_err();
        assert_eq!(error.to_string(), "line 1: missing field `event_name` at line 1 column 18");
    }
}
