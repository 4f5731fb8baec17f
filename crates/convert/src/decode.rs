//! What a record holds: its text and fields, if it is acceptable, or why it is not.
//!
//! A record is accepted if and only if `serde_json::Value` would accept it as an object, and it has a `type` (a string
//! that is not empty) and a `created_at` (a string that [`timestamp`](crate::timestamp) can read). Everything is checked,
//! also what is not stored: UTF-8, surrogates, the range of numbers, a depth of at most 127. No tree is built for it.
//!
//! One exception: serde_json gives an object a meaning of its own if its first key is `$serde_json::private::RawValue`
//! (the text in it is parsed in its place, or the object refused). Here it is a key like any other.
//!
//! Where a key occurs more than once in an object, the last one counts and the others are gone, as in JavaScript.

mod checked;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::quarantine::{Reason, Refusal};
use crate::scan::{Object, Scanner};

/// The record `bytes` as text, and its fields: it is one JSON value, and `object` what was noted of it if it is an object.
pub(crate) fn acceptable<'a, 'o>(
    bytes: &'a [u8],
    object: Option<&'o Object>,
) -> Result<(&'a str, &'o Object), Refusal> {
    let text = text(bytes)?;
    match object {
        Some(object) if object.acceptable => Ok((text, object)),
        Some(_) => Err(Refusal::new(Reason::InvalidJson, checked::flaw(text).unwrap_or_default())),
        None => Err(match checked::flaw(text) {
            Some(flaw) => Refusal::new(Reason::InvalidJson, flaw),
            None => Refusal::new(Reason::NotAnObject, format!("{} where an object is expected", kind(text))),
        }),
    }
}

/// The record `bytes` as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        let valid = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
        Refusal::new(Reason::InvalidUtf8, format!("no UTF-8 at byte {} of the record", valid + 1))
    })
}

/// The fields of an object, in the order of the source; of equal keys, the last one.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Fields<'a> {
    /// The fields of `json`, which is the acceptable object `object`.
    pub(crate) fn new(json: &'a str, object: &Object) -> Self {
        let key = |range: std::ops::Range<usize>| {
            let plain = &json[range.clone()];
            match plain.contains('\\') {
                true => string(&json[range.start - 1..range.end + 1]).unwrap_or_default(),
                false => Cow::Borrowed(plain),
            }
        };
        let fields = object.fields.iter().map(|field| (key(field.key()), &json[field.value()])).collect();
        let mut fields = Self(fields);
        fields.keep_last_of_equal_keys();
        fields
    }

    /// The fields of `json`, an acceptable JSON text, if it is an object.
    pub(crate) fn of(json: &'a str, scanner: &mut Scanner) -> Option<Self> {
        scanner.forget();
        scanner.scan(json.as_bytes(), 0, json.len()).ok()?;
        Some(Self::new(json, scanner.object()))
    }

    fn keep_last_of_equal_keys(&mut self) {
        const FEW: usize = 16;
        let keys = || self.0.iter().map(|(key, _)| key);
        if self.0.len() <= FEW && keys().enumerate().all(|(at, key)| keys().take(at).all(|other| other != key)) {
            return;
        }
        let mut last_of_key = HashMap::with_capacity(self.0.len());
        for (at, (key, _)) in self.0.iter().enumerate() {
            last_of_key.insert(&**key, at);
        }
        if last_of_key.len() < self.0.len() {
            let mut kept: Vec<usize> = last_of_key.into_values().collect();
            kept.sort_unstable();
            self.0 = kept.into_iter().map(|at| self.0[at].clone()).collect();
        }
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
    match plain_string(json) {
        Some(text) => Some(Cow::Borrowed(text)),
        None => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
    }
}

/// The string that `json`, a valid JSON text, is, if it is one without escapes.
pub(crate) fn plain_string(json: &str) -> Option<&str> {
    const SHORT: usize = 64;
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    let escaped = match inner.len() {
        // A loop without an early end is done in few steps.
        0..=SHORT => inner.bytes().fold(false, |found, byte| found | (byte == b'\\')),
        _ => memchr::memchr(b'\\', inner.as_bytes()).is_some(),
    };
    (!escaped).then_some(inner)
}

/// The integer that `json`, a valid JSON text, is, if it is one of 64 bits. (`-0`, `1.0` and `1e3` are none.)
pub(crate) fn integer(json: &str) -> Option<i64> {
    json.parse().ok().filter(|_| json != "-0")
}

#[cfg(test)]
mod tests;
