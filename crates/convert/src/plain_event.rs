//! The usual record, read without looking anything up: the Events shape with no field but those that have a column.
//!
//! It is a short way to what [`crate::shape`] finds for these records, and for no others: whoever gets no event from here,
//! or finds that an `actor`, `repo` or `org` does not fit its columns, asks there.

use crate::decode::plain_string;
use crate::scan::Object;
use crate::timestamp;

/// An event whose fields are where they usually are; each at most once, none null, no escapes but in the payload and in
/// the entities.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PlainEvent<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) event_type: &'a str,
    /// JSON objects.
    pub(crate) actor: Option<&'a str>,
    pub(crate) repo: Option<&'a str>,
    pub(crate) org: Option<&'a str>,
    pub(crate) public: Option<bool>,
    /// Microseconds since 1970, UTC.
    pub(crate) created_at: i64,
    /// JSON text.
    pub(crate) payload: Option<&'a str>,
}

impl<'a> PlainEvent<'a> {
    /// The event that the acceptable object `object` of `text` is, if it is a plain one.
    pub(crate) fn of(text: &'a str, object: &Object, instants: &mut Instants) -> Option<Self> {
        let mut event = Self::default();
        let mut created_at = None;
        for field in &object.fields {
            let json = &text[field.value()];
            let place = match &text[field.key()] {
                "id" => {
                    once(&mut event.id, plain_string(json)?)?;
                    continue;
                }
                "type" => {
                    let first = event.event_type.is_empty();
                    event.event_type = plain_string(json).filter(|name| first && !name.is_empty())?;
                    continue;
                }
                "created_at" => {
                    once(&mut created_at, instants.parse(plain_string(json)?.as_bytes())?)?;
                    continue;
                }
                "public" => {
                    once(&mut event.public, truth(json)?)?;
                    continue;
                }
                "payload" => {
                    once(&mut event.payload, json)?;
                    continue;
                }
                "actor" => &mut event.actor,
                "repo" => &mut event.repo,
                "org" => &mut event.org,
                _ => return None,
            };
            once(place, Some(json).filter(|json| json.starts_with('{'))?)?;
        }
        event.created_at = created_at?;
        let nothing_is_null = event.payload != Some("null");
        (nothing_is_null && !event.event_type.is_empty()).then_some(event)
    }
}

/// Stores a value where there is none yet.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    match place {
        Some(_) => None,
        None => {
            *place = Some(value);
            Some(())
        }
    }
}

fn truth(json: &str) -> Option<bool> {
    match json {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Reads `created_at`, which is often that of the record before.
#[derive(Default)]
pub(crate) struct Instants {
    text: Vec<u8>,
    /// What the text names; none before the first one.
    instant: Option<i64>,
}

impl Instants {
    pub(crate) fn parse(&mut self, text: &[u8]) -> Option<i64> {
        if self.instant.is_none() || text != self.text {
            self.instant = Some(timestamp::parse(std::str::from_utf8(text).ok()?).ok()?);
            text.clone_into(&mut self.text);
        }
        self.instant
    }
}
