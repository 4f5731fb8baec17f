//! The bytes that are stored: Parquet, or JSON lines in gzip. They depend on the events alone.

use std::io::Write;
use std::sync::Arc;

use flate2::{Compression as GzipLevel, GzBuilder};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};
use serde::Serialize;

use crate::event::Event;
use crate::layout::Format;

/// The columns, in both formats. The partition keys `event_type` and `event_date` are in the object's key alone.
pub const SCHEMA: &str = "
message event {
  required binary event_uuid (UTF8);
  required binary event_name (UTF8);
  required binary event_subtype (UTF8);
  required int64 created_at;
  required binary created_datetime (UTF8);
  optional binary other (UTF8);
}";

/// Encodes events; none at all are a file without rows.
pub fn encode(events: &[&Event], format: Format) -> Vec<u8> {
    match format {
        Format::Parquet => parquet(events).expect("writing to memory does not fail"),
        Format::JsonLines => json_lines(events),
    }
}

fn parquet(events: &[&Event]) -> Result<Vec<u8>, ParquetError> {
    let schema: TypePtr = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties()))?;
    if !events.is_empty() {
        let mut group = writer.next_row_group()?;
        let texts = |text: &dyn Fn(&Event) -> ByteArray| events.iter().map(|event| text(event)).collect::<Vec<_>>();
        for values in [
            texts(&|event| event.uuid.as_str().into()),
            texts(&|event| event.name.as_str().into()),
            texts(&|event| event.subtype().into()),
        ] {
            let mut column = group.next_column()?.expect("the schema has it");
            column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
            column.close()?;
        }
        let created: Vec<i64> = events.iter().map(|event| event.created_ms).collect();
        let mut column = group.next_column()?.expect("the schema has it");
        column.typed::<Int64Type>().write_batch(&created, None, None)?;
        column.close()?;
        let datetimes = texts(&|event| event.created_datetime().into_bytes().into());
        let mut column = group.next_column()?.expect("the schema has it");
        column.typed::<ByteArrayType>().write_batch(&datetimes, None, None)?;
        column.close()?;
        let others: Vec<ByteArray> = events.iter().filter_map(|event| Some(event.other.as_deref()?.into())).collect();
        let levels: Vec<i16> = events.iter().map(|event| i16::from(event.other.is_some())).collect();
        let mut column = group.next_column()?.expect("the schema has it");
        column.typed::<ByteArrayType>().write_batch(&others, Some(&levels), None)?;
        column.close()?;
        group.close()?;
    }
    writer.into_inner()
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
struct Line<'a> {
    event_uuid: &'a str,
    event_name: &'a str,
    event_subtype: &'a str,
    created_at: i64,
    created_datetime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<&'a str>,
}

fn json_lines(events: &[&Event]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().write(Vec::new(), GzipLevel::default());
    for event in events {
        let line = Line {
            event_uuid: &event.uuid,
            event_name: &event.name,
            event_subtype: event.subtype(),
            created_at: event.created_ms,
            created_datetime: event.created_datetime(),
            other: event.other.as_deref(),
        };
        serde_json::to_writer(&mut gzip, &line).expect("writing to memory does not fail");
        gzip.write_all(b"\n").expect("writing to memory does not fail");
    }
    gzip.finish().expect("writing to memory does not fail")
}
