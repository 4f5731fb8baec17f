//! The reason why `serde_json` rejects a text. Used only for records that are already known to be bad.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json_error::describe;

/// Why `serde_json::Value` rejects the text, with the byte of the record; `None` if it accepts it.
pub(super) fn describe_flaw(text: &str) -> Option<String> {
    serde_json::from_str::<AcceptedJson>(text).err().map(|error| describe(&error))
}

/// A value that `serde_json::Value` accepts. It is parsed to its end and dropped.
struct AcceptedJson;

impl<'de> Deserialize<'de> for AcceptedJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AcceptedJsonVisitor)
    }
}

struct AcceptedJsonVisitor;

impl<'de> Visitor<'de> for AcceptedJsonVisitor {
    type Value = AcceptedJson;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<AcceptedJson, E> {
        Ok(AcceptedJson)
    }

    fn visit_i64<E>(self, _: i64) -> Result<AcceptedJson, E> {
        Ok(AcceptedJson)
    }

    fn visit_u64<E>(self, _: u64) -> Result<AcceptedJson, E> {
        Ok(AcceptedJson)
    }

    fn visit_f64<E>(self, _: f64) -> Result<AcceptedJson, E> {
        Ok(AcceptedJson)
    }

    fn visit_str<E>(self, _: &str) -> Result<AcceptedJson, E> {
        Ok(AcceptedJson)
    }

    fn visit_unit<E>(self) -> Result<AcceptedJson, E> {
        Ok(AcceptedJson)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AcceptedJson, A::Error> {
        while items.next_element::<AcceptedJson>()?.is_some() {}
        Ok(AcceptedJson)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<AcceptedJson, A::Error> {
        while entries.next_entry::<AcceptedJson, AcceptedJson>()?.is_some() {}
        Ok(AcceptedJson)
    }
}
