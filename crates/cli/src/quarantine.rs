//! `ghactivity quarantine`: lists and shows bad records, and replays them after a fix.

use aws_client::s3::ReadError;
use aws_lake::HourMark;
use clap::{Args, Subcommand};
use cli_core::format::{count, one_line};
use cli_core::{CliError, hours, output};
use cli_stack::{Stack, StackArguments};
use cli_watch::FollowArguments;
use jiff::Timestamp;
use pipeline::ledger::Publication;
use pipeline::{ArchiveHour, keys};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: QuarantineCommand,
}

#[derive(Subcommand)]
enum QuarantineCommand {
    /// List the hours with bad records, and their number
    List(ListArguments),
    /// Show the bad records of an hour: place, reason, bytes
    Show(ShowArguments),
    /// Convert an hour again after a fix, and add the records that are valid now
    Replay(ReplayArguments),
}

const AFTER_HELP: &str = "\
Examples:
  ghactivity quarantine list --from 2025-11-01-0
  ghactivity quarantine show 2025-11-21-0
  ghactivity quarantine show 2025-11-21-0 --json | jq -r '.[].raw' | head -1 | base64 -d
  ghactivity quarantine replay 2025-11-21-0       # after deploying a fix";

#[derive(Args)]
struct ListArguments {
    /// First hour to look at
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    from: Option<ArchiveHour>,
    /// Last hour to look at
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    to: Option<ArchiveHour>,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

#[derive(Args)]
struct ShowArguments {
    /// The hour
    #[arg(value_name = "YYYY-MM-DD-H")]
    hour: ArchiveHour,
    /// Print one JSON array, with all bytes of each record (base64)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

#[derive(Args)]
#[command(after_help = "\
Plans and converts the hour again from the landing object, without a download. Existing rows stay, and records that are valid now
are added. The counts before and after must balance. A result with fewer rows is refused.

Exit status: 0 replayed and balanced, 1 nothing to replay, 2 failed, 130 detached by Ctrl-C")]
struct ReplayArguments {
    /// The hour
    #[arg(value_name = "YYYY-MM-DD-H")]
    hour: ArchiveHour,
    #[command(flatten)]
    following: FollowArguments,
}

/// A line of a quarantine object.
#[derive(Deserialize, Serialize)]
struct QuarantinedRecord {
    offset: u64,
    line: u64,
    length: u64,
    reason: String,
    detail: String,
    raw: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// Longest quarantine object that is read: 10,000 records of 64 KiB in Base64.
const MAX_OBJECT_BYTES: u64 = 1 << 30;

pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    match arguments.action {
        QuarantineCommand::List(list) => list.run().await,
        QuarantineCommand::Show(show) => show.run().await,
        QuarantineCommand::Replay(replay) => replay.run().await,
    }
}

impl ListArguments {
    async fn run(self) -> Result<(), CliError> {
        let stack = self.stack.find().await?;
        let now = hours::current(Timestamp::now());
        let (first, last) = (self.from.unwrap_or(ArchiveHour::FIRST), self.to.unwrap_or(now));
        let marks = stack.ledger()?.marks(first, last).await.map_err(|error| stack.aws.error(error))?;
        let bad: Vec<_> = marks.iter().filter(|mark| mark.counts.quarantined > 0).collect();
        if self.json {
            let each = bad.iter().map(|mark| {
                json!({"hour": mark.hour, "quarantined": mark.counts.quarantined, "records": mark.counts.records})
            });
            output::json(&each.collect::<Vec<_>>());
        } else if bad.is_empty() {
            output::text("no hour has bad records\n");
        } else {
            output::text(&list(&bad));
        }
        Ok(())
    }
}

fn list(bad: &[&HourMark]) -> String {
    let rows = bad.iter().map(|mark| {
        let counts = &mark.counts;
        let share = 100.0 * counts.quarantined as f64 / counts.records as f64;
        vec![mark.hour.to_string(), count(counts.quarantined), count(counts.records), format!("{share:.3} %")]
    });
    output::table(&["hour", "quarantined", "of records", "share"], rows, |at| at > 0)
}

impl ShowArguments {
    async fn run(self) -> Result<(), CliError> {
        let stack = self.stack.find().await?;
        let publication = published(&stack, self.hour).await?;
        let bucket = stack.bucket()?;
        let prefix = keys::quarantine_prefix(self.hour, publication.version);
        let objects = bucket.list(&prefix).await.map_err(|error| stack.aws.error(error))?;
        let mut records = Vec::new();
        for object in objects {
            let bytes =
                bucket.read_whole(&object.key, MAX_OBJECT_BYTES).await.map_err(|error| unreadable(&stack, error))?;
            for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let record: QuarantinedRecord = serde_json::from_slice(line).map_err(|error| CliError::Absent {
                    what: format!("readable record in {} ({error})", bucket.address(&object.key)),
                    next: "check which program wrote the object".to_owned(),
                })?;
                records.push(record);
            }
        }
        if self.json {
            output::json(&records);
        } else if records.is_empty() {
            output::text(&format!("{} has no bad records\n", self.hour));
        } else {
            output::text(&show(&records));
        }
        Ok(())
    }
}

fn unreadable(stack: &Stack, error: ReadError) -> CliError {
    match error {
        ReadError::Aws(error) => stack.aws.error(error),
        other => CliError::Absent {
            what: other.to_string(),
            next: "objects are deleted after QuarantineRetentionDays".to_owned(),
        },
    }
}

fn show(records: &[QuarantinedRecord]) -> String {
    let rows = records.iter().map(|record| {
        vec![
            record.line.to_string(),
            record.offset.to_string(),
            record.length.to_string(),
            record.reason.clone(),
            one_line(&record.detail),
            preview(&record.raw),
        ]
    });
    output::table(&["line", "byte", "length", "reason", "detail", "begins with"], rows, |at| at == 1 || at == 2)
}

/// The first bytes as printable text.
fn preview(raw: &str) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(raw).unwrap_or_default();
    bytes.iter().take(40).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
}

async fn published(stack: &Stack, hour: ArchiveHour) -> Result<Publication, CliError> {
    let item = stack.ledger()?.get(hour).await.map_err(|error| stack.aws.error(error))?;
    item.and_then(|item| item.publication).ok_or_else(|| CliError::Absent {
        what: format!("published hour {hour}"),
        next: format!("run it: 'ghactivity hour {hour}'"),
    })
}

impl ReplayArguments {
    async fn run(self) -> Result<(), CliError> {
        let Self { hour, following } = self;
        let stack = following.stack.find().await?;
        let before = published(&stack, hour).await?;
        if before.counts.quarantined == 0 {
            return Err(CliError::Usage(format!("{hour} has no bad records: nothing to replay")));
        }
        let input = json!({"hour": hour, "source": "landing"});
        let name = format!("{hour}_replay");
        let Some(ended) = following.start(&stack, "ProcessHourStateMachineArn", &name, &input).await? else {
            return Ok(());
        };
        if let Some(error) = ended.error() {
            return Err(error);
        }
        let after = published(&stack, hour).await?;
        let replayed = ReplayReport::new(hour, &before, &after);
        if following.json {
            output::json(&replayed);
        } else {
            output::text(&replayed.text());
        }
        if replayed.balances { Ok(()) } else { Err(replayed.error()) }
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ReplayReport {
    hour: ArchiveHour,
    rows_before: u64,
    rows_after: u64,
    quarantined_before: u64,
    quarantined_after: u64,
    version_before: String,
    version_after: String,
    /// Records and duplicates are unchanged, and each new row is a record that left the quarantine.
    balances: bool,
}

impl ReplayReport {
    fn new(hour: ArchiveHour, before: &Publication, after: &Publication) -> Self {
        let (old, new) = (&before.counts, &after.counts);
        let same = (old.records, old.duplicates) == (new.records, new.duplicates);
        Self {
            hour,
            rows_before: old.rows,
            rows_after: new.rows,
            quarantined_before: old.quarantined,
            quarantined_after: new.quarantined,
            version_before: before.version.to_string(),
            version_after: after.version.to_string(),
            balances: same && new.is_balanced() && old.rows + old.quarantined == new.rows + new.quarantined,
        }
    }

    fn text(&self) -> String {
        if self.version_before == self.version_after {
            return format!(
                "nothing changed: this version of the converter ({1}) still rejects {0} records\n",
                count(self.quarantined_after),
                self.version_after
            );
        }
        format!(
            "{}: {} rows before, {} after; {} bad records before, {} after; version {} became {}\n",
            self.hour,
            count(self.rows_before),
            count(self.rows_after),
            count(self.quarantined_before),
            count(self.quarantined_after),
            self.version_before,
            self.version_after
        )
    }

    fn error(&self) -> CliError {
        CliError::Absent {
            what: format!("a balance of {} before and after", self.hour),
            next:
                "the landing object has other records than what was published: compare, or run the hour from the source"
                    .to_owned(),
        }
    }
}
