//! The lease of an hour: the right to publish one version, and to delete the version that it replaces.
//!
//! Invariant: while a holder has the lease for a version, no other version gets it. A run takes the lease before it changes
//! the partition. It releases the lease when the ledger agrees with the partition and the replaced version is deleted.
//! Therefore no run deletes what readers see, and no overtaken run changes what readers see.
//!
//! Runs of the same version share the lease, because they write the same objects. If a holder ends without a release, its
//! hold ends after [`LEASE`]. A holder starts a protected call only while at least [`SAFE`] of the lease is left, which is
//! longer than any call takes. Clocks may differ by `LEASE - SAFE`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ArchiveHour, Version};

/// A hold ends after this time unless it is renewed.
pub const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// The least remaining time of a hold when a protected call starts: more than the SDK's operation timeout of 150 s.
pub const SAFE: SignedDuration = SignedDuration::from_secs(160);

/// The version that may be published, and the runs that may publish it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub version: Version,
    /// By execution ARN.
    pub holders: BTreeMap<String, Hold>,
}

/// The hold of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Times the run took the lease without releasing it. Above 1, an earlier call may still be running, because its reply
    /// was lost.
    pub times: u32,
    /// The hold ends at this time unless it is renewed.
    pub until: Timestamp,
}

/// A run of another version holds the lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hour {hour}: another run is publishing version {held}, until {until} at the latest")]
pub struct LeaseHeldError {
    pub hour: ArchiveHour,
    /// The version of the lease.
    pub held: Version,
    /// The end of its last hold.
    pub until: Timestamp,
}

impl Lease {
    /// The lease after `holder` took it for `version` at `now`.
    ///
    /// # Errors
    /// [`LeaseHeldError`] while a run of another version holds it.
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

    /// The lease after `holder` renewed its hold; `None` if it does not hold the lease for `version`.
    pub fn renewed(&self, version: Version, holder: &str, now: Timestamp) -> Option<Self> {
        let mut lease = self.clone();
        let hold = lease.holders.get_mut(holder).filter(|_| self.version == version)?;
        hold.until = now + LEASE;
        Some(lease)
    }

    /// The lease after `holder` took it once more; `None` if it does not hold the lease for `version`.
    pub fn joined(&self, version: Version, holder: &str, now: Timestamp) -> Option<Self> {
        let mut lease = self.renewed(version, holder, now)?;
        let hold = lease.holders.get_mut(holder)?;
        hold.times = hold.times.saturating_add(1);
        Some(lease)
    }

    /// The lease after `holder` released it, which had taken it `times` times; unchanged if it does not hold the lease.
    #[must_use]
    pub fn released(&self, version: Version, holder: &str, times: u32) -> Self {
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

    /// The end of the hold of `holder`; `None` if it does not hold the lease for `version`.
    pub fn until(&self, version: Version, holder: &str) -> Option<Timestamp> {
        self.holders.get(holder).filter(|_| self.version == version).map(|hold| hold.until)
    }

    /// The end of the last hold.
    pub fn ends(&self) -> Option<Timestamp> {
        self.holders.values().map(|hold| hold.until).max()
    }
}

/// Whether a protected call may start at `now` if the hold ends at `until`.
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
    fn lease_is_shared_by_runs_of_one_version() {
        let first = taken(None, 1, "a", 0).unwrap();
        assert_eq!(taken(Some(&first), 2, "b", 299).unwrap_err().until, at(300));
        let shared = taken(Some(&first), 1, "b", 100).unwrap();
        assert_eq!(shared.ends(), Some(at(400)));
        assert!(taken(Some(&shared), 2, "c", 399).is_err(), "the second hold ends later");
        let after = taken(Some(&shared), 2, "c", 400).unwrap();
        assert_eq!(after.holders.keys().collect::<Vec<_>>(), ["c"]);
        let released = first.released(version(1), "a", 1);
        assert!(released.holders.is_empty() && taken(Some(&released), 2, "b", 1).is_ok());
    }

    #[test]
    fn lease_taken_twice_needs_two_releases() {
        let twice = taken(Some(&taken(None, 1, "a", 0).unwrap()), 1, "a", 10).unwrap();
        let once = twice.released(version(1), "a", 1);
        assert!(taken(Some(&once), 2, "b", 11).is_err(), "the call whose reply was lost can still be running");
        assert!(once.released(version(1), "a", 1).holders.is_empty());
        assert_eq!(once.joined(version(1), "a", at(10)), Some(twice.clone()));
        assert!(twice.released(version(1), "a", 2).holders.is_empty());
    }

    #[test]
    fn lease_of_another_run_is_not_changed() {
        let lease = taken(None, 1, "a", 0).unwrap();
        assert_eq!(lease.renewed(version(1), "a", at(50)).unwrap().until(version(1), "a"), Some(at(350)));
        for (phrase, number, holder) in [("another holder", 1, "b"), ("another version", 2, "a")] {
            assert_eq!(lease.renewed(version(number), holder, at(1)), None, "{phrase}");
            assert_eq!(lease.released(version(number), holder, 1), lease, "{phrase}");
            assert_eq!(lease.until(version(number), holder), None, "{phrase}");
        }
        assert!(
            lease.renewed(version(1), "a", at(5_000)).is_some(),
            "the hold has ended, but no other run took the lease"
        );
    }

    #[test]
    fn protected_call_needs_160_s_of_the_lease() {
        assert!(is_safe(at(300), at(140)) && !is_safe(at(300), at(141)));
    }

    proptest! {
        #[test]
        fn proptest_lease_belongs_to_one_version(
            steps in proptest::collection::vec((0..3_u8, 0..3_u8, 0..4_u8, 0..200_i64), 1..60),
        ) {
            let (mut lease, mut now): (Option<Lease>, i64) = (None, 0);
            // The end of each hold as its holder knows it.
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
                    _ => if let Some(next) = lease.as_ref().map(|lease| lease.released(version(number), &name, 1)) {
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
