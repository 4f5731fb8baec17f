//! The limit on the write rate.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::Deadline;

/// Spreads write units evenly over time, so that no second exceeds the limit.
#[derive(Debug)]
pub(crate) struct Pace {
    secs_per_unit: Option<f64>,
    /// The time at which all units taken so far are within the limit.
    next: Mutex<Instant>,
}

impl Pace {
    /// `None` means no limit.
    pub(crate) fn new(units_per_sec: Option<f64>) -> Self {
        Self { secs_per_unit: units_per_sec.map(|units| 1.0 / units), next: Mutex::new(Instant::now()) }
    }

    /// Waits until the units may be taken; returns `false` if that is after the deadline. No later call then returns `true`.
    pub(crate) async fn take(&self, units: u64, deadline: &Deadline) -> bool {
        match self.turn(units, Instant::now(), deadline.last_start()) {
            Some(turn) => deadline.sleep_until(turn).await,
            None => false,
        }
    }

    /// Waits until all taken units are within the limit, or the deadline. Without it, many short chunks would exceed the limit.
    pub(crate) async fn settle(&self, deadline: &Deadline) {
        deadline.sleep_until(self.next().min(deadline.last_end())).await;
    }

    fn turn(&self, units: u64, now: Instant, end: Instant) -> Option<Instant> {
        let Some(secs_per_unit) = self.secs_per_unit else { return Some(now) };
        let mut next = self.next.lock().expect("no holder of the lock panics");
        let turn = (*next).max(now);
        if turn >= end {
            return None;
        }
        *next = turn + Duration::from_secs_f64(secs_per_unit * units as f64);
        Some(turn)
    }

    fn next(&self) -> Instant {
        *self.next.lock().expect("no holder of the lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pace_spreads_units_over_time() {
        let pace = Pace::new(Some(10.0));
        let begin = pace.next();
        let end = begin + 60 * SECOND;
        let turns = [20, 20, 30].map(|units| pace.turn(units, begin, end).unwrap() - begin);
        assert_eq!(turns, [0, 2, 4].map(|seconds| seconds * SECOND));
        assert_eq!(pace.next() - begin, 7 * SECOND);
        let idle = pace.turn(20, begin + 9 * SECOND, end).unwrap();
        assert_eq!(idle - begin, 9 * SECOND, "unused time is not saved");
    }

    #[test]
    fn pace_refuses_turn_after_deadline() {
        let pace = Pace::new(Some(1.0));
        let begin = pace.next();
        let end = begin + 60 * SECOND;
        assert_eq!(pace.turn(10_000, begin, end), Some(begin), "the first may have any size");
        assert_eq!(pace.turn(1, begin, end), None);
    }

    #[test]
    fn pace_without_limit_never_waits() {
        let pace = Pace::new(None);
        let begin = pace.next();
        assert_eq!(pace.turn(u64::MAX, begin, begin), Some(begin));
        assert_eq!(pace.next(), begin);
    }
}
