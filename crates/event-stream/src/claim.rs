//! The claim of an event: the right to store it. Each event has one claim.
//!
//! A claim has a version. A [`Transition`] changes it from one version to the next, on the condition that it still has the
//! first one. So exactly one transition from a version wins. Until the next transition, only the object that it names may
//! contain the event.

use std::fmt;

use crate::record::RecordId;

/// The largest number of claims in one call: DynamoDB's limit of statements per `BatchExecuteStatement`.
pub const MAX_TAKEN_AT_ONCE: usize = 25;
/// The largest number of claims in one read: DynamoDB's limit of keys per `BatchGetItem`.
pub const MAX_READ_AT_ONCE: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The number of transitions so far.
    pub version: u64,
    /// The key of the object that contains, or will contain, the event.
    pub object: String,
    /// The event's [`PartId`] as text.
    pub record: String,
    /// The arrival of the record in milliseconds since 1970.
    pub arrived_ms: i64,
    /// Until this time, the delivery that won the claim is assumed to be at work.
    pub claimed_until_ms: i64,
}

/// A change of an event's claim.
#[derive(Clone, Debug)]
pub struct Transition<'a> {
    pub uuid: &'a str,
    /// The version before the transition; 0 if there must be no claim.
    pub from: u64,
    /// The key of the object that will contain the event.
    pub object: &'a str,
    pub record: PartId<'a>,
    /// The arrival of the record in milliseconds since 1970.
    pub arrived_ms: i64,
    /// Until this time, the winner is assumed to be at work.
    pub claimed_until_ms: i64,
    /// The claim can be deleted from this time on, in seconds since 1970.
    pub expires_secs: i64,
}

/// The result of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimResult {
    /// The claim has changed.
    Won,
    /// The claim had another version: the transition will never happen.
    Lost,
    /// The call failed: the transition may or may not have happened, or may still happen.
    Unknown,
}

/// The position of an event in the stream. It is the same for every delivery. Written as `shard:sequence number#part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartId<'a> {
    pub record: &'a RecordId,
    /// The index of the event in the record.
    pub part: usize,
}

impl PartId<'_> {
    /// Whether the `record` of a claim is of the same shard.
    pub fn is_of_shard_of(&self, record: &str) -> bool {
        record.split_once(':').is_some_and(|(shard, _)| shard == &*self.record.shard)
    }
}

impl fmt::Display for PartId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.record, self.part)
    }
}
