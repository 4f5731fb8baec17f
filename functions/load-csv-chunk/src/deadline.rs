//! The time after which a call starts no further work.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long calls in flight may continue after the deadline.
const GRACE: Duration = Duration::from_secs(20);

/// The end of the work of a call: at a given time, or earlier on request.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Instant,
    ended: watch::Sender<bool>,
}

impl Deadline {
    pub(crate) fn at(at: Instant) -> Self {
        Self { at, ended: watch::Sender::new(false) }
    }

    /// Ends the work now and wakes all sleepers.
    pub(crate) fn end_now(&self) {
        self.ended.send_replace(true);
    }

    /// Returns whether no further work may start.
    pub(crate) fn is_over(&self) -> bool {
        *self.ended.borrow() || Instant::now() >= self.at
    }

    /// Work may start before this time.
    pub(crate) fn last_start(&self) -> Instant {
        self.at
    }

    /// Work in flight may continue until this time.
    pub(crate) fn last_end(&self) -> Instant {
        self.at + GRACE
    }

    /// Sleeps; returns `false` if the work was ended meanwhile.
    pub(crate) async fn sleep_until(&self, time: Instant) -> bool {
        let mut ended = self.ended.subscribe();
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => false,
            () = tokio::time::sleep_until(time) => true,
        }
    }
}
