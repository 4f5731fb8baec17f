//! Decides about events that other deliveries have claimed.

use std::collections::{HashMap, HashSet};

use futures::StreamExt;

use super::batch::{Duplicate, DuplicateOrigin, EventFailure, EventOutcome};
use super::event_store::{EventStore, ObjectContents, PutResult};
use super::run::{ClaimCandidate, ObjectState, StoreRun};
use crate::claim::{Claim, MAX_READ_AT_ONCE};

impl<S: EventStore> StoreRun<'_, S> {
    /// Decides about events whose claims name other objects. Returns the candidates whose claims can be taken over.
    pub(super) async fn settle(
        &self,
        open: Vec<(usize, Box<Claim>)>,
        outcomes: &mut [Option<EventOutcome>],
    ) -> Vec<ClaimCandidate> {
        let objects: HashSet<&str> = open.iter().map(|(_, claim)| claim.object.as_str()).collect();
        let mut objects: Vec<&str> = objects.into_iter().collect();
        objects.sort_unstable();
        let marked = futures::stream::iter(objects.chunks(MAX_READ_AT_ONCE)).map(|some| async move {
            self.store.marked_stored(some).await.unwrap_or_else(|_| vec![false; some.len()])
        });
        let marked: Vec<Vec<bool>> = marked.buffered(self.settings.calls_at_once).collect().await;
        let marked: HashMap<&str, bool> = objects.iter().copied().zip(marked.into_iter().flatten()).collect();
        let now_ms = self.store.now_ms();
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
            outcomes[*event] = Some(match object {
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

    /// Seals objects that have no rows. Returns the state of each object, unless a call failed.
    async fn seal<'k>(&self, keys: &[&'k str]) -> HashMap<&'k str, ObjectState> {
        let sealed = futures::stream::iter(keys).map(|key| async move {
            let object = match self.store.put(key, ObjectContents::Seal).await.ok()? {
                PutResult::Exists if self.store.has_rows(key).await.ok()? => ObjectState::Rows { again: true },
                PutResult::Written | PutResult::Exists => ObjectState::Seal,
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

    /// The outcome of an event whose claimed object has rows.
    fn stored_before(&self, event: usize, claim: &Claim) -> EventOutcome {
        let (part_id, arrived_ms) = (self.batch.part_id(event), self.batch.arrivals[event].arrived_ms);
        if claim.record == part_id.to_string() {
            return EventOutcome::Stored { again: true };
        }
        let origin = if part_id.is_of_shard_of(&claim.record) {
            DuplicateOrigin::SameShard
        } else {
            DuplicateOrigin::OtherShard
        };
        EventOutcome::Duplicate(Duplicate { origin, age_ms: (arrived_ms - claim.arrived_ms).abs() })
    }
}
