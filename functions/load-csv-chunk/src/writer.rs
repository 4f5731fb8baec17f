//! Writes batches to the table, several at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use aws_client::{AwsError, Backoff};
use aws_csv::{Items, PutBatch};
use csv_load::{LoadPlan, OnExisting};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::pace::Pace;
use crate::rows::ItemBatch;
use crate::{LoadCsvChunkError, Resume};

/// Writes the batches of a chunk.
pub(crate) struct BatchWriter<'a> {
    pub(crate) plan: &'a LoadPlan,
    pub(crate) items: Items,
    pub(crate) pace: Pace,
    pub(crate) calls_in_flight: usize,
    pub(crate) deadline: &'a Deadline,
    /// Counts calls that DynamoDB did not process completely.
    pub(crate) throttled: &'a AtomicU64,
}

/// The position that a call reached.
#[derive(Debug)]
pub(crate) struct WriteProgress {
    /// All rows before this position are written or counted.
    pub(crate) resume: Resume,
    pub(crate) reached_end: bool,
}

impl BatchWriter<'_> {
    /// Writes batches until the last one or the deadline.
    ///
    /// Rows count in order: those of a batch count only after all earlier batches are written. No call is in flight when it
    /// returns, even after a failure.
    pub(crate) async fn write(
        &self,
        mut batches: mpsc::Receiver<ItemBatch>,
        from: Resume,
    ) -> Result<WriteProgress, LoadCsvChunkError> {
        let mut progress = WriteProgress { resume: from, reached_end: false };
        let stopped = AtomicBool::new(false);
        let begun = stream::poll_fn(|context| {
            if self.deadline.is_over() {
                stopped.store(true, Ordering::Relaxed);
                return Poll::Ready(None);
            }
            batches.poll_recv(context)
        });
        let mut written = std::pin::pin!(begun.map(|batch| self.write_batch(batch)).buffered(self.calls_in_flight));
        let mut cut = None;
        while let Some(outcome) = written.next().await {
            match outcome {
                _ if cut.is_some() => {}
                Ok(Some(batch)) => progress.pass(&batch),
                // This batch and all later ones would start after the deadline.
                Ok(None) => cut = Some(Ok(())),
                Err(error) => {
                    self.deadline.end_now();
                    cut = Some(Err(error));
                }
            }
        }
        progress.reached_end = cut.is_none() && !stopped.load(Ordering::Relaxed);
        match cut {
            // DynamoDB is too busy to process all batches in time. The written ones count.
            Some(Err(LoadCsvChunkError::Aws(AwsError::Throttled { .. }))) if progress.resume.offset > from.offset => {}
            Some(Err(error)) => return Err(error),
            _ => self.pace.settle(self.deadline).await,
        }
        Ok(progress)
    }

    /// Returns `None` if there was no time to start.
    async fn write_batch(&self, batch: ItemBatch) -> Result<Option<ItemBatch>, LoadCsvChunkError> {
        if !self.pace.take(batch.write_units, self.deadline).await {
            return Ok(None);
        }
        let written = match self.plan.rules.on_existing {
            OnExisting::Overwrite => self.put_all(batch).await,
            OnExisting::Skip | OnExisting::Fail => self.put_each(batch).await,
        };
        written.map(Some)
    }

    async fn put_all(&self, mut batch: ItemBatch) -> Result<ItemBatch, LoadCsvChunkError> {
        let all = batch.puts.len() as u64;
        let mut left = std::mem::replace(&mut batch.puts, PutBatch::new(""));
        let mut backoff = Backoff::default();
        while !left.is_empty() {
            match self.items.put_batch(&left).await {
                Ok(unprocessed) => left = unprocessed,
                Err(AwsError::Throttled { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if !left.is_empty() {
                self.wait(&mut backoff).await?;
            }
        }
        batch.counts.written = all;
        Ok(batch)
    }

    async fn put_each(&self, mut batch: ItemBatch) -> Result<ItemBatch, LoadCsvChunkError> {
        let load_id = self.plan.load_id.to_string();
        for index in 0..batch.puts.len() {
            let mut backoff = Backoff::default();
            let put = loop {
                match self.items.put_unless_of_other_load(batch.puts.item(index), &load_id).await {
                    Err(AwsError::Throttled { .. }) => self.wait(&mut backoff).await?,
                    result => break result?,
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

    fn exists(&self, batch: &ItemBatch, index: usize) -> LoadCsvChunkError {
        LoadCsvChunkError::ItemExists {
            table: self.plan.table.clone(),
            address: self.plan.source.address(),
            line: batch.lines[index],
            id: batch.puts.key(index),
        }
    }

    /// Waits before the next attempt; fails at the deadline.
    async fn wait(&self, backoff: &mut Backoff) -> Result<(), LoadCsvChunkError> {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + backoff.next_wait();
        if until > self.deadline.last_end() || !self.deadline.sleep_until(until).await {
            let resource = self.items.table().to_owned();
            let source = "items stayed unprocessed until the time limit".into();
            return Err(AwsError::Throttled { call: "BatchWriteItem", resource, source }.into());
        }
        Ok(())
    }
}

impl WriteProgress {
    fn pass(&mut self, batch: &ItemBatch) {
        let Resume { offset, line, counts, write_units } = &mut self.resume;
        (*offset, *line) = (batch.next.offset, batch.next.line);
        counts.add(&batch.counts);
        *write_units += batch.write_units;
    }
}

#[cfg(test)]
mod tests {
    use aws_fakes::{Fault, dynamodb};
    use csv_load::plan::{CsvSource, LoadTarget};
    use csv_load::receipt::RowCounts;
    use csv_load::{LoadOptions, PlannerSettings, RecordPosition};

    use super::*;

    const TABLE: &str = "csv_items";

    fn plan() -> LoadPlan {
        let settings = PlannerSettings { chunk_rows: 30, chunk_bytes: 1 << 20, seed: 1, added_bytes: 0 };
        let planned = csv_load::plan_file(&b"id\n1\n"[..], &LoadOptions::default(), settings).unwrap().planned;
        let (bucket, key, etag, sha256) =
            ("up".to_owned(), "incoming/file.csv".to_owned(), String::new(), String::new());
        let source = CsvSource { bucket, key, etag, bytes: 5, sha256, is_gzip: false };
        let wanted = LoadTarget { table: TABLE.to_owned(), table_id: None, options: LoadOptions::default() };
        let load_id = "0123456789abcdef".parse().unwrap();
        LoadPlan::new(&planned, source, load_id, wanted, "2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn batch(id: u64) -> ItemBatch {
        let mut puts = PutBatch::new(TABLE);
        puts.push(|out| out.extend_from_slice(format!(r#"{{"id":{{"S":"{id}"}}}}"#).as_bytes()));
        let (counts, next) = (RowCounts { read: 1, ..RowCounts::default() }, RecordPosition { offset: id, line: id });
        ItemBatch { puts, lines: Vec::new(), write_units: 1, counts, next }
    }

    #[tokio::test]
    async fn failed_write_leaves_no_call_in_flight() {
        let plan = plan();
        let mut ended = 0;
        for seed in 0..20 {
            let dynamodb = dynamodb::memory(&[(TABLE, "id", None)]);
            dynamodb.shuffle(seed);
            dynamodb.fail("BatchWriteItem", 1, Fault::Error(400, "AccessDeniedException"));
            let (sender, batches) = mpsc::channel(2);
            for id in 1..=2 {
                sender.send(batch(id)).await.unwrap();
            }
            drop(sender);
            let writer = BatchWriter {
                plan: &plan,
                items: Items::new(dynamodb::client(&dynamodb), TABLE),
                pace: Pace::new(None),
                calls_in_flight: 4,
                deadline: &Deadline::at(Instant::now() + std::time::Duration::from_mins(1)),
                throttled: &AtomicU64::new(0),
            };
            let from = Resume { offset: 0, line: 1, counts: RowCounts::default(), write_units: 0 };
            assert!(writer.write(batches, from).await.is_err());
            // If the second call started before the first one failed, its item exists when the failure is returned.
            let items = dynamodb.with(|tables| tables.raw_items(TABLE));
            ended += usize::from(items.iter().any(|item| item["id"]["S"] == "2"));
        }
        assert!(ended > 0, "a call was left in flight");
    }
}
