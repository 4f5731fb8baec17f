//! The contract of an event.
//!
//! An event is a JSON object with `event_uuid` (a UUID), `event_name` (`type:rest`, for example `lesson:started` or
//! `product:processed:timeout`) and `created_at` (whole milliseconds since 1970). All other fields are stored unchanged.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::datetime::DatetimeWriter;

/// The longest `event_name` in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// The earliest valid `created_at`: 2020-01-01. An earlier time comes from a clock that was never set.
pub const EARLIEST_MS: i64 = 1_577_836_800_000;
/// `created_at` may be this much later than the arrival of the record, because producers' clocks are not exact.
pub const MAX_AHEAD_MS: i64 = 24 * 60 * 60 * 1000;
/// The subtype of a name without a second part.
pub const NO_SUBTYPE: &str = "n.a";

/// A valid event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `event_uuid` in lower case: the identity of the event.
    pub uuid: String,
    /// `event_name`.
    pub name: String,
    /// `created_at` in milliseconds since 1970.
    pub created_ms: i64,
    /// All other fields as a JSON object with the producer's text; `None` if there are no others.
    pub other: Option<String>,
}

/// The data is not a valid event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventRejectReason {
    /// The data is not JSON, or other bytes follow the JSON value.
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("not a JSON object")]
    NotAnObject,
    /// A field of the contract occurs twice.
    #[error("{0} occurs twice")]
    FieldTwice(&'static str),
    #[error("event_uuid {0}")]
    BadUuid(&'static str),
    #[error("event_name {0}")]
    BadName(&'static str),
    #[error("created_at {0}")]
    BadTime(&'static str),
    #[error("{0} bytes, more than the {max} of a record", max = crate::record::MAX_RECORD_BYTES)]
    TooLarge(usize),
    /// The record has the mark of an aggregated record, but is damaged.
    #[error("aggregated record: {0}")]
    BadAggregate(String),
}

impl EventRejectReason {
    /// The stable name in the quarantine and in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::FieldTwice(_) => "field_twice",
            Self::BadUuid(_) => "bad_uuid",
            Self::BadName(_) => "bad_name",
            Self::BadTime(_) => "bad_time",
            Self::TooLarge(_) => "too_large",
            Self::BadAggregate(_) => "bad_aggregate",
        }
    }
}

impl Event {
    /// Parses an event that arrived at `arrived_ms`.
    pub fn parse(bytes: &[u8], arrived_ms: i64) -> Result<Self, EventRejectReason> {
        // Checks UTF-8 once for the whole event instead of once per text.
        let text = std::str::from_utf8(bytes).map_err(|error| EventRejectReason::NotJson(error.to_string()))?;
        let fields: EventFields<'_> = serde_json::from_str(text).map_err(|error| no_object(text, &error))?;
        if let Some(name) = fields.repeated {
            return Err(EventRejectReason::FieldTwice(name));
        }
        let created_ms = created_at(fields.created_at, arrived_ms)?;
        Ok(Self { uuid: uuid(fields.uuid)?, name: name(fields.name)?, created_ms, other: fields.other })
    }

    /// `event_type`: the name before its first colon.
    pub fn event_type(&self) -> &str {
        &self.name[..self.type_len()]
    }

    /// `event_subtype`: the name after its first colon, or [`NO_SUBTYPE`].
    pub fn subtype(&self) -> &str {
        self.name.get(self.type_len() + 1..).filter(|rest| !rest.is_empty()).unwrap_or(NO_SUBTYPE)
    }

    fn type_len(&self) -> usize {
        self.name.bytes().position(|byte| byte == b':').unwrap_or(self.name.len())
    }

    /// `created_datetime`: ISO 8601 in UTC with milliseconds, `2025-11-21T00:00:00.250Z`.
    pub fn created_datetime(&self) -> String {
        DatetimeWriter::new().write(self.created_ms).to_owned()
    }
}

fn uuid(raw: Option<&RawValue>) -> Result<String, EventRejectReason> {
    let raw = raw.ok_or(EventRejectReason::BadUuid("is missing"))?;
    let text: Cow<'_, str> = text(raw).ok_or(EventRejectReason::BadUuid("is not text"))?;
    // Counting all digits is faster than stopping at the first other byte.
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let is_uuid = text.len() == 36 && digits == 32 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
    if is_uuid { Ok(text.to_ascii_lowercase()) } else { Err(EventRejectReason::BadUuid("is not a UUID")) }
}

fn name(raw: Option<&RawValue>) -> Result<String, EventRejectReason> {
    let raw = raw.ok_or(EventRejectReason::BadName("is missing"))?;
    let text = text(raw).ok_or(EventRejectReason::BadName("is not text"))?;
    if text.is_empty() || text.starts_with(':') {
        return Err(EventRejectReason::BadName("has no type"));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(EventRejectReason::BadName("is longer than 256 bytes"));
    }
    Ok(text.into_owned())
}

fn created_at(raw: Option<&RawValue>, arrived_ms: i64) -> Result<i64, EventRejectReason> {
    let raw = raw.ok_or(EventRejectReason::BadTime("is missing"))?;
    let created_ms: i64 =
        raw.get().parse().map_err(|_| EventRejectReason::BadTime("is not a whole number of milliseconds"))?;
    if created_ms < EARLIEST_MS {
        return Err(EventRejectReason::BadTime("is before 2020"));
    }
    if created_ms > arrived_ms.saturating_add(MAX_AHEAD_MS) {
        return Err(EventRejectReason::BadTime("is more than a day after the record's arrival"));
    }
    Ok(created_ms)
}

/// The text of a JSON string, borrowed if it has no escapes.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

fn no_object(text: &str, error: &serde_json::Error) -> EventRejectReason {
    if error.is_data() && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return EventRejectReason::NotAnObject;
    }
    EventRejectReason::NotJson(error.to_string())
}

/// The fields of an event as JSON text.
#[derive(Default)]
struct EventFields<'a> {
    uuid: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    created_at: Option<&'a RawValue>,
    other: Option<String>,
    /// A field of the contract that occurs twice.
    repeated: Option<&'static str>,
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for EventFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventFieldsVisitor)
    }
}

struct EventFieldsVisitor;

impl<'de> Visitor<'de> for EventFieldsVisitor {
    type Value = EventFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<EventFields<'de>, M::Error> {
        let mut fields = EventFields::default();
        while let Some(FieldName(key)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            let (field, name) = match &*key {
                "event_uuid" => (&mut fields.uuid, "event_uuid"),
                "event_name" => (&mut fields.name, "event_name"),
                "created_at" => (&mut fields.created_at, "created_at"),
                _ => {
                    push_field(&mut fields.other, key, value.get());
                    continue;
                }
            };
            if field.replace(value).is_some() {
                fields.repeated = Some(name);
            }
        }
        if let Some(other) = &mut fields.other {
            other.push('}');
        }
        Ok(fields)
    }
}

/// The name of a field, borrowed if it has no escapes.
struct FieldName<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for FieldName<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldNameVisitor;
        impl<'de> Visitor<'de> for FieldNameVisitor {
            type Value = FieldName<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<FieldName<'de>, E> {
                Ok(FieldName(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<FieldName<'de>, E> {
                Ok(FieldName(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(FieldNameVisitor)
    }
}

fn push_field(other: &mut Option<String>, key: Cow<'_, str>, value: &str) {
    let text = other.get_or_insert_with(|| String::with_capacity(256));
    text.push(if text.is_empty() { '{' } else { ',' });
    match key {
        // A borrowed name has no escapes, so it needs none.
        Cow::Borrowed(key) => text.extend(["\"", key, "\""]),
        Cow::Owned(key) => text.push_str(&serde_json::to_string(&key).expect("any text can be written as JSON")),
    }
    text.push(':');
    text.push_str(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6f1b4c1e-0000-4000-8000-00000000000a";
    const ARRIVED: i64 = 1_763_683_200_000;

    fn parse(json: &str) -> Result<Event, EventRejectReason> {
        Event::parse(json.replace("UUID", UUID).as_bytes(), ARRIVED)
    }

    #[test]
    fn event_keeps_its_other_fields() {
        let event = parse(
            r#"{"user": {"id":1, "x":[ ]}, "event_uuid":"6F1B4C1E-0000-4000-8000-00000000000A","event_name":"product:processed:timeout","created_at":1763683199250,"a\"b":"\u00fc"}"#,
        )
        .unwrap();
        assert_eq!(event.uuid, UUID, "the UUID is the same in upper and lower case");
        assert_eq!((event.event_type(), event.subtype()), ("product", "processed:timeout"));
        assert_eq!(event.created_datetime(), "2025-11-20T23:59:59.250Z");
        assert_eq!(event.other.as_deref(), Some(r#"{"user":{"id":1, "x":[ ]},"a\"b":"\u00fc"}"#));
    }

    #[test]
    fn event_name_has_type_and_subtype() {
        for (name, event_type, subtype) in [
            ("login", "login", "n.a"),
            ("lesson:started", "lesson", "started"),
            ("a:", "a", "n.a"),
            ("a::b", "a", ":b"),
        ] {
            let event =
                parse(&format!(r#"{{"event_uuid":"UUID","event_name":"{name}","created_at":1763683200000}}"#)).unwrap();
            assert_eq!((event.event_type(), event.subtype(), event.other.as_deref()), (event_type, subtype, None));
        }
    }

    #[test]
    fn invalid_event_has_a_reason() {
        let (u, n, t) = (r#""event_uuid":"UUID""#, r#""event_name":"a:b""#, r#""created_at":1763683200000"#);
        for (json, reason, message) in [
            ("{".to_owned(), "not_json", "not JSON: EOF while parsing an object at line 1 column 1"),
            (format!("{{{u},{n},{t}}}x"), "not_json", "not JSON: trailing characters at line 1 column 100"),
            ("[1]".to_owned(), "not_an_object", "not a JSON object"),
            ("7".to_owned(), "not_an_object", "not a JSON object"),
            (format!("{{{n},{t}}}"), "bad_uuid", "event_uuid is missing"),
            (format!(r#"{{"event_uuid":null,{n},{t}}}"#), "bad_uuid", "event_uuid is not text"),
            (format!(r#"{{"event_uuid":"17",{n},{t}}}"#), "bad_uuid", "event_uuid is not a UUID"),
            (format!("{{{u},{t}}}"), "bad_name", "event_name is missing"),
            (format!(r#"{{{u},"event_name":":x",{t}}}"#), "bad_name", "event_name has no type"),
            (
                format!(r#"{{{u},"event_name":"{}",{t}}}"#, "n".repeat(257)),
                "bad_name",
                "event_name is longer than 256 bytes",
            ),
            (format!("{{{u},{n}}}"), "bad_time", "created_at is missing"),
            (
                format!(r#"{{{u},{n},"created_at":"2025"}}"#),
                "bad_time",
                "created_at is not a whole number of milliseconds",
            ),
            (
                format!(r#"{{{u},{n},"created_at":1.5e12}}"#),
                "bad_time",
                "created_at is not a whole number of milliseconds",
            ),
            (format!(r#"{{{u},{n},"created_at":1763683200}}"#), "bad_time", "created_at is before 2020"),
            (
                format!(r#"{{{u},{n},"created_at":1763769600001}}"#),
                "bad_time",
                "created_at is more than a day after the record's arrival",
            ),
            (format!("{{{u},{u},{n},{t}}}"), "field_twice", "event_uuid occurs twice"),
        ] {
            let error = parse(&json).unwrap_err();
            assert_eq!((error.name(), error.to_string().as_str()), (reason, message), "{json}");
        }
        assert_eq!(Event::parse(b"\xff{}", ARRIVED).unwrap_err().name(), "not_json");
        let deep = format!(r#"{{{u},{n},{t},"x":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
        assert_eq!(parse(&deep).unwrap().other.unwrap().len(), 1007, "nesting uses no stack");
    }
}
