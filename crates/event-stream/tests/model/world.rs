//! The claims table and the bucket, with everything that can go wrong with a call to them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use event_stream::{Claim, Contents, Put, Taken, Transition, World};

use crate::random::Random;

/// What is at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Rows(Vec<(String, String)>),
    Seal,
}

/// A rule that the real services keep, broken on purpose: the model has to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// An object is written though there is one.
    PutReplaces,
    /// A claim changes though it has another version.
    ClaimsAreStolen,
    /// A lost answer counts as a claim that was lost.
    LostAnswersAreGuessed,
    /// Whoever finds an unfinished claim believes that its object will be written.
    UnfinishedCountsAsStored,
}

/// How often calls go wrong, in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// It has no effect and fails.
    pub(crate) refused: u64,
    /// It takes effect and its answer is lost.
    pub(crate) answer_lost: u64,
    /// It fails, and takes effect some time later.
    pub(crate) late: u64,
}

pub(crate) const NONE: Faults = Faults { refused: 0, answer_lost: 0, late: 0 };

/// Everything that outlives a delivery.
pub(crate) struct State {
    pub(crate) now_ms: i64,
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    pub(crate) broken: Broken,
    pub(crate) claims: BTreeMap<String, Claim>,
    pub(crate) objects: BTreeMap<String, Object>,
    pub(crate) marks: BTreeSet<String>,
    late: Vec<Effect>,
    pub(crate) database_calls: usize,
    pub(crate) puts: Vec<String>,
}

/// A request on its way.
#[derive(Clone)]
enum Effect {
    Take { uuid: String, from: u64, claim: Claim },
    Put { key: String, object: Object },
    Mark { keys: Vec<String> },
}

enum Effected {
    Taken(Taken),
    Put(Put),
    Marked,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now_ms: 1_763_683_200_000,
            random: Random::new(seed),
            faults: NONE,
            broken: Broken::Nothing,
            claims: BTreeMap::new(),
            objects: BTreeMap::new(),
            marks: BTreeSet::new(),
            late: Vec::new(),
            database_calls: 0,
            puts: Vec::new(),
        }
    }

    /// Lets one of the late requests take effect; answers whether there was one.
    pub(crate) fn land_late(&mut self) -> bool {
        if self.late.is_empty() {
            return false;
        }
        let at = self.random.below(self.late.len() as u64) as usize;
        let effect = self.late.swap_remove(at);
        self.effect(effect);
        true
    }

    fn effect(&mut self, effect: Effect) -> Effected {
        match effect {
            Effect::Take { uuid, from, claim } => {
                let version = self.claims.get(&uuid).map_or(0, |claim| claim.version);
                if version != from && self.broken != Broken::ClaimsAreStolen {
                    return Effected::Taken(Taken::Lost);
                }
                self.claims.insert(uuid, claim);
                Effected::Taken(Taken::Won)
            }
            Effect::Put { key, object } => {
                if self.objects.contains_key(&key) && self.broken != Broken::PutReplaces {
                    return Effected::Put(Put::Exists);
                }
                self.objects.insert(key, object);
                Effected::Put(Put::Written)
            }
            Effect::Mark { keys } => {
                self.marks.extend(keys);
                Effected::Marked
            }
        }
    }

    /// Makes a call: what it answers, or nothing if nobody will know.
    fn call(&mut self, effect: Effect) -> Option<Effected> {
        let Faults { refused, answer_lost, late } = self.faults;
        match self.random.below(100) {
            fate if fate < refused => None,
            fate if fate < refused + answer_lost => {
                self.effect(effect);
                None
            }
            fate if fate < refused + answer_lost + late => {
                self.late.push(effect);
                None
            }
            _ => Some(self.effect(effect)),
        }
    }

    fn read_fails(&mut self) -> bool {
        let Faults { refused, answer_lost, late } = self.faults;
        self.random.below(100) < refused + answer_lost + late
    }
}

/// The world as a delivery sees it.
pub(crate) struct Simulated(pub(crate) Rc<RefCell<State>>);

impl Simulated {
    /// Waits for some turns, so that the calls of all deliveries mix.
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

/// A call failed.
#[derive(Debug)]
pub(crate) struct Failed;

impl World for Simulated {
    type Error = Failed;

    fn now_ms(&self) -> i64 {
        self.0.borrow().now_ms
    }

    async fn take(&self, transitions: &[Transition<'_>]) -> Vec<Taken> {
        assert!((1..=25).contains(&transitions.len()), "{} statements", transitions.len());
        self.turns().await;
        let taken = {
            let mut state = self.0.borrow_mut();
            state.database_calls += 1;
            let guess = if state.broken == Broken::LostAnswersAreGuessed { Taken::Lost } else { Taken::Unknown };
            let taken = transitions.iter().map(|transition| {
                let claim = Claim {
                    version: transition.from + 1,
                    object: transition.object.to_owned(),
                    record: transition.record.to_string(),
                    arrived_ms: transition.arrived_ms,
                    claimed_until_ms: transition.claimed_until_ms,
                };
                let effect = Effect::Take { uuid: transition.uuid.to_owned(), from: transition.from, claim };
                match state.call(effect) {
                    Some(Effected::Taken(taken)) => taken,
                    _ => guess,
                }
            });
            taken.collect::<Vec<_>>()
        };
        self.turns().await;
        taken
    }

    async fn read(&self, uuids: &[&str]) -> Result<Vec<Option<Claim>>, Failed> {
        assert!((1..=100).contains(&uuids.len()), "{} keys", uuids.len());
        self.turns().await;
        let claims = {
            let mut state = self.0.borrow_mut();
            state.database_calls += 1;
            if state.read_fails() {
                return Err(Failed);
            }
            uuids.iter().map(|uuid| state.claims.get(*uuid).cloned()).collect::<Vec<_>>()
        };
        self.turns().await;
        Ok(claims)
    }

    async fn put(&self, key: &str, contents: Contents<'_>) -> Result<Put, Failed> {
        self.turns().await;
        let object = match contents {
            Contents::Rows(rows) => {
                Object::Rows(rows.iter().map(|event| (event.uuid.clone(), event.name.clone())).collect())
            }
            Contents::Seal => Object::Seal,
        };
        let answer = {
            let mut state = self.0.borrow_mut();
            state.puts.push(key.to_owned());
            state.call(Effect::Put { key: key.to_owned(), object })
        };
        self.turns().await;
        match answer {
            Some(Effected::Put(put)) => Ok(put),
            _ => Err(Failed),
        }
    }

    async fn has_rows(&self, key: &str) -> Result<bool, Failed> {
        self.turns().await;
        let mut state = self.0.borrow_mut();
        if state.read_fails() {
            return Err(Failed);
        }
        Ok(matches!(state.objects.get(key), Some(Object::Rows(_))))
    }

    async fn mark_stored(&self, keys: &[&str], _expires_secs: i64) {
        assert!((1..=25).contains(&keys.len()), "{} notes", keys.len());
        self.turns().await;
        let mut state = self.0.borrow_mut();
        state.database_calls += 1;
        state.call(Effect::Mark { keys: keys.iter().map(|key| (*key).to_owned()).collect() });
    }

    async fn marked_stored(&self, keys: &[&str]) -> Result<Vec<bool>, Failed> {
        assert!((1..=100).contains(&keys.len()), "{} keys", keys.len());
        self.turns().await;
        let mut state = self.0.borrow_mut();
        state.database_calls += 1;
        if state.read_fails() {
            return Err(Failed);
        }
        let guesses = state.broken == Broken::UnfinishedCountsAsStored;
        Ok(keys.iter().map(|key| guesses || state.marks.contains(*key)).collect())
    }
}
