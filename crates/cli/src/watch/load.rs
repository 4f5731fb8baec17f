//! Executions of `csv-load` and `csv-undo`: how far they are, and the receipt.
//!
//! What the execution itself tells is the plan and the end. In between, the chunks' receipts are what is known: they lie in
//! the upload bucket, and each is read once.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, IsTerminal};
use std::time::{Duration, Instant};

use aws_client::s3::Bucket;
use comfy_table::{CellAlignment, Table, presets};
use csv_load::receipt::{LoadChunkReceipt, LoadReceipt, RowCounts};
use csv_load::{ColumnType, Delimiter, LoadId, keys};
use futures::StreamExt;
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::board;
use super::execution::ExecutionArn;
use super::patience::Patience;
use super::poll::{Followed, Poller};
use super::run::Notice;
use super::summary::{ErrorText, error_of, output_of, problem_of, status_of, thousandths};
use super::{Detach, now, waits};
use crate::backfill::duration;
use crate::output;
use crate::paint::{Colour, Paint};
use crate::stack::{Aws, Problem};

const CHUNKS: &str = "{bar:24} {pos} of {len} chunks, {msg}";
const OPEN: &str = "{spinner} {msg}";
/// Chunks of the table; of more there are the sums alone.
const MOST_CHUNKS: usize = 20;
/// Rows that do not fit, in the table; all of them are in the quarantine.
const TOLD_ROWS: usize = 10;
/// Beginning of the quarantine that these are read from.
const QUARANTINE_HEAD: usize = 256 << 10;
/// Chunk receipts that are read at once.
const READS_AT_ONCE: usize = 16;
const MAX_RECEIPT_BYTES: u64 = 16 << 20;
/// Without a terminal a line is enough so often.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// What is to be loaded, as `plan-csv` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadPlanned {
    pub(crate) load_id: LoadId,
    pub(crate) table: String,
    pub(crate) chunks: u64,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) superseded: u64,
    pub(crate) write_units: u64,
    pub(crate) delimiter: Delimiter,
    pub(crate) id_column: Option<String>,
    pub(crate) columns: u64,
    pub(crate) types: BTreeMap<String, ColumnType>,
    manifest: Manifest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Manifest {
    bucket: String,
}

/// A row that does not fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RejectedRow {
    line: u64,
    reason: String,
    message: String,
}

/// How the watched execution ended.
#[derive(Serialize)]
pub(crate) struct LoadEnded {
    execution: String,
    /// `succeeded`, `failed`, `timed_out`, `aborted`.
    status: &'static str,
    /// `loaded`, `already_loaded`, `dry_run`, `undone`, where it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorText>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_id: Option<LoadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// Items that were deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<u64>,
    /// Items that were gone before they could be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<RowCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_units: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<LoadChunkReceipt>,
    /// The receipt's `s3://` address.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    /// That of the rows that do not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<String>,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected_rows: Vec<RejectedRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<LoadPlanned>,
}

/// Follows an execution until it ends.
pub(crate) async fn follow(aws: &Aws, arn: &ExecutionArn, detach: &Detach) -> Result<LoadEnded, Problem> {
    let poller = Poller::new(aws.clone());
    let mut root = poller.attach(arn.as_str(), String::new()).await?;
    let mut progress = Progress::new();
    detach.knows(arn, Some(&progress.bars));
    let mut patience = Patience::new(arn);
    for wait in waits() {
        let looked = poller.refresh(&mut root).await;
        for notice in patience.bear(looked, Instant::now(), |line| progress.say(line))?.unwrap_or_default() {
            progress.notice(&notice);
        }
        progress.look(aws, &root).await;
        if root.end.is_some() {
            break;
        }
        tokio::time::sleep(wait).await;
    }
    board::clear(&progress.bars);
    LoadEnded::of(aws, &root).await
}

/// What a person sees meanwhile.
struct Progress {
    bars: MultiProgress,
    bar: ProgressBar,
    seen: HashSet<String>,
    rows: u64,
    /// When the first look was, and the rows that were loaded before.
    since: Option<(Instant, u64)>,
    told: Instant,
    lines: bool,
}

impl Progress {
    fn new() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = bars.add(ProgressBar::no_length().with_style(board::style(OPEN)));
        bar.enable_steady_tick(Duration::from_millis(200));
        let lines = !std::io::stderr().is_terminal();
        Self { bars, bar, seen: HashSet::new(), rows: 0, since: None, told: Instant::now(), lines }
    }

    fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("  {line}"));
    }

    fn notice(&self, notice: &Notice) {
        let Notice { state, error, message } = notice;
        self.say(&format!("{state}: {error}: {message}"));
    }

    /// Reads the receipts that are new. What cannot be read now is no progress, and no reason to stop.
    async fn look(&mut self, aws: &Aws, followed: &Followed) {
        let Some(plan) = followed.run.load.as_ref().filter(|_| followed.run.state == "LoadChunks") else {
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
        self.draw(plan);
    }

    fn draw(&mut self, plan: &LoadPlanned) {
        let (began, before) = *self.since.get_or_insert((Instant::now(), self.rows));
        if self.bar.length().is_none() {
            self.bar.set_length(plan.chunks);
            self.bar.set_style(board::style(CHUNKS));
        }
        self.bar.set_position(self.seen.len() as u64);
        let text = rows_of(self.rows, self.rows - before, plan.rows, began.elapsed().as_secs_f64());
        if self.lines && self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            self.say(&format!("{} of {} chunks, {text}", self.seen.len(), plan.chunks));
        }
        self.bar.set_message(text);
    }
}

fn state_of(followed: &Followed) -> String {
    match followed.run.state.as_str() {
        "" => "begins",
        "EnsureTable" | "CreateTable" | "WaitForTable" => "makes the table",
        "PlanCsv" => "reads the file",
        "CommitCsvLoad" => "adds up",
        "FindLoad" => "waits for chunks that may still run",
        "UndoSegments" | "UndoSegment" => "reads the table and deletes",
        state => state,
    }
    .to_owned()
}

/// `120,000 of 1,000,000 rows, 5,800/s, 2 min left`.
fn rows_of(done: u64, lately: u64, all: u64, seconds: f64) -> String {
    let rate = lately as f64 / seconds.max(0.001);
    let rows = format!("{} of {} rows", HumanCount(done), HumanCount(all));
    match lately {
        0 => rows,
        _ => {
            let left = duration(all.saturating_sub(done) as f64 / rate);
            format!("{rows}, {}/s, {left} left", HumanCount(rate as u64))
        }
    }
}

impl LoadEnded {
    async fn of(aws: &Aws, root: &Followed) -> Result<Self, Problem> {
        let end = root.end.as_ref();
        let output = output_of(root);
        let plan = root.run.load.clone();
        let mut ended = Self {
            execution: root.arn.clone(),
            status: end.map_or("running", |end| status_of(end.status())),
            outcome: None,
            error: end.and_then(error_of),
            seconds: thousandths(root.seconds(now())),
            load_id: plan.as_ref().map(|plan| plan.load_id),
            table: plan.as_ref().map(|plan| plan.table.clone()),
            undone: None,
            gone: None,
            counts: None,
            write_units: None,
            chunks: Vec::new(),
            receipt: None,
            quarantine: None,
            rejected_rows: Vec::new(),
            plan,
        };
        ended.take(output);
        ended.read_receipt(aws).await?;
        Ok(ended)
    }

    /// What the execution says of itself.
    fn take(&mut self, output: Value) {
        // An execution of csv-undo answers the load alone.
        let load: Option<Brief> = serde_json::from_value(output.get("load").cloned().unwrap_or(output.clone())).ok();
        self.outcome = output.get("status").and_then(Value::as_str).map(str::to_owned);
        if let Some(Brief { load_id, table, counts, write_units, receipt, undone, gone, quarantine }) = load {
            if undone.is_some() {
                self.outcome = Some("undone".to_owned());
                self.gone = Some(gone);
            }
            (self.load_id, self.table, self.undone) = (Some(load_id), Some(table), undone);
            (self.counts, self.write_units) = (Some(counts), Some(write_units));
            (self.receipt, self.quarantine) = (Some(receipt), quarantine);
        }
        if let (Some("already_loaded"), Some(plan)) = (self.outcome.as_deref(), &self.plan) {
            self.receipt = Some(format!("s3://{}/{}", plan.manifest.bucket, keys::receipt(plan.load_id)));
        }
    }

    /// What its receipt says: the chunks, and of a load of earlier the counts.
    async fn read_receipt(&mut self, aws: &Aws) -> Result<(), Problem> {
        let is_load = matches!(self.outcome.as_deref(), Some("loaded" | "already_loaded"));
        let Some(address) = self.receipt.clone().filter(|_| is_load) else { return Ok(()) };
        let Some((bucket, key)) = address.strip_prefix("s3://").and_then(|address| address.split_once('/')) else {
            return Ok(());
        };
        let bucket = Bucket::new(aws.s3(), bucket);
        let receipt: LoadReceipt = bucket.document(key, MAX_RECEIPT_BYTES).await.map_err(|error| Problem::Absent {
            what: format!("the receipt ({})", crate::stack::one_line(&crate::describe(&error))),
            next: "see what the message names, then 'ghactivity watch' the execution again".to_owned(),
        })?;
        (self.counts, self.write_units, self.chunks) =
            (Some(receipt.counts), Some(receipt.write_units), receipt.chunks);
        // The plan names the first of very many.
        if let Some(plan) = &mut self.plan {
            plan.types = receipt.types;
        }
        if let Some(quarantine) = receipt.quarantine {
            self.quarantine = Some(bucket.address(&quarantine));
            self.rejected_rows = RejectedRow::read(&head_of(&bucket, &quarantine).await[..], TOLD_ROWS);
        }
        Ok(())
    }

    /// Prints it; its failure is the command's.
    pub(crate) fn finish(self, json: bool) -> Result<(), Problem> {
        match json {
            true => output::json(&self),
            false => output::text(&self.text(Paint::for_stdout())),
        }
        self.problem().map_or(Ok(()), Err)
    }

    /// The problem that it ended with, if it did.
    pub(crate) fn problem(&self) -> Option<Problem> {
        problem_of(&self.execution, self.status, self.error.as_ref())
    }

    /// The receipt, for a person; of an execution that failed there is none.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let (Some(outcome), Some(table)) = (&self.outcome, &self.table) else { return String::new() };
        let load = self.load_id.map(|load| load.to_string()).unwrap_or_default();
        let seconds = self.seconds;
        match outcome.as_str() {
            "undone" => {
                let deleted = HumanCount(self.undone.unwrap_or_default());
                let gone = match self.gone.unwrap_or_default() {
                    0 => String::new(),
                    gone => format!(
                        "; {} more were gone when they were to be deleted: deleted by a call that was stopped and could not \
                         tell, or by somebody else",
                        HumanCount(gone)
                    ),
                };
                format!("load {load}: {deleted} items are deleted from {table} in {seconds:.1} s{gone}\n")
            }
            "loaded" => {
                let rate = HumanCount((self.counts.unwrap_or_default().read as f64 / seconds.max(0.001)) as u64);
                let word = paint.with(Colour::Green, "loaded");
                let head = format!("load {load}: {word} into {table} in {seconds:.1} s, {rate} rows a second\n");
                head + &self.receipt_text(&load)
            }
            "already_loaded" => {
                let word = paint.with(Colour::Yellow, "these bytes were loaded");
                let head = format!("load {load}: {word} into {table} before, in this way; --force loads them again\n");
                head + &self.receipt_text(&load)
            }
            other => format!("load {load}: {}\n", other.replace('_', " ")),
        }
    }

    fn receipt_text(&self, load: &str) -> String {
        let mut text = String::new();
        if let Some(plan) = &self.plan {
            let about = describe_columns(&plan.types, plan.id_column.as_deref(), plan.delimiter);
            text.push_str(&format!("{} columns: {about}\n", plan.columns));
        }
        text.push_str(&format!("\n{}\n\n", self.table_of_chunks()));
        let counts = self.counts.unwrap_or_default();
        text.push_str(&rejected_lines(&self.rejected_rows, counts.rejected, self.quarantine.as_deref()));
        if let Some(receipt) = &self.receipt {
            text.push_str(&format!("receipt {receipt}\n"));
        }
        text.push_str(&format!("to undo it: ghactivity unload {load}\n"));
        text
    }

    fn table_of_chunks(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["chunk", "read", "written", "duplicate", "rejected", "skipped", "write units"]);
        let mut row = |name: String, counts: &RowCounts, units: u64| {
            let RowCounts { read, written, duplicate, rejected, skipped } = *counts;
            let cells = [read, written, duplicate, rejected, skipped, units].map(|count| HumanCount(count).to_string());
            table.add_row(std::iter::once(name).chain(cells));
        };
        if self.chunks.len() <= MOST_CHUNKS {
            for chunk in &self.chunks {
                row(chunk.chunk.to_string(), &chunk.counts, chunk.write_units);
            }
        }
        let all = format!("all {}", self.chunks.len());
        row(all, &self.counts.unwrap_or_default(), self.write_units.unwrap_or_default());
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if at > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

/// The beginning of an object, as far as it can be read: where the whole of it lies is told anyway.
async fn head_of(bucket: &Bucket, key: &str) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(mut object) = bucket.read(key).await {
        while head.len() < QUARANTINE_HEAD
            && let Ok(Some(piece)) = object.next().await
        {
            head.extend_from_slice(&piece);
        }
    }
    head
}

/// What `commit-csv-load` answers.
#[derive(Deserialize)]
struct Brief {
    load_id: LoadId,
    table: String,
    counts: RowCounts,
    write_units: u64,
    receipt: String,
    #[serde(default)]
    undone: Option<u64>,
    #[serde(default)]
    gone: u64,
    quarantine: Option<String>,
}

impl RejectedRow {
    #[cfg(test)]
    pub(crate) fn new(line: u64, reason: &str, message: &str) -> Self {
        Self { line, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// The first rows of a quarantine; a line that is cut off is none.
    pub(crate) fn read(quarantine: impl BufRead, most: usize) -> Vec<Self> {
        let rows = quarantine.lines().map_while(Result::ok).map_while(|line| serde_json::from_str(&line).ok());
        rows.take(most).collect()
    }
}

/// `price N, active BOOL, all else text; the key is id; cells end at ,`.
pub(crate) fn describe_columns(
    types: &BTreeMap<String, ColumnType>,
    id_column: Option<&str>,
    delimiter: Delimiter,
) -> String {
    let mut typed: Vec<_> = types.iter().map(|(name, kind)| format!("{name} {kind:?}")).collect();
    typed.push(if typed.is_empty() { "all text" } else { "all else text" }.to_owned());
    let key = id_column.map_or("a hash of the row".to_owned(), |name| format!("column {name}"));
    format!("{}; the key is {key}; the delimiter is {delimiter}", typed.join(", "))
}

/// The rows that do not fit, a line each.
pub(crate) fn rejected_lines(rows: &[RejectedRow], rejected: u64, quarantine: Option<&str>) -> String {
    if rejected == 0 {
        return String::new();
    }
    let all = quarantine.map(|address| format!("; all of them are in {address}")).unwrap_or_default();
    let first = match rows.len() as u64 {
        0 => String::new(),
        shown if shown == rejected => ":".to_owned(),
        shown => format!("; the first {shown}:"),
    };
    let mut text = format!("{} rows do not fit{all}{first}\n", HumanCount(rejected));
    for RejectedRow { line, reason, message } in rows {
        text.push_str(&format!("  line {line}: {reason}: {}\n", crate::stack::one_line(message)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(outcome: &str) -> LoadEnded {
        let load_id: LoadId = "64d1a0ebda9589e6".parse().unwrap();
        let counts =
            |read, rejected| RowCounts { read, written: read - rejected - 1, duplicate: 1, rejected, skipped: 0 };
        let chunk = |chunk, counts| LoadChunkReceipt {
            load_id,
            chunk,
            first_row: u64::from(chunk) * 25_000,
            counts,
            write_units: 2000,
        };
        let plan = serde_json::json!({
            "load_id": load_id, "status": "planned", "table": "csv_people", "chunks": 2, "rows": 40_000, "rejected": 2,
            "superseded": 2, "write_units": 4000, "delimiter": ";", "id_column": null, "columns": 4,
            "types": {"active": "BOOL", "price": "N"}, "manifest": {"bucket": "up", "key": "loads/x/manifest.json"},
        });
        LoadEnded {
            execution: "arn:aws:states:us-east-1:1:execution:my-csv-load:x".to_owned(),
            status: "succeeded",
            outcome: Some(outcome.to_owned()),
            error: None,
            seconds: 8.0,
            load_id: Some(load_id),
            table: Some("csv_people".to_owned()),
            undone: (outcome == "undone").then_some(39_980),
            gone: (outcome == "undone").then_some(16),
            counts: Some(RowCounts { read: 40_000, written: 39_996, duplicate: 2, rejected: 2, skipped: 0 }),
            write_units: Some(4000),
            chunks: vec![chunk(0, counts(25_000, 2)), chunk(1, counts(15_000, 0))],
            receipt: Some("s3://up/loads/64d1a0ebda9589e6/receipt.json".to_owned()),
            quarantine: Some("s3://up/loads/64d1a0ebda9589e6/quarantine.jsonl".to_owned()),
            rejected_rows: vec![
                RejectedRow::new(17, "CellCount", "the row has 3 cells, the header 4"),
                RejectedRow::new(21, "BadNumber", "column 'price' is no number of at most 38 digits: 'n/a'"),
            ],
            plan: serde_json::from_value(plan).ok(),
        }
    }

    #[test]
    fn a_receipt_is_a_table() {
        let texts: Vec<_> =
            ["loaded", "already_loaded", "undone", "dry_run"].map(|how| ended(how).text(Paint::plain())).into();
        insta::assert_snapshot!(texts.join("\n----\n"));
    }

    #[test]
    fn many_chunks_are_told_as_their_sum() {
        let mut ended = ended("loaded");
        ended.chunks = std::iter::repeat_n(ended.chunks[0], 21).collect();
        let text = ended.text(Paint::plain());
        assert!(text.contains("all 21") && !text.contains("\n0 "), "{text}");
    }

    #[test]
    fn progress_tells_rows_rate_and_time_left() {
        assert_eq!(rows_of(120_000, 100_000, 1_000_000, 20.0), "120,000 of 1,000,000 rows, 5,000/s, 3 min left");
        assert_eq!(rows_of(50, 0, 100, 3.0), "50 of 100 rows", "those were loaded before");
    }

    #[test]
    fn an_output_is_a_load_or_an_undoing() {
        let brief = serde_json::json!({
            "load_id": "64d1a0ebda9589e6", "table": "csv_people", "write_units": 1, "receipt": "s3://up/r", "quarantine": null,
            "counts": {"read": 1, "written": 1, "duplicate": 0, "rejected": 0, "skipped": 0},
        });
        let mut loaded = ended("");
        loaded.take(serde_json::json!({"status": "loaded", "load": brief, "plan": {}}));
        assert_eq!((loaded.outcome.as_deref(), loaded.write_units, loaded.undone), (Some("loaded"), Some(1), None));
        let mut undone = ended("");
        let mut brief = brief;
        brief["undone"] = 7.into();
        undone.take(brief);
        assert_eq!((undone.outcome.as_deref(), undone.undone), (Some("undone"), Some(7)));
        let mut again = ended("");
        again.take(serde_json::json!({"status": "already_loaded", "plan": {}}));
        assert_eq!(again.receipt.as_deref(), Some("s3://up/loads/64d1a0ebda9589e6/receipt.json"));
    }

    #[test]
    fn a_quarantine_is_read_as_far_as_it_is_whole() {
        let rows = b"{\"line\":3,\"row\":1,\"reason\":\"CellCount\",\"message\":\"few\"}\n{\"line\":4,\"rea";
        assert_eq!(RejectedRow::read(&rows[..], 5), [RejectedRow::new(3, "CellCount", "few")]);
    }
}
