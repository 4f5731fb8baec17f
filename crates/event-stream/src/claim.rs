//! Who may store an event: the claim, one per event.
//!
//! A claim has a version. Each change of it is a [`Transition`] from one version to the next, under the condition that it
//! still has the former: of all that try, one wins, for good. The object that a won transition names is the only one that
//! may hold the event until the next transition.

use std::fmt;

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
    /// The record that the event came in, as a [`PartId`] is spelled.
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
    pub record: PartId<'a>,
    /// When that arrived.
    pub arrived_ms: i64,
    /// Until when the winner is believed to be at work.
    pub claimed_until_ms: i64,
    /// When the claim may be forgotten, in seconds since 1970.
    pub expires_secs: i64,
}

/// What became of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimResult {
    /// It happened.
    Won,
    /// It did not, and never will: the claim had another version.
    Lost,
    /// Nobody knows.
    Unknown,
}

/// Where an event came from: the same for every delivery of it. Claims spell it `shard:sequence number#place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartId<'a> {
    /// The record.
    pub record: &'a RecordId,
    /// The event's place among those of the record.
    pub part: usize,
}

impl PartId<'_> {
    /// Whether a claim's `record` names a record of the same shard.
    pub fn is_of_shard_of(&self, record: &str) -> bool {
        record.split_once(':').is_some_and(|(shard, _)| shard == &*self.record.shard)
    }
}

impl fmt::Display for PartId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.record, self.part)
    }
}
