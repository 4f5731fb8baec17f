//! Where an event is stored: partitions and object keys.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use foldhash::fast::FixedState;
use twox_hash::XxHash3_128;

use crate::datetime::{DAY_MS, date};
use crate::event::Event;
use crate::record::RecordId;

/// The partition of events whose type is not declared.
pub const OTHER: &str = "other";
/// The most types that may be declared.
pub const MAX_TYPES: usize = 200;

/// From how many bytes on pieces are hashed.
const PIECES_BYTES: usize = 4096;

/// How events are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectFormat {
    /// Parquet, Snappy.
    #[default]
    Parquet,
    /// JSON lines, gzip.
    JsonLines,
}

impl ObjectFormat {
    /// The end of an object's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Parquet => "snappy.parquet",
            Self::JsonLines => "json.gz",
        }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Parquet => "application/vnd.apache.parquet",
            Self::JsonLines => "application/x-ndjson",
        }
    }
}

/// The event types that have partitions of their own: those that the Glue table's projection knows.
///
/// A partition that projection does not know is invisible, so events of all other types go to [`OTHER`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypes(HashSet<String, FixedState>);

impl FromStr for EventTypes {
    type Err = String;

    /// Reads `lesson,product,other`. The names are as [`safe`] spells them.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut types = HashSet::default();
        for name in text.split(',').map(str::trim) {
            if name.is_empty() || safe(name) != name {
                return Err(format!("event type '{name}' is not of a-z, 0-9, _ and -, at most 64"));
            }
            types.insert(name.to_owned());
        }
        if types.len() > MAX_TYPES {
            return Err(format!("more than {MAX_TYPES} event types"));
        }
        if !types.contains(OTHER) {
            return Err(format!("'{OTHER}' is not among the event types"));
        }
        Ok(Self(types))
    }
}

impl EventTypes {
    /// The partition value of a type.
    pub fn partition_value(&self, event_type: &str) -> &str {
        match self.0.get(event_type) {
            Some(known) => known,
            None => self.0.get(&safe(event_type)).map_or(OTHER, String::as_str),
        }
    }
}

/// A type as it may stand in a key: lower case, `_` for whatever else is not a letter, a digit, `_` or `-`; 64 at most.
pub fn safe(event_type: &str) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let safe = |character: char| if is_safe(character) { character.to_ascii_lowercase() } else { '_' };
    event_type.chars().take(64).map(safe).collect()
}

/// A partition of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The value of `event_type`.
    pub event_type: String,
    /// The value of `event_date`: the day of `created_at` in UTC, as days since 1970.
    pub day: i32,
}

impl Partition {
    /// Where an event belongs.
    pub fn of(event: &Event, types: &EventTypes) -> Self {
        let event_type = types.partition_value(event.event_type()).to_owned();
        Self { event_type, day: Self::day_of(event) }
    }

    /// The day of an event.
    pub fn day_of(event: &Event) -> i32 {
        event.created_ms.div_euclid(DAY_MS) as i32
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event_type={}/event_date={}", self.event_type, date(self.day.into()))
    }
}

/// The key of an object of events: partition, first and last record of the batch that they came in, and a hash of
/// everything that decides what the object holds.
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

/// The key of a batch's bad records.
pub fn quarantine_key(first: &RecordId, last: &RecordId, hash: u128) -> String {
    let RecordId { shard, sequence } = first;
    format!("quarantine/events/{shard}/{sequence}-{}-{hash:032x}.jsonl", last.sequence)
}

/// Hashes what decides an object's content.
#[derive(Clone, Default)]
pub struct ContentHash {
    hash: XxHash3_128,
    /// What is to be hashed next: many small pieces at once are hashed quicker than one by one.
    pieces: Vec<u8>,
}

impl ContentHash {
    /// Adds some bytes; no two sequences of additions have the same bytes beneath.
    pub fn add(&mut self, bytes: &[u8]) {
        if self.pieces.len() + bytes.len() > PIECES_BYTES {
            self.hash.write(&self.pieces);
            self.pieces.clear();
        }
        self.pieces.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.pieces.extend_from_slice(bytes);
    }

    /// The hash.
    pub fn finish(mut self) -> u128 {
        self.hash.write(&self.pieces);
        self.hash.finish_128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_projection_does_not_know_is_stored_where_it_is_seen() {
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
    fn types_that_could_not_be_partitions_are_refused() {
        for bad in ["lesson", "Lesson,other", "a b,other", "a/b,other", ",other", ""] {
            assert!(bad.parse::<EventTypes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_names_partition_batch_and_content() {
        let at = |sequence: &str| RecordId { shard: "shardId-000000000001".into(), sequence: sequence.into() };
        let partition = Partition { event_type: "lesson".to_owned(), day: 20_413 };
        assert_eq!(
            object_key(&partition, &at("495"), &at("497"), 0xab, ObjectFormat::Parquet),
            "events/event_type=lesson/event_date=2025-11-21/shardId-000000000001-495-497-000000000000000000000000000000ab.snappy.parquet"
        );
    }
}
