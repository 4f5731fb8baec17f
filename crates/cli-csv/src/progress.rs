//! The progress of a load, drawn on standard error.
//!
//! The execution reports its plan and its end. In between, the progress is read from the receipts of the
//! chunks in the upload bucket; each receipt is read once.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use aws_client::s3::Bucket;
use cli_core::format::{count, duration, whole};
use cli_core::progress::{bars, open_bar, style};
use cli_stack::AwsClients;
use cli_watch::{FollowedExecution, TaskFailure};
use csv_load::keys;
use csv_load::receipt::LoadChunkReceipt;
use futures::StreamExt;
use indicatif::{MultiProgress, ProgressBar};

use crate::plan::LoadEstimate;
use crate::report::MAX_RECEIPT_BYTES;

const CHUNKS: &str = "{bar:24} {pos} of {len} chunks, {msg}";
const OPEN: &str = "{spinner} {msg}";
/// The number of chunk receipts that are read at a time.
const READS_AT_ONCE: usize = 16;
/// Interval of the progress lines when standard error is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// The bar of a load, or a line every [`LINE_EVERY`] without a terminal.
pub(crate) struct LoadProgress {
    pub(crate) bars: MultiProgress,
    bar: ProgressBar,
    /// Keys of the receipts that were read.
    seen: HashSet<String>,
    rows: u64,
    /// The time of the first poll, and the rows that were loaded before it.
    since: Option<(Instant, u64)>,
    printed: Instant,
    lines: bool,
}

impl LoadProgress {
    pub(crate) fn new() -> Self {
        let bars = bars();
        let bar = bars.add(open_bar(OPEN));
        let lines = !std::io::stderr().is_terminal();
        Self { bars, bar, seen: HashSet::new(), rows: 0, since: None, printed: Instant::now(), lines }
    }

    pub(crate) fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("  {line}"));
    }

    pub(crate) fn failure(&self, failure: &TaskFailure) {
        let TaskFailure { state, error, message } = failure;
        self.say(&format!("{state}: {error}: {message}"));
    }

    /// Reads the new receipts and moves the bar. Read errors are ignored: they only delay the bar.
    pub(crate) async fn update(&mut self, aws: &AwsClients, followed: &FollowedExecution) {
        let loading = followed.progress.state == "LoadChunks";
        let Some(plan) = loading.then(|| LoadEstimate::of(followed)).flatten() else {
            self.bar.set_message(state_of(followed));
            return;
        };
        let bucket = Bucket::new(aws.s3(), &plan.manifest.bucket);
        let listed = bucket.list(&keys::chunk_receipts_prefix(plan.load_id)).await.unwrap_or_default();
        let new =
            listed.into_iter().map(|object| object.key).filter(|key| !self.seen.contains(key)).collect::<Vec<_>>();
        let receipts = new.into_iter().map(|key| {
            let bucket = &bucket;
            async move { Some((bucket.document::<LoadChunkReceipt>(&key, MAX_RECEIPT_BYTES).await.ok()?, key)) }
        });
        let receipts: Vec<_> = futures::stream::iter(receipts).buffer_unordered(READS_AT_ONCE).collect().await;
        for (receipt, key) in receipts.into_iter().flatten() {
            self.rows += receipt.counts.read;
            self.seen.insert(key);
        }
        self.draw(&plan);
    }

    fn draw(&mut self, plan: &LoadEstimate) {
        let (began, before) = *self.since.get_or_insert((Instant::now(), self.rows));
        if self.bar.length().is_none() {
            self.bar.set_length(plan.chunks);
            self.bar.set_style(style(CHUNKS));
        }
        self.bar.set_position(self.seen.len() as u64);
        let text = rows_of(self.rows, self.rows - before, plan.rows, began.elapsed().as_secs_f64());
        if self.lines && self.printed.elapsed() >= LINE_EVERY {
            self.printed = Instant::now();
            self.say(&format!("{} of {} chunks, {text}", self.seen.len(), plan.chunks));
        }
        self.bar.set_message(text);
    }
}

fn state_of(followed: &FollowedExecution) -> String {
    match followed.progress.state.as_str() {
        "" => "starts",
        "EnsureTable" | "CreateTable" | "WaitForTable" => "creates the table",
        "PlanCsv" => "reads the file",
        "CommitCsvLoad" => "writes the receipt",
        "FindLoad" => "waits for running chunks",
        "UndoSegments" | "UndoSegment" => "deletes items",
        state => state,
    }
    .to_owned()
}

/// `120,000 of 1,000,000 rows, 5,800/s, 2 min left`.
fn rows_of(done: u64, lately: u64, all: u64, seconds: f64) -> String {
    let rate = lately as f64 / seconds.max(0.001);
    let rows = format!("{} of {} rows", count(done), count(all));
    if lately == 0 {
        rows
    } else {
        let left = duration(all.saturating_sub(done) as f64 / rate);
        format!("{rows}, {}/s, {left} left", count(whole(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_rows_rate_and_time_left() {
        assert_eq!(rows_of(120_000, 100_000, 1_000_000, 20.0), "120,000 of 1,000,000 rows, 5,000/s, 3 min left");
        assert_eq!(rows_of(50, 0, 100, 3.0), "50 of 100 rows", "rows loaded before give no rate");
    }
}
