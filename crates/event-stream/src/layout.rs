//! Partitions and object keys of events.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use foldhash::fast::FixedState;
use twox_hash::XxHash3_128;

use crate::datetime::{DAY_MS, date};
use crate::event::Event;
use crate::record::RecordId;

/// The partition of events whose type is not configured.
pub const OTHER: &str = "other";
/// The largest number of configured types.
pub const MAX_TYPES: usize = 200;

/// Pieces are hashed when they have this many bytes.
const PIECES_BYTES: usize = 4096;

/// The format of stored objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectFormat {
    /// With Snappy.
    #[default]
    Parquet,
    /// With gzip.
    JsonLines,
}

impl ObjectFormat {
    /// The suffix of the object key.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Parquet => "snappy.parquet",
            Self::JsonLines => "json.gz",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Parquet => "application/vnd.apache.parquet",
            Self::JsonLines => "application/x-ndjson",
        }
    }
}

/// The event types that have separate partitions: the values of the Glue table's partition projection.
///
/// A partition outside the projection is invisible, so events of all other types are stored under [`OTHER`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypes(HashSet<String, FixedState>);

impl FromStr for EventTypes {
    type Err = String;

    /// Parses `lesson,product,other`. Each name must equal its [`safe`] form.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut types = HashSet::default();
        for name in text.split(',').map(str::trim) {
            if name.is_empty() || safe(name) != name {
                return Err(format!("event type '{name}' must have 1 to 64 characters of a-z, 0-9, _ and -"));
            }
            types.insert(name.to_owned());
        }
        if types.len() > MAX_TYPES {
            return Err(format!("more than {MAX_TYPES} event types"));
        }
        if !types.contains(OTHER) {
            return Err(format!("the event types must contain '{OTHER}'"));
        }
        Ok(Self(types))
    }
}

impl EventTypes {
    /// The partition value of a type.
    pub fn partition_value(&self, event_type: &str) -> &str {
        match self.0.get(event_type) {
            Some(event_type) => event_type,
            None => self.0.get(&safe(event_type)).map_or(OTHER, String::as_str),
        }
    }
}

/// A type as part of a key: in lower case, with `_` for characters other than letters, digits, `_` and `-`, cut to 64
/// characters.
pub fn safe(event_type: &str) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let safe = |character: char| if is_safe(character) { character.to_ascii_lowercase() } else { '_' };
    event_type.chars().take(64).map(safe).collect()
}

/// A partition of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    pub event_type: String,
    /// `event_date`: the day of `created_at` in UTC, in days since 1970.
    pub day: i32,
}

impl Partition {
    /// The partition of an event.
    pub fn of(event: &Event, types: &EventTypes) -> Self {
        let event_type = types.partition_value(event.event_type()).to_owned();
        Self { event_type, day: Self::day_of(event) }
    }

    pub fn day_of(event: &Event) -> i32 {
        i32::try_from(event.created_ms.div_euclid(DAY_MS)).expect("the time of a parsed event is in range")
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event_type={}/event_date={}", self.event_type, date(self.day.into()))
    }
}

/// The key of an object: its partition, the first and last record of the batch, and the hash of everything that determines
/// its content.
pub fn object_key(
    partition: &Partition,
    first: &RecordId,
    last: &RecordId,
    hash: u128,
    format: ObjectFormat,
) -> String {
    let RecordId { shard, sequence } = first;
    let (last, suffix) = (&last.sequence, format.suffix());
    format!("events/{partition}/{shard}-{sequence}-{last}-{hash:032x}.{suffix}")
}

/// The key of the bad records of a batch.
pub fn quarantine_key(first: &RecordId, last: &RecordId, hash: u128) -> String {
    let RecordId { shard, sequence } = first;
    format!("quarantine/events/{shard}/{sequence}-{}-{hash:032x}.jsonl", last.sequence)
}

/// Hashes everything that determines the content of an object.
#[derive(Clone, Default)]
pub struct ContentHash {
    hash: XxHash3_128,
    /// Bytes that are not hashed yet: hashing many small pieces at once is faster.
    pieces: Vec<u8>,
}

impl ContentHash {
    /// Adds bytes with their length, so that different sequences of additions never hash the same bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        if self.pieces.len() + bytes.len() > PIECES_BYTES {
            self.hash.write(&self.pieces);
            self.pieces.clear();
        }
        self.pieces.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.pieces.extend_from_slice(bytes);
    }

    pub fn finish(mut self) -> u128 {
        self.hash.write(&self.pieces);
        self.hash.finish_128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_value_of_unknown_type_is_other() {
        let types: EventTypes = "lesson, product,other".parse().unwrap();
        for (event_type, value) in [
            ("lesson", "lesson"),
            ("Lesson", "lesson"),
            ("lesson/../x", "other"),
            ("__HIVE_DEFAULT_PARTITION__", "other"),
            ("ümlaut", "other"),
            ("a=b%2f", "other"),
        ] {
            assert_eq!(types.partition_value(event_type), value, "{event_type}");
        }
    }

    #[test]
    fn event_types_of_bad_text_are_an_error() {
        for bad in ["lesson", "Lesson,other", "a b,other", "a/b,other", ",other", ""] {
            assert!(bad.parse::<EventTypes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn object_key_has_partition_batch_and_hash() {
        let at = |sequence: &str| RecordId { shard: "shardId-000000000001".into(), sequence: sequence.into() };
        let partition = Partition { event_type: "lesson".to_owned(), day: 20_413 };
        assert_eq!(
            object_key(&partition, &at("495"), &at("497"), 0xab, ObjectFormat::Parquet),
            "events/event_type=lesson/event_date=2025-11-21/shardId-000000000001-495-497-000000000000000000000000000000ab.snappy.parquet"
        );
    }
}
