//! When a call begins no further work.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// What is under way when the time is over has as long again.
const PATIENCE: Duration = Duration::from_secs(20);

/// The end of a call's work: in time, or at once if there is reason to.
#[derive(Debug)]
pub(crate) struct Ending {
    at: Instant,
    now: watch::Sender<bool>,
}

impl Ending {
    /// At this time at the latest.
    pub(crate) fn at(at: Instant) -> Self {
        Self { at, now: watch::Sender::new(false) }
    }

    /// Ends the work; whoever waits, waits no longer.
    pub(crate) fn end_now(&self) {
        self.now.send_replace(true);
    }

    /// Whether nothing is to be begun any more.
    pub(crate) fn is_over(&self) -> bool {
        *self.now.borrow() || Instant::now() >= self.at
    }

    /// Up to when work may be begun.
    pub(crate) fn begins_before(&self) -> Instant {
        self.at
    }

    /// Up to when work that was begun may go on.
    pub(crate) fn ends_before(&self) -> Instant {
        self.at + PATIENCE
    }

    /// Sleeps; answers false if the work was ended meanwhile.
    pub(crate) async fn sleep_until(&self, time: Instant) -> bool {
        let mut now = self.now.subscribe();
        tokio::select! {
            biased;
            _ = now.wait_for(|ended| *ended) => false,
            () = tokio::time::sleep_until(time) => true,
        }
    }
}
