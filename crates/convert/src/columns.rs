//! The table's columns, and the rows of a row group on their way into them.

mod dictionary;
mod entities;
mod leaf;
mod plain;

use std::io::Write;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{ColumnDescPtr, TypePtr};
use pipeline::version::Payload;

use crate::pages::{Codec, Encoded};
use crate::plain_event::PlainEvent;
use crate::row::{ACTOR_TEXTS, EventRow, ORG_TEXTS, REPO_TEXTS};
use crate::scan::Scanner;
use crate::usual::{Actor, Org, Repo};
use crate::usual_event::UsualEvent;
use crate::{Compression, Types};

use dictionary::{Numbers, Texts};
use entities::{EntityColumns, NOBODY};
use leaf::Indexes;
use plain::PlainTexts;

const PAGE_BYTES: usize = 256 << 10;
const PAYLOAD_PAGE_BYTES: usize = 1 << 20;

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

/// Places of the leaf columns: an entity has its id and its texts.
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

/// The rows of a row group.
pub(crate) struct Columns {
    schema: TypePtr,
    leaves: Vec<ColumnDescPtr>,
    keep_payload: bool,
    codec: Codec,
    indexes: Vec<Indexes>,
    id: PlainTexts,
    types: Texts,
    event_type: Vec<u32>,
    /// Rows that were written, by type.
    written_types: Types,
    actor: EntityColumns<Actor, 5>,
    repo: EntityColumns<Repo, 2>,
    org: EntityColumns<Org, 4>,
    public: Vec<Option<bool>>,
    instants: Numbers,
    created_at: Vec<u32>,
    payload: PlainTexts,
    other: PlainTexts,
    source_line: Vec<i64>,
}

/// What a row holds besides its entities.
struct Rest<'a> {
    id: Option<&'a [u8]>,
    event_type: &'a [u8],
    public: Option<bool>,
    created_at: i64,
    payload: Option<&'a [u8]>,
    other: Option<&'a [u8]>,
}

impl Columns {
    /// No rows.
    pub(crate) fn new() -> Self {
        let schema =
            ArrowSchemaConverter::new().convert(&schema()).expect("every type of the schema is one of Parquet's");
        let leaves = schema.columns().to_vec();
        let plain = |place: usize, page_bytes, bounded| PlainTexts::new(leaves[place].clone(), page_bytes, bounded);
        Self {
            schema: schema.root_schema_ptr(),
            keep_payload: false,
            codec: Codec::new(),
            indexes: vec![Indexes::default()],
            id: plain(place::ID, PAGE_BYTES, true),
            types: Texts::default(),
            event_type: Vec::new(),
            written_types: Types::default(),
            actor: EntityColumns::new(),
            repo: EntityColumns::new(),
            org: EntityColumns::new(),
            public: Vec::new(),
            instants: Numbers::default(),
            created_at: Vec::new(),
            payload: plain(place::PAYLOAD, PAYLOAD_PAGE_BYTES, false),
            other: plain(place::OTHER, PAGE_BYTES, false),
            source_line: Vec::new(),
            leaves,
        }
    }

    /// Begins a file, whatever became of the one before.
    pub(crate) fn begin(&mut self, payload: Payload, compression: Compression) {
        self.keep_payload = payload == Payload::Keep;
        self.codec.begin(compression);
        self.written_types = Types::default();
        for texts in [&mut self.id, &mut self.payload, &mut self.other] {
            texts.clear();
        }
        self.actor.clear();
        self.repo.clear();
        self.org.clear();
        self.clear();
    }

    /// The rows of the file that were written so far, by type.
    pub(crate) fn take_types(&mut self) -> Types {
        std::mem::take(&mut self.written_types)
    }

    /// The schema as Parquet has it.
    pub(crate) fn schema(&self) -> TypePtr {
        self.schema.clone()
    }

    /// Adds an event that stands on line `source_line` and is spelled as usual in `record`, which is UTF-8.
    pub(crate) fn push_usual(&mut self, event: &UsualEvent, record: &[u8], source_line: u64) -> Result<()> {
        let entities = (
            self.actor.of_usual(&event.actor, record),
            self.repo.of_usual(&event.repo, record),
            event.org.as_ref().map_or(NOBODY, |org| self.org.of_usual(org, record)),
        );
        let rest = Rest {
            id: Some(event.id.of(record)),
            event_type: event.event_type.of(record),
            public: Some(event.public),
            created_at: event.created_at,
            payload: Some(event.payload.of(record)),
            other: None,
        };
        self.push_numbered(entities, &rest, source_line)
    }

    /// Adds an event that stands on line `source_line`, if its columns hold all of it; answers whether they do.
    pub(crate) fn push_plain(
        &mut self,
        event: &PlainEvent<'_>,
        source_line: u64,
        scanner: &mut Scanner,
    ) -> Result<bool> {
        let entities = (
            self.actor.of_object(event.actor, scanner),
            self.repo.of_object(event.repo, scanner),
            self.org.of_object(event.org, scanner),
        );
        let (Some(actor), Some(repo), Some(org)) = entities else { return Ok(false) };
        let rest = Rest {
            id: event.id.map(str::as_bytes),
            event_type: event.event_type.as_bytes(),
            public: event.public,
            created_at: event.created_at,
            payload: event.payload.map(str::as_bytes),
            other: None,
        };
        self.push_numbered((actor, repo, org), &rest, source_line)?;
        Ok(true)
    }

    /// Adds a row that stands on line `source_line` of the file.
    pub(crate) fn push(&mut self, row: &EventRow<'_>, source_line: u64) -> Result<()> {
        let entities = (self.actor.of(&row.actor), self.repo.of(&row.repo), self.org.of(&row.org));
        let rest = Rest {
            id: row.id.as_deref().map(str::as_bytes),
            event_type: row.event_type.as_bytes(),
            public: row.public,
            created_at: row.created_at,
            payload: row.payload.map(str::as_bytes),
            other: row.other.as_deref().map(str::as_bytes),
        };
        self.push_numbered(entities, &rest, source_line)
    }

    fn push_numbered(&mut self, entities: (u32, u32, u32), rest: &Rest<'_>, source_line: u64) -> Result<()> {
        let payload = rest.payload.filter(|_| self.keep_payload);
        self.id.push(rest.id, &mut self.codec)?;
        self.event_type.push(self.types.again_or_number(self.event_type.last().copied(), rest.event_type));
        self.actor.push(entities.0);
        self.repo.push(entities.1);
        self.org.push(entities.2);
        self.public.push(rest.public);
        self.created_at.push(self.instants.again_or_number(self.created_at.last().copied(), rest.created_at));
        self.payload.push(payload, &mut self.codec)?;
        self.other.push(rest.other, &mut self.codec)?;
        self.source_line.push(i64::try_from(source_line).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Rows that are not in a row group yet.
    pub(crate) fn rows(&self) -> usize {
        self.source_line.len()
    }

    /// About the bytes that their payloads and what else is stored as JSON take in memory.
    pub(crate) fn json_bytes(&self) -> usize {
        self.payload.bytes() + self.other.bytes()
    }

    /// About the bytes that those rows take in memory.
    pub(crate) fn bytes(&self) -> usize {
        const PER_ROW: usize = 24;
        let texts = self.id.bytes() + self.types.bytes() + self.json_bytes();
        let entities = self.actor.bytes() + self.repo.bytes() + self.org.bytes();
        texts + entities + self.instants.bytes() + self.rows() * PER_ROW
    }

    /// Writes the rows as a row group; the next row begins another one.
    pub(crate) fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        let Self { leaves, codec, indexes, .. } = self;
        let leaf = |place: usize| leaves[place].clone();
        let required = |number: u32| (0, number);
        self.id.take(codec, |chunk| chunk.append_to(group))?;
        let mut append = |chunk: Encoded, codec: &mut Codec| {
            codec.reuse(chunk.append_to(group)?);
            Ok(())
        };
        indexes[0].take(&self.event_type, required);
        append(indexes[0].chunk(leaf(place::TYPE), true, &self.types, codec)?, codec)?;
        self.actor.take(&leaves[place::ACTOR..], indexes, codec, &mut append)?;
        self.repo.take(&leaves[place::REPO..], indexes, codec, &mut append)?;
        self.org.take(&leaves[place::ORG..], indexes, codec, &mut append)?;
        append(leaf::truths(leaf(place::PUBLIC), &self.public, codec)?, codec)?;
        indexes[0].take(&self.created_at, required);
        append(indexes[0].chunk(leaf(place::CREATED_AT), true, &self.instants, codec)?, codec)?;
        self.payload.take(codec, |chunk| chunk.append_to(group))?;
        self.other.take(codec, |chunk| chunk.append_to(group))?;
        let lines = leaf::lines(leaf(place::SOURCE_LINE), &self.source_line, codec)?;
        codec.reuse(lines.append_to(group)?);
        self.count_types();
        self.clear();
        Ok(())
    }

    fn count_types(&mut self) {
        let mut rows = vec![0; self.types.len()];
        self.event_type.iter().for_each(|number| rows[*number as usize] += 1);
        for (number, rows) in (0..).zip(rows) {
            self.written_types.count(&String::from_utf8_lossy(self.types.get(number)), rows);
        }
    }

    /// Forgets what columns of their own kind do not forget themselves.
    fn clear(&mut self) {
        self.types.clear();
        self.event_type.clear();
        self.public.clear();
        self.instants.clear();
        self.created_at.clear();
        self.source_line.clear();
    }
}
