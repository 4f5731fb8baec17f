//! One JSON value in, one event out, or why it is none.
//!
//! A record is accepted if and only if `serde_json::Value` would accept it as an object, and it has a `type` (a string
//! that is not empty) and a `created_at` (a string that [`timestamp`](crate::timestamp) can read). Everything is checked,
//! also what is not stored: UTF-8, surrogates, the range of numbers, a depth of at most 127. No tree is built for it.
//!
//! One exception: serde_json gives an object a meaning of its own if its first key is `$serde_json::private::RawValue`
//! (the text in it is parsed in its place, or the object refused). Here it is a key like any other.
//!
//! Where a key occurs more than once in an object, the last one counts and the others are gone, as in JavaScript.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::quarantine::{Reason, Refusal};
use crate::records::describe;
use crate::row::EventRow;
use crate::shape;

/// The event that `bytes` hold: one JSON value, by its grammar.
pub(crate) fn decode(bytes: &[u8]) -> Result<EventRow<'_>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Refusal::new(Reason::InvalidUtf8, format!("no UTF-8 at byte {} of the record", error.valid_up_to() + 1))
    })?;
    serde_json::from_str::<Checked>(text).map_err(|error| Refusal::new(Reason::InvalidJson, describe(&error)))?;
    let Some(fields) = Fields::of(text) else {
        return Err(Refusal::new(Reason::NotAnObject, format!("{} where an object is expected", kind(text))));
    };
    shape::to_row(&fields)
}

/// The fields of an object, in the order of the source; of equal keys, the last one.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Fields<'a> {
    /// The fields of `json`, a valid JSON text, if it is an object.
    pub(crate) fn of(json: &'a str) -> Option<Self> {
        let mut fields = serde_json::from_str::<Self>(json).ok()?;
        let mut last_of_key = HashMap::with_capacity(fields.0.len());
        for (at, (key, _)) in fields.0.iter().enumerate() {
            last_of_key.insert(&**key, at);
        }
        if last_of_key.len() < fields.0.len() {
            let mut kept: Vec<usize> = last_of_key.into_values().collect();
            kept.sort_unstable();
            fields.0 = kept.into_iter().map(|at| fields.0[at].clone()).collect();
        }
        Some(fields)
    }

    /// The JSON text of the field `name`; none if it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, json)| *json).filter(|json| *json != "null")
    }

    /// Whether there is a field `name`, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Keys and JSON texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, json)| (&**key, *json))
    }
}

/// What kind of JSON value `json`, a valid JSON text, is.
pub(crate) fn kind(json: &str) -> Kind {
    match json.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// A kind of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Null => "null",
        })
    }
}

/// The string that `json`, a valid JSON text, is, without quotes and escapes.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json).ok().map(Cow::Owned)
}

/// The integer that `json`, a valid JSON text, is, if it is one of 64 bits. (`-0`, `1.0` and `1e3` are none.)
pub(crate) fn integer(json: &str) -> Option<i64> {
    json.parse().ok().filter(|_| json != "-0")
}

/// A value that `serde_json::Value` would accept. It is looked at as a whole and dropped.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckedVisitor)
    }
}

struct CheckedVisitor;

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Checked, A::Error> {
        while items.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Checked, A::Error> {
        while entries.next_entry::<Checked, Checked>()?.is_some() {}
        Ok(Checked)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::with_capacity(8);
        while let Some((Key(key), value)) = entries.next_entry::<Key<'de>, &'de RawValue>()? {
            fields.push((key, value.get()));
        }
        Ok(Fields(fields))
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

#[cfg(test)]
mod tests;
