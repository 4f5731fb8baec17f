//! Batches into the table, several at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use aws_client::{AwsError, Backoff};
use aws_csv::{Items, PutBatch};
use csv_load::{LoadPlan, OnExisting};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::ending::Ending;
use crate::pace::Pace;
use crate::rows::Batch;
use crate::{LoadCsvChunkError, Resume};

/// Writes the batches of a chunk.
pub(crate) struct Writer<'a> {
    pub(crate) plan: &'a LoadPlan,
    pub(crate) items: Items,
    pub(crate) pace: Pace,
    pub(crate) calls_in_flight: usize,
    /// When no further batch is begun.
    pub(crate) ending: &'a Ending,
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
    /// before it are written. When it returns, no call is under way any more, also where one failed.
    pub(crate) async fn write(
        &self,
        mut batches: mpsc::Receiver<Batch>,
        from: Resume,
    ) -> Result<Progress, LoadCsvChunkError> {
        let mut progress = Progress { resume: from, reached_end: false };
        let stopped = AtomicBool::new(false);
        let begun = stream::poll_fn(|context| {
            if self.ending.is_over() {
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
                // Its turn would have come too late, as that of all after it.
                Ok(None) => cut = Some(Ok(())),
                Err(error) => {
                    self.ending.end_now();
                    cut = Some(Err(error));
                }
            }
        }
        progress.reached_end = cut.is_none() && !stopped.load(Ordering::Relaxed);
        match cut {
            // The table is too busy to take all of it in time; what it took counts.
            Some(Err(LoadCsvChunkError::Aws(AwsError::Throttled { .. }))) if progress.resume.offset > from.offset => {}
            Some(Err(error)) => return Err(error),
            _ => self.pace.settle(self.ending).await,
        }
        Ok(progress)
    }

    /// Nothing comes back if there was no time to begin.
    async fn write_batch(&self, batch: Batch) -> Result<Option<Batch>, LoadCsvChunkError> {
        if !self.pace.take(batch.write_units, self.ending).await {
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

    async fn put_each(&self, mut batch: Batch) -> Result<Batch, LoadCsvChunkError> {
        let load_id = self.plan.load_id.to_string();
        for index in 0..batch.puts.len() {
            let mut backoff = Backoff::default();
            let put = loop {
                match self.items.put_unless_of_others(batch.puts.item(index), &load_id).await {
                    Err(AwsError::Throttled { .. }) => self.wait(&mut backoff).await?,
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

    /// Waits longer each time; gives up when the time is over.
    async fn wait(&self, backoff: &mut Backoff) -> Result<(), LoadCsvChunkError> {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + backoff.next_wait();
        if until > self.ending.ends_before() || !self.ending.sleep_until(until).await {
            let resource = self.items.table().to_owned();
            let source = "it leaves items unprocessed until the time is over".into();
            return Err(AwsError::Throttled { call: "BatchWriteItem", resource, source }.into());
        }
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

#[cfg(test)]
mod tests {
    use aws_fakes::Fault;
    use aws_fakes::dynamodb;
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

    fn batch(id: u64) -> Batch {
        let mut puts = PutBatch::new(TABLE);
        puts.push(|out| out.extend_from_slice(format!(r#"{{"id":{{"S":"{id}"}}}}"#).as_bytes()));
        let (counts, next) = (RowCounts { read: 1, ..RowCounts::default() }, RecordPosition { offset: id, line: id });
        Batch { puts, lines: Vec::new(), write_units: 1, counts, next }
    }

    #[tokio::test]
    async fn no_call_is_under_way_any_more_when_one_has_failed() {
        let plan = plan();
        let mut ended = 0;
        for seed in 0..20 {
            let dynamodb = dynamodb::memory(&[(TABLE, "id", None)]);
            dynamodb.shuffle(seed);
            dynamodb.fail("BatchWriteItem", 1, Fault::Answer(400, "AccessDeniedException"));
            let (sender, batches) = mpsc::channel(2);
            for id in 1..=2 {
                sender.send(batch(id)).await.unwrap();
            }
            drop(sender);
            let writer = Writer {
                plan: &plan,
                items: Items::new(dynamodb::client(&dynamodb), TABLE),
                pace: Pace::new(None),
                calls_in_flight: 4,
                ending: &Ending::at(Instant::now() + std::time::Duration::from_secs(60)),
                throttled: &AtomicU64::new(0),
            };
            let from = Resume { offset: 0, line: 1, counts: RowCounts::default(), write_units: 0 };
            assert!(writer.write(batches, from).await.is_err());
            // Where the first call fails and the second has begun, its item is there when the first's failure is told.
            let items = dynamodb.with(|tables| tables.raw_items(TABLE));
            ended += usize::from(items.iter().any(|item| item["id"]["S"] == "2"));
        }
        assert!(ended > 0, "calls were left under way");
    }
}
