//! What became of executions, for a person and for a program.

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;
use serde::Serialize;
use serde_json::Value;

use super::board::rate;
use super::poll::Followed;
use super::run::message_of;
use crate::stack::Problem;

/// Hours in the table; of longer runs, only those that were not published.
const MOST_ROWS: usize = 48;

/// How the watched execution ended.
#[derive(Serialize)]
pub(crate) struct Ended {
    pub(crate) execution: String,
    /// `succeeded`, `failed`, `timed_out`, `aborted`.
    pub(crate) status: &'static str,
    pub(crate) seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorText>,
    pub(crate) output: Value,
    /// Of this execution itself: those of the hours that it started are theirs.
    pub(crate) transitions: u64,
    pub(crate) lambda_requests: u64,
    pub(crate) records: u64,
    pub(crate) hours: Vec<HourSummary>,
}

/// What became of one hour.
#[derive(Serialize)]
pub(crate) struct HourSummary {
    pub(crate) hour: String,
    /// `published`, `not_published`, `missing`, `failed`, `running`.
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<String>,
    pub(crate) records: u64,
    pub(crate) rows: u64,
    pub(crate) duplicates: u64,
    pub(crate) quarantined: u64,
    pub(crate) chunks: u64,
    pub(crate) retries: u64,
    pub(crate) transitions: u64,
    pub(crate) lambda_requests: u64,
    pub(crate) seconds: f64,
    pub(crate) fetch_seconds: f64,
    pub(crate) convert_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorText>,
    pub(crate) execution: String,
}

#[derive(Clone, Serialize)]
pub(crate) struct ErrorText {
    pub(crate) name: String,
    pub(crate) message: String,
}

impl Ended {
    pub(super) fn of(root: &Followed, hours: Vec<HourSummary>, now: f64) -> Self {
        let records = hours.iter().map(|hour| hour.records).sum();
        let end = root.end.as_ref();
        Self {
            execution: root.arn.clone(),
            status: end.map_or("running", |end| status_of(end.status())),
            seconds: thousandths(root.seconds(now)),
            error: end.and_then(error_of),
            output: output_of(root),
            transitions: root.run.transitions(),
            lambda_requests: root.run.lambda_requests,
            records,
            hours,
        }
    }

    /// The problem that it ended with, if it did.
    pub(crate) fn problem(&self) -> Option<Problem> {
        problem_of(&self.execution, self.status, self.error.as_ref())
    }

    /// A table of the hours and a line over all.
    pub(crate) fn text(&self) -> String {
        let long = self.hours.len() > MOST_ROWS;
        let told: Vec<_> = self.hours.iter().filter(|hour| !long || hour.status != "published").collect();
        let (shown, more) = told.split_at(told.len().min(MOST_ROWS));
        let published = self.hours.iter().filter(|hour| hour.status == "published").count();
        let others = match self.hours.len() - published {
            0 => String::new(),
            others => format!(", {others} not published"),
        };
        let last =
            format!("{published} published{others}: {} in {:.1} s", rate(self.records, self.seconds), self.seconds);
        let more = match more.len() {
            0 => String::new(),
            more => format!("and {} more that were not published: --json has all\n", HumanCount(more as u64)),
        };
        match shown.is_empty() {
            true => format!("{last}\n"),
            false => format!("{}\n{more}{last}\n", table(shown)),
        }
    }
}

/// The problem that an execution with this status ended with, if it did.
pub(super) fn problem_of(execution: &str, status: &str, error: Option<&ErrorText>) -> Option<Problem> {
    let how = match status {
        "succeeded" | "running" => return None,
        "aborted" => "was aborted",
        "timed_out" => "timed out",
        _ => "failed",
    };
    let ErrorText { name, message } = error.cloned().unwrap_or_else(|| ErrorText {
        name: if status == "aborted" { "ExecutionAborted" } else { "States.Timeout" }.to_owned(),
        message: "no cause is given".to_owned(),
    });
    Some(Problem::Failed { what: format!("the execution {execution}"), how, error: name, message })
}

fn table(hours: &[&HourSummary]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["hour", "status", "records", "rows", "duplicates", "quarantined", "chunks", "seconds"]);
    for hour in hours {
        let count = |number: u64| HumanCount(number).to_string();
        let [records, rows] = [hour.records, hour.rows].map(count);
        let [duplicates, quarantined, chunks] = [hour.duplicates, hour.quarantined, hour.chunks].map(count);
        let seconds = format!("{:.1}", hour.seconds);
        table.add_row([hour.hour.clone(), hour.outcome(), records, rows, duplicates, quarantined, chunks, seconds]);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if at > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

impl HourSummary {
    pub(super) fn of(followed: &Followed, now: f64) -> Self {
        let output = output_of(followed);
        let said = |name: &str| output.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = match &followed.end {
            None => "running".to_owned(),
            Some(end) if *end.status() == ExecutionStatus::Succeeded => said("status").unwrap_or("done".to_owned()),
            Some(end) => status_of(end.status()).to_owned(),
        };
        let counts = followed.run.counts.filter(|_| status == "published").unwrap_or_default();
        Self {
            hour: followed.hour.clone(),
            verdict: said("verdict").filter(|_| status == "published"),
            status,
            records: counts.records,
            rows: counts.rows,
            duplicates: counts.duplicates,
            quarantined: counts.quarantined,
            chunks: followed.run.chunks.unwrap_or_default(),
            retries: followed.run.retries(),
            transitions: followed.run.transitions(),
            lambda_requests: followed.run.lambda_requests,
            seconds: thousandths(followed.seconds(now)),
            fetch_seconds: thousandths(followed.run.fetch_seconds),
            convert_seconds: thousandths(followed.run.convert_seconds),
            error: followed.end.as_ref().and_then(error_of),
            execution: followed.arn.clone(),
        }
    }

    fn outcome(&self) -> String {
        match (self.error.as_ref(), self.verdict.as_deref()) {
            (Some(error), _) => format!("{} {}", self.status, error.name),
            (None, Some(verdict)) if verdict != "complete" => format!("{} {verdict}", self.status),
            _ => self.status.replace('_', " "),
        }
    }

    /// `2025-11-21-0   published, 10,000 rows in 1.2 s`.
    pub(super) fn line(&self) -> String {
        let rows = if self.status == "published" { format!(", {} rows", HumanCount(self.rows)) } else { String::new() };
        format!("{:14} {}{rows} in {:.1} s", self.hour, self.outcome(), self.seconds)
    }
}

pub(super) fn output_of(followed: &Followed) -> Value {
    let output = followed.end.as_ref().and_then(|end| end.output());
    output.and_then(|output| serde_json::from_str(output).ok()).unwrap_or_default()
}

pub(super) fn error_of(end: &DescribeExecutionOutput) -> Option<ErrorText> {
    let name = end.error().filter(|name| !name.is_empty())?.to_owned();
    Some(ErrorText { name, message: message_of(end.cause().unwrap_or_default()) })
}

pub(super) fn status_of(status: &ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Succeeded => "succeeded",
        ExecutionStatus::Running => "running",
        ExecutionStatus::TimedOut => "timed_out",
        ExecutionStatus::Aborted => "aborted",
        _ => "failed",
    }
}

pub(super) fn thousandths(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
impl HourSummary {
    /// An hour as it may come.
    pub(crate) fn sample(at: u32, status: &str) -> Self {
        let of_published = |count| if status == "published" { count } else { 0 };
        Self {
            hour: pipeline::ArchiveHour::FIRST.plus(at).to_string(),
            status: status.to_owned(),
            verdict: (status == "published").then(|| if at == 1 { "degraded" } else { "complete" }.to_owned()),
            records: of_published(10_000),
            rows: of_published(9_990),
            duplicates: of_published(3),
            quarantined: of_published(7),
            chunks: 1,
            retries: 0,
            transitions: 13,
            lambda_requests: 4,
            seconds: 2.25,
            fetch_seconds: 0.5,
            convert_seconds: 1.0,
            error: (status == "failed")
                .then(|| ErrorText { name: "NotGzip".to_owned(), message: "it is a page".to_owned() }),
            execution: "arn".to_owned(),
        }
    }
}

#[cfg(test)]
impl Ended {
    /// A run of these hours.
    pub(crate) fn sample(hours: Vec<HourSummary>) -> Self {
        Self {
            execution: "arn".to_owned(),
            status: "succeeded",
            seconds: 12.5,
            error: None,
            output: Value::Null,
            transitions: 9,
            lambda_requests: 2,
            records: hours.iter().map(|hour| hour.records).sum(),
            hours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_of_a_short_run_has_a_row() {
        let hours = ["published", "published", "failed", "missing", "not_published"];
        insta::assert_snapshot!(
            Ended::sample(hours.iter().zip(0..).map(|(status, at)| HourSummary::sample(at, status)).collect()).text()
        );
    }

    #[test]
    fn of_a_long_run_there_are_rows_of_what_was_not_published_and_the_number_of_those_left_out() {
        let mixed = |failed: u32| {
            let status = |at| if at < failed { "failed" } else { "published" };
            Ended::sample((0..100).map(|at| HourSummary::sample(at, status(at))).collect()).text()
        };
        let text = mixed(60);
        assert_eq!(text.lines().filter(|line| line.contains("NotGzip")).count(), MOST_ROWS);
        assert!(text.contains("\nand 12 more that were not published: --json has all\n40 published, 60 not"), "{text}");
        assert!(!mixed(48).contains("more") && !mixed(0).contains("hour "));
    }
}
