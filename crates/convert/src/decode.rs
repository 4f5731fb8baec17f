//! Decodes a record: its text and fields, or the reason for its rejection.
//!
//! A record is accepted if and only if `serde_json::Value` accepts it as an object, and it has a `type` (a string that
//! is not empty) and a `created_at` (a string that [`timestamp`](crate::timestamp) parses). All of the record is
//! checked, including parts that are not stored: UTF-8, surrogates, the range of numbers, a depth of at most 127. No
//! tree is built.
//!
//! One exception: `serde_json` treats an object specially if its first key is `$serde_json::private::RawValue`. Here
//! that is an ordinary key.
//!
//! If a key occurs more than once in an object, the last one counts, as in JavaScript.

mod flaw;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use json_scan::{ScannedObject, Scanner};

use crate::reject::{RecordRejectReason, RecordRejection};

/// The fields of the record `bytes`, which is the object `object`.
pub(crate) fn object_fields<'a>(bytes: &'a [u8], object: &ScannedObject) -> Result<ObjectFields<'a>, RecordRejection> {
    let text = utf8(bytes)?;
    if object.acceptable {
        return Ok(ObjectFields::new(text, object));
    }
    Err(RecordRejection::new(RecordRejectReason::InvalidJson, flaw::describe_flaw(text).unwrap_or_default()))
}

/// Why the record `bytes`, a JSON value other than an object, is rejected.
pub(crate) fn not_an_object(bytes: &[u8]) -> RecordRejection {
    let text = match utf8(bytes) {
        Ok(text) => text,
        Err(rejection) => return rejection,
    };
    match flaw::describe_flaw(text) {
        Some(flaw) => RecordRejection::new(RecordRejectReason::InvalidJson, flaw),
        None => RecordRejection::new(
            RecordRejectReason::NotAnObject,
            format!("{} where an object is expected", json_kind(text)),
        ),
    }
}

/// The record `bytes` as text.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, RecordRejection> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        let valid = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
        let detail = format!("no UTF-8 at byte {} of the record", valid + 1);
        RecordRejection::new(RecordRejectReason::InvalidUtf8, detail)
    })
}

/// The fields of an object in the order of the source. If a key is repeated, only the last field remains.
#[derive(Debug, Default)]
pub(crate) struct ObjectFields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> ObjectFields<'a> {
    /// The fields of `json`, which is the acceptable object `object`.
    fn new(json: &'a str, object: &ScannedObject) -> Self {
        let key = |range: std::ops::Range<usize>| {
            let plain = &json[range.clone()];
            if plain.contains('\\') {
                string(&json[range.start - 1..=range.end]).unwrap_or_default()
            } else {
                Cow::Borrowed(plain)
            }
        };
        let fields = object.fields.iter().map(|field| (key(field.key()), &json[field.value()])).collect();
        let mut fields = Self(fields);
        fields.keep_last_of_equal_keys();
        fields
    }

    /// The fields of `json`, a part of an acceptable record; `None` if it is not an object.
    pub(crate) fn of(json: &'a str, scanner: &mut Scanner) -> Option<Self> {
        scanner.reset();
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

    /// The JSON text of the field `name`; `None` if it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, json)| *json).filter(|json| *json != "null")
    }

    /// Whether there is a field `name`; it may be null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Keys and JSON texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, json)| (&**key, *json))
    }
}

/// The kind of the JSON value `json`.
pub(crate) fn json_kind(json: &str) -> JsonKind {
    match json.as_bytes().first() {
        Some(b'{') => JsonKind::Object,
        Some(b'[') => JsonKind::Array,
        Some(b'"') => JsonKind::String,
        Some(b't' | b'f') => JsonKind::Bool,
        Some(b'n') => JsonKind::Null,
        _ => JsonKind::Number,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl fmt::Display for JsonKind {
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

/// The text of the JSON string `json`, with its escapes decoded; `None` if `json` is another kind of value.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    match plain_string(json) {
        Some(text) => Some(Cow::Borrowed(text)),
        None => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
    }
}

/// The text of the JSON string `json`, if it has no escapes.
#[expect(clippy::needless_bitwise_bool, reason = "a loop without an early exit, which the compiler vectorizes")]
fn plain_string(json: &str) -> Option<&str> {
    const SHORT: usize = 64;
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    let escaped = match inner.len() {
        0..=SHORT => inner.bytes().fold(false, |found, byte| found | (byte == b'\\')),
        _ => memchr::memchr(b'\\', inner.as_bytes()).is_some(),
    };
    (!escaped).then_some(inner)
}

/// The JSON number `json`, if it is an integer of 64 bits. `-0`, `1.0` and `1e3` are not.
pub(crate) fn integer(json: &str) -> Option<i64> {
    json.parse().ok().filter(|_| json != "-0")
}

#[cfg(test)]
mod tests;
