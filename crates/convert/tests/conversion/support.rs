//! Runs a conversion and reads its files.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use convert::{ChunkSpec, Compression, ConvertedChunk, convert_chunk};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Type;
use parquet::column::page::Page;
use parquet::file::reader::{FileReader, SerializedFileReader};
use pipeline::version::Payload;
use serde_json::{Map, Value, json};

/// A whole file as one chunk.
pub(crate) const WHOLE: ChunkSpec<'static> = ChunkSpec {
    first_line: 1,
    first_offset: 0,
    duplicate_lines: &[],
    payload: Payload::Keep,
    compression: Compression::Snappy,
};

/// The result and the files of a conversion.
pub(crate) struct Conversion {
    pub(crate) converted: ConvertedChunk,
    pub(crate) parquet: Vec<u8>,
    pub(crate) quarantine: Vec<u8>,
}

/// Converts `text`, and asserts what holds for every conversion.
pub(crate) fn convert(spec: &ChunkSpec<'_>, text: &[u8]) -> Conversion {
    let (mut parquet, mut quarantine) = (Vec::new(), Vec::new());
    let converted = convert_chunk(spec, text, &mut parquet, &mut quarantine).unwrap();
    let conversion = Conversion { converted, parquet, quarantine };
    let counts = conversion.converted.counts;
    assert!(counts.is_balanced(), "{counts:?}");
    assert_eq!(conversion.converted.types.values().sum::<u64>(), counts.rows);
    assert_eq!(conversion.converted.wrote_parquet, counts.rows > 0);
    assert_eq!(conversion.converted.wrote_parquet, !conversion.parquet.is_empty());
    assert_eq!(conversion.converted.wrote_quarantine, counts.quarantined > 0);
    assert_eq!(conversion.bad_records().len() as u64, counts.quarantined);
    conversion
}

impl Conversion {
    /// The rows of the Parquet file: structs as objects, `created_at` in microseconds.
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.batches().iter().flat_map(rows_of).collect()
    }

    /// The record batches of the Parquet file.
    pub(crate) fn batches(&self) -> Vec<RecordBatch> {
        if self.parquet.is_empty() {
            return Vec::new();
        }
        let bytes = Bytes::from(self.parquet.clone());
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        reader.map(Result::unwrap).collect()
    }

    /// The dictionaries of the text columns in every row group: the column's name and its texts.
    pub(crate) fn dictionaries(&self) -> Vec<(String, Vec<String>)> {
        let file = SerializedFileReader::new(Bytes::from(self.parquet.clone())).unwrap();
        let groups = (0..file.num_row_groups()).map(|group| file.get_row_group(group).unwrap());
        let mut dictionaries = Vec::new();
        for group in groups {
            for (place, column) in group.metadata().columns().iter().enumerate() {
                let mut pages = group.get_column_page_reader(place).unwrap();
                if column.column_type() == Type::BYTE_ARRAY
                    && let Some(Page::DictionaryPage { buf, .. }) = pages.get_next_page().unwrap()
                {
                    dictionaries.push((column.column_path().string(), plain_texts(&buf)));
                }
            }
        }
        dictionaries
    }

    /// The lines of the quarantine file.
    pub(crate) fn bad_records(&self) -> Vec<Value> {
        self.quarantine
            .split_inclusive(|&byte| byte == b'\n')
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// The reasons of the bad records.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.bad_records().iter().map(|bad| bad["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// Decodes texts, each after its length in 4 bytes.
fn plain_texts(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (text, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        bytes = rest;
    }
    texts
}

/// The record's bytes in a quarantine line.
pub(crate) fn raw(bad: &Value) -> Vec<u8> {
    STANDARD.decode(bad["raw"].as_str().unwrap()).unwrap()
}

/// An event with the further fields `more`, without a line feed.
pub(crate) fn event(more: &str) -> String {
    format!(r#"{{"type":"PushEvent","created_at":"2015-01-01T00:00:00Z"{more}}}"#)
}

fn rows_of(batch: &RecordBatch) -> Vec<Value> {
    let whole = StructArray::from(batch.clone());
    (0..batch.num_rows()).map(|row| struct_value(&whole, row)).collect()
}

fn struct_value(array: &StructArray, row: usize) -> Value {
    let fields = array.fields().iter().zip(array.columns());
    fields.map(|(field, column)| (field.name().clone(), cell(column, row))).collect::<Map<_, _>>().into()
}

fn cell(column: &ArrayRef, row: usize) -> Value {
    use arrow_schema::DataType::{Boolean, Int64, Struct, Timestamp, Utf8};
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        Utf8 => json!(column.as_string::<i32>().value(row)),
        Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        Boolean => json!(column.as_boolean().value(row)),
        Timestamp(..) => json!(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        Struct(_) => struct_value(column.as_struct(), row),
        other => panic!("no column has the type {other}"),
    }
}
