//! The columns of `actor`, `repo` or `org`.
//!
//! As GitHub spells these objects, all that is in them follows from an id and a name (`usual`): whoever has been seen
//! under that name is looked up by it, and of somebody new only the id and the name have to be. Any other object is looked
//! up as a whole, as the source spells it, and taken apart if it is new in the row group.

use std::borrow::Cow;
use std::marker::PhantomData;

use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{NULL, Numbers, Texts};
use super::leaf::Indexes;
use crate::decode::integer;
use crate::pages::{Codec, Encoded};
use crate::row::Entity;
use crate::scan::Scanner;
use crate::shape;
use crate::usual::{self, Kind, Origin, Usual, plain_integer, shown};

/// The texts that people filter by. Bounds of the others, the same prefix in all of them, would help nobody.
const FILTERED: [&str; 2] = ["login", "name"];

/// The entity without any field, as which null is stored.
pub(super) const NOBODY: u32 = 0;

/// Place of the name, which other texts are made from.
const NAME: usize = 0;

/// Columns of an id and `N` texts, the first of which is a name, and the rows of the row group as numbers of entities.
pub(super) struct EntityColumns<K, const N: usize> {
    kind: PhantomData<K>,
    /// Objects as the source spells them, but for those in the usual spelling.
    objects: Texts,
    /// The entity that each object is, or [`NULL`] if it is not stored by its columns alone.
    entity_of_object: Vec<u32>,
    /// Who was last seen in the usual spelling under each name.
    usual: Vec<Seen>,
    entities: Vec<Columns<N>>,
    ids: Numbers,
    texts: [Texts; N],
    /// Of each column, the number of the text that is made from each name (or id), or [`NULL`].
    made_from: [Vec<u32>; N],
    rows: Vec<u32>,
}

/// An entity in the usual spelling. Its name, its id and which texts it has say all of it.
#[derive(Clone, Copy, Default)]
struct Seen {
    id: i64,
    /// As in [`Usual`]; none where nobody was seen yet.
    texts: u32,
    entity: u32,
}

/// An entity, by the numbers of its values.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Columns<const N: usize> {
    id: u32,
    texts: [u32; N],
}

impl<const N: usize> Columns<N> {
    /// The number in a column: that of the id is the first one.
    fn number(&self, place: usize) -> u32 {
        place.checked_sub(1).map_or(self.id, |text| self.texts[text])
    }
}

impl<K: Kind<N>, const N: usize> EntityColumns<K, N> {
    pub(super) fn new() -> Self {
        Self {
            kind: PhantomData,
            objects: Texts::default(),
            entity_of_object: Vec::new(),
            usual: Vec::new(),
            entities: vec![Columns { id: NULL, texts: [NULL; N] }],
            ids: Numbers::default(),
            texts: std::array::from_fn(|_| Texts::default()),
            made_from: std::array::from_fn(|_| Vec::new()),
            rows: Vec::new(),
        }
    }

    /// The entity that `object` (a JSON object, or null if absent) is; none if its columns do not hold all of it.
    #[inline]
    pub(super) fn of_object(&mut self, object: Option<&str>, scanner: &mut Scanner) -> Option<u32> {
        let Some(json) = object else { return Some(NOBODY) };
        match usual::read::<K, N>(json) {
            Some(usual) => Some(self.of_usual(&usual, json.as_bytes())),
            None => self.of_unusual(json, scanner),
        }
    }

    /// The entity that is spelled in this way somewhere in `record`.
    #[inline]
    pub(super) fn of_usual(&mut self, usual: &Usual, record: &[u8]) -> u32 {
        let Usual { id, digits, name, texts } = *usual;
        let (name, digits) = (name.of(record), digits.of(record));
        let number = self.texts[NAME].number(name).0;
        let seen = *slot(&mut self.usual, number, Seen::default());
        if (seen.id, seen.texts) == (id, texts) {
            return seen.entity;
        }
        let mut columns = Columns { id: self.ids.number(id), texts: [NULL; N] };
        columns.texts[NAME] = number;
        for (place, column) in K::COLUMNS.iter().enumerate().skip(1).filter(|(place, _)| texts >> place & 1 == 1) {
            columns.texts[place] = match column.origin {
                Origin::Own => self.own(place, b""),
                Origin::Shown => {
                    let shown = shown(name);
                    let from = if shown.len() < name.len() { self.texts[NAME].number(shown).0 } else { number };
                    self.made(place, from, [shown, b"", b""])
                }
                Origin::Name(prefix) => self.made(place, number, [prefix.as_bytes(), name, b""]),
                Origin::Id(prefix, suffix) => {
                    self.made(place, columns.id, [prefix.as_bytes(), digits, suffix.as_bytes()])
                }
            };
        }
        let entity = self.push_entity(columns);
        self.usual[number as usize] = Seen { id, texts, entity };
        entity
    }

    fn of_unusual(&mut self, json: &str, scanner: &mut Scanner) -> Option<u32> {
        let (object, new) = self.objects.number(json.as_bytes());
        if new {
            let mut entity = Entity::default();
            let stored = plain_entity(K::TEXTS, json, &mut entity).is_some() || {
                entity = Entity::default();
                shape::store_entity(K::TEXTS, json, &mut entity, scanner).is_none()
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
        for (place, text) in entity.texts.iter().enumerate() {
            if let Some(text) = text {
                columns.texts[place] = self.text(place, text);
            }
        }
        self.push_entity(columns)
    }

    fn push_entity(&mut self, columns: Columns<N>) -> u32 {
        self.entities.push(columns);
        self.entities.len() as u32 - 1
    }

    /// The number of a text in its column.
    fn text(&mut self, place: usize, text: &str) -> u32 {
        // A text is made from a name or an id if it could be, be it another one's: so each is in its column once.
        match K::COLUMNS[place].origin {
            Origin::Own => self.own(place, text.as_bytes()),
            Origin::Shown => {
                let name = self.texts[NAME].number(text.as_bytes()).0;
                self.made(place, name, [text.as_bytes(), b"", b""])
            }
            Origin::Name(prefix) => match text.strip_prefix(prefix) {
                Some(name) => {
                    let name = self.texts[NAME].number(name.as_bytes()).0;
                    self.made(place, name, [text.as_bytes(), b"", b""])
                }
                None => self.own(place, text.as_bytes()),
            },
            Origin::Id(prefix, suffix) => {
                let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
                match digits.and_then(|digits| plain_integer(digits.as_bytes())) {
                    Some(id) => {
                        let id = self.ids.number(id);
                        self.made(place, id, [text.as_bytes(), b"", b""])
                    }
                    None => self.own(place, text.as_bytes()),
                }
            }
        }
    }

    /// The number of a text that is made from nothing else; it is often that of the last entity.
    fn own(&mut self, place: usize, text: &[u8]) -> u32 {
        let last = self.entities.last().map(|columns| columns.texts[place]).filter(|number| *number != NULL);
        self.texts[place].again_or_number(last, text)
    }

    /// The number of the text of these parts, which is made from the name (or id) of number `from`.
    fn made(&mut self, place: usize, from: u32, parts: [&[u8]; 3]) -> u32 {
        if place == NAME {
            return from;
        }
        let number = slot(&mut self.made_from[place], from, NULL);
        if *number == NULL {
            *number = self.texts[place].push(parts);
        }
        *number
    }

    /// Adds a row.
    pub(super) fn push(&mut self, entity: u32) {
        self.rows.push(entity);
    }

    /// Gives the column chunks of the rows so far to `write`, one after the other; the next row begins others.
    pub(super) fn take(
        &mut self,
        columns: &[ColumnDescPtr],
        indexes: &mut Vec<Indexes>,
        codec: &mut Codec,
        mut write: impl FnMut(Encoded, &mut Codec) -> Result<()>,
    ) -> Result<()> {
        let entities = &self.entities;
        // Mostly each entity is new in all of its columns or in none, and so has one number in them: such rows are written
        // once. These are the columns whose numbers differ from those of the ones before.
        let mut apart: Vec<usize> = Vec::new();
        for (place, column) in columns.iter().enumerate().take(N + 1) {
            let same = |other: &usize| entities.iter().all(|entity| entity.number(*other) == entity.number(place));
            let at = apart.iter().position(same).unwrap_or(apart.len());
            if indexes.len() == at {
                indexes.push(Indexes::default());
            }
            let indexes = &mut indexes[at];
            if apart.len() == at {
                apart.push(place);
                indexes.take(&self.rows, |row| match (row, entities[row as usize].number(place)) {
                    (NOBODY, _) => (0, NULL),
                    (_, NULL) => (1, NULL),
                    (_, number) => (2, number),
                });
            }
            let chunk = match place.checked_sub(1) {
                None => indexes.chunk(column.clone(), true, &self.ids, codec),
                Some(text) => {
                    let bounded = FILTERED.contains(&K::TEXTS[text]);
                    indexes.chunk(column.clone(), bounded, &self.texts[text], codec)
                }
            };
            write(chunk?, codec)?;
        }
        self.clear();
        Ok(())
    }

    /// Forgets the rows.
    pub(super) fn clear(&mut self) {
        self.objects.clear();
        self.entity_of_object.clear();
        self.usual.clear();
        self.made_from.iter_mut().for_each(Vec::clear);
        self.entities.truncate(1);
        self.ids.clear();
        self.texts.iter_mut().for_each(Texts::clear);
        self.rows.clear();
    }

    /// About the bytes held.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(Texts::bytes).sum();
        let of_numbers: usize = self.made_from.iter().chain([&self.entity_of_object]).map(Vec::len).sum();
        let entities =
            self.entities.len() * size_of::<Columns<N>>() + of_numbers * 4 + self.usual.len() * size_of::<Usual>();
        self.objects.bytes() + self.ids.bytes() + texts + entities + self.rows.len() * 4
    }
}

/// What is noted for `number`; `nothing` at first.
fn slot<T: Clone>(notes: &mut Vec<T>, number: u32, nothing: T) -> &mut T {
    let number = number as usize;
    if notes.len() <= number {
        notes.resize(number + 1, nothing);
    }
    &mut notes[number]
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
