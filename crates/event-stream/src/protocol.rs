//! The protocol that stores each event in exactly one object, whatever fails.
//!
//! # The steps
//!
//! 1. The events of a batch are grouped by partition. The key of a group's object is fixed before any write: it contains a
//!    hash of the group's candidates, each with its content and the version of its claim (0: none yet).
//! 2. The claim of each candidate is taken for that key ([`EventStore::take`]): a transition from its version to the next.
//! 3. When *all* candidates of a group have a definite result, the events that are claimed for the key are written to it. The
//!    put fails if the key exists ([`EventStore::put`]).
//! 4. The key is marked as stored ([`EventStore::mark_stored`]), so that other deliveries need not read the object.
//!
//! If the claim of a candidate names another object and that object is stored, the candidate is a duplicate. If the object
//! is not stored, its delivery may still be at work: then the record is reported as failed and is delivered again. Or the
//! delivery has ended: its claim has expired, or belongs to an earlier delivery of the same record. Then the other object is
//! **sealed**: an object without rows is put at its key, and this put also fails if the key exists. If the put succeeds, no
//! delivery can ever write rows to that key. The claim is then taken over in a second round, from the version that was read.
//! If the put fails, the key has rows or a seal already.
//!
//! # Why no event is in two objects
//!
//! Assume that an event is in the rows of objects A and B. Each object was claimed for the event by a transition; let A's be
//! the earlier one. A transition from a version that names an object is only made after that object was sealed: this is the
//! rule of the second round, and by induction it holds for all earlier versions. So A was sealed. A key is written once, so A
//! has no rows. This also holds for a writer that sleeps between steps 2 and 3: its put fails.
//!
//! # Why no event is lost
//!
//! A record is acknowledged only after the object that its event's claim names was seen to have rows. These rows contain the
//! event, for the following reason. Each transition that a key's candidates name is won once and forever, and the key
//! determines its candidates. So the set of candidates that are claimed for a key is fixed. Every delivery that writes the
//! key knows this whole set, because step 3 waits for all results and guesses none (a lost reply, a timeout). Therefore all
//! deliveries that write a key write the same rows, and these rows contain every event whose claim names the key.
//!
//! Seal and put exclude each other through S3's conditional write, and transitions through DynamoDB's. Clocks decide only how
//! long a delivery waits before it seals, never the result. Claims must live longer than the records of the stream: the
//! template lets claims live at least one day longer than records.

use std::collections::HashMap;

mod batch;
mod event_store;
mod run;
mod settle;

pub use batch::{Arrival, Duplicate, DuplicateOrigin, EventBatch, EventFailure, EventOutcome, StoreSettings};
pub use event_store::{EventStore, ObjectContents, PutResult};

use run::{CandidateResult, ClaimCandidate, StoreRun};

/// Stores the events of a batch. Returns one outcome for each event.
pub async fn store<S: EventStore>(batch: &EventBatch, settings: &StoreSettings, store: &S) -> Vec<EventOutcome> {
    let mut outcomes: Vec<Option<EventOutcome>> = vec![None; batch.arrivals.len()];
    let firsts = firsts(batch);
    let candidates = (0..firsts.len()).filter(|at| firsts[*at] == *at).map(|event| ClaimCandidate { event, from: 0 });
    let run = StoreRun { batch, settings, store };
    let mut open = Vec::new();
    for (event, result) in run.round(candidates.collect()).await {
        match result {
            CandidateResult::Outcome(outcome) => outcomes[event] = Some(outcome),
            CandidateResult::Claimed(claim) => open.push((event, claim)),
        }
    }
    let second = run.settle(open, &mut outcomes).await;
    for (event, result) in run.round(second).await {
        outcomes[event] = Some(match result {
            CandidateResult::Outcome(outcome) => outcome,
            CandidateResult::Claimed(_) => EventOutcome::Failed(EventFailure::Conflict),
        });
    }
    for (event, first) in firsts.iter().enumerate().filter(|(event, first)| event != *first) {
        outcomes[event] = Some(duplicate_of(batch, event, *first, outcomes[*first].as_ref()));
    }
    outcomes.into_iter().map(|outcome| outcome.expect("every candidate has an outcome")).collect()
}

/// For each event, the index of the first event of the batch with its UUID.
fn firsts(batch: &EventBatch) -> Vec<usize> {
    let mut firsts = HashMap::with_capacity_and_hasher(batch.arrivals.len(), foldhash::fast::RandomState::default());
    let uuids = batch.arrivals.iter().map(|arrival| arrival.event.uuid.as_str());
    uuids.enumerate().map(|(at, uuid)| *firsts.entry(uuid).or_insert(at)).collect()
}

/// The outcome of an event whose UUID occurs earlier in the batch.
fn duplicate_of(batch: &EventBatch, event: usize, first: usize, outcome: Option<&EventOutcome>) -> EventOutcome {
    if let Some(EventOutcome::Failed(failure)) = outcome {
        return EventOutcome::Failed(*failure);
    }
    let age_ms = (batch.arrivals[event].arrived_ms - batch.arrivals[first].arrived_ms).abs();
    EventOutcome::Duplicate(Duplicate { origin: DuplicateOrigin::SameBatch, age_ms })
}
