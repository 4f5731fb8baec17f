//! Batches into the table, several at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use aws_adapters::AwsError;
use aws_adapters::dynamodb::{Items, PutBatch};
use csv_load::{LoadPlan, OnExisting};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::pace::Pace;
use crate::rows::Batch;
use crate::{LoadCsvChunkError, Resume};

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// What is under way when the time is over has as long again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Writes the batches of a chunk.
pub(crate) struct Writer<'a> {
    pub(crate) plan: &'a LoadPlan,
    pub(crate) items: Items,
    pub(crate) pace: Pace,
    pub(crate) calls_in_flight: usize,
    /// After this no batch is begun.
    pub(crate) stop_at: Instant,
    /// Calls that the table did not take, or not whole.
    pub(crate) throttled: &'a AtomicU64,
}

/// How far a call came.
#[derive(Debug)]
pub(crate) struct Progress {
    /// All rows before this place are accounted for.
    pub(crate) resume: Resume,
    /// Whether there was no further batch.
    pub(crate) reached_end: bool,
}

impl Writer<'_> {
    /// Writes batches until there is none, or the time is over. Rows count in their order: those of a batch only once all
    /// before it are written.
    pub(crate) async fn write(
        &self,
        mut batches: mpsc::Receiver<Batch>,
        from: Resume,
    ) -> Result<Progress, LoadCsvChunkError> {
        let mut progress = Progress { resume: from, reached_end: false };
        let stopped = AtomicBool::new(false);
        let begun = stream::poll_fn(|context| {
            if Instant::now() >= self.stop_at {
                stopped.store(true, Ordering::Relaxed);
                return Poll::Ready(None);
            }
            batches.poll_recv(context)
        });
        let mut written = std::pin::pin!(begun.map(|batch| self.write_batch(batch)).buffered(self.calls_in_flight));
        while let Some(outcome) = written.next().await {
            match outcome {
                Ok(Some(batch)) => progress.pass(&batch),
                // Its turn would have come too late, as that of all after it.
                Ok(None) => {
                    self.pace.settle(self.stop_at + PATIENCE).await;
                    return Ok(progress);
                }
                // The table is too busy to take all of it in time; what it took counts.
                Err(LoadCsvChunkError::Aws(AwsError::Throttled { .. })) if progress.resume.offset > from.offset => {
                    return Ok(progress);
                }
                Err(error) => return Err(error),
            }
        }
        self.pace.settle(self.stop_at + PATIENCE).await;
        progress.reached_end = !stopped.load(Ordering::Relaxed);
        Ok(progress)
    }

    /// Nothing comes back if there was no time to begin.
    async fn write_batch(&self, batch: Batch) -> Result<Option<Batch>, LoadCsvChunkError> {
        if !self.pace.take(batch.write_units, self.stop_at).await {
            return Ok(None);
        }
        let written = match self.plan.rules.on_existing {
            OnExisting::Overwrite => self.put_all(batch).await,
            OnExisting::Skip | OnExisting::Fail => self.put_each(batch).await,
        };
        written.map(Some)
    }

    async fn put_all(&self, mut batch: Batch) -> Result<Batch, LoadCsvChunkError> {
        let all = batch.puts.len() as u64;
        let mut left = std::mem::replace(&mut batch.puts, PutBatch::new(""));
        let mut waits = 0;
        while !left.is_empty() {
            match self.items.put_batch(&left).await {
                Ok(unprocessed) => left = unprocessed,
                Err(AwsError::Throttled { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if !left.is_empty() {
                self.wait(&mut waits).await?;
            }
        }
        batch.counts.written = all;
        Ok(batch)
    }

    async fn put_each(&self, mut batch: Batch) -> Result<Batch, LoadCsvChunkError> {
        let load_id = self.plan.load_id.to_string();
        for index in 0..batch.puts.len() {
            let mut waits = 0;
            let put = loop {
                match self.items.put_unless_of_others(batch.puts.item(index), &load_id).await {
                    Err(AwsError::Throttled { .. }) => self.wait(&mut waits).await?,
                    answer => break answer?,
                }
            };
            match (put, self.plan.rules.on_existing) {
                (true, _) => batch.counts.written += 1,
                (false, OnExisting::Fail) => return Err(self.exists(&batch, index)),
                (false, _) => batch.counts.skipped += 1,
            }
        }
        Ok(batch)
    }

    fn exists(&self, batch: &Batch, index: usize) -> LoadCsvChunkError {
        LoadCsvChunkError::ItemExists {
            table: self.plan.table.clone(),
            address: self.plan.source.address(),
            line: batch.lines[index],
            id: batch.puts.key(index),
        }
    }

    /// Waits longer each time, by chance, so that the calls of all chunks spread; gives up when the time is over.
    async fn wait(&self, waits: &mut u32) -> Result<(), LoadCsvChunkError> {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        let longest = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.saturating_pow(*waits));
        *waits = (*waits + 1).min(10);
        let wait = longest.mul_f64(rand::random_range(0.0..1.0));
        if Instant::now() + wait > self.stop_at + PATIENCE {
            let resource = self.items.table().to_owned();
            let source = "it leaves items unprocessed until the time is over".into();
            return Err(AwsError::Throttled { call: "BatchWriteItem", resource, source }.into());
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

impl Progress {
    fn pass(&mut self, batch: &Batch) {
        let Resume { offset, line, counts, write_units } = &mut self.resume;
        (*offset, *line) = (batch.next.offset, batch.next.line);
        counts.add(&batch.counts);
        *write_units += batch.write_units;
    }
}
