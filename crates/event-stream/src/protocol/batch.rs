//! A batch of events and the outcome of each.

use crate::claim::PartId;
use crate::event::Event;
use crate::layout::{EventTypes, ObjectFormat};
use crate::record::RecordId;

/// Events that arrived together.
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// In the order of the stream. Must not be empty.
    pub records: Vec<RecordId>,
    /// In the order of the stream.
    pub arrivals: Vec<Arrival>,
}

/// An event and its record.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub event: Event,
    /// The index of its record in the batch.
    pub record: usize,
    /// The index of the event in its record.
    pub part: usize,
    /// The arrival of the record in milliseconds since 1970.
    pub arrived_ms: i64,
}

impl EventBatch {
    pub(super) fn part_id(&self, event: usize) -> PartId<'_> {
        let Arrival { record, part, .. } = self.arrivals[event];
        PartId { record: &self.records[record], part }
    }
}

/// The settings of all batches.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The types that have separate partitions.
    pub types: EventTypes,
    pub format: ObjectFormat,
    /// A delivery is assumed to be at work for this time after it claims an event.
    pub claim_ms: i64,
    /// Duplicates are recognized for this time.
    pub window_secs: i64,
    /// The number of parallel calls.
    pub calls_at_once: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// The event is stored.
    Stored {
        /// An earlier delivery of the same record stored it.
        again: bool,
    },
    /// An event of another record with the same UUID is stored.
    Duplicate(Duplicate),
    /// It is unknown whether the event is stored: its record must be delivered again.
    Failed(EventFailure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub origin: DuplicateOrigin,
    /// The time between the arrivals of both records.
    pub age_ms: i64,
}

/// The position of the stored event with the same UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateOrigin {
    SameBatch,
    /// Another batch of the same shard.
    SameShard,
    OtherShard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFailure {
    /// Another delivery has claimed the event and may still be at work.
    Conflict,
    /// A call failed.
    Call,
}
