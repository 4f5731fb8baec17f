//! The columns of `actor`, `repo` or `org`.
//!
//! All texts of a canonical entity are derived from its id and its name ([`crate::canonical_entity`]). So a repeated
//! entity is found by its name alone, and of a new entity only the id and the name are looked up. The texts of any
//! other entity are looked up one by one.

use std::marker::PhantomData;

use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{IntegerDictionary, NULL, TextDictionary};
use super::leaf::DictionaryRows;
use crate::canonical_entity::{CanonicalEntity, EntityKind, TextOrigin, display_name};
use crate::integer::positive_integer;
use crate::pages::{EncodedChunk, PageCodec};
use crate::row::Entity;

/// The texts with bounds, because queries filter by them. The other texts share a prefix, so bounds would not help.
const BOUNDED_TEXTS: [&str; 2] = ["login", "name"];

/// The entity without any field, which represents null.
pub(super) const NO_ENTITY: u32 = 0;

/// The index of the name among the texts.
const NAME: usize = 0;

/// The columns of an id and `N` texts, and the rows as indexes of entities. The first text is the name.
pub(super) struct EntityColumns<K, const N: usize> {
    kind: PhantomData<K>,
    /// The last canonical entity with each name, by the index of the name.
    canonical_by_name: Vec<CanonicalMatch>,
    entities: Vec<EntityIndexes<N>>,
    ids: IntegerDictionary,
    texts: [TextDictionary; N],
    /// For each column, the index of the text that is derived from each name (or id), or [`NULL`].
    derived: [Vec<u32>; N],
    rows: Vec<u32>,
}

/// A canonical entity. Together with its name, the id and the present texts identify it.
#[derive(Clone, Copy, Default)]
struct CanonicalMatch {
    id: i64,
    /// See [`CanonicalEntity::texts`]; 0 if there is no entity with the name yet.
    texts: u32,
    entity: u32,
}

/// An entity as indexes into the dictionaries of its columns.
#[derive(Clone, Copy, PartialEq, Eq)]
struct EntityIndexes<const N: usize> {
    id: u32,
    texts: [u32; N],
}

impl<const N: usize> EntityIndexes<N> {
    /// The index in a column, of which the id is the first.
    fn of_column(&self, column: usize) -> u32 {
        column.checked_sub(1).map_or(self.id, |text| self.texts[text])
    }
}

impl<K: EntityKind<N>, const N: usize> EntityColumns<K, N> {
    pub(super) fn new() -> Self {
        Self {
            kind: PhantomData,
            canonical_by_name: Vec::new(),
            entities: vec![EntityIndexes { id: NULL, texts: [NULL; N] }],
            ids: IntegerDictionary::default(),
            texts: std::array::from_fn(|_| TextDictionary::default()),
            derived: std::array::from_fn(|_| Vec::new()),
            rows: Vec::new(),
        }
    }

    /// The index of a canonical entity of `record`.
    #[inline]
    pub(super) fn index_of_canonical(&mut self, entity: &CanonicalEntity, record: &[u8]) -> u32 {
        let CanonicalEntity { id, digits, name, texts } = *entity;
        let (name, digits) = (name.of(record), digits.of(record));
        let name_index = self.texts[NAME].index_of(name);
        let last = *slot(&mut self.canonical_by_name, name_index, CanonicalMatch::default());
        if (last.id, last.texts) == (id, texts) {
            return last.entity;
        }
        let mut indexes = EntityIndexes { id: self.ids.index_of(id), texts: [NULL; N] };
        indexes.texts[NAME] = name_index;
        for (place, column) in K::COLUMNS.iter().enumerate().skip(1).filter(|(place, _)| texts >> place & 1 == 1) {
            indexes.texts[place] = match column.origin {
                TextOrigin::Own => self.own_text(place, b""),
                TextOrigin::DisplayName => {
                    let display = display_name(name);
                    let source =
                        if display.len() < name.len() { self.texts[NAME].index_of(display) } else { name_index };
                    self.derived_text(place, source, [display, b"", b""])
                }
                TextOrigin::Name(prefix) => self.derived_text(place, name_index, [prefix.as_bytes(), name, b""]),
                TextOrigin::Id(prefix, suffix) => {
                    self.derived_text(place, indexes.id, [prefix.as_bytes(), digits, suffix.as_bytes()])
                }
            };
        }
        let entity = self.push_entity(indexes);
        self.canonical_by_name[name_index as usize] = CanonicalMatch { id, texts, entity };
        entity
    }

    /// The index of `entity`, which need not be canonical.
    pub(super) fn index_of(&mut self, entity: &Entity<'_, N>) -> u32 {
        if entity.is_null() {
            return NO_ENTITY;
        }
        let mut indexes = EntityIndexes { id: NULL, texts: [NULL; N] };
        if let Some(id) = entity.id {
            indexes.id = self.ids.index_of(id);
        }
        for (place, text) in entity.texts.iter().enumerate() {
            if let Some(text) = text {
                indexes.texts[place] = self.text(place, text);
            }
        }
        self.push_entity(indexes)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a row group has at most GROUP_ROWS rows")]
    fn push_entity(&mut self, indexes: EntityIndexes<N>) -> u32 {
        self.entities.push(indexes);
        self.entities.len() as u32 - 1
    }

    /// The index of a text in its column.
    fn text(&mut self, place: usize, text: &str) -> u32 {
        // A text that can be derived from a name or an id is stored as derived, even if they are not this entity's.
        // Otherwise a dictionary could hold it twice.
        match K::COLUMNS[place].origin {
            TextOrigin::Own => self.own_text(place, text.as_bytes()),
            TextOrigin::DisplayName => {
                let name = self.texts[NAME].index_of(text.as_bytes());
                self.derived_text(place, name, [text.as_bytes(), b"", b""])
            }
            TextOrigin::Name(prefix) => match text.strip_prefix(prefix) {
                Some(name) => {
                    let name = self.texts[NAME].index_of(name.as_bytes());
                    self.derived_text(place, name, [text.as_bytes(), b"", b""])
                }
                None => self.own_text(place, text.as_bytes()),
            },
            TextOrigin::Id(prefix, suffix) => {
                let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
                match digits.and_then(|digits| positive_integer(digits.as_bytes())) {
                    Some(id) => {
                        let id = self.ids.index_of(id);
                        self.derived_text(place, id, [text.as_bytes(), b"", b""])
                    }
                    None => self.own_text(place, text.as_bytes()),
                }
            }
        }
    }

    /// The index of a text that is not derived. It is often the text of the last entity.
    fn own_text(&mut self, place: usize, text: &[u8]) -> u32 {
        let last = self.entities.last().map(|indexes| indexes.texts[place]).filter(|index| *index != NULL);
        self.texts[place].last_or_index_of(last, text)
    }

    /// The index of the concatenation of `parts`, which is derived from the name (or id) at index `source`.
    fn derived_text(&mut self, place: usize, source: u32, parts: [&[u8]; 3]) -> u32 {
        if place == NAME {
            return source;
        }
        let index = slot(&mut self.derived[place], source, NULL);
        if *index == NULL {
            *index = self.texts[place].push(parts);
        }
        *index
    }

    /// Adds a row.
    pub(super) fn push(&mut self, entity: u32) {
        self.rows.push(entity);
    }

    /// Passes the column chunks to `write`, one after the other, and empties the columns.
    ///
    /// `shared` is memory: the rows of each distinct column, for further columns with the same rows.
    pub(super) fn write(
        &mut self,
        columns: &[ColumnDescPtr],
        shared: &mut Vec<DictionaryRows>,
        codec: &mut PageCodec,
        mut write: impl FnMut(EncodedChunk, &mut PageCodec) -> Result<()>,
    ) -> Result<()> {
        let entities = &self.entities;
        // Most entities are new in all columns or in none, and then have the same index in each. Equal rows are encoded
        // once. `distinct` lists the columns whose rows differ from those of the columns before.
        let mut distinct: Vec<usize> = Vec::new();
        for (place, column) in columns.iter().enumerate().take(N + 1) {
            let is_equal =
                |other: &usize| entities.iter().all(|entity| entity.of_column(*other) == entity.of_column(place));
            let at = distinct.iter().position(is_equal).unwrap_or(distinct.len());
            if shared.len() == at {
                shared.push(DictionaryRows::default());
            }
            let rows = &mut shared[at];
            if distinct.len() == at {
                distinct.push(place);
                rows.set(&self.rows, |row| match (row, entities[row as usize].of_column(place)) {
                    (NO_ENTITY, _) => (0, NULL),
                    (_, NULL) => (1, NULL),
                    (_, index) => (2, index),
                });
            }
            let chunk = match place.checked_sub(1) {
                None => rows.chunk(column.clone(), true, &self.ids, codec),
                Some(text) => {
                    let bounded = BOUNDED_TEXTS.contains(&K::TEXTS[text]);
                    rows.chunk(column.clone(), bounded, &self.texts[text], codec)
                }
            };
            write(chunk?, codec)?;
        }
        self.clear();
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.canonical_by_name.clear();
        self.derived.iter_mut().for_each(Vec::clear);
        self.entities.truncate(1);
        self.ids.clear();
        self.texts.iter_mut().for_each(TextDictionary::clear);
        self.rows.clear();
    }

    /// The approximate memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(TextDictionary::bytes).sum();
        let derived: usize = self.derived.iter().map(|indexes| size_of_val(&indexes[..])).sum();
        let entities = size_of_val(&self.entities[..]) + size_of_val(&self.canonical_by_name[..]);
        self.ids.bytes() + texts + derived + entities + size_of_val(&self.rows[..])
    }
}

/// The entry at `index`. The list grows with `default` if it is shorter.
fn slot<T: Clone>(entries: &mut Vec<T>, index: u32, default: T) -> &mut T {
    let index = index as usize;
    if entries.len() <= index {
        entries.resize(index + 1, default);
    }
    &mut entries[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical_entity::{CanonicalReader, Repo};

    #[test]
    fn bytes_of_entities_count_their_own_types() {
        const ENTITIES: usize = 100;
        let mut columns = EntityColumns::<Repo, 2>::new();
        let empty = columns.bytes();
        for id in 1..=ENTITIES {
            let record = format!(r#"{{"id":{id},"name":"{id:04}"}}"#);
            let entity = CanonicalReader::new(record.as_bytes(), 0).entity::<Repo, 2>().unwrap();
            let index = columns.index_of_canonical(&entity, record.as_bytes());
            columns.push(index);
        }
        let dictionaries = columns.ids.bytes() + columns.texts[NAME].bytes();
        // An id of 8 bytes, the texts and the entity of 4 each; the three indexes of an entity; its row.
        let per_entity = (8 + 4 + 4) + 3 * 4 + 4;
        assert_eq!(columns.bytes() - empty, dictionaries + ENTITIES * per_entity);
    }
}
