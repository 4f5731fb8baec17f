//! `ghactivity status`: bookmark, last runs and a calendar of hours.

use aws_lake::HourMark;
use clap::Args;
use cli_core::format::{count, one_line, plural};
use cli_core::{CliError, hours, output};
use cli_stack::calendar::{CoverageCalendar, HourState};
use cli_stack::{INGEST_JOB, Stack, StackArguments};
use jiff::Timestamp;
use pipeline::ArchiveHour;
use pipeline::ledger::{JobItem, JobRunItem};
use serde::Serialize;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Days in the calendar, up to today
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// First hour of the calendar, instead of --days
    #[arg(long, value_name = "YYYY-MM-DD-H", conflicts_with = "days")]
    from: Option<ArchiveHour>,
    /// Last hour of the calendar [default: the current one]
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    to: Option<ArchiveHour>,
    /// Job with the bookmark and the runs
    #[arg(long, value_name = "ID", default_value = INGEST_JOB)]
    job_id: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Shows how far the stack is. Every hour up to the bookmark is published or missing in the archive; the lag is the number of
complete hours after it. The calendar shows the status of every hour, whichever job ran it. Failed hours are listed with their
errors.

Examples:
  ghactivity status
  ghactivity status --days 60
  ghactivity status --from 2025-11-01-0 --to 2025-11-30-23
  ghactivity status --json | jq '.calendar[] | select(.state == \"failed\")'

Exit status: 0 printed, 1 usage error, 2 the stack cannot be read";

const RUNS: i32 = 5;
/// Most failed hours that are listed.
const MAX_FAILED: usize = 20;

#[derive(Serialize)]
struct StackStatus {
    stack: String,
    region: String,
    schedule: Option<String>,
    job_id: String,
    bookmark: Option<ArchiveHour>,
    first_hour: Option<ArchiveHour>,
    /// Complete hours after the bookmark; null without a bookmark.
    lag_hours: Option<i64>,
    runs: Vec<RunLine>,
    calendar: Vec<HourLine>,
}

#[derive(Serialize)]
struct RunLine {
    hour: ArchiveHour,
    status: pipeline::ledger::HourStatus,
    started_at: Timestamp,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    execution: String,
}

#[derive(Serialize)]
struct HourLine {
    hour: ArchiveHour,
    state: HourState,
    rows: u64,
    quarantined: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Reads the tables and prints the status.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let now = Timestamp::now();
    let (first, last) = arguments.range(now)?;
    let stack = arguments.stack.find().await?;
    let (ledger, jobs, runs) = (stack.ledger()?, stack.jobs()?, stack.runs()?);
    let (job, runs, marks) =
        tokio::join!(jobs.get(&arguments.job_id), runs.newest(&arguments.job_id, RUNS), ledger.marks(first, last));
    let failed = |error| stack.aws.error(error);
    let (job, runs, marks) = (job.map_err(failed)?, runs.map_err(failed)?, marks.map_err(failed)?);
    let calendar = CoverageCalendar::new(first, last, &marks, now);
    let status = StackStatus::new(&stack, &arguments.job_id, job.as_ref(), &runs, now);
    let lines = lines(&calendar, &marks);
    if arguments.json {
        output::json(&StackStatus { calendar: lines, ..status });
    } else {
        output::styled(&format!("{}\n{}{}", status.text(), calendar.draw(), failed_hours(&lines)));
    }
    Ok(())
}

impl Arguments {
    fn range(&self, now: Timestamp) -> Result<(ArchiveHour, ArchiveHour), CliError> {
        let running = hours::current(now);
        let last = self.to.unwrap_or(running);
        let whole_days = last.minus((self.days - 1) * 24).unwrap_or(ArchiveHour::FIRST);
        let first = self.from.unwrap_or_else(|| midnight(whole_days));
        if first > last {
            return Err(CliError::Usage(format!("--from {first} is later than --to {last}: swap them")));
        }
        Ok((first, last))
    }
}

/// The first hour of the hour's day.
fn midnight(hour: ArchiveHour) -> ArchiveHour {
    let [.., of_day] = hour.partition_values();
    hour.minus(of_day.parse().expect("the hour of a day is a number")).unwrap_or(ArchiveHour::FIRST)
}

impl StackStatus {
    fn new(stack: &Stack, job_id: &str, job: Option<&JobItem>, runs: &[JobRunItem], now: Timestamp) -> Self {
        let bookmark = job.and_then(|job| job.bookmark().ok().flatten());
        let newest_over = ArchiveHour::containing(now).and_then(|running| running.minus(1));
        Self {
            stack: stack.name.clone(),
            region: stack.aws.region.clone(),
            schedule: stack.output("Schedule").ok().map(str::to_lowercase),
            job_id: job_id.to_owned(),
            bookmark,
            first_hour: job.map(|job| job.first_hour),
            lag_hours: bookmark.zip(newest_over).map(|(bookmark, newest)| newest.hours_since(bookmark).max(0)),
            runs: runs.iter().map(RunLine::of).collect(),
            calendar: Vec::new(),
        }
    }

    fn text(&self) -> String {
        let bookmark = match (self.bookmark, self.lag_hours) {
            (Some(bookmark), Some(lag)) => {
                format!("{bookmark}, {} behind", plural(u64::try_from(lag).unwrap_or_default(), "hour"))
            }
            (Some(bookmark), None) => bookmark.to_string(),
            (None, _) => "none yet: start with 'ghactivity ingest'".to_owned(),
        };
        let schedule = self.schedule.as_deref().unwrap_or("unknown");
        let mut text =
            format!("stack     {} in {}, schedule {schedule}\nbookmark  {bookmark}\n", self.stack, self.region);
        if !self.runs.is_empty() {
            text.push_str(&format!("\nlast runs of {}\n{}", self.job_id, self.table()));
        }
        text
    }

    /// The last runs, indented.
    fn table(&self) -> String {
        let rows = self.runs.iter().map(|run| {
            let what = match (&run.error, run.rows) {
                (Some(error), _) => error.clone(),
                (None, Some(rows)) => format!("{} rows", count(rows)),
                (None, None) => String::new(),
            };
            let begun = run.started_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
            let status = serde_json::to_value(run.status).ok().and_then(|text| text.as_str().map(str::to_owned));
            let status = status.unwrap_or_default().replace('_', " ");
            [begun, run.hour.to_string(), status, format!("{:.1} s", run.seconds), what]
        });
        output::table(&[], rows, |_| false).lines().map(|line| format!("  {line}\n")).collect()
    }
}

impl RunLine {
    fn of(run: &JobRunItem) -> Self {
        let error = run.error.as_ref().map(|error| one_line(&format!("{}: {}", error.name, error.message)));
        Self {
            hour: run.hour,
            status: run.status,
            started_at: run.started_at,
            seconds: run.ended_at.duration_since(run.started_at).as_secs_f64(),
            rows: run.rows,
            error,
            execution: run.execution_arn.clone(),
        }
    }
}

fn lines(calendar: &CoverageCalendar, marks: &[HourMark]) -> Vec<HourLine> {
    let mut marks = marks.iter().peekable();
    let cells = calendar.states().filter(|(_, cell)| *cell != HourState::Future);
    cells
        .map(|(hour, state)| {
            let mark = marks.next_if(|mark| mark.hour == hour);
            let counts = mark.map(|mark| mark.counts).unwrap_or_default();
            let last_error = mark.and_then(|mark| mark.last_error.as_ref());
            let (error, message) = last_error.map(|error| (error.name.clone(), error.message.clone())).unzip();
            HourLine { hour, state, rows: counts.rows, quarantined: counts.quarantined, error, message }
        })
        .collect()
}

/// The failed hours of the calendar with their errors; empty if there are none.
fn failed_hours(lines: &[HourLine]) -> String {
    let failed: Vec<&HourLine> = lines.iter().filter(|line| line.state == HourState::Failed).collect();
    if failed.is_empty() {
        return String::new();
    }
    let mut text = "\nfailed, oldest first\n".to_owned();
    for HourLine { hour, error, message, .. } in failed.iter().take(MAX_FAILED) {
        let why = error.iter().chain(message).map(String::as_str).collect::<Vec<_>>().join(": ");
        text += &format!("  {hour}  {}\n", one_line(&why));
    }
    if failed.len() > MAX_FAILED {
        text += &format!("  and {} more; --json lists all\n", failed.len() - MAX_FAILED);
    }
    text
}

#[cfg(test)]
mod tests {
    use pipeline::ledger::HourStatus;

    use super::*;

    fn run(hour: &str, status: HourStatus, rows: Option<u64>, error: Option<&str>) -> RunLine {
        RunLine {
            hour: hour.parse().unwrap(),
            status,
            started_at: "2025-11-21T04:15:30Z".parse().unwrap(),
            seconds: 2.75,
            rows,
            error: error.map(str::to_owned),
            execution: "arn".to_owned(),
        }
    }

    #[test]
    fn failed_hours_are_listed_with_errors() {
        let line = |number: u32, state| HourLine {
            hour: format!("2025-11-21-{number}").parse().unwrap(),
            state,
            rows: 0,
            quarantined: 0,
            error: Some("NotGzip".to_owned()),
            message: Some("it is\na page".to_owned()),
        };
        assert_eq!(failed_hours(&[line(0, HourState::Published)]), "", "an earlier error");
        let some = failed_hours(&[line(0, HourState::Published), line(1, HourState::Failed)]);
        assert_eq!(some, "\nfailed, oldest first\n  2025-11-21-1  NotGzip: it is a page\n");
        let many: Vec<HourLine> = (0..23).map(|number| line(number, HourState::Failed)).collect();
        let text = failed_hours(&many);
        assert_eq!((text.lines().count(), text.contains("and 3 more")), (23, true), "{text}");
    }

    #[test]
    fn status_has_bookmark_lag_and_runs() {
        let told = StackStatus {
            stack: "ghactivity".to_owned(),
            region: "us-east-1".to_owned(),
            schedule: Some("enabled".to_owned()),
            job_id: INGEST_JOB.to_owned(),
            bookmark: Some("2025-11-21-2".parse().unwrap()),
            first_hour: Some("2025-11-20-0".parse().unwrap()),
            lag_hours: Some(1),
            runs: vec![
                run("2025-11-21-3", HourStatus::Failed, None, Some("NotGzip: it is a page")),
                run("2025-11-21-2", HourStatus::Published, Some(151_234), None),
                run("2025-11-21-1", HourStatus::NotPublished, None, None),
            ],
            calendar: Vec::new(),
        };
        let text = told.text();
        let nothing = StackStatus { bookmark: None, lag_hours: None, runs: Vec::new(), schedule: None, ..told };
        insta::assert_snapshot!(format!("{text}---\n{}", nothing.text()));
    }
}
