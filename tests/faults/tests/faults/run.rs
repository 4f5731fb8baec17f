//! The steps of one execution of `process-hour`, called one by one.

use serde_json::{Value, json};
use tokio::select;

use crate::lake::{FunctionError, JOB, Lake, hour};

/// How a step that must not publish ends. The state machine retries none of these.
const ENDS: [&str; 3] = ["CorruptArchive", "HourWouldShrink", "SourceNotPublished"];
/// The most attempts of a step. No step needs more.
const MAX_ATTEMPTS: usize = 2;

/// The name and the start of an execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execution {
    name: &'static str,
    started_at: &'static str,
}

pub(crate) const FIRST: Execution = Execution { name: "first", started_at: "2026-01-01T00:00:00Z" };
/// The second and third start after the first has published, so their start times are far in the future.
pub(crate) const SECOND: Execution = Execution { name: "second", started_at: "2999-01-01T00:00:00Z" };
pub(crate) const THIRD: Execution = Execution { name: "third", started_at: "2999-01-01T01:00:00Z" };

/// What follows a step's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterError {
    /// The run ends, as after a crash.
    Stop,
    /// The step runs once more, as `Retry` in the state machine does.
    Retry,
    /// Like [`AfterError::Stop`], but the run first waits for the lease of a killed run.
    WaitForLease,
}

/// An execution and the errors of its steps so far.
pub(crate) struct Run<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) errors: Vec<FunctionError>,
    /// What the state machine remembers of its redrives.
    pub(crate) resumed_redrive: u32,
    after_error: AfterError,
}

impl<'a> Run<'a> {
    pub(crate) fn new(lake: &'a Lake, after_error: AfterError, resumed_redrive: u32) -> Self {
        Self { lake, errors: Vec::new(), resumed_redrive, after_error }
    }

    /// Fetches, converts, registers and commits the hour.
    pub(crate) async fn publish(&mut self, by: Execution, bytes_from: &str, redrive: u32) -> Result<(), FunctionError> {
        let fetched = self.step("fetch", json!({"hour": hour(), "source": bytes_from})).await?;
        self.record_landed(by).await?;
        for chunk in 0..fetched["chunks"].as_u64().unwrap() {
            let event = json!({"hour": hour(), "version": fetched["version"], "chunk": chunk});
            self.step("convert-chunk", event).await?;
        }
        let of_version = json!({"hour": hour(), "version": fetched["version"], "source": fetched["source"]});
        let published = self.step("register-partition", with(of_version, by.fields())).await?;
        self.commit(by, json!({"published": without_hour(published)}), redrive).await?;
        Ok(())
    }

    pub(crate) async fn roll_back(&mut self, by: Execution) -> Result<(), FunctionError> {
        let event = with(json!({"hour": hour(), "roll_back_to": "previous"}), by.fields());
        let shown = self.step("register-partition", event).await?;
        self.commit(by, json!({"rolled_back": without_hour(shown)}), 0).await?;
        Ok(())
    }

    /// Records a failure, as the state machine does once a step has failed.
    pub(crate) async fn fail(&mut self, by: Execution, name: &str, redrive: u32) -> Result<Value, FunctionError> {
        self.commit(by, json!({"failed": {"name": name, "message": "byte 7"}}), redrive).await
    }

    async fn commit(&mut self, by: Execution, outcome: Value, redrive: u32) -> Result<Value, FunctionError> {
        let redrives =
            json!({"redrive_count": redrive, "resumed_redrive": if redrive == 0 { 0 } else { self.resumed_redrive }});
        let event = with(json!({"hour": hour(), "job_id": JOB, "outcome": outcome}), redrives);
        self.step("commit-bookmark", with(event, by.fields())).await
    }

    /// A step that must end with this error.
    pub(crate) async fn step_fails(&mut self, function: &str, event: Value, name: &str) -> Result<(), FunctionError> {
        expect_error(self.step(function, event).await, name)
    }

    /// A step, with one retry if the state machine would retry it.
    pub(crate) async fn step(&mut self, function: &str, event: Value) -> Result<Value, FunctionError> {
        for attempt in 1.. {
            let result = select! {
                result = Box::pin(self.lake.invoke(function, event.clone())) => result,
                () = self.lake.injector.crashed() => Err(killed("Runtime.ExitError")),
            };
            match result {
                Ok(output) => return Ok(output),
                Err(error) => self.note(error, attempt)?,
            }
        }
        unreachable!("note ends the attempts")
    }

    /// The call that the state machine makes by itself, with the arguments that its definition has.
    async fn record_landed(&mut self, by: Execution) -> Result<(), FunctionError> {
        for attempt in 1.. {
            let result = select! {
                result = Box::pin(crate::record_landed::record(self.lake, by)) => result,
                () = self.lake.injector.crashed() => Err(killed("RecordLanded")),
            };
            match result {
                Ok(()) => return Ok(()),
                Err(error) => self.note(error, attempt)?,
            }
        }
        unreachable!("note ends the attempts")
    }

    /// Returns the error if the step is not to run again.
    fn note(&mut self, error: FunctionError, attempt: usize) -> Result<(), FunctionError> {
        if ENDS.contains(&error.name.as_str()) || attempt >= MAX_ATTEMPTS {
            return Err(error);
        }
        if self.after_error == AfterError::WaitForLease && error.name == "PartitionConflict" {
            self.lake.end_lease();
            return Ok(());
        }
        let again = self.after_error == AfterError::Retry;
        self.errors.push(FunctionError { name: error.name.clone(), message: error.message.clone() });
        if again { Ok(()) } else { Err(error) }
    }
}

impl Execution {
    pub(crate) fn arn(self) -> String {
        format!("arn:aws:states:us-east-1:000000000000:execution:process-hour:{}", self.name)
    }

    pub(crate) fn started_at(self) -> &'static str {
        self.started_at
    }

    fn fields(self) -> Value {
        json!({"execution_arn": self.arn(), "started_at": self.started_at})
    }
}

/// Succeeds if the step ended with the error of this name.
pub(crate) fn expect_error(result: Result<Value, FunctionError>, name: &str) -> Result<(), FunctionError> {
    match result {
        Ok(output) => panic!("{name} was expected, the step returned {output}"),
        Err(error) if error.name == name => Ok(()),
        Err(error) => Err(error),
    }
}

fn killed(name: &str) -> FunctionError {
    FunctionError { name: name.to_owned(), message: "killed by the test".to_owned() }
}

fn with(mut event: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("fields are a map") };
    event.as_object_mut().unwrap().extend(more);
    event
}

fn without_hour(mut output: Value) -> Value {
    output.as_object_mut().unwrap().remove("hour");
    output
}
