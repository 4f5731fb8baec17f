//! The table's columns, and the rows of the current row group.

mod dictionary;
mod entities;
mod leaf;
mod plain_text;

use std::io::Write;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{ColumnDescPtr, TypePtr};
use pipeline::version::Payload;

use crate::canonical_entity::{Actor, Org, Repo};
use crate::canonical_event::CanonicalEvent;
use crate::compression::Compression;
use crate::pages::{EncodedChunk, PageCodec};
use crate::row::{ACTOR_TEXTS, EventRow, ORG_TEXTS, REPO_TEXTS};
use crate::type_counts::TypeCounts;

use dictionary::{IntegerDictionary, TextDictionary};
use entities::{EntityColumns, NO_ENTITY};
use leaf::DictionaryRows;
use plain_text::PlainTextColumn;

const PAGE_BYTES: usize = 256 << 10;
const PAYLOAD_PAGE_BYTES: usize = 1 << 20;

/// The table's columns in their order, without the partition keys. The schema is declared here and never inferred.
///
/// `actor`, `repo` and `org` are structs of an `id` (64 bits) and texts. `created_at` is in microseconds, UTC.
/// `payload` and `other` are JSON text. Only `type`, `created_at` and `source_line` are required.
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

/// The indexes of the leaf columns. An entity has one for its id and one for each text.
mod place {
    pub(super) const ID: usize = 0;
    pub(super) const TYPE: usize = 1;
    pub(super) const ACTOR: usize = 2;
    pub(super) const REPO: usize = 8;
    pub(super) const ORG: usize = 11;
    pub(super) const PUBLIC: usize = 16;
    pub(super) const CREATED_AT: usize = 17;
    pub(super) const PAYLOAD: usize = 18;
    pub(super) const OTHER: usize = 19;
    pub(super) const SOURCE_LINE: usize = 20;
}

/// The rows of a row group, by column.
pub(crate) struct RowGroupColumns {
    schema: TypePtr,
    leaves: Vec<ColumnDescPtr>,
    keep_payload: bool,
    codec: PageCodec,
    /// Memory for the rows of dictionary columns.
    dictionary_rows: Vec<DictionaryRows>,
    id: PlainTextColumn,
    types: TextDictionary,
    event_type: Vec<u32>,
    /// The rows of earlier row groups, by type.
    written_types: TypeCounts,
    actor: EntityColumns<Actor, 5>,
    repo: EntityColumns<Repo, 2>,
    org: EntityColumns<Org, 4>,
    public: Vec<Option<bool>>,
    timestamps: IntegerDictionary,
    created_at: Vec<u32>,
    payload: PlainTextColumn,
    other: PlainTextColumn,
    source_line: Vec<i64>,
}

/// A row: the indexes of its entities, and its other values.
struct RowValues<'a> {
    actor: u32,
    repo: u32,
    org: u32,
    id: Option<&'a [u8]>,
    event_type: &'a [u8],
    public: Option<bool>,
    created_at: i64,
    payload: Option<&'a [u8]>,
    other: Option<&'a [u8]>,
}

impl RowGroupColumns {
    pub(crate) fn new() -> Self {
        let schema =
            ArrowSchemaConverter::new().convert(&schema()).expect("every type of the schema is one of Parquet's");
        let leaves = schema.columns().to_vec();
        let plain =
            |place: usize, page_bytes, bounded| PlainTextColumn::new(leaves[place].clone(), page_bytes, bounded);
        Self {
            schema: schema.root_schema_ptr(),
            keep_payload: false,
            codec: PageCodec::new(),
            dictionary_rows: vec![DictionaryRows::default()],
            id: plain(place::ID, PAGE_BYTES, true),
            types: TextDictionary::default(),
            event_type: Vec::new(),
            written_types: TypeCounts::default(),
            actor: EntityColumns::new(),
            repo: EntityColumns::new(),
            org: EntityColumns::new(),
            public: Vec::new(),
            timestamps: IntegerDictionary::default(),
            created_at: Vec::new(),
            payload: plain(place::PAYLOAD, PAYLOAD_PAGE_BYTES, false),
            other: plain(place::OTHER, PAGE_BYTES, false),
            source_line: Vec::new(),
            leaves,
        }
    }

    /// Begins a file. Rows of an earlier file, which may have failed, are dropped.
    pub(crate) fn begin(&mut self, payload: Payload, compression: Compression) {
        self.keep_payload = payload == Payload::Keep;
        self.codec.set_compression(compression);
        self.written_types = TypeCounts::default();
        for texts in [&mut self.id, &mut self.payload, &mut self.other] {
            texts.clear();
        }
        self.actor.clear();
        self.repo.clear();
        self.org.clear();
        self.clear();
    }

    /// The rows in the file's row groups so far, by type.
    pub(crate) fn take_types(&mut self) -> TypeCounts {
        std::mem::take(&mut self.written_types)
    }

    /// The Parquet schema.
    pub(crate) fn schema(&self) -> TypePtr {
        self.schema.clone()
    }

    /// Adds the canonical event of line `source_line`. `record` must be UTF-8.
    pub(crate) fn push_canonical(&mut self, event: &CanonicalEvent, record: &[u8], source_line: u64) -> Result<()> {
        let values = RowValues {
            actor: self.actor.index_of_canonical(&event.actor, record),
            repo: self.repo.index_of_canonical(&event.repo, record),
            org: event.org.as_ref().map_or(NO_ENTITY, |org| self.org.index_of_canonical(org, record)),
            id: Some(event.id.of(record)),
            event_type: event.event_type.of(record),
            public: Some(event.public),
            created_at: event.created_at,
            payload: Some(event.payload.of(record)),
            other: None,
        };
        self.push_values(&values, source_line)
    }

    /// Adds the row of line `source_line`.
    pub(crate) fn push(&mut self, row: &EventRow<'_>, source_line: u64) -> Result<()> {
        let values = RowValues {
            actor: self.actor.index_of(&row.actor),
            repo: self.repo.index_of(&row.repo),
            org: self.org.index_of(&row.org),
            id: row.id.as_deref().map(str::as_bytes),
            event_type: row.event_type.as_bytes(),
            public: row.public,
            created_at: row.created_at,
            payload: row.payload.map(str::as_bytes),
            other: row.other.as_deref().map(str::as_bytes),
        };
        self.push_values(&values, source_line)
    }

    fn push_values(&mut self, values: &RowValues<'_>, source_line: u64) -> Result<()> {
        let payload = values.payload.filter(|_| self.keep_payload);
        self.id.push(values.id, &mut self.codec)?;
        self.event_type.push(self.types.last_or_index_of(self.event_type.last().copied(), values.event_type));
        self.actor.push(values.actor);
        self.repo.push(values.repo);
        self.org.push(values.org);
        self.public.push(values.public);
        self.created_at.push(self.timestamps.last_or_index_of(self.created_at.last().copied(), values.created_at));
        self.payload.push(payload, &mut self.codec)?;
        self.other.push(values.other, &mut self.codec)?;
        self.source_line.push(i64::try_from(source_line).unwrap_or(i64::MAX));
        Ok(())
    }

    /// The rows that are not yet in a row group.
    pub(crate) fn rows(&self) -> usize {
        self.source_line.len()
    }

    /// The approximate memory of the JSON columns in bytes.
    pub(crate) fn json_bytes(&self) -> usize {
        self.payload.bytes() + self.other.bytes()
    }

    /// The approximate memory of the rows in bytes.
    pub(crate) fn bytes(&self) -> usize {
        const PER_ROW: usize = 24;
        let texts = self.id.bytes() + self.types.bytes() + self.json_bytes();
        let entities = self.actor.bytes() + self.repo.bytes() + self.org.bytes();
        texts + entities + self.timestamps.bytes() + self.rows() * PER_ROW
    }

    /// Writes the rows as a row group and removes them.
    pub(crate) fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        let Self { leaves, codec, dictionary_rows: rows, .. } = self;
        let leaf = |place: usize| leaves[place].clone();
        let required = |index: u32| (0, index);
        self.id.write(codec, |chunk| chunk.append_to(group))?;
        let mut append = |chunk: EncodedChunk, codec: &mut PageCodec| {
            codec.reuse(chunk.append_to(group)?);
            Ok(())
        };
        rows[0].set(&self.event_type, required);
        append(rows[0].chunk(leaf(place::TYPE), true, &self.types, codec)?, codec)?;
        self.actor.write(&leaves[place::ACTOR..], rows, codec, &mut append)?;
        self.repo.write(&leaves[place::REPO..], rows, codec, &mut append)?;
        self.org.write(&leaves[place::ORG..], rows, codec, &mut append)?;
        append(leaf::bool_chunk(leaf(place::PUBLIC), &self.public, codec)?, codec)?;
        rows[0].set(&self.created_at, required);
        append(rows[0].chunk(leaf(place::CREATED_AT), true, &self.timestamps, codec)?, codec)?;
        self.payload.write(codec, |chunk| chunk.append_to(group))?;
        self.other.write(codec, |chunk| chunk.append_to(group))?;
        let lines = leaf::line_chunk(leaf(place::SOURCE_LINE), &self.source_line, codec)?;
        codec.reuse(lines.append_to(group)?);
        self.count_types();
        self.clear();
        Ok(())
    }

    fn count_types(&mut self) {
        let mut rows = vec![0; self.types.len()];
        self.event_type.iter().for_each(|index| rows[*index as usize] += 1);
        for (index, rows) in (0..).zip(rows) {
            self.written_types.count(&String::from_utf8_lossy(self.types.get(index)), rows);
        }
    }

    /// Clears the columns that writing does not clear.
    fn clear(&mut self) {
        self.types.clear();
        self.event_type.clear();
        self.public.clear();
        self.timestamps.clear();
        self.created_at.clear();
        self.source_line.clear();
    }
}
