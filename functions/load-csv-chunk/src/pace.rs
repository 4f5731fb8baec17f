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

    /// Waits until so many units may be taken.
    pub(crate) async fn take(&self, units: u64) {
        let Some(secs_per_unit) = self.secs_per_unit else { return };
        let turn = {
            let mut next = self.next.lock().expect("nobody panics here");
            let turn = (*next).max(Instant::now());
            *next = turn + Duration::from_secs_f64(secs_per_unit * units as f64);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}
