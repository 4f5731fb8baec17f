//! Deletes the items of a load, page by page. Throttled calls are repeated until the time limit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aws_client::{AwsError, Backoff};
use aws_csv::{Deletion, Items, KeyPage};
use futures::{StreamExt, stream};

use crate::TableSegment;
use crate::progress::SegmentProgress;

pub(crate) struct ItemDeleter {
    pub(crate) items: Items,
    pub(crate) load: String,
    pub(crate) in_flight: usize,
    /// Throttled calls are repeated until this time.
    pub(crate) stop_at: Instant,
}

impl ItemDeleter {
    /// Reads the keys of the load in the next page of a segment.
    pub(crate) async fn page(&self, segment: &TableSegment) -> Result<KeyPage, AwsError> {
        let mut backoff = Backoff::default();
        loop {
            let within = (segment.segment, segment.segments);
            match self.items.keys_of_load(&self.load, within, segment.after.clone()).await {
                Err(AwsError::Throttled { .. }) if self.waited(&mut backoff).await => {}
                result => return result,
            }
        }
    }

    /// Deletes the items of a page and counts them. Returns the first error if items are left.
    pub(crate) async fn delete(&self, progress: &mut SegmentProgress) -> Option<AwsError> {
        let failed = AtomicBool::new(false);
        let deletions = std::mem::take(&mut progress.keys).into_iter().map(|key| self.delete_one(key, &failed));
        let mut deletions = stream::iter(deletions).buffer_unordered(self.in_flight);
        let mut first_error = None;
        while let Some((key, outcome)) = deletions.next().await {
            match outcome {
                Ok(Some(deletion)) => {
                    progress.segment.deleted += u64::from(deletion == Deletion::Deleted);
                    progress.segment.gone += u64::from(deletion == Deletion::Gone);
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    first_error.get_or_insert(error);
                }
            }
            progress.keys.push(key);
        }
        first_error
    }

    /// Returns no deletion if another one failed before this one started.
    async fn delete_one(&self, key: String, failed: &AtomicBool) -> (String, Result<Option<Deletion>, AwsError>) {
        let mut backoff = Backoff::default();
        while !failed.load(Ordering::Relaxed) {
            match self.items.delete_of_load(key.clone(), &self.load).await {
                Err(AwsError::Throttled { .. }) if self.waited(&mut backoff).await => {}
                outcome => return (key, outcome.map(Some)),
            }
        }
        (key, Ok(None))
    }

    /// Waits and returns `true`, if there is time.
    async fn waited(&self, backoff: &mut Backoff) -> bool {
        let wait = backoff.next_wait();
        let in_time = Instant::now() + wait < self.stop_at;
        if in_time {
            tokio::time::sleep(wait).await;
        }
        in_time
    }
}
