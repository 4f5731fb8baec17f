//! The columns of `actor`, `repo` or `org`.
//!
//! The same few people and repositories make most of an hour's events, and their objects repeat to the byte. So an object
//! is looked up as a whole, as the source spells it, and only one that is new in the row group is taken apart.

use std::borrow::Cow;

use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{NULL, Numbers, Texts};
use super::leaf::Indexes;
use crate::decode::integer;
use crate::pages::{Codec, Encoded};
use crate::row::Entity;
use crate::scan::Scanner;
use crate::shape;

/// The texts that people filter by. Bounds of the others, the same prefix in all of them, would help nobody.
const FILTERED: [&str; 2] = ["login", "name"];

/// The entity without any field, as which null is stored.
const NOBODY: u32 = 0;

/// Columns of an id and `N` texts, and the rows of the row group as numbers of entities.
pub(super) struct EntityColumns<const N: usize> {
    names: &'static [&'static str; N],
    /// Objects as the source spells them.
    objects: Texts,
    /// The entity that each object is, or [`NULL`] if it is not stored by its columns alone.
    entity_of_object: Vec<u32>,
    entities: Vec<Columns<N>>,
    ids: Numbers,
    texts: [Texts; N],
    rows: Vec<u32>,
}

/// An entity, by the numbers of its values.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Columns<const N: usize> {
    id: u32,
    texts: [u32; N],
}

impl<const N: usize> EntityColumns<N> {
    pub(super) fn new(names: &'static [&'static str; N]) -> Self {
        Self {
            names,
            objects: Texts::default(),
            entity_of_object: Vec::new(),
            entities: vec![Columns { id: NULL, texts: [NULL; N] }],
            ids: Numbers::default(),
            texts: std::array::from_fn(|_| Texts::default()),
            rows: Vec::new(),
        }
    }

    /// The entity that `object` (a JSON object, or null if absent) is; none if its columns do not hold all of it.
    #[inline]
    pub(super) fn of_object(&mut self, object: Option<&str>, scanner: &mut Scanner) -> Option<u32> {
        let Some(json) = object else { return Some(NOBODY) };
        let (object, new) = self.objects.number(json.as_bytes());
        if new {
            let mut entity = Entity::default();
            let stored = plain_entity(self.names, json, &mut entity).is_some() || {
                entity = Entity::default();
                shape::store_entity(self.names, json, &mut entity, scanner).is_none()
            };
            let entity = if stored { self.of(&entity) } else { NULL };
            self.entity_of_object.push(entity);
        }
        Some(self.entity_of_object[object as usize]).filter(|entity| *entity != NULL)
    }

    /// The number of `entity`.
    pub(super) fn of(&mut self, entity: &Entity<'_, N>) -> u32 {
        if entity.is_null() {
            return NOBODY;
        }
        let mut columns = Columns { id: NULL, texts: [NULL; N] };
        if let Some(id) = entity.id {
            columns.id = self.ids.number(id);
        }
        for ((text, known), number) in entity.texts.iter().zip(&mut self.texts).zip(&mut columns.texts) {
            if let Some(text) = text {
                *number = known.number(text.as_bytes()).0;
            }
        }
        self.entities.push(columns);
        self.entities.len() as u32 - 1
    }

    /// Adds a row.
    pub(super) fn push(&mut self, entity: u32) {
        self.rows.push(entity);
    }

    /// Gives the column chunks of the rows so far to `write`, one after the other; the next row begins others.
    pub(super) fn take(
        &mut self,
        columns: &[ColumnDescPtr],
        indexes: &mut Indexes,
        codec: &mut Codec,
        mut write: impl FnMut(Encoded, &mut Codec) -> Result<()>,
    ) -> Result<()> {
        let entities = &self.entities;
        let level = |row: u32, number: u32| match (row, number) {
            (NOBODY, _) => 0,
            (_, NULL) => 1,
            _ => 2,
        };
        let id = |row: u32| {
            let number = entities[row as usize].id;
            (level(row, number), number)
        };
        write(indexes.chunk(columns[0].clone(), true, &self.ids, &self.rows, id, codec)?, codec)?;
        for (at, texts) in self.texts.iter().enumerate() {
            let text = |row: u32| {
                let number = entities[row as usize].texts[at];
                (level(row, number), number)
            };
            let bounded = FILTERED.contains(&self.names[at]);
            write(indexes.chunk(columns[at + 1].clone(), bounded, texts, &self.rows, text, codec)?, codec)?;
        }
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.objects.clear();
        self.entity_of_object.clear();
        self.entities.truncate(1);
        self.ids.clear();
        self.texts.iter_mut().for_each(Texts::clear);
        self.rows.clear();
    }

    /// About the bytes held.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(Texts::bytes).sum();
        let entities = self.entities.len() * size_of::<Columns<N>>() + self.entity_of_object.len() * 4;
        self.objects.bytes() + self.ids.bytes() + texts + entities + self.rows.len() * 4
    }
}

/// Stores the object `json`, which is known to be JSON, in `entity` if that is a matter of copying: no white space, and each
/// field known, of the kind it should be, there once, and without escapes.
fn plain_entity<'a, const N: usize>(names: &[&str; N], json: &'a str, entity: &mut Entity<'a, N>) -> Option<()> {
    let mut rest = json.strip_prefix('{')?;
    loop {
        let (key, after_key) = plain_text(rest)?;
        let value = after_key.strip_prefix(':')?;
        if key == "id" {
            let (digits, after) = value.split_at_checked(value.find([',', '}'])?)?;
            let first = entity.id.is_none();
            entity.id = Some(integer(digits).filter(|_| first)?);
            rest = after;
        } else {
            let (text, after) = plain_text(value)?;
            let place = &mut entity.texts[names.iter().position(|name| *name == key)?];
            *place = Some(Cow::Borrowed(Some(text).filter(|_| place.is_none())?));
            rest = after;
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return (rest == "}").then_some(()),
        }
    }
}

/// The text between the quotes at the start of `json`, if there are any and no escapes between them, and what comes after.
fn plain_text(json: &str) -> Option<(&str, &str)> {
    let inner = json.strip_prefix('"')?;
    let end = memchr::memchr2(b'"', b'\\', inner.as_bytes())?;
    Some((&inner[..end], inner[end..].strip_prefix('"')?))
}
