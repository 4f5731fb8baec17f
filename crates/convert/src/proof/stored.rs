//! Reads the rows of a Parquet file.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::fingerprint::RowFingerprint;
use super::values::RowContents;
use crate::columns::schema;

/// The rows of a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    #[error("the file is not a valid Parquet file")]
    Parquet(#[from] ParquetError),
    #[error("the rows of the Parquet file cannot be read")]
    Rows(#[from] ArrowError),
    #[error("the columns of the Parquet file are not those of the table: {found}")]
    Schema {
        /// The file's columns and their types.
        found: String,
    },
}

/// The rows of `file`, in its order, read with the Parquet crate's reader.
///
/// # Errors
///
/// See [`StoredError`].
pub fn stored(file: impl ChunkReader + 'static) -> Result<Vec<RowFingerprint>, StoredError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.build()?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch?;
        check_columns(&batch)?;
        let columns = StoredColumns::of(&batch);
        rows.extend((0..batch.num_rows()).map(|row| columns.fingerprint(row)));
    }
    Ok(rows)
}

/// Checks names and types. Nullability is not checked: writers differ in it.
fn check_columns(batch: &RecordBatch) -> Result<(), StoredError> {
    let types = |fields: &arrow_schema::Fields| {
        fields.iter().map(|field| (field.name().clone(), type_name(field.data_type()))).collect::<Vec<_>>()
    };
    let found = types(batch.schema().fields());
    if found == types(schema().fields()) {
        return Ok(());
    }
    Err(StoredError::Schema {
        found: found.iter().map(|(name, kind)| format!("{name} {kind}")).collect::<Vec<_>>().join(", "),
    })
}

fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{}:{}", field.name(), type_name(field.data_type())));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The columns of a batch.
struct StoredColumns<'a> {
    id: &'a StringArray,
    event_type: &'a StringArray,
    entities: [StoredEntity<'a>; 3],
    public: &'a ArrayRef,
    created_at: &'a ArrayRef,
    payload: &'a StringArray,
    other: &'a StringArray,
    source_line: &'a ArrayRef,
}

struct StoredEntity<'a> {
    whole: &'a StructArray,
    texts: Vec<&'a StringArray>,
}

impl<'a> StoredColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let column = |place: usize| batch.column(place);
        let texts = |place: usize| column(place).as_string::<i32>();
        let entity = |place: usize| {
            let whole = column(place).as_struct();
            StoredEntity { whole, texts: whole.columns()[1..].iter().map(AsArray::as_string).collect() }
        };
        Self {
            id: texts(0),
            event_type: texts(1),
            entities: [entity(2), entity(3), entity(4)],
            public: column(5),
            created_at: column(6),
            payload: texts(7),
            other: texts(8),
            source_line: column(9),
        }
    }

    fn fingerprint(&self, row: usize) -> RowFingerprint {
        let number = |column: &ArrayRef| column.is_valid(row).then(|| column.as_primitive::<Int64Type>().value(row));
        let source_line = number(self.source_line);
        let created_at = self.created_at.is_valid(row);
        let values = RowContents {
            id: text(self.id, row),
            event_type: text(self.event_type, row),
            entities: self.entities.each_ref().map(|entity| entity.values(row)),
            public: self.public.is_valid(row).then(|| self.public.as_boolean().value(row)),
            created_at: created_at.then(|| self.created_at.as_primitive::<TimestampMicrosecondType>().value(row)),
            payload: text(self.payload, row),
            other: text(self.other, row),
            source_line,
        };
        let line = source_line.and_then(|line| u64::try_from(line).ok()).unwrap_or_default();
        RowFingerprint { line, hash: values.hash() }
    }
}

impl<'a> StoredEntity<'a> {
    fn values(&self, row: usize) -> (Option<i64>, Vec<Option<&'a str>>) {
        if self.whole.is_null(row) {
            return (None, vec![None; self.texts.len()]);
        }
        let id = self.whole.column(0);
        let id = id.is_valid(row).then(|| id.as_primitive::<Int64Type>().value(row));
        (id, self.texts.iter().map(|column| text(column, row)).collect())
    }
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}
