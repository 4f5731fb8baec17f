//! The history of CSV loads: items of table `job_run_details` under job `csv_load`.

use aws_sdk_dynamodb::Client;
use csv_load::plan::MAX_PLAN_BYTES;
use csv_load::receipt::{LoadFailure, LoadReceipt, RowCounts};
use csv_load::{LoadId, LoadPlan, keys};
use jiff::Timestamp;
use serde::Serialize;

use aws_client::AwsError;
use aws_client::dynamodb::{number, text, to_item};
use aws_client::s3::{Bucket, DocumentError};

const JOB: &str = "csv_load";
/// The most loads that may begin in the same millisecond.
const MAX_LOADS_PER_MS: i64 = 100;

/// Reads the plan of a load.
pub async fn read_plan(bucket: &Bucket, load_id: LoadId) -> Result<LoadPlan, DocumentError> {
    bucket.document(&keys::plan(load_id), MAX_PLAN_BYTES).await
}

#[derive(Clone, Debug)]
pub struct Loads {
    client: Client,
    table: String,
}

/// The history item of a load that was completed or undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadItem {
    /// Always `csv_load`.
    pub job_id: &'static str,
    pub load_id: String,
    /// `loaded` or `undone`.
    pub status: &'static str,
    pub table: String,
    /// The `s3://` address of the file.
    pub source_file: String,
    pub counts: RowCounts,
    /// DynamoDB write units of all items.
    pub write_units: u64,
    /// The `s3://` address of the receipt.
    pub receipt: String,
    /// The execution that completed the load.
    pub execution_arn: String,
    /// The time of the plan; in milliseconds, it is the sort key.
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
}

/// The history item of an execution that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedLoadItem {
    /// Whether the execution was undoing the load.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undoing: bool,
    /// `None` if the load was not planned yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_id: Option<String>,
    /// The requested table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The `s3://` address of the file, as far as the input had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_file: Option<String>,
    pub error: LoadFailure,
    pub execution_arn: String,
    pub redrive_count: u32,
    /// The start of the execution; in milliseconds, it is the sort key.
    pub started_at: Timestamp,
    /// The time of this record.
    pub ended_at: Timestamp,
}

const FAILED: &str = "failed";

impl LoadItem {
    /// `receipt_address` is the `s3://` address of `receipt`.
    pub fn new(receipt: &LoadReceipt, receipt_address: String, status: &'static str) -> Self {
        Self {
            job_id: JOB,
            load_id: receipt.load_id.to_string(),
            status,
            table: receipt.table.clone(),
            source_file: receipt.source.address(),
            counts: receipt.counts,
            write_units: receipt.write_units,
            receipt: receipt_address,
            execution_arn: receipt.execution_arn.clone(),
            started_at: receipt.ingestion_timestamp,
            ended_at: receipt.completed_at,
        }
    }
}

impl Loads {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Writes the item of a load in place of its earlier one.
    ///
    /// The sort key is the millisecond of the plan, or the next free one.
    pub async fn put(&self, load: &LoadItem) -> Result<(), AwsError> {
        let condition = PutCondition {
            text: "attribute_not_exists(#job_id) OR #mark = :mark AND #status <> :failed",
            mark: ("load_id", &load.load_id),
        };
        self.put_at_first_free(load.started_at, load, condition).await
    }

    /// Writes the item of a failed execution in place of its earlier one.
    ///
    /// The sort key is the millisecond of its start, or the next free one.
    pub async fn put_failed(&self, failed: &FailedLoadItem) -> Result<(), AwsError> {
        #[derive(Serialize)]
        struct FailedItem<'a> {
            job_id: &'static str,
            status: &'static str,
            #[serde(flatten)]
            failed: &'a FailedLoadItem,
        }
        let condition = PutCondition {
            text: "attribute_not_exists(#job_id) OR #mark = :mark AND #status = :failed",
            mark: ("execution_arn", &failed.execution_arn),
        };
        let item = FailedItem { job_id: JOB, status: FAILED, failed };
        self.put_at_first_free(failed.started_at, &item, condition).await
    }

    async fn put_at_first_free(
        &self,
        started_at: Timestamp,
        item: &impl Serialize,
        condition: PutCondition<'_>,
    ) -> Result<(), AwsError> {
        const CALL: &str = "PutItem";
        let first = started_at.as_millisecond();
        let resource = format!("{}/{JOB}/{first}", self.table);
        let mut item = to_item(CALL, &resource, item)?;
        for time in first..first + MAX_LOADS_PER_MS {
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
                    if error.as_service_error().is_some_and(
                        aws_sdk_dynamodb::operation::put_item::PutItemError::is_conditional_check_failed_exception,
                    ) => {}
                Err(error) => return Err(AwsError::classify(CALL, resource, error)),
            }
        }
        let source = format!("{MAX_LOADS_PER_MS} loads began in the same millisecond").into();
        Err(AwsError::Unavailable { call: CALL, resource, source })
    }
}

/// When an item may replace another one: both have the same value of the attribute `mark`.
struct PutCondition<'a> {
    text: &'static str,
    mark: (&'static str, &'a str),
}
