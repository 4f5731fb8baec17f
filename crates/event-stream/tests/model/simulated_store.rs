//! Models of the claims table and the bucket, with faults.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use event_stream::{Claim, ClaimResult, EventStore, ObjectContents, PutResult, Transition};

use crate::random::ModelRandom;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelObject {
    Rows(Vec<(String, String)>),
    Seal,
}

/// A rule of the real services that is broken on purpose: the model must detect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokenRule {
    Nothing,
    /// A put replaces an existing object.
    PutReplaces,
    /// A transition changes a claim of another version.
    ClaimsAreStolen,
    /// A lost reply counts as a lost claim.
    LostAnswersAreGuessed,
    /// The object of an unfinished claim counts as stored.
    UnfinishedCountsAsStored,
}

/// The probability of each fault of a call, in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFaults {
    /// The call fails and has no effect.
    pub(crate) refused: u64,
    /// The call takes effect, and its reply is lost.
    pub(crate) answer_lost: u64,
    /// The call fails and takes effect later.
    pub(crate) late: u64,
}

pub(crate) const NONE: CallFaults = CallFaults { refused: 0, answer_lost: 0, late: 0 };

/// The state that all deliveries share.
pub(crate) struct ModelState {
    pub(crate) now_ms: i64,
    pub(crate) random: ModelRandom,
    pub(crate) faults: CallFaults,
    pub(crate) broken: BrokenRule,
    pub(crate) claims: BTreeMap<String, Claim>,
    pub(crate) objects: BTreeMap<String, ModelObject>,
    pub(crate) marks: BTreeSet<String>,
    late: Vec<CallEffect>,
    pub(crate) database_calls: usize,
    pub(crate) puts: Vec<String>,
}

/// A pending request.
#[derive(Clone)]
enum CallEffect {
    Take { uuid: String, from: u64, claim: Claim },
    Put { key: String, object: ModelObject },
    Mark { keys: Vec<String> },
}

enum EffectResult {
    Taken(ClaimResult),
    Put(PutResult),
    Marked,
}

impl ModelState {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now_ms: 1_763_683_200_000,
            random: ModelRandom::new(seed),
            faults: NONE,
            broken: BrokenRule::Nothing,
            claims: BTreeMap::new(),
            objects: BTreeMap::new(),
            marks: BTreeSet::new(),
            late: Vec::new(),
            database_calls: 0,
            puts: Vec::new(),
        }
    }

    /// Applies one late request. Returns whether there was one.
    pub(crate) fn land_late(&mut self) -> bool {
        if self.late.is_empty() {
            return false;
        }
        let at = self.random.index(self.late.len());
        let effect = self.late.swap_remove(at);
        self.effect(effect);
        true
    }

    fn effect(&mut self, effect: CallEffect) -> EffectResult {
        match effect {
            CallEffect::Take { uuid, from, claim } => {
                let version = self.claims.get(&uuid).map_or(0, |claim| claim.version);
                if version != from && self.broken != BrokenRule::ClaimsAreStolen {
                    return EffectResult::Taken(ClaimResult::Lost);
                }
                self.claims.insert(uuid, claim);
                EffectResult::Taken(ClaimResult::Won)
            }
            CallEffect::Put { key, object } => {
                if self.objects.contains_key(&key) && self.broken != BrokenRule::PutReplaces {
                    return EffectResult::Put(PutResult::Exists);
                }
                self.objects.insert(key, object);
                EffectResult::Put(PutResult::Written)
            }
            CallEffect::Mark { keys } => {
                self.marks.extend(keys);
                EffectResult::Marked
            }
        }
    }

    /// Makes a call. `None` if it fails or its reply is lost.
    fn call(&mut self, effect: CallEffect) -> Option<EffectResult> {
        let CallFaults { refused, answer_lost, late } = self.faults;
        match self.random.below(100) {
            dice if dice < refused => None,
            dice if dice < refused + answer_lost => {
                self.effect(effect);
                None
            }
            dice if dice < refused + answer_lost + late => {
                self.late.push(effect);
                None
            }
            _ => Some(self.effect(effect)),
        }
    }

    fn read_fails(&mut self) -> bool {
        let CallFaults { refused, answer_lost, late } = self.faults;
        self.random.below(100) < refused + answer_lost + late
    }
}

/// The store of a delivery.
pub(crate) struct SimulatedStore(pub(crate) Rc<RefCell<ModelState>>);

impl SimulatedStore {
    /// Waits for some polls, so that the calls of all deliveries interleave.
    async fn turns(&self) {
        let mut turns = 1 + self.0.borrow_mut().random.below(3);
        poll_fn(move |context| {
            if turns == 0 {
                return Poll::Ready(());
            }
            turns -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

#[derive(Debug)]
pub(crate) struct SimulatedCallError;

impl EventStore for SimulatedStore {
    type Error = SimulatedCallError;

    fn now_ms(&self) -> i64 {
        self.0.borrow().now_ms
    }

    async fn take(&self, transitions: &[Transition<'_>]) -> Vec<ClaimResult> {
        assert!((1..=25).contains(&transitions.len()), "{} statements", transitions.len());
        self.turns().await;
        let taken = {
            let mut state = self.0.borrow_mut();
            state.database_calls += 1;
            let guess = if state.broken == BrokenRule::LostAnswersAreGuessed {
                ClaimResult::Lost
            } else {
                ClaimResult::Unknown
            };
            let taken = transitions.iter().map(|transition| {
                let claim = Claim {
                    version: transition.from + 1,
                    object: transition.object.to_owned(),
                    record: transition.record.to_string(),
                    arrived_ms: transition.arrived_ms,
                    claimed_until_ms: transition.claimed_until_ms,
                };
                let effect = CallEffect::Take { uuid: transition.uuid.to_owned(), from: transition.from, claim };
                match state.call(effect) {
                    Some(EffectResult::Taken(taken)) => taken,
                    _ => guess,
                }
            });
            taken.collect::<Vec<_>>()
        };
        self.turns().await;
        taken
    }

    async fn read(&self, uuids: &[&str]) -> Result<Vec<Option<Claim>>, SimulatedCallError> {
        assert!((1..=100).contains(&uuids.len()), "{} keys", uuids.len());
        self.turns().await;
        let claims = {
            let mut state = self.0.borrow_mut();
            state.database_calls += 1;
            if state.read_fails() {
                return Err(SimulatedCallError);
            }
            uuids.iter().map(|uuid| state.claims.get(*uuid).cloned()).collect::<Vec<_>>()
        };
        self.turns().await;
        Ok(claims)
    }

    async fn put(&self, key: &str, contents: ObjectContents<'_>) -> Result<PutResult, SimulatedCallError> {
        self.turns().await;
        let object = match contents {
            ObjectContents::Rows(rows) => {
                ModelObject::Rows(rows.iter().map(|event| (event.uuid.clone(), event.name.clone())).collect())
            }
            ObjectContents::Seal => ModelObject::Seal,
        };
        let answer = {
            let mut state = self.0.borrow_mut();
            state.puts.push(key.to_owned());
            state.call(CallEffect::Put { key: key.to_owned(), object })
        };
        self.turns().await;
        match answer {
            Some(EffectResult::Put(put)) => Ok(put),
            _ => Err(SimulatedCallError),
        }
    }

    async fn has_rows(&self, key: &str) -> Result<bool, SimulatedCallError> {
        self.turns().await;
        let mut state = self.0.borrow_mut();
        if state.read_fails() {
            return Err(SimulatedCallError);
        }
        Ok(matches!(state.objects.get(key), Some(ModelObject::Rows(_))))
    }

    async fn mark_stored(&self, keys: &[&str], _expires_secs: i64) {
        assert!((1..=25).contains(&keys.len()), "{} notes", keys.len());
        self.turns().await;
        let mut state = self.0.borrow_mut();
        state.database_calls += 1;
        state.call(CallEffect::Mark { keys: keys.iter().map(|key| (*key).to_owned()).collect() });
    }

    async fn marked_stored(&self, keys: &[&str]) -> Result<Vec<bool>, SimulatedCallError> {
        assert!((1..=100).contains(&keys.len()), "{} keys", keys.len());
        self.turns().await;
        let mut state = self.0.borrow_mut();
        state.database_calls += 1;
        if state.read_fails() {
            return Err(SimulatedCallError);
        }
        let guesses = state.broken == BrokenRule::UnfinishedCountsAsStored;
        Ok(keys.iter().map(|key| guesses || state.marks.contains(*key)).collect())
    }
}
