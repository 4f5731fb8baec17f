//! Loads of CSV files in table `job_run_details`, under a job of their own.

use aws_sdk_dynamodb::Client;
use csv_load::plan::MAX_PLAN_BYTES;
use csv_load::receipt::{LoadFailure, LoadReceipt, RowCounts};
use csv_load::{LoadId, LoadPlan, keys};
use jiff::Timestamp;
use serde::Serialize;

use aws_client::AwsError;
use aws_client::dynamodb::{number, text, to_item};
use aws_client::s3::{Bucket, DocumentError};

/// The job that loads are recorded under.
const JOB: &str = "csv_load";
/// So many loads may begin in one millisecond.
const MOST_AT_ONCE: i64 = 100;

/// Reads the plan of a load.
pub async fn read_plan(bucket: &Bucket, load_id: LoadId) -> Result<LoadPlan, DocumentError> {
    bucket.document(&keys::plan(load_id), MAX_PLAN_BYTES).await
}

/// The run history, as far as it is about loads.
#[derive(Clone, Debug)]
pub struct Loads {
    client: Client,
    table: String,
}

/// A load's line in the run history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadItem {
    /// Always the same.
    pub job_id: &'static str,
    /// The load.
    pub load_id: String,
    /// `loaded` or `undone`.
    pub status: &'static str,
    /// The table.
    pub table: String,
    /// The file's `s3://` address.
    pub source_file: String,
    /// What became of its rows.
    pub counts: RowCounts,
    /// Write units of all items.
    pub write_units: u64,
    /// The receipt's `s3://` address.
    pub receipt: String,
    /// The execution that completed it.
    pub execution_arn: String,
    /// When it was planned: the sort key, in milliseconds.
    pub started_at: Timestamp,
    /// When it was complete.
    pub ended_at: Timestamp,
}

/// The line of an execution of a load that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedLoadItem {
    /// Whether it was to undo the load.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undoing: bool,
    /// The load, if it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_id: Option<String>,
    /// The table that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The file's `s3://` address, as far as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_file: Option<String>,
    /// Why it failed.
    pub error: LoadFailure,
    /// The execution.
    pub execution_arn: String,
    /// How many times it had been redriven.
    pub redrive_count: u32,
    /// When it began: the sort key, in milliseconds.
    pub started_at: Timestamp,
    /// When this was recorded.
    pub ended_at: Timestamp,
}

/// The status of those.
const FAILED: &str = "failed";

impl LoadItem {
    /// The line of a load with this status, whose receipt lies at this address.
    pub fn of(receipt: &LoadReceipt, address: String, status: &'static str) -> Self {
        Self {
            job_id: JOB,
            load_id: receipt.load_id.to_string(),
            status,
            table: receipt.table.clone(),
            source_file: receipt.source.address(),
            counts: receipt.counts,
            write_units: receipt.write_units,
            receipt: address,
            execution_arn: receipt.execution_arn.clone(),
            started_at: receipt.ingestion_timestamp,
            ended_at: receipt.completed_at,
        }
    }
}

impl Loads {
    /// The run history in `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Puts a load's line, in place of its earlier one. Its sort key is the millisecond of its plan, or the next one that no
    /// other load has, and no execution of it that failed.
    pub async fn put(&self, load: &LoadItem) -> Result<(), AwsError> {
        let condition = Condition {
            text: "attribute_not_exists(#job_id) OR #mark = :mark AND #status <> :failed",
            mark: ("load_id", &load.load_id),
        };
        self.put_at_first_free(load.started_at, load, condition).await
    }

    /// Puts the line of an execution that failed, in place of its earlier one. Its sort key is the millisecond of its
    /// beginning, or the next one that no other has.
    pub async fn put_failed(&self, failed: &FailedLoadItem) -> Result<(), AwsError> {
        #[derive(Serialize)]
        struct Line<'a> {
            job_id: &'static str,
            status: &'static str,
            #[serde(flatten)]
            failed: &'a FailedLoadItem,
        }
        let condition = Condition {
            text: "attribute_not_exists(#job_id) OR #mark = :mark AND #status = :failed",
            mark: ("execution_arn", &failed.execution_arn),
        };
        let line = Line { job_id: JOB, status: FAILED, failed };
        self.put_at_first_free(failed.started_at, &line, condition).await
    }

    async fn put_at_first_free(
        &self,
        started_at: Timestamp,
        line: &impl Serialize,
        condition: Condition<'_>,
    ) -> Result<(), AwsError> {
        const CALL: &str = "PutItem";
        let first = started_at.as_millisecond();
        let resource = format!("{}/{JOB}/{first}", self.table);
        let mut item = to_item(CALL, &resource, line)?;
        for time in first..first + MOST_AT_ONCE {
            item.insert("job_run_time".to_owned(), number(time));
            let request = self.client.put_item().table_name(&self.table).set_item(Some(item.clone()));
            let request = request
                .condition_expression(condition.text)
                .expression_attribute_names("#job_id", "job_id")
                .expression_attribute_names("#status", "status")
                .expression_attribute_names("#mark", condition.mark.0)
                .expression_attribute_values(":mark", text(condition.mark.1))
                .expression_attribute_values(":failed", text(FAILED));
            match request.send().await {
                Ok(_) => return Ok(()),
                Err(error)
                    if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) => {}
                Err(error) => return Err(AwsError::classify(CALL, resource, error)),
            }
        }
        let source = format!("{MOST_AT_ONCE} loads began in one millisecond").into();
        Err(AwsError::Unavailable { call: CALL, resource, source })
    }
}

/// Under which a line takes the place of another: that both are of the same thing, which this attribute tells.
struct Condition<'a> {
    text: &'static str,
    mark: (&'static str, &'a str),
}
