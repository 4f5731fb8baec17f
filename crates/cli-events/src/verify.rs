//! `ghactivity events verify`: reads every stored object and compares it with what was sent.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use aws_client::s3::{Bucket, ReadError};
use bytes::Bytes;
use clap::Args;
use cli_core::color::paint;
use cli_core::format::{count, per_second};
use cli_core::progress;
use cli_core::{CliError, output};
use cli_stack::{Stack, StackArguments};
use event_stream::ObjectFormat;
use event_stream::file::decode;
use futures::StreamExt;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::{Value, json};

use crate::finding::{EventFinding, FindingCount, Findings};
use crate::sent::{SentSource, SimulationArguments};
use crate::sent_records::SentRecords;
use crate::stored_records::StoredRecords;

const EVENTS: &str = "events/";
const QUARANTINE: &str = "quarantine/events/";
/// The number of objects that are read at a time.
const READS: usize = 16;
/// Longest object that is read. A batch of 6 MB makes far smaller ones.
const MAX_OBJECT_BYTES: u64 = 1 << 30;
/// Pause between two listings.
const PAUSE: Duration = Duration::from_secs(1);
const BAR: &str = "{bar:30} {human_pos} of {human_len} events, {msg}, {elapsed}";

#[derive(Args)]
#[command(after_help = AFTER_HELP, group = clap::ArgGroup::new("what").required(true).args(["sent", "simulate"]))]
pub(super) struct Arguments {
    /// Files that 'events put' wrote with --sent, or its input files
    sent: Vec<PathBuf>,
    /// Wait for missing events until no new object has come for SECS seconds; 0 checks once
    #[arg(long, value_name = "SECS", default_value_t = 120)]
    wait: u64,
    /// When all events are stored, continue until no new object arrives for SECS seconds: duplicates may arrive late
    #[arg(long, value_name = "SECS", default_value_t = 90)]
    settle: u64,
    /// Ignore stored events that were not sent, because other producers write too
    #[arg(long)]
    ignore_unsent: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    simulated: SimulationArguments,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Verifies that the stored events are those that were sent. Reads every object below events/ and quarantine/events/ and checks:
every event is stored exactly once, unchanged and in its partition; no other event is stored; every bad record is in the
quarantine with its reason. Findings are counted, with examples. For a simulation, repeat the options of 'events put'.

Examples:
  ghactivity events verify sent.jsonl
  ghactivity events verify monday.jsonl tuesday.jsonl --wait 0
  ghactivity events verify sent.jsonl --ignore-unsent --json
  ghactivity events verify --simulate 1000
  ghactivity events verify --simulate 200000 --duplicates 0.05 --out-of-order --poison 0.001 --seed 7 --wait 300

Exit status:
  0  stored and sent events balance
  1  usage error, or a file cannot be read
  2  they do not balance, or the stack cannot be read";

#[derive(Serialize)]
struct VerifyReport<'a> {
    balanced: bool,
    sent: Value,
    stored: Value,
    findings: &'a Findings,
}

impl Arguments {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let source = match self.simulated.simulation() {
            Some(simulation) => SentSource::Simulation(simulation),
            None => SentSource::Files(self.sent.clone()),
        };
        let mut expected = SentRecords::default();
        source.each(|data, sent_ms| expected.add(data, sent_ms))?;
        let stack = self.stack.find().await?;
        let stream = stack.event_stream()?;
        let bar = progress::bar(BAR, expected.events());
        let looked = StoredReader {
            stack: &stack,
            bucket: &stream.bucket,
            expected: &expected,
            ignore_unsent: self.ignore_unsent,
            bar: &bar,
        }
        .until_complete(Duration::from_secs(self.wait), Duration::from_secs(self.settle))
        .await;
        bar.finish_and_clear();
        let found = looked?;
        let altered = altered(&found, &source)?;
        let sent = json!({"records": expected.records, "events": expected.events(), "again": expected.again, "bad": expected.bad_records()});
        let stored = json!({
            "events": found.events(),
            "bad": found.bad_records(&expected),
            "objects": found.objects,
            "seals": found.seals,
            "quarantine_objects": found.quarantine_objects,
        });
        let findings = found.finish(&expected, altered);
        let report = VerifyReport { balanced: findings.is_empty(), sent, stored, findings: &findings };
        if self.json {
            output::json(&report);
        } else {
            output::styled(&report.text());
        }
        if findings.is_empty() { Ok(()) } else { Err(problem(&findings)) }
    }
}

/// One line for each altered row, with what was sent.
fn altered(found: &StoredRecords, source: &SentSource) -> Result<Vec<String>, CliError> {
    let mut lines = BTreeMap::new();
    if !found.altered().is_empty() {
        source.each(|data, sent_ms| {
            for (at, one) in found.altered().iter().enumerate() {
                if let Some(line) = one.differs(found, &data, sent_ms) {
                    lines.entry(at).or_insert(line);
                }
            }
        })?;
    }
    Ok(lines.into_values().collect())
}

fn problem(findings: &Findings) -> CliError {
    let each = findings.iter().map(|(kind, finding)| format!("{} {}", count(finding.count), kind.words()));
    let each = each.collect::<Vec<_>>().join(", ");
    let next = if findings.keys().all(|kind| matches!(kind, EventFinding::Missing | EventFinding::BadMissing)) {
        "they may still arrive: check the errors of the function and the queue of failed batches, then verify again with a larger --wait"
    } else {
        "see the examples; 'ghactivity events verify --help' lists what is checked"
    };
    CliError::NotBalanced(format!("it does not balance: {each}; {next}"))
}

impl VerifyReport<'_> {
    fn text(&self) -> String {
        let number = |value: &Value| count(value.as_u64().unwrap_or_default());
        let (sent, stored) = (&self.sent, &self.stored);
        let rows = [
            ["records", &number(&sent["records"]), "", ""],
            ["events", &number(&sent["events"]), &number(&stored["events"]), "each once"],
            ["events again", &number(&sent["again"]), "", "dropped"],
            ["bad records", &number(&sent["bad"]), &number(&stored["bad"]), "in quarantine"],
            ["objects", "", &number(&stored["objects"]), ""],
            ["seals", "", &number(&stored["seals"]), "empty objects that end abandoned deliveries"],
        ]
        .map(|row| row.map(str::to_owned).to_vec());
        let rows = rows.into_iter().filter(|row| row[0] != "seals" || row[2] != "0");
        let mut text = output::table(&["", "sent", "stored", ""], rows, |at| at == 1 || at == 2);
        if self.findings.is_empty() {
            return text + &paint(AnsiColor::Green, "it balances") + "\n";
        }
        for (kind, finding) in self.findings {
            let FindingCount { count: times, examples } = finding;
            let head = format!("{} {}", count(*times), kind.words());
            text += &format!("{}\n", paint(AnsiColor::Red, &head));
            examples.iter().for_each(|example| text += &format!("  {example}\n"));
            if *times > examples.len() as u64 {
                text += &format!("  and {} more\n", count(times - examples.len() as u64));
            }
        }
        text
    }
}

struct StoredReader<'a> {
    stack: &'a Stack,
    bucket: &'a Bucket,
    expected: &'a SentRecords,
    ignore_unsent: bool,
    bar: &'a ProgressBar,
}

impl StoredReader<'_> {
    /// Polls until everything is stored and no object has come for `settle`, or until no object has come for `wait`.
    async fn until_complete(&self, wait: Duration, settle: Duration) -> Result<StoredRecords, CliError> {
        let mut found = StoredRecords::new(self.ignore_unsent);
        let mut read = HashMap::new();
        let mut changed = Instant::now();
        loop {
            if self.look(&mut found, &mut read).await? {
                changed = Instant::now();
            }
            let quiet = changed.elapsed();
            if quiet >= wait || (quiet >= settle && found.is_complete(self.expected)) {
                return Ok(found);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads the new objects and returns whether there were any. If an object vanished or changed, reads all again.
    async fn look(&self, found: &mut StoredRecords, read: &mut HashMap<String, u64>) -> Result<bool, CliError> {
        let mut now = HashMap::new();
        for prefix in [EVENTS, QUARANTINE] {
            let listed = self.bucket.list(prefix).await.map_err(|error| self.stack.aws.error(error))?;
            now.extend(listed.into_iter().map(|object| (object.key, object.bytes)));
        }
        if read.iter().any(|(key, bytes)| now.get(key) != Some(bytes)) {
            *found = StoredRecords::new(self.ignore_unsent);
            read.clear();
        }
        let mut new: Vec<(String, u64)> = now.into_iter().filter(|(key, _)| !read.contains_key(key)).collect();
        // Sorted, so that the same findings have the same examples.
        new.sort_unstable();
        let any = !new.is_empty();
        let reads = futures::stream::iter(new).map(|(key, length)| async move {
            let bytes = self.bucket.read_whole(&key, MAX_OBJECT_BYTES).await;
            (key, length, bytes)
        });
        let mut reads = std::pin::pin!(reads.buffered(READS));
        while let Some((key, length, bytes)) = reads.next().await {
            match bytes {
                Ok(bytes) => self.object(found, &key, bytes),
                // Deleted since it was listed.
                Err(ReadError::NotFound { .. }) => continue,
                Err(ReadError::Aws(error)) => return Err(self.stack.aws.error(error)),
                Err(error) => found.unreadable(&key, &error.to_string()),
            }
            read.insert(key, length);
            self.bar.set_position(found.events());
            let a_second = per_second(found.events(), self.bar.elapsed().as_secs_f64());
            self.bar.set_message(format!("{a_second}/s, {} objects", count(found.objects)));
        }
        Ok(any)
    }

    fn object(&self, found: &mut StoredRecords, key: &str, bytes: Bytes) {
        if key.starts_with(QUARANTINE) {
            found.quarantine_objects += 1;
            for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
                match serde_json::from_slice(line) {
                    Ok(line) => found.quarantined(self.expected, key, line),
                    Err(error) => found.unreadable(key, &format!("line {}: {error}", at + 1)),
                }
            }
            return;
        }
        let formats = [ObjectFormat::Parquet, ObjectFormat::JsonLines];
        let Some(format) = formats.into_iter().find(|format| key.ends_with(format.suffix())) else {
            return found.unreadable(key, "not an object of the stream");
        };
        match decode(bytes, format) {
            Ok(rows) => found.object(self.expected, key, rows),
            Err(error) => found.unreadable(key, &error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use cli_core::color::plain;

    use super::*;

    #[test]
    fn findings_have_examples() {
        let mut findings = Findings::new();
        let text_of = |findings: &Findings| {
            let sent = json!({"records": 2110, "events": 2000, "again": 100, "bad": 10});
            let stored = json!({"events": 1998, "bad": 10, "objects": 30, "seals": 1});
            plain(&VerifyReport { balanced: findings.is_empty(), sent, stored, findings }.text())
        };
        let good = text_of(&findings);
        assert!(good.contains("events") && good.contains("2,000") && good.ends_with("it balances\n"), "{good}");
        findings.insert(EventFinding::Missing, FindingCount { count: 2, examples: vec!["6f1b".to_owned()] });
        let bad = text_of(&findings);
        assert!(bad.ends_with("2 sent events are not stored\n  6f1b\n  and 1 more\n"), "{bad}");
        let line = problem(&findings).to_string();
        assert!(line.starts_with("it does not balance: 2 sent events are not stored; they may still arrive"), "{line}");
    }
}
