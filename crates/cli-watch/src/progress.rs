//! The progress of one execution, read from its history events.

use aws_sdk_sfn::types::{HistoryEvent, HistoryEventType};
use pipeline::receipt::RecordCounts;
use serde::Deserialize;
use serde_json::Value;

use cli_core::format::one_line;

/// A task that failed; a retry may still succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailure {
    pub state: String,
    pub error: String,
    pub message: String,
}

#[derive(Clone, Debug, Default)]
pub struct ExecutionProgress {
    /// The id of the newest event that was read.
    pub last_event: i64,
    /// The current state; for an item of a map, the map.
    pub state: String,
    /// Chunks of the hour, once `fetch` has planned it.
    pub chunks: Option<u64>,
    pub chunks_done: u64,
    /// Records of the finished chunks.
    pub records: u64,
    /// Counts of the hour, once `register-partition` has accepted it.
    pub counts: Option<RecordCounts>,
    /// The plan of a CSV load, once `plan-csv` has returned it.
    pub load_plan: Option<Value>,
    /// Hours that the execution has named so far.
    pub hours: u64,
    /// Seconds in the `Fetch` and `ConvertChunks` tasks, invocation included.
    pub fetch_seconds: f64,
    pub convert_seconds: f64,
    /// Entered states. Step Functions charges for them, and for retries.
    states: u64,
    /// Lambda invocations.
    pub lambda_requests: u64,
    entered: u64,
    scheduled: u64,
}

/// States of the items of a map. Many run at the same time, so the map counts as the current state.
const ITEMS: [&str; 3] = ["ConvertChunk", "ProcessHour", "HourFailed"];

/// Expected failures that the state machine handles: a failed condition, a table that is absent or exists already.
const QUIET: [&str; 3] = [
    "DynamoDb.ConditionalCheckFailedException",
    "DynamoDb.ResourceNotFoundException",
    "DynamoDb.ResourceInUseException",
];

impl ExecutionProgress {
    /// Tasks that were retried.
    pub fn retries(&self) -> u64 {
        self.scheduled.saturating_sub(self.entered)
    }

    /// State transitions, as Step Functions charges them.
    pub fn transitions(&self) -> u64 {
        self.states + self.retries()
    }

    /// Applies the next event, and returns the failure that it reports.
    pub fn apply(&mut self, event: &HistoryEvent) -> Option<TaskFailure> {
        self.last_event = event.id();
        if let Some(entered) = event.state_entered_event_details() {
            self.states += 1;
            self.entered += u64::from(*event.r#type() == HistoryEventType::TaskStateEntered);
            self.enter(entered.name());
        }
        if let Some(exited) = event.state_exited_event_details() {
            self.exit(exited.name(), exited.output().unwrap_or_default());
        }
        self.time(event);
        match event.r#type() {
            HistoryEventType::TaskScheduled => {
                let kind = event
                    .task_scheduled_event_details()
                    .map(aws_sdk_sfn::types::TaskScheduledEventDetails::resource_type);
                self.lambda_requests += u64::from(kind == Some("lambda"));
                self.scheduled += 1;
            }
            HistoryEventType::TaskSucceeded if self.state == "ConvertChunks" => {
                let output = event.task_succeeded_event_details().and_then(|details| details.output());
                self.chunk(output.unwrap_or_default());
            }
            HistoryEventType::TaskFailed => {
                let details = event.task_failed_event_details()?;
                return self.failed(details.error().unwrap_or_default(), details.cause().unwrap_or_default());
            }
            HistoryEventType::TaskTimedOut => {
                let details = event.task_timed_out_event_details()?;
                return self.failed(details.error().unwrap_or("States.Timeout"), details.cause().unwrap_or_default());
            }
            _ => {}
        }
        None
    }

    /// Adds the end and subtracts the start of each task, so the sum is the time of all tasks.
    fn time(&mut self, event: &HistoryEvent) {
        let sign = match event.r#type() {
            HistoryEventType::TaskScheduled => -1.0,
            HistoryEventType::TaskSucceeded | HistoryEventType::TaskFailed | HistoryEventType::TaskTimedOut => 1.0,
            _ => return,
        };
        let seconds = sign * event.timestamp().as_secs_f64();
        match self.state.as_str() {
            "Fetch" => self.fetch_seconds += seconds,
            "ConvertChunks" => self.convert_seconds += seconds,
            _ => {}
        }
    }

    fn enter(&mut self, name: &str) {
        if !ITEMS.contains(&name) {
            name.clone_into(&mut self.state);
        }
        if name == "ConvertChunks" {
            (self.chunks_done, self.records) = (0, 0);
        }
    }

    fn exit(&mut self, name: &str, output: &str) {
        match name {
            "Fetch" => self.chunks = parsed::<FetchOutput>(output).map(|planned| planned.chunks),
            "RegisterPartition" => self.counts = parsed::<RegisterOutput>(output).map(|registered| registered.counts),
            "PlanCsv" => self.load_plan = parsed::<PlanCsvOutput>(output).map(|output| output.planned.plan),
            "NextFile" => self.hours += parsed::<NextFileOutput>(output).map_or(0, |named| named.hours.len() as u64),
            "ListHours" => self.hours = parsed::<ListHoursOutput>(output).map_or(0, |backfill| backfill.listed.hours),
            _ => {}
        }
    }

    fn chunk(&mut self, output: &str) {
        self.chunks_done += 1;
        self.records += parsed::<InvokeOutput>(output).map_or(0, |invoked| invoked.payload.records);
    }

    fn failed(&mut self, error: &str, cause: &str) -> Option<TaskFailure> {
        // The execution of a failed hour reports the error. `CommitFailure` and the parent only repeat it.
        if QUIET.contains(&error) || ["CommitFailure", "ProcessHours"].contains(&self.state.as_str()) {
            return None;
        }
        Some(TaskFailure { state: self.state.clone(), error: error.to_owned(), message: message_of(cause) })
    }
}

/// The message of a cause. The cause of a Lambda is JSON that contains it.
pub(crate) fn message_of(cause: &str) -> String {
    let message = serde_json::from_str::<Value>(cause).ok();
    let message = message.as_ref().and_then(|cause| cause.get("errorMessage")).and_then(Value::as_str);
    one_line(message.unwrap_or(cause))
}

fn parsed<'a, T: Deserialize<'a>>(output: &'a str) -> Option<T> {
    serde_json::from_str(output).ok()
}

#[derive(Deserialize)]
struct FetchOutput {
    chunks: u64,
}

#[derive(Deserialize)]
struct RegisterOutput {
    counts: RecordCounts,
}

#[derive(Deserialize)]
struct PlanCsvOutput {
    planned: PlanCsvResult,
}

#[derive(Deserialize)]
struct PlanCsvResult {
    plan: Value,
}

#[derive(Deserialize)]
struct NextFileOutput {
    hours: Vec<Value>,
}

#[derive(Deserialize)]
struct ListHoursOutput {
    listed: ListedHours,
}

#[derive(Deserialize)]
struct ListedHours {
    hours: u64,
}

#[derive(Deserialize)]
struct InvokeOutput {
    #[serde(rename = "Payload")]
    payload: ConvertChunkOutput,
}

#[derive(Deserialize)]
struct ConvertChunkOutput {
    records: u64,
}
