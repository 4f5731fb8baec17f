//! Polls Step Functions for the new events of executions.

use std::collections::{BTreeMap, HashSet};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent};
use cli_core::CliError;
use cli_stack::AwsClients;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::arn::{ExecutionArn, ExecutionKind};
use crate::progress::{ExecutionProgress, TaskFailure};

pub struct FollowedExecution {
    pub arn: String,
    /// The hour that the execution runs; empty for other executions.
    pub hour: String,
    pub progress: ExecutionProgress,
    /// The final description, once the execution has ended.
    pub end: Option<DescribeExecutionOutput>,
    /// Seconds since 1970.
    pub started_at: f64,
}

pub struct Poller {
    aws: AwsClients,
    client: Client,
}

impl FollowedExecution {
    /// Seconds from the start of the execution to its end, or to `now` while it runs.
    pub fn seconds(&self, now: f64) -> f64 {
        let stopped =
            self.end.as_ref().and_then(|end| end.stop_date()).map(aws_sdk_sfn::primitives::DateTime::as_secs_f64);
        (stopped.unwrap_or(now) - self.started_at).max(0.0)
    }
}

impl Poller {
    pub fn new(aws: AwsClients) -> Self {
        Self { client: aws.sfn(), aws }
    }

    /// Starts to follow an execution.
    pub async fn attach(&self, arn: &str, hour: String) -> Result<FollowedExecution, CliError> {
        let description = self.describe(arn).await?;
        let started_at = description.start_date().as_secs_f64();
        Ok(FollowedExecution {
            arn: arn.to_owned(),
            hour,
            progress: ExecutionProgress::default(),
            end: None,
            started_at,
        })
    }

    /// Reads the new events, and returns the failures among them.
    ///
    /// The status is read before the events, so an ended execution has all its events.
    pub async fn refresh(&self, followed: &mut FollowedExecution) -> Result<Vec<TaskFailure>, CliError> {
        let description = self.describe(&followed.arn).await?;
        let mut events = self.events_after(&followed.arn, followed.progress.last_event).await?;
        events.reverse();
        let failures = events.iter().filter_map(|event| followed.progress.apply(event)).collect();
        if *description.status() != ExecutionStatus::Running {
            followed.end = Some(description);
        }
        Ok(failures)
    }

    pub async fn describe(&self, arn: &str) -> Result<DescribeExecutionOutput, CliError> {
        let answer = self.client.describe_execution().execution_arn(arn).send().await;
        answer.map_err(|error| match error.as_service_error() {
            Some(refusal) if refusal.is_execution_does_not_exist() || refusal.is_invalid_arn() => CliError::Absent {
                what: format!("the execution {arn}"),
                next: "check the ARN, --profile and AWS_ENDPOINT_URL; 'ghactivity status' lists the last runs"
                    .to_owned(),
            },
            _ => self.aws.call_error("DescribeExecution", arn, error),
        })
    }

    /// The events after the id `seen`, newest first.
    async fn events_after(&self, arn: &str, seen: i64) -> Result<Vec<HistoryEvent>, CliError> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.get_execution_history().execution_arn(arn).reverse_order(true).max_results(200);
            let page = request.set_next_token(token).send().await;
            let page = page.map_err(|error| self.aws.call_error("GetExecutionHistory", arn, error))?;
            let reached = page.events.iter().any(|event| event.id() <= seen + 1);
            found.extend(page.events.into_iter().take_while(|event| event.id() > seen));
            token = page.next_token;
            if token.is_none() || reached {
                return Ok(found);
            }
        }
    }

    /// The executions of hours that `parent` started and that are not in `known` yet.
    ///
    /// A parent names them after the hour and a hash of its own ARN. The list starts with the newest, so reading stops once
    /// all running ones were listed, or at executions older than the parent.
    pub async fn children(
        &self,
        parent: &ExecutionArn,
        since: f64,
        known: &BTreeMap<String, FollowedExecution>,
    ) -> Result<Vec<ExecutionListItem>, CliError> {
        let Some(machine) = parent.process_hour_machine() else { return Ok(Vec::new()) };
        let tag = tag(parent);
        let running: HashSet<_> = known.values().filter(|one| one.end.is_none()).map(|one| one.arn.as_str()).collect();
        let (mut found, mut seen, mut token) = (Vec::new(), 0, None);
        loop {
            let request = self.client.list_executions().state_machine_arn(&machine).set_next_token(token);
            let page = request.send().await.map_err(|error| self.aws.call_error("ListExecutions", &machine, error))?;
            let oldest = page.executions.last().map(|one| one.start_date().as_secs_f64());
            for one in page.executions {
                seen += usize::from(running.contains(one.execution_arn()));
                if one.name().contains(&tag) && !known.contains_key(one.execution_arn()) {
                    found.push(one);
                }
            }
            token = page.next_token;
            let all_known = !known.is_empty() && seen == running.len();
            if token.is_none() || all_known || oldest.is_some_and(|oldest| oldest < since) {
                return Ok(found);
            }
        }
    }
}

/// The part that `parent` puts into the name of every execution that it starts.
fn tag(parent: &ExecutionArn) -> String {
    match parent.kind() {
        ExecutionKind::Ingest => format!("_{}", &hex::encode(Sha256::digest(parent.as_str()))[..16]),
        _ => format!("_{}", hex::encode(Sha1::digest(parent.as_str()))),
    }
}
