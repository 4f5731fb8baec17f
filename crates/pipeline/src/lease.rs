//! The lease of an hour: which version of it may be made visible, or have its predecessor removed, at the moment.
//!
//! Promise: while one holder has the lease for a version, no other version gets it. A run takes it before it touches the
//! partition and gives it back when the ledger says the same as the partition and the replaced version is gone. So what
//! is deleted is never what readers see, and what readers see is never moved by a run that others have overtaken.
//!
//! Runs of the same version share the lease, since they write the same. A holder that ended without giving it back keeps
//! it until [`LEASE`] is over. A holder may begin a call that the lease protects only while [`SAFE`] of it is left, which
//! is more than any call takes; clocks may differ by what is between the two.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ArchiveHour, Version};

/// How long a lease is held without a word from its holder.
pub const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// How much of it must be left when a protected call begins: more than the SDK's operation timeout of 150 s.
pub const SAFE: SignedDuration = SignedDuration::from_secs(160);

/// Who may make which version visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The version.
    pub version: Version,
    /// Its holders, by execution.
    pub holders: BTreeMap<String, Hold>,
}

/// One holder's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// How often it was taken and not given back: a call whose reply was lost may still be at work.
    pub times: u32,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// Another version's run is at it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hour {hour}: version {held} is being published by another run, until {until} at the latest")]
pub struct LeaseHeldError {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version that has the lease.
    pub held: Version,
    /// When its last holder's time is over.
    pub until: Timestamp,
}

impl Lease {
    /// The lease after `holder` took it for `version` at `now`.
    ///
    /// # Errors
    /// [`LeaseHeldError`] while another version has it.
    pub fn taken(
        existing: Option<&Self>,
        hour: ArchiveHour,
        version: Version,
        holder: &str,
        now: Timestamp,
    ) -> Result<Self, LeaseHeldError> {
        let live = |lease: &Self| {
            let live = lease.holders.iter().filter(|(name, hold)| hold.until > now || *name == holder);
            live.map(|(name, hold)| (name.clone(), *hold)).collect::<BTreeMap<_, _>>()
        };
        let mut holders = match existing {
            Some(lease) if lease.version == version => live(lease),
            Some(lease) => match lease.holders.values().map(|hold| hold.until).max().filter(|until| *until > now) {
                Some(until) => return Err(LeaseHeldError { hour, held: lease.version, until }),
                None => BTreeMap::new(),
            },
            None => BTreeMap::new(),
        };
        let times = holders.get(holder).map_or(0, |hold| hold.times).saturating_add(1);
        holders.insert(holder.to_owned(), Hold { times, until: now + LEASE });
        Ok(Self { version, holders })
    }

    /// The lease after `holder`, which has it for `version`, said that it is still at work; `None` if it does not have it.
    pub fn renewed(&self, version: Version, holder: &str, now: Timestamp) -> Option<Self> {
        let mut lease = self.clone();
        let hold = lease.holders.get_mut(holder).filter(|_| self.version == version)?;
        hold.until = now + LEASE;
        Some(lease)
    }

    /// The lease after `holder`, which has it for `version`, took it once more; `None` if it does not have it.
    pub fn joined(&self, version: Version, holder: &str, now: Timestamp) -> Option<Self> {
        let mut lease = self.renewed(version, holder, now)?;
        let hold = lease.holders.get_mut(holder)?;
        hold.times = hold.times.saturating_add(1);
        Some(lease)
    }

    /// The lease after `holder` gave back what it took so many `times`; the same if it did not have it.
    pub fn given_back(&self, version: Version, holder: &str, times: u32) -> Self {
        let mut lease = self.clone();
        if self.version != version {
            return lease;
        }
        match lease.holders.get_mut(holder) {
            Some(hold) if hold.times > times => hold.times -= times,
            _ => drop(lease.holders.remove(holder)),
        }
        lease
    }

    /// When `holder` has to say that it is still at work, if it has the lease for `version`.
    pub fn until(&self, version: Version, holder: &str) -> Option<Timestamp> {
        self.holders.get(holder).filter(|_| self.version == version).map(|hold| hold.until)
    }

    /// When the last holder's time is over.
    pub fn ends(&self) -> Option<Timestamp> {
        self.holders.values().map(|hold| hold.until).max()
    }
}

/// Whether a protected call may begin at `now` under a lease that is held `until` then.
pub fn is_safe(until: Timestamp, now: Timestamp) -> bool {
    until.duration_since(now) >= SAFE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: ArchiveHour = ArchiveHour::FIRST;

    fn version(number: u8) -> Version {
        format!("{number:012x}").parse().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn taken(existing: Option<&Lease>, number: u8, holder: &str, seconds: i64) -> Result<Lease, LeaseHeldError> {
        Lease::taken(existing, HOUR, version(number), holder, at(seconds))
    }

    #[test]
    fn one_version_has_it_at_a_time_and_its_runs_share_it() {
        let first = taken(None, 1, "a", 0).unwrap();
        assert_eq!(taken(Some(&first), 2, "b", 299).unwrap_err().until, at(300));
        let shared = taken(Some(&first), 1, "b", 100).unwrap();
        assert_eq!(shared.ends(), Some(at(400)));
        assert!(taken(Some(&shared), 2, "c", 399).is_err(), "the second holder has it longer");
        let after = taken(Some(&shared), 2, "c", 400).unwrap();
        assert_eq!(after.holders.keys().collect::<Vec<_>>(), ["c"]);
        let back = first.given_back(version(1), "a", 1);
        assert!(back.holders.is_empty() && taken(Some(&back), 2, "b", 1).is_ok());
    }

    #[test]
    fn what_was_taken_twice_is_given_back_twice() {
        let twice = taken(Some(&taken(None, 1, "a", 0).unwrap()), 1, "a", 10).unwrap();
        let once = twice.given_back(version(1), "a", 1);
        assert!(taken(Some(&once), 2, "b", 11).is_err(), "the call whose reply was lost may be at work");
        assert!(once.given_back(version(1), "a", 1).holders.is_empty());
        assert_eq!(once.joined(version(1), "a", at(10)), Some(twice.clone()));
        assert!(twice.given_back(version(1), "a", 2).holders.is_empty());
    }

    #[test]
    fn a_lease_that_went_to_another_version_is_not_renewed_and_not_given_back() {
        let lease = taken(None, 1, "a", 0).unwrap();
        assert_eq!(lease.renewed(version(1), "a", at(50)).unwrap().until(version(1), "a"), Some(at(350)));
        for (phrase, number, holder) in [("another holder", 1, "b"), ("another version", 2, "a")] {
            assert_eq!(lease.renewed(version(number), holder, at(1)), None, "{phrase}");
            assert_eq!(lease.given_back(version(number), holder, 1), lease, "{phrase}");
            assert_eq!(lease.until(version(number), holder), None, "{phrase}");
        }
        assert!(lease.renewed(version(1), "a", at(5_000)).is_some(), "over, but nobody took it");
    }

    #[test]
    fn a_call_may_begin_while_enough_is_left() {
        assert!(is_safe(at(300), at(140)) && !is_safe(at(300), at(141)));
    }

    proptest! {
        #[test]
        fn proptest_no_version_gets_what_another_holds(
            steps in proptest::collection::vec((0..3_u8, 0..3_u8, 0..4_u8, 0..200_i64), 1..60),
        ) {
            let (mut lease, mut now): (Option<Lease>, i64) = (None, 0);
            // What each holder may believe: it has the lease for a version until then.
            let mut believed: BTreeMap<(u8, u8), i64> = BTreeMap::new();
            for (number, holder, act, pause) in steps {
                now += pause;
                let name = holder.to_string();
                match act {
                    0 | 1 => if let Ok(next) = taken(lease.as_ref(), number, &name, now) {
                        for ((other, _), until) in &believed {
                            prop_assert!(*other == number || *until <= now, "{number} took it from {other}");
                        }
                        believed.insert((number, holder), now + 300);
                        lease = Some(next);
                    },
                    2 => if let Some(next) = lease.as_ref().and_then(|lease| lease.renewed(version(number), &name, at(now))) {
                        believed.insert((number, holder), now + 300);
                        lease = Some(next);
                    },
                    _ => if let Some(next) = lease.as_ref().map(|lease| lease.given_back(version(number), &name, 1)) {
                        if next.until(version(number), &name).is_none() {
                            believed.remove(&(number, holder));
                        }
                        lease = Some(next);
                    },
                }
            }
        }
    }
}
