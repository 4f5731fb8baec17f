//! Who may store an event: the claim, one per event.
//!
//! A claim has a version. Each change of it is a [`Transition`] from one version to the next, under the condition that it
//! still has the former: of all that try, one wins, for good. The object that a won transition names is the only one that
//! may hold the event until the next transition.

use crate::record::RecordId;

/// The most claims of one call: DynamoDB's limit of statements per `BatchExecuteStatement`.
pub const MAX_TAKEN_AT_ONCE: usize = 25;
/// The most claims of one read: DynamoDB's limit of keys per `BatchGetItem`.
pub const MAX_READ_AT_ONCE: usize = 100;

/// What is known of an event's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How many transitions there were.
    pub version: u64,
    /// The object that holds the event, or will.
    pub object: String,
    /// The record that the event came in, as [`part_id`] spells it.
    pub record: String,
    /// When that record arrived, in milliseconds since 1970.
    pub arrived_ms: i64,
    /// Until when whoever won it is believed to be at work.
    pub claimed_until_ms: i64,
}

/// A change of an event's claim.
#[derive(Clone, Debug)]
pub struct Transition<'a> {
    /// The event.
    pub uuid: &'a str,
    /// The version that it changes; 0 if there must be no claim.
    pub from: u64,
    /// The object that will hold the event.
    pub object: &'a str,
    /// The record that the event came in.
    pub record: &'a str,
    /// When that arrived.
    pub arrived_ms: i64,
    /// Until when the winner is believed to be at work.
    pub claimed_until_ms: i64,
    /// When the claim may be forgotten, in seconds since 1970.
    pub expires_secs: i64,
}

/// What became of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It happened.
    Won,
    /// It did not, and never will: the claim had another version.
    Lost,
    /// Nobody knows.
    Unknown,
}

/// How claims name the event at place `part` of a record.
pub fn part_id(record: &RecordId, part: usize) -> String {
    let RecordId { shard, sequence } = record;
    let mut id = String::with_capacity(shard.len() + sequence.len() + 4);
    id.extend([&**shard, ":", &**sequence, "#"]);
    id.push_str(&part.to_string());
    id
}

/// The shard of a record's name.
pub fn shard_of(part_id: &str) -> &str {
    part_id.split_once(':').map_or(part_id, |(shard, _)| shard)
}
