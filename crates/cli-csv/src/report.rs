//! The result of a load or of its undoing: the receipt.

use anstyle::AnsiColor;
use aws_client::s3::Bucket;
use cli_core::color::paint;
use cli_core::format::{count, error_chain, milliseconds, one_line, per_second};
use cli_core::{CliError, output};
use cli_stack::AwsClients;
use cli_watch::{ExecutionError, FollowedExecution, cause_of, failure_of, now, output_of, status_of};
use csv_load::receipt::{LoadChunkReceipt, LoadReceipt, RowCounts};
use csv_load::{LoadId, keys};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::{LoadEstimate, describe_columns};
use crate::rejected::{MAX_PRINTED, RejectedRow, rejected_lines};

/// Most chunks in the table. Above it, the table has only the sums.
const MAX_CHUNK_ROWS: usize = 20;
/// Bytes of the quarantine that are read for its first rows.
const QUARANTINE_HEAD_BYTES: usize = 256 << 10;
pub(crate) const MAX_RECEIPT_BYTES: u64 = 16 << 20;

/// The outcome of an execution of `csv-load` or `csv-undo`.
#[derive(Serialize)]
pub struct LoadReport {
    execution: String,
    /// `succeeded`, `failed`, `timed_out`, `aborted`.
    status: &'static str,
    /// `loaded`, `already_loaded`, `dry_run` or `undone` of an execution that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ExecutionError>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_id: Option<LoadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// Items that the undoing deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<u64>,
    /// Items that were already gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<RowCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_units: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<LoadChunkReceipt>,
    /// The `s3://` address of the receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    /// The `s3://` address of the rejected rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<String>,
    /// The first rejected rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected_rows: Vec<RejectedRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<LoadEstimate>,
}

/// The output of `commit-csv-load`.
#[derive(Deserialize)]
struct CommitOutput {
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

impl LoadReport {
    pub(crate) async fn of(aws: &AwsClients, root: &FollowedExecution) -> Result<Self, CliError> {
        let end = root.end.as_ref();
        let output = output_of(root);
        let plan = LoadEstimate::of(root);
        let mut ended = Self {
            execution: root.arn.clone(),
            status: end.map_or("running", |end| status_of(end.status())),
            outcome: None,
            error: end.and_then(cause_of),
            seconds: milliseconds(root.seconds(now())),
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
        ended.apply_output(output);
        ended.read_receipt(aws).await?;
        Ok(ended)
    }

    /// Takes over the output of the execution.
    fn apply_output(&mut self, output: Value) {
        // The output of csv-undo is the load itself, without a status.
        let load: Option<CommitOutput> =
            serde_json::from_value(output.get("load").cloned().unwrap_or(output.clone())).ok();
        self.outcome = output.get("status").and_then(Value::as_str).map(str::to_owned);
        if let Some(CommitOutput { load_id, table, counts, write_units, receipt, undone, gone, quarantine }) = load {
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

    /// Reads the chunks from the receipt, and for an earlier load the counts too.
    async fn read_receipt(&mut self, aws: &AwsClients) -> Result<(), CliError> {
        let is_load = matches!(self.outcome.as_deref(), Some("loaded" | "already_loaded"));
        let Some(address) = self.receipt.clone().filter(|_| is_load) else { return Ok(()) };
        let Some((bucket, key)) = address.strip_prefix("s3://").and_then(|address| address.split_once('/')) else {
            return Ok(());
        };
        let bucket = Bucket::new(aws.s3(), bucket);
        let receipt: LoadReceipt = bucket.document(key, MAX_RECEIPT_BYTES).await.map_err(|error| CliError::Absent {
            what: format!("receipt {address} ({})", one_line(&error_chain(&error))),
            next: "see what the message names, then 'ghactivity watch' the execution again".to_owned(),
        })?;
        (self.counts, self.write_units, self.chunks) =
            (Some(receipt.counts), Some(receipt.write_units), receipt.chunks);
        // The plan may list only the first types, the receipt has all of them.
        if let Some(plan) = &mut self.plan {
            plan.types = receipt.types;
        }
        if let Some(quarantine) = receipt.quarantine {
            self.quarantine = Some(bucket.address(&quarantine));
            self.rejected_rows = RejectedRow::read(&head_of(&bucket, &quarantine).await[..], MAX_PRINTED);
        }
        Ok(())
    }

    /// Prints the report.
    ///
    /// # Errors
    ///
    /// The error of an execution that failed.
    pub fn finish(self, json: bool) -> Result<(), CliError> {
        if json {
            output::json(&self);
        } else {
            output::styled(&self.text());
        }
        self.error().map_or(Ok(()), Err)
    }

    /// The error that the execution ended with, if it failed.
    pub fn error(&self) -> Option<CliError> {
        failure_of(&self.execution, self.status, self.error.as_ref())
    }

    /// The receipt as text; empty for an execution that failed.
    pub fn text(&self) -> String {
        let (Some(outcome), Some(table)) = (&self.outcome, &self.table) else { return String::new() };
        let load = self.load_id.map(|load| load.to_string()).unwrap_or_default();
        let seconds = self.seconds;
        match outcome.as_str() {
            "undone" => {
                let deleted = count(self.undone.unwrap_or_default());
                let gone = match self.gone.unwrap_or_default() {
                    0 => String::new(),
                    gone => format!(
                        "; {} more were already gone: an interrupted run or another program deleted them",
                        count(gone)
                    ),
                };
                format!("load {load}: deleted {deleted} items from {table} in {seconds:.1} s{gone}\n")
            }
            "loaded" => {
                let rate = per_second(self.counts.unwrap_or_default().read, seconds);
                let word = paint(AnsiColor::Green, "loaded");
                let head = format!("load {load}: {word} into {table} in {seconds:.1} s, {rate} rows a second\n");
                head + &self.receipt_text(&load)
            }
            "already_loaded" => {
                let word = paint(AnsiColor::Yellow, "already loaded");
                let head = format!(
                    "load {load}: {word} into {table} from the same bytes with the same options; --force loads them again\n"
                );
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
        text.push_str(&format!("\n{}\n", self.table_of_chunks()));
        let counts = self.counts.unwrap_or_default();
        text.push_str(&rejected_lines(&self.rejected_rows, counts.rejected, self.quarantine.as_deref()));
        if let Some(receipt) = &self.receipt {
            text.push_str(&format!("receipt {receipt}\n"));
        }
        text.push_str(&format!("to undo it: ghactivity unload {load}\n"));
        text
    }

    fn table_of_chunks(&self) -> String {
        let head = ["chunk", "read", "written", "duplicate", "rejected", "skipped", "write units"];
        let row = |name: String, counts: &RowCounts, units: u64| {
            let RowCounts { read, written, duplicate, rejected, skipped } = *counts;
            std::iter::once(name).chain([read, written, duplicate, rejected, skipped, units].map(count))
        };
        let shown = if self.chunks.len() <= MAX_CHUNK_ROWS { &self.chunks[..] } else { &[] };
        let chunks = shown.iter().map(|chunk| row(chunk.chunk.to_string(), &chunk.counts, chunk.write_units));
        let sums = (self.counts.unwrap_or_default(), self.write_units.unwrap_or_default());
        let all = row(format!("all {}", self.chunks.len()), &sums.0, sums.1);
        output::table(&head, chunks.chain([all]), |at| at > 0)
    }
}

/// The start of an object, as far as it can be read. Errors are ignored: the report names the object anyway.
async fn head_of(bucket: &Bucket, key: &str) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(mut object) = bucket.read(key).await {
        while head.len() < QUARANTINE_HEAD_BYTES
            && let Ok(Some(piece)) = object.next().await
        {
            head.extend_from_slice(&piece);
        }
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    use cli_core::color::plain;

    fn ended(outcome: &str) -> LoadReport {
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
        LoadReport {
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
                RejectedRow::new(21, "BadNumber", "column 'price' is not a number of at most 38 digits: 'n/a'"),
            ],
            plan: serde_json::from_value(plan).ok(),
        }
    }

    #[test]
    fn receipt_is_a_table() {
        let texts: Vec<_> =
            ["loaded", "already_loaded", "undone", "dry_run"].map(|how| plain(&ended(how).text())).into();
        insta::assert_snapshot!(texts.join("\n----\n"));
    }

    #[test]
    fn many_chunks_are_summed() {
        let mut ended = ended("loaded");
        ended.chunks = std::iter::repeat_n(ended.chunks[0], 21).collect();
        let text = plain(&ended.text());
        assert!(text.contains("all 21") && !text.contains("\n0 "), "{text}");
    }

    #[test]
    fn output_is_a_load_or_an_undoing() {
        let brief = serde_json::json!({
            "load_id": "64d1a0ebda9589e6", "table": "csv_people", "write_units": 1, "receipt": "s3://up/r", "quarantine": null,
            "counts": {"read": 1, "written": 1, "duplicate": 0, "rejected": 0, "skipped": 0},
        });
        let mut loaded = ended("");
        loaded.apply_output(serde_json::json!({"status": "loaded", "load": brief, "plan": {}}));
        assert_eq!((loaded.outcome.as_deref(), loaded.write_units, loaded.undone), (Some("loaded"), Some(1), None));
        let mut undone = ended("");
        let mut brief = brief;
        brief["undone"] = 7.into();
        undone.apply_output(brief);
        assert_eq!((undone.outcome.as_deref(), undone.undone), (Some("undone"), Some(7)));
        let mut again = ended("");
        again.apply_output(serde_json::json!({"status": "already_loaded", "plan": {}}));
        assert_eq!(again.receipt.as_deref(), Some("s3://up/loads/64d1a0ebda9589e6/receipt.json"));
    }
}
