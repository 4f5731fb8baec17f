//! The report of an execution and of its hours, as a table and as JSON.

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use cli_core::format::{count, milliseconds, per_second};
use cli_core::{CliError, output};
use serde::Serialize;
use serde_json::Value;

use crate::poll::FollowedExecution;
use crate::progress::message_of;

/// Most hours in the table. Above it, published hours are left out.
const MOST_ROWS: usize = 48;

/// The outcome of an execution.
#[derive(Serialize)]
pub struct ExecutionReport {
    pub execution: String,
    /// `succeeded`, `failed`, `timed_out`, `aborted`.
    pub status: &'static str,
    pub seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ExecutionError>,
    pub output: Value,
    /// State transitions of this execution alone; each hour has its own.
    pub transitions: u64,
    pub lambda_requests: u64,
    pub records: u64,
    pub hours: Vec<HourReport>,
}

/// The outcome of one hour.
#[derive(Serialize)]
pub struct HourReport {
    pub hour: String,
    /// `published`, `not_published`, `missing`, `failed`, `running`.
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    pub records: u64,
    pub rows: u64,
    pub duplicates: u64,
    pub quarantined: u64,
    pub chunks: u64,
    pub retries: u64,
    pub transitions: u64,
    pub lambda_requests: u64,
    pub seconds: f64,
    pub fetch_seconds: f64,
    pub convert_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ExecutionError>,
    pub execution: String,
}

#[derive(Clone, Serialize)]
pub struct ExecutionError {
    pub name: String,
    pub message: String,
}

impl ExecutionReport {
    pub fn of(root: &FollowedExecution, hours: Vec<HourReport>, now: f64) -> Self {
        let records = hours.iter().map(|hour| hour.records).sum();
        let end = root.end.as_ref();
        Self {
            execution: root.arn.clone(),
            status: end.map_or("running", |end| status_of(end.status())),
            seconds: milliseconds(root.seconds(now)),
            error: end.and_then(cause_of),
            output: output_of(root),
            transitions: root.progress.transitions(),
            lambda_requests: root.progress.lambda_requests,
            records,
            hours,
        }
    }

    /// The error that the execution ended with, if it failed.
    pub fn error(&self) -> Option<CliError> {
        failure_of(&self.execution, self.status, self.error.as_ref())
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
            output::text(&self.text());
        }
        self.error().map_or(Ok(()), Err)
    }

    /// A table of the hours, and a line with the sums.
    pub fn text(&self) -> String {
        let long = self.hours.len() > MOST_ROWS;
        let listed: Vec<_> = self.hours.iter().filter(|hour| !long || hour.status != "published").collect();
        let (shown, more) = listed.split_at(listed.len().min(MOST_ROWS));
        let published = self.hours.iter().filter(|hour| hour.status == "published").count();
        let others = match self.hours.len() - published {
            0 => String::new(),
            others => format!(", {others} not published"),
        };
        let last = format!(
            "{published} published{others}: {} records, {}/s in {:.1} s",
            count(self.records),
            per_second(self.records, self.seconds),
            self.seconds
        );
        let more = match more.len() {
            0 => String::new(),
            more => format!("and {} more that were not published; --json lists all\n", count(more as u64)),
        };
        if shown.is_empty() { format!("{last}\n") } else { format!("{}{more}{last}\n", table(shown)) }
    }
}

/// The error of an execution with this status, if it failed.
pub fn failure_of(execution: &str, status: &str, error: Option<&ExecutionError>) -> Option<CliError> {
    let how = match status {
        "succeeded" | "running" => return None,
        "aborted" => "was aborted",
        "timed_out" => "timed out",
        _ => "failed",
    };
    let ExecutionError { name, message } = error.cloned().unwrap_or_else(|| ExecutionError {
        name: if status == "aborted" { "ExecutionAborted" } else { "States.Timeout" }.to_owned(),
        message: "without a cause".to_owned(),
    });
    Some(CliError::Failed { what: format!("the execution {execution}"), how, error: name, message })
}

fn table(hours: &[&HourReport]) -> String {
    let head = ["hour", "status", "records", "rows", "duplicates", "quarantined", "chunks", "seconds"];
    let rows = hours.iter().map(|hour| {
        let counts = [hour.records, hour.rows, hour.duplicates, hour.quarantined, hour.chunks].map(count);
        let names = [hour.hour.clone(), hour.outcome()];
        names.into_iter().chain(counts).chain([format!("{:.1}", hour.seconds)])
    });
    output::table(&head, rows, |at| at > 1)
}

impl HourReport {
    pub fn of(followed: &FollowedExecution, now: f64) -> Self {
        let output = output_of(followed);
        let said = |name: &str| output.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = match &followed.end {
            None => "running".to_owned(),
            Some(end) if *end.status() == ExecutionStatus::Succeeded => said("status").unwrap_or("done".to_owned()),
            Some(end) => status_of(end.status()).to_owned(),
        };
        let counts = followed.progress.counts.filter(|_| status == "published").unwrap_or_default();
        Self {
            hour: followed.hour.clone(),
            verdict: said("verdict").filter(|_| status == "published"),
            status,
            records: counts.records,
            rows: counts.rows,
            duplicates: counts.duplicates,
            quarantined: counts.quarantined,
            chunks: followed.progress.chunks.unwrap_or_default(),
            retries: followed.progress.retries(),
            transitions: followed.progress.transitions(),
            lambda_requests: followed.progress.lambda_requests,
            seconds: milliseconds(followed.seconds(now)),
            fetch_seconds: milliseconds(followed.progress.fetch_seconds),
            convert_seconds: milliseconds(followed.progress.convert_seconds),
            error: followed.end.as_ref().and_then(cause_of),
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
    pub fn line(&self) -> String {
        let rows = if self.status == "published" { format!(", {} rows", count(self.rows)) } else { String::new() };
        format!("{:14} {}{rows} in {:.1} s", self.hour, self.outcome(), self.seconds)
    }
}

pub fn output_of(followed: &FollowedExecution) -> Value {
    let output = followed.end.as_ref().and_then(|end| end.output());
    output.and_then(|output| serde_json::from_str(output).ok()).unwrap_or_default()
}

pub fn cause_of(end: &DescribeExecutionOutput) -> Option<ExecutionError> {
    let name = end.error().filter(|name| !name.is_empty())?.to_owned();
    Some(ExecutionError { name, message: message_of(end.cause().unwrap_or_default()) })
}

pub fn status_of(status: &ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Succeeded => "succeeded",
        ExecutionStatus::Running => "running",
        ExecutionStatus::TimedOut => "timed_out",
        ExecutionStatus::Aborted => "aborted",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of 10,000 records.
    fn hour_report(at: u32, status: &str) -> HourReport {
        let of_published = |count| if status == "published" { count } else { 0 };
        HourReport {
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
                .then(|| ExecutionError { name: "NotGzip".to_owned(), message: "it is a page".to_owned() }),
            execution: "arn".to_owned(),
        }
    }

    /// A run of these hours.
    fn execution_report(hours: Vec<HourReport>) -> ExecutionReport {
        ExecutionReport {
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

    #[test]
    fn short_run_has_a_row_for_each_hour() {
        let hours = ["published", "published", "failed", "missing", "not_published"];
        insta::assert_snapshot!(
            execution_report(hours.iter().zip(0..).map(|(status, at)| hour_report(at, status)).collect()).text()
        );
    }

    #[test]
    fn long_run_lists_only_unpublished_hours() {
        let mixed = |failed: u32| {
            let status = |at| if at < failed { "failed" } else { "published" };
            execution_report((0..100).map(|at| hour_report(at, status(at))).collect()).text()
        };
        let text = mixed(60);
        assert_eq!(text.lines().filter(|line| line.contains("NotGzip")).count(), MOST_ROWS);
        assert!(
            text.contains("\nand 12 more that were not published; --json lists all\n40 published, 60 not"),
            "{text}"
        );
        assert!(!mixed(48).contains("more") && !mixed(0).contains("hour "));
    }
}
