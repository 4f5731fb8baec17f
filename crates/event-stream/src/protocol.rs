//! How each event gets into exactly one object, whatever fails.
//!
//! # The steps
//!
//! 1. The events of a batch are grouped by partition. A group's object key is fixed before anything is written: it hashes the
//!    group's candidates, each with its content and the version of its claim (0: none yet).
//! 2. Every candidate's claim is taken for that key ([`EventStore::take`]): a transition from its version to the next.
//! 3. When *all* candidates of a group have a definite answer, those that are claimed for the key are written to it, by a
//!    put that fails if the key exists ([`EventStore::put`]).
//! 4. The key is marked as stored ([`EventStore::mark_stored`]), which spares others to look at the object itself.
//!
//! A candidate whose claim names another object is a duplicate if that object is stored. If not, whoever claimed it may be
//! at work (then the record is reported as failed, and comes again), or is gone: the claim has expired, or was made for an
//! earlier delivery of the very same record. Then the other object is **sealed**: an object without rows is put at its key,
//! by the same put that fails if the key exists. If that put succeeds, nobody can ever write rows there, and the claim is
//! taken over: a second round with the version that was seen. If the put fails, there are rows or a seal already.
//!
//! # Why no event is in two objects
//!
//! Let an event be in the rows of objects A and B. Each was claimed for the event by a transition, A's before B's, say. Who
//! takes a transition from a version that names an object has seen that object sealed (it is a rule of step 2's second
//! round, and by induction true of all versions before). So A was sealed, and a key is put once: A has no rows. That holds
//! for a writer that slept between steps 2 and 3 as well, however long: its put fails.
//!
//! # Why no event is in no object
//!
//! A record is acknowledged only if the object that its event's claim names was seen to have rows. It remains to see that
//! these rows hold the event. The transitions that a key's candidates name are each won once and for good, and the key
//! names its candidates; so *which candidates are claimed for a key* has one answer, and every delivery that writes the key
//! has it in full, by the word "all" in step 3: no answer that may still change (a lost reply, a timeout) is guessed.
//! All who write a key therefore write the same rows, and whoever finds a claim that names it finds the event in it.
//!
//! The seal and the put exclude each other by S3's conditional write, transitions by DynamoDB's. Clocks decide only how long
//! one waits before sealing, never what is right. Claims must outlive the records of the stream: the template keeps records
//! for at most a day less than claims.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;
use futures::StreamExt;

use crate::claim::{Claim, ClaimResult, MAX_READ_AT_ONCE, MAX_TAKEN_AT_ONCE, PartId, Transition};
use crate::event::Event;
use crate::layout::{ContentHash, EventTypes, ObjectFormat, Partition, object_key};
use crate::record::RecordId;

/// The calls that storing makes.
#[allow(async_fn_in_trait, reason = "nobody needs its futures to be sent")]
pub trait EventStore {
    /// Why a call failed.
    type Error: std::fmt::Debug;

    /// The time, in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// Makes [`MAX_TAKEN_AT_ONCE`] transitions at most, each by itself; one answer for each.
    async fn take(&self, transitions: &[Transition<'_>]) -> Vec<ClaimResult>;

    /// Reads [`MAX_READ_AT_ONCE`] claims at most, as they are now; one answer for each.
    async fn read(&self, uuids: &[&str]) -> Result<Vec<Option<Claim>>, Self::Error>;

    /// Writes an object, if there is none.
    async fn put(&self, key: &str, contents: ObjectContents<'_>) -> Result<PutResult, Self::Error>;

    /// Whether an object that exists has rows; it is a seal otherwise.
    async fn has_rows(&self, key: &str) -> Result<bool, Self::Error>;

    /// Notes that objects have rows. It may fail: the objects themselves have the facts.
    async fn mark_stored(&self, keys: &[&str], expires_secs: i64);

    /// Which of [`MAX_READ_AT_ONCE`] objects at most are noted.
    async fn marked_stored(&self, keys: &[&str]) -> Result<Vec<bool>, Self::Error>;
}

/// What is put.
#[derive(Clone, Copy, Debug)]
pub enum ObjectContents<'a> {
    /// Some events.
    Rows(&'a [&'a Event]),
    /// None, so that there will never be any.
    Seal,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutResult {
    /// The object is there.
    Written,
    /// There was one already.
    Exists,
}

/// Some events that arrived together.
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// The records, in the order of the stream. They must not be none.
    pub records: Vec<RecordId>,
    /// The events, in the order of the stream.
    pub arrivals: Vec<Arrival>,
}

/// An event and how it came.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The event.
    pub event: Event,
    /// Its record, counted from the batch's first.
    pub record: usize,
    /// Its place among the events of the record.
    pub part: usize,
    /// When the record arrived.
    pub arrived_ms: i64,
}

impl EventBatch {
    /// Where an event came from.
    fn part_id(&self, event: usize) -> PartId<'_> {
        let Arrival { record, part, .. } = self.arrivals[event];
        PartId { record: &self.records[record], part }
    }
}

/// What is set for all batches.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The types with partitions of their own.
    pub types: EventTypes,
    /// How events are stored.
    pub format: ObjectFormat,
    /// For how long whoever claims is believed to be at work.
    pub claim_ms: i64,
    /// For how long a duplicate is known as one.
    pub window_secs: i64,
    /// Calls that are made at once.
    pub calls_at_once: usize,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// It is stored, by this delivery or, where `again`, by an earlier one of the same record.
    Stored {
        /// Whether an earlier delivery stored it.
        again: bool,
    },
    /// Another record's event of the same UUID is stored.
    Duplicate(Duplicate),
    /// It is not known to be stored: the record has to come again.
    Failed(EventFailure),
}

/// A duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Where the event was seen first.
    pub seen: DuplicateOrigin,
    /// How long before or after, by the arrival of the records.
    pub age_ms: i64,
}

/// Where the event of a duplicate was seen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateOrigin {
    /// In the same batch.
    SameBatch,
    /// In another batch of the shard.
    SameShard,
    /// In another shard.
    OtherShard,
}

/// Why an event is not known to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFailure {
    /// Another delivery has claimed it and may be at work.
    Conflict,
    /// A call failed.
    Call,
}

/// Stores the events of a batch; one answer for each.
pub async fn store<W: EventStore>(batch: &EventBatch, settings: &StoreSettings, world: &W) -> Vec<EventOutcome> {
    let mut fates: Vec<Option<EventOutcome>> = vec![None; batch.arrivals.len()];
    let firsts = firsts(batch);
    let candidates = (0..firsts.len()).filter(|at| firsts[*at] == *at).map(|event| ClaimCandidate { event, from: 0 });
    let run = StoreRun { batch, settings, world };
    let answers = run.round(candidates.collect()).await;
    let mut open = Vec::new();
    for (event, answer) in answers {
        match answer {
            CandidateResult::Outcome(fate) => fates[event] = Some(fate),
            CandidateResult::Claimed(claim) => open.push((event, claim)),
        }
    }
    let second = run.settle(open, &mut fates).await;
    for (event, answer) in run.round(second).await {
        fates[event] = Some(match answer {
            CandidateResult::Outcome(fate) => fate,
            CandidateResult::Claimed(_) => EventOutcome::Failed(EventFailure::Conflict),
        });
    }
    for (event, first) in firsts.iter().enumerate().filter(|(event, first)| event != *first) {
        fates[event] = Some(duplicate_of(batch, event, *first, fates[*first].as_ref()));
    }
    fates.into_iter().map(|fate| fate.expect("every candidate has an answer")).collect()
}

/// For each event, the first of the batch with its UUID.
fn firsts(batch: &EventBatch) -> Vec<usize> {
    let mut seen = HashMap::with_capacity_and_hasher(batch.arrivals.len(), foldhash::fast::RandomState::default());
    let uuids = batch.arrivals.iter().map(|arrival| arrival.event.uuid.as_str());
    uuids.enumerate().map(|(at, uuid)| *seen.entry(uuid).or_insert(at)).collect()
}

fn duplicate_of(batch: &EventBatch, event: usize, first: usize, fate: Option<&EventOutcome>) -> EventOutcome {
    if let Some(EventOutcome::Failed(failure)) = fate {
        return EventOutcome::Failed(*failure);
    }
    let age_ms = (batch.arrivals[event].arrived_ms - batch.arrivals[first].arrived_ms).abs();
    EventOutcome::Duplicate(Duplicate { seen: DuplicateOrigin::SameBatch, age_ms })
}

/// An event that is to be claimed, and the version of its claim.
#[derive(Clone, Copy, Debug)]
struct ClaimCandidate {
    event: usize,
    from: u64,
}

/// What a round says of a candidate.
enum CandidateResult {
    Outcome(EventOutcome),
    /// Its claim names an object that was not written by this round.
    Claimed(Box<Claim>),
}

/// What a round knows of a candidate's claim.
enum ClaimState {
    /// It is the round's own.
    Won,
    /// It was read: another one, or its own, whose answer was lost.
    Read(Box<Claim>),
}

struct StoreRun<'a, W> {
    batch: &'a EventBatch,
    settings: &'a StoreSettings,
    world: &'a W,
}

/// The candidates of one partition and the key of their object.
struct PartitionGroup {
    key: String,
    candidates: Vec<ClaimCandidate>,
}

impl<W: EventStore> StoreRun<'_, W> {
    /// Claims all candidates and writes those that are won.
    async fn round(&self, candidates: Vec<ClaimCandidate>) -> Vec<(usize, CandidateResult)> {
        let groups = self.groups(candidates);
        let claimed_until_ms = self.world.now_ms() + self.settings.claim_ms;
        let claims = self.claim(&groups, claimed_until_ms).await;
        let mut rest = claims.as_slice();
        let mut work = Vec::with_capacity(groups.len());
        for group in &groups {
            let (own, others) = rest.split_at(group.candidates.len());
            rest = others;
            work.push((group, own));
        }
        let written = futures::stream::iter(work).map(|(group, claims)| self.write(group, claims, claimed_until_ms));
        let written: Vec<GroupResult> = written.buffered(self.settings.calls_at_once).collect().await;
        let stored: Vec<&str> = written.iter().filter_map(|one| one.stored.as_deref()).collect();
        self.mark(&stored).await;
        written.into_iter().flat_map(|one| one.answers).collect()
    }

    fn groups(&self, candidates: Vec<ClaimCandidate>) -> Vec<PartitionGroup> {
        let EventBatch { records, arrivals } = self.batch;
        let mut groups: HashMap<(&str, i32), (ContentHash, Vec<ClaimCandidate>), FixedState> = HashMap::default();
        for candidate in candidates {
            let event = &arrivals[candidate.event].event;
            let place = (self.settings.types.partition_value(event.event_type()), Partition::day_of(event));
            let (hash, group) = groups.entry(place).or_default();
            hash.add(event.uuid.as_bytes());
            hash.add(&candidate.from.to_le_bytes());
            hash.add(event.name.as_bytes());
            hash.add(&event.created_ms.to_le_bytes());
            hash.add(event.other.as_deref().unwrap_or_default().as_bytes());
            group.push(candidate);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_unstable_by_key(|(place, _)| *place);
        let group = |((event_type, day), (hash, candidates)): ((&str, i32), (ContentHash, _))| {
            let partition = Partition { event_type: event_type.to_owned(), day };
            let key =
                object_key(&partition, &records[0], &records[records.len() - 1], hash.finish(), self.settings.format);
            PartitionGroup { key, candidates }
        };
        groups.into_iter().map(group).collect()
    }

    /// What is known of each candidate's claim, group after group: nothing where a call failed.
    async fn claim(&self, groups: &[PartitionGroup], claimed_until_ms: i64) -> Vec<Option<ClaimState>> {
        let expires_secs = self.expires_secs();
        let transitions: Vec<Transition<'_>> = groups
            .iter()
            .flat_map(|group| group.candidates.iter().map(move |candidate| (group, candidate)))
            .map(|(group, candidate)| {
                let arrival = &self.batch.arrivals[candidate.event];
                Transition {
                    uuid: &arrival.event.uuid,
                    from: candidate.from,
                    object: &group.key,
                    record: self.batch.part_id(candidate.event),
                    arrived_ms: arrival.arrived_ms,
                    claimed_until_ms,
                    expires_secs,
                }
            })
            .collect();
        let taken = futures::stream::iter(transitions.chunks(MAX_TAKEN_AT_ONCE)).map(|some| self.world.take(some));
        let taken: Vec<Vec<ClaimResult>> = taken.buffered(self.settings.calls_at_once).collect().await;
        let taken = taken.into_iter().flatten();
        let (mut claims, mut lost) = (Vec::with_capacity(transitions.len()), Vec::new());
        for (at, (taken, transition)) in taken.zip(&transitions).enumerate() {
            claims.push((taken == ClaimResult::Won).then_some(ClaimState::Won));
            if taken == ClaimResult::Lost {
                lost.push((at, transition.uuid));
            }
        }
        let read = futures::stream::iter(lost.chunks(MAX_READ_AT_ONCE)).map(|some| self.read(some));
        let read: Vec<Vec<(usize, Option<Claim>)>> = read.buffered(self.settings.calls_at_once).collect().await;
        for (at, claim) in read.into_iter().flatten() {
            claims[at] = claim.map(|claim| ClaimState::Read(Box::new(claim)));
        }
        claims
    }

    async fn read(&self, lost: &[(usize, &str)]) -> Vec<(usize, Option<Claim>)> {
        let uuids: Vec<&str> = lost.iter().map(|(_, uuid)| *uuid).collect();
        let claims = self.world.read(&uuids).await.unwrap_or_else(|_| vec![None; lost.len()]);
        lost.iter().map(|(at, _)| *at).zip(claims).collect()
    }

    /// Writes what a group has won, if every one of its candidates has an answer.
    async fn write(&self, group: &PartitionGroup, claims: &[Option<ClaimState>], claimed_until_ms: i64) -> GroupResult {
        let failed = |at: usize| {
            (group.candidates[at].event, CandidateResult::Outcome(EventOutcome::Failed(EventFailure::Call)))
        };
        if claims.iter().any(Option::is_none) {
            return GroupResult { stored: None, answers: (0..claims.len()).map(failed).collect() };
        }
        let claimed = |at: usize| {
            let ClaimCandidate { event, from } = group.candidates[at];
            let claim = match &claims[at] {
                Some(ClaimState::Read(claim)) => claim.clone(),
                _ => Box::new(self.won(group, event, from, claimed_until_ms)),
            };
            (event, CandidateResult::Claimed(claim))
        };
        let is_own =
            |known: &Option<ClaimState>| !matches!(known, Some(ClaimState::Read(claim)) if claim.object != group.key);
        let (own, others): (Vec<usize>, Vec<usize>) = (0..claims.len()).partition(|at| is_own(&claims[*at]));
        let mut answers: Vec<_> = others.into_iter().map(claimed).collect();
        if own.is_empty() {
            return GroupResult { stored: None, answers };
        }
        let outcome = self.put(group, &own).await;
        answers.extend(own.iter().map(|at| match outcome {
            Some(ObjectState::Rows { again }) => {
                (group.candidates[*at].event, CandidateResult::Outcome(EventOutcome::Stored { again }))
            }
            Some(ObjectState::Seal) => claimed(*at),
            None => failed(*at),
        }));
        let stored = matches!(outcome, Some(ObjectState::Rows { .. })).then(|| group.key.clone());
        GroupResult { stored, answers }
    }

    /// The claim of an event that this round has won.
    fn won(&self, group: &PartitionGroup, event: usize, from: u64, claimed_until_ms: i64) -> Claim {
        Claim {
            version: from + 1,
            object: group.key.clone(),
            record: self.batch.part_id(event).to_string(),
            arrived_ms: self.batch.arrivals[event].arrived_ms,
            claimed_until_ms,
        }
    }

    async fn put(&self, group: &PartitionGroup, own: &[usize]) -> Option<ObjectState> {
        let event = |at: &usize| &self.batch.arrivals[group.candidates[*at].event].event;
        let rows: Vec<&Event> = own.iter().map(event).collect();
        match self.world.put(&group.key, ObjectContents::Rows(&rows)).await.ok()? {
            PutResult::Written => Some(ObjectState::Rows { again: false }),
            PutResult::Exists if self.world.has_rows(&group.key).await.ok()? => Some(ObjectState::Rows { again: true }),
            PutResult::Exists => Some(ObjectState::Seal),
        }
    }

    /// Decides about events whose claims name other objects; answers those that may be taken over.
    async fn settle(&self, open: Vec<(usize, Box<Claim>)>, fates: &mut [Option<EventOutcome>]) -> Vec<ClaimCandidate> {
        let objects: HashSet<&str> = open.iter().map(|(_, claim)| claim.object.as_str()).collect();
        let mut objects: Vec<&str> = objects.into_iter().collect();
        objects.sort_unstable();
        let marked = futures::stream::iter(objects.chunks(MAX_READ_AT_ONCE)).map(|some| async move {
            self.world.marked_stored(some).await.unwrap_or_else(|_| vec![false; some.len()])
        });
        let marked: Vec<Vec<bool>> = marked.buffered(self.settings.calls_at_once).collect().await;
        let marked: HashMap<&str, bool> = objects.iter().copied().zip(marked.into_iter().flatten()).collect();
        let now_ms = self.world.now_ms();
        let is_abandoned = |event: usize, claim: &Claim| {
            claim.record == self.batch.part_id(event).to_string() || claim.claimed_until_ms <= now_ms
        };
        let abandoned = open.iter().filter(|(event, claim)| !marked[&*claim.object] && is_abandoned(*event, claim));
        let abandoned: HashSet<&str> = abandoned.map(|(_, claim)| claim.object.as_str()).collect();
        let mut abandoned: Vec<&str> = abandoned.into_iter().collect();
        abandoned.sort_unstable();
        let sealed = self.seal(&abandoned).await;
        let mut candidates = Vec::new();
        for (event, claim) in &open {
            let object = if marked[&*claim.object] {
                Some(&ObjectState::Rows { again: true })
            } else {
                sealed.get(&*claim.object)
            };
            fates[*event] = Some(match object {
                Some(ObjectState::Rows { .. }) => self.stored_before(*event, claim),
                Some(ObjectState::Seal) => {
                    candidates.push(ClaimCandidate { event: *event, from: claim.version });
                    continue;
                }
                None if abandoned.contains(&&*claim.object) => EventOutcome::Failed(EventFailure::Call),
                None => EventOutcome::Failed(EventFailure::Conflict),
            });
        }
        candidates.sort_unstable_by_key(|candidate| candidate.event);
        candidates
    }

    /// Sees to it that objects have rows or will never have any.
    async fn seal<'k>(&self, keys: &[&'k str]) -> HashMap<&'k str, ObjectState> {
        let sealed = futures::stream::iter(keys).map(|key| async move {
            let object = match self.world.put(key, ObjectContents::Seal).await.ok()? {
                PutResult::Written => ObjectState::Seal,
                PutResult::Exists if self.world.has_rows(key).await.ok()? => ObjectState::Rows { again: true },
                PutResult::Exists => ObjectState::Seal,
            };
            Some((*key, object))
        });
        let sealed: Vec<Option<(&str, ObjectState)>> = sealed.buffered(self.settings.calls_at_once).collect().await;
        let sealed: HashMap<&str, ObjectState> = sealed.into_iter().flatten().collect();
        let mut stored: Vec<&str> = sealed
            .iter()
            .filter(|(_, object)| matches!(object, ObjectState::Rows { .. }))
            .map(|(key, _)| *key)
            .collect();
        stored.sort_unstable();
        self.mark(&stored).await;
        sealed
    }

    fn stored_before(&self, event: usize, claim: &Claim) -> EventOutcome {
        let (part_id, arrived_ms) = (self.batch.part_id(event), self.batch.arrivals[event].arrived_ms);
        if claim.record == part_id.to_string() {
            return EventOutcome::Stored { again: true };
        }
        let seen = if part_id.is_of_shard_of(&claim.record) {
            DuplicateOrigin::SameShard
        } else {
            DuplicateOrigin::OtherShard
        };
        EventOutcome::Duplicate(Duplicate { seen, age_ms: (arrived_ms - claim.arrived_ms).abs() })
    }

    async fn mark(&self, keys: &[&str]) {
        let marks = futures::stream::iter(keys.chunks(MAX_TAKEN_AT_ONCE))
            .map(|some| self.world.mark_stored(some, self.expires_secs()));
        marks.buffered(self.settings.calls_at_once).collect::<()>().await;
    }

    fn expires_secs(&self) -> i64 {
        self.world.now_ms() / 1000 + self.settings.window_secs
    }
}

/// What was found at a key.
#[derive(Clone, Copy, Debug)]
enum ObjectState {
    Rows { again: bool },
    Seal,
}

struct GroupResult {
    /// The key, if it has rows.
    stored: Option<String>,
    answers: Vec<(usize, CandidateResult)>,
}
