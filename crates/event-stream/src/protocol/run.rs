//! A round: claims events and writes those that it won.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use futures::StreamExt;

use super::batch::{EventBatch, EventFailure, EventOutcome, StoreSettings};
use super::event_store::{EventStore, ObjectContents, PutResult};
use crate::claim::{Claim, ClaimResult, MAX_READ_AT_ONCE, MAX_TAKEN_AT_ONCE, Transition};
use crate::event::Event;
use crate::layout::{ContentHash, Partition, object_key};

/// An event to claim, and the version of its claim (0: none yet).
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimCandidate {
    pub(super) event: usize,
    pub(super) from: u64,
}

/// The result of a round for a candidate.
pub(super) enum CandidateResult {
    Outcome(EventOutcome),
    /// The claim names an object that this round did not write.
    Claimed(Box<Claim>),
}

/// A claim after the round tried to take it.
enum ClaimState {
    /// The round has won it.
    Won,
    /// The round has read it. It can be the round's own claim, if the reply was lost.
    Read(Box<Claim>),
}

pub(super) struct StoreRun<'a, S> {
    pub(super) batch: &'a EventBatch,
    pub(super) settings: &'a StoreSettings,
    pub(super) store: &'a S,
}

/// The candidates of one partition and the key of their object.
struct PartitionGroup {
    key: String,
    candidates: Vec<ClaimCandidate>,
}

/// An existing object.
#[derive(Clone, Copy, Debug)]
pub(super) enum ObjectState {
    Rows {
        /// Another delivery wrote it.
        again: bool,
    },
    Seal,
}

struct GroupResult {
    /// The key, if the object has rows.
    stored: Option<String>,
    results: Vec<(usize, CandidateResult)>,
}

impl<S: EventStore> StoreRun<'_, S> {
    /// Claims all candidates and writes the events that it won.
    pub(super) async fn round(&self, candidates: Vec<ClaimCandidate>) -> Vec<(usize, CandidateResult)> {
        let groups = self.groups(candidates);
        let claimed_until_ms = self.store.now_ms() + self.settings.claim_ms;
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
        written.into_iter().flat_map(|one| one.results).collect()
    }

    fn groups(&self, candidates: Vec<ClaimCandidate>) -> Vec<PartitionGroup> {
        let EventBatch { records, arrivals } = self.batch;
        let mut groups: HashMap<(&str, i32), (ContentHash, Vec<ClaimCandidate>), FixedState> = HashMap::default();
        for candidate in candidates {
            let event = &arrivals[candidate.event].event;
            let partition = (self.settings.types.partition_value(event.event_type()), Partition::day_of(event));
            let (hash, group) = groups.entry(partition).or_default();
            hash.add(event.uuid.as_bytes());
            hash.add(&candidate.from.to_le_bytes());
            hash.add(event.name.as_bytes());
            hash.add(&event.created_ms.to_le_bytes());
            hash.add(event.other.as_deref().unwrap_or_default().as_bytes());
            group.push(candidate);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_unstable_by_key(|(partition, _)| *partition);
        let group = |((event_type, day), (hash, candidates)): ((&str, i32), (ContentHash, _))| {
            let partition = Partition { event_type: event_type.to_owned(), day };
            let key =
                object_key(&partition, &records[0], &records[records.len() - 1], hash.finish(), self.settings.format);
            PartitionGroup { key, candidates }
        };
        groups.into_iter().map(group).collect()
    }

    /// Takes the claims of all candidates, group by group. The result of a candidate is `None` if a call failed.
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
        let results = futures::stream::iter(transitions.chunks(MAX_TAKEN_AT_ONCE)).map(|some| self.store.take(some));
        let results: Vec<Vec<ClaimResult>> = results.buffered(self.settings.calls_at_once).collect().await;
        let results = results.into_iter().flatten();
        let (mut claims, mut lost) = (Vec::with_capacity(transitions.len()), Vec::new());
        for (at, (result, transition)) in results.zip(&transitions).enumerate() {
            claims.push((result == ClaimResult::Won).then_some(ClaimState::Won));
            if result == ClaimResult::Lost {
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
        let claims = self.store.read(&uuids).await.unwrap_or_else(|_| vec![None; lost.len()]);
        lost.iter().map(|(at, _)| *at).zip(claims).collect()
    }

    /// Writes the events that a group won, if all of its candidates have a definite result.
    async fn write(&self, group: &PartitionGroup, claims: &[Option<ClaimState>], claimed_until_ms: i64) -> GroupResult {
        let failed = |at: usize| {
            (group.candidates[at].event, CandidateResult::Outcome(EventOutcome::Failed(EventFailure::Call)))
        };
        if claims.iter().any(Option::is_none) {
            return GroupResult { stored: None, results: (0..claims.len()).map(failed).collect() };
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
            |claim: &Option<ClaimState>| !matches!(claim, Some(ClaimState::Read(read)) if read.object != group.key);
        let (own, others): (Vec<usize>, Vec<usize>) = (0..claims.len()).partition(|at| is_own(&claims[*at]));
        let mut results: Vec<_> = others.into_iter().map(claimed).collect();
        if own.is_empty() {
            return GroupResult { stored: None, results };
        }
        let object = self.put(group, &own).await;
        results.extend(own.iter().map(|at| match object {
            Some(ObjectState::Rows { again }) => {
                (group.candidates[*at].event, CandidateResult::Outcome(EventOutcome::Stored { again }))
            }
            Some(ObjectState::Seal) => claimed(*at),
            None => failed(*at),
        }));
        let stored = matches!(object, Some(ObjectState::Rows { .. })).then(|| group.key.clone());
        GroupResult { stored, results }
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

    /// Writes the events `own` of a group. `None` if a call failed.
    async fn put(&self, group: &PartitionGroup, own: &[usize]) -> Option<ObjectState> {
        let event = |at: &usize| &self.batch.arrivals[group.candidates[*at].event].event;
        let rows: Vec<&Event> = own.iter().map(event).collect();
        match self.store.put(&group.key, ObjectContents::Rows(&rows)).await.ok()? {
            PutResult::Written => Some(ObjectState::Rows { again: false }),
            PutResult::Exists if self.store.has_rows(&group.key).await.ok()? => Some(ObjectState::Rows { again: true }),
            PutResult::Exists => Some(ObjectState::Seal),
        }
    }

    pub(super) async fn mark(&self, keys: &[&str]) {
        let marks = futures::stream::iter(keys.chunks(MAX_TAKEN_AT_ONCE))
            .map(|some| self.store.mark_stored(some, self.expires_secs()));
        marks.buffered(self.settings.calls_at_once).collect::<()>().await;
    }

    fn expires_secs(&self) -> i64 {
        self.store.now_ms() / 1000 + self.settings.window_secs
    }
}
