//! How fast items may be written.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::ending::Ending;

/// Spreads write units evenly over time, so that no second takes more than the limit.
#[derive(Debug)]
pub(crate) struct Pace {
    secs_per_unit: Option<f64>,
    /// When the next units may be taken: all before are paid for then.
    next: Mutex<Instant>,
}

impl Pace {
    /// So many units a second, or as many as there are.
    pub(crate) fn new(units_per_sec: Option<f64>) -> Self {
        Self { secs_per_unit: units_per_sec.map(|units| 1.0 / units), next: Mutex::new(Instant::now()) }
    }

    /// Waits until so many units may be taken; answers whether they may before the end. If not, none may from then on.
    pub(crate) async fn take(&self, units: u64, ending: &Ending) -> bool {
        match self.turn(units, Instant::now(), ending.begins_before()) {
            Some(turn) => ending.sleep_until(turn).await,
            None => false,
        }
    }

    /// Waits until what was taken is paid for, or the end: otherwise many short chunks would take more than the limit.
    pub(crate) async fn settle(&self, ending: &Ending) {
        ending.sleep_until(self.next().min(ending.ends_before())).await;
    }

    fn turn(&self, units: u64, now: Instant, end: Instant) -> Option<Instant> {
        let Some(secs_per_unit) = self.secs_per_unit else { return Some(now) };
        let mut next = self.next.lock().expect("nobody panics here");
        let turn = (*next).max(now);
        if turn >= end {
            return None;
        }
        *next = turn + Duration::from_secs_f64(secs_per_unit * units as f64);
        Some(turn)
    }

    fn next(&self) -> Instant {
        *self.next.lock().expect("nobody panics here")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn units_are_spread_and_what_was_taken_is_paid_for_later() {
        let pace = Pace::new(Some(10.0));
        let begin = pace.next();
        let end = begin + 60 * SECOND;
        let turns = [20, 20, 30].map(|units| pace.turn(units, begin, end).unwrap() - begin);
        assert_eq!(turns, [0, 2, 4].map(|seconds| seconds * SECOND));
        assert_eq!(pace.next() - begin, 7 * SECOND);
        let idle = pace.turn(20, begin + 9 * SECOND, end).unwrap();
        assert_eq!(idle - begin, 9 * SECOND, "time that nobody used is not saved up");
    }

    #[test]
    fn nothing_is_taken_that_would_be_too_late() {
        let pace = Pace::new(Some(1.0));
        let begin = pace.next();
        let end = begin + 60 * SECOND;
        assert_eq!(pace.turn(10_000, begin, end), Some(begin), "the first may be as large as it likes");
        assert_eq!(pace.turn(1, begin, end), None);
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let pace = Pace::new(None);
        let begin = pace.next();
        assert_eq!(pace.turn(u64::MAX, begin, begin), Some(begin));
        assert_eq!(pace.next(), begin);
    }
}
