//! Rows as Arrow columns, and the schema of the table.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use pipeline::version::Payload;

use crate::row::{ACTOR_TEXTS, Entity, EventRow, ORG_TEXTS, REPO_TEXTS};

/// The table's columns, in their order; partition keys are not among them. It is declared here and nowhere inferred.
///
/// `actor`, `repo` and `org` are structs of an `id` (64 bits) and texts; `created_at` is microseconds in UTC; `payload`
/// and `other` are JSON text. Only `type`, `created_at` and `source_line` are never null.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("type", DataType::Utf8, false),
        Field::new("actor", DataType::Struct(entity_fields(&ACTOR_TEXTS)), true),
        Field::new("repo", DataType::Struct(entity_fields(&REPO_TEXTS)), true),
        Field::new("org", DataType::Struct(entity_fields(&ORG_TEXTS)), true),
        Field::new("public", DataType::Boolean, true),
        Field::new("created_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("payload", DataType::Utf8, true),
        Field::new("other", DataType::Utf8, true),
        Field::new("source_line", DataType::Int64, false),
    ]))
}

fn entity_fields(texts: &[&str]) -> Fields {
    let id = Field::new("id", DataType::Int64, true);
    std::iter::once(id).chain(texts.iter().map(|name| Field::new(*name, DataType::Utf8, true))).collect()
}

/// Rows on their way to a [`RecordBatch`].
pub(crate) struct Columns {
    schema: SchemaRef,
    payload_option: Payload,
    rows: usize,
    bytes: usize,
    id: StringBuilder,
    event_type: StringBuilder,
    actor: EntityColumns<5>,
    repo: EntityColumns<2>,
    org: EntityColumns<4>,
    public: BooleanBuilder,
    created_at: TimestampMicrosecondBuilder,
    payload: StringBuilder,
    other: StringBuilder,
    source_line: Int64Builder,
}

impl Columns {
    /// No rows.
    pub(crate) fn new(payload_option: Payload) -> Self {
        Self {
            schema: schema(),
            payload_option,
            rows: 0,
            bytes: 0,
            id: StringBuilder::new(),
            event_type: StringBuilder::new(),
            actor: EntityColumns::new(&ACTOR_TEXTS),
            repo: EntityColumns::new(&REPO_TEXTS),
            org: EntityColumns::new(&ORG_TEXTS),
            public: BooleanBuilder::new(),
            created_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            payload: StringBuilder::new(),
            other: StringBuilder::new(),
            source_line: Int64Builder::new(),
        }
    }

    /// Adds a row that stands on line `source_line` of the file.
    pub(crate) fn push(&mut self, row: &EventRow<'_>, source_line: u64) {
        self.rows += 1;
        self.bytes += row.bytes();
        self.id.append_option(row.id.as_deref());
        self.event_type.append_value(&row.event_type);
        self.actor.push(&row.actor);
        self.repo.push(&row.repo);
        self.org.push(&row.org);
        self.public.append_option(row.public);
        self.created_at.append_value(row.created_at);
        match self.payload_option {
            Payload::Keep => self.payload.append_option(row.payload),
            Payload::Drop => self.payload.append_null(),
        }
        self.other.append_option(row.other.as_deref());
        self.source_line.append_value(i64::try_from(source_line).unwrap_or(i64::MAX));
    }

    /// Rows pushed since the last batch.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// About the bytes of the rows pushed since the last batch.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows pushed since the last batch.
    pub(crate) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        self.bytes = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.id.finish()),
            Arc::new(self.event_type.finish()),
            Arc::new(self.actor.take()?),
            Arc::new(self.repo.take()?),
            Arc::new(self.org.take()?),
            Arc::new(self.public.finish()),
            Arc::new(self.created_at.finish()),
            Arc::new(self.payload.finish()),
            Arc::new(self.other.finish()),
            Arc::new(self.source_line.finish()),
        ];
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

struct EntityColumns<const N: usize> {
    fields: Fields,
    id: Int64Builder,
    texts: [StringBuilder; N],
    present: NullBufferBuilder,
}

impl<const N: usize> EntityColumns<N> {
    fn new(names: &[&str; N]) -> Self {
        Self {
            fields: entity_fields(names),
            id: Int64Builder::new(),
            texts: std::array::from_fn(|_| StringBuilder::new()),
            present: NullBufferBuilder::new(0),
        }
    }

    fn push(&mut self, entity: &Entity<'_, N>) {
        self.id.append_option(entity.id);
        for (builder, text) in self.texts.iter_mut().zip(&entity.texts) {
            builder.append_option(text.as_deref());
        }
        self.present.append(!entity.is_null());
    }

    fn take(&mut self) -> Result<StructArray, ArrowError> {
        let id: ArrayRef = Arc::new(self.id.finish());
        let texts = self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let columns = std::iter::once(id).chain(texts).collect();
        StructArray::try_new(self.fields.clone(), columns, self.present.finish())
    }
}
