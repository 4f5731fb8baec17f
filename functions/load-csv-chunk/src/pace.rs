//! How fast items may be written.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Spreads write units evenly over time, so that no second takes more than the limit.
#[derive(Debug)]
pub(crate) struct Pace {
    secs_per_unit: Option<f64>,
    /// When the next units may be taken.
    next: Mutex<Instant>,
}

impl Pace {
    /// So many units a second, or as many as there are.
    pub(crate) fn new(units_per_sec: Option<f64>) -> Self {
        Self { secs_per_unit: units_per_sec.map(|units| 1.0 / units), next: Mutex::new(Instant::now()) }
    }

    /// Waits until so many units may be taken; answers whether they may before `end`. If not, nobody may from then on.
    pub(crate) async fn take(&self, units: u64, end: Instant) -> bool {
        let Some(secs_per_unit) = self.secs_per_unit else { return true };
        let turn = {
            let mut next = self.next.lock().expect("nobody panics here");
            let turn = (*next).max(Instant::now());
            if turn >= end {
                return false;
            }
            *next = turn + Duration::from_secs_f64(secs_per_unit * units as f64);
            turn
        };
        tokio::time::sleep_until(turn).await;
        true
    }

    /// Waits until what was taken is paid for, or `end`: otherwise many short chunks would take more than the limit.
    pub(crate) async fn settle(&self, end: Instant) {
        let next = *self.next.lock().expect("nobody panics here");
        tokio::time::sleep_until(next.min(end)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn units_are_spread_and_what_was_taken_is_waited_for() {
        let (begin, pace) = (Instant::now(), Pace::new(Some(10.0)));
        let end = begin + Duration::from_secs(60);
        for turn in [0, 2, 4] {
            assert!(pace.take(20, end).await);
            assert_eq!(begin.elapsed().as_secs(), turn);
        }
        pace.settle(end).await;
        assert_eq!(begin.elapsed().as_secs(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_taken_that_would_be_too_late() {
        let (begin, pace) = (Instant::now(), Pace::new(Some(1.0)));
        let end = begin + Duration::from_secs(60);
        assert!(pace.take(10_000, end).await, "the first may be as large as it likes");
        assert!(!pace.take(1, end).await);
        pace.settle(end).await;
        assert_eq!(begin.elapsed().as_secs(), 60, "no longer than there is time");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let (begin, pace) = (Instant::now(), Pace::new(None));
        assert!(pace.take(u64::MAX, begin).await);
        pace.settle(begin + Duration::from_secs(60)).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
