//! Loads of CSV files in table `job_run_details`, under a job of their own.

use aws_sdk_dynamodb::Client;
use csv_load::receipt::{Counts, LoadReceipt};
use jiff::Timestamp;
use serde::Serialize;

use super::{number, text, to_item};
use crate::AwsError;

/// The job that loads are recorded under.
const JOB: &str = "csv_load";
/// So many loads may begin in one millisecond.
const MOST_AT_ONCE: i64 = 100;

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
    pub counts: Counts,
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
    /// other load has.
    pub async fn put(&self, load: &LoadItem) -> Result<(), AwsError> {
        const CALL: &str = "PutItem";
        let first = load.started_at.as_millisecond();
        let resource = format!("{}/{JOB}/{first}", self.table);
        let mut item = to_item(CALL, &resource, load)?;
        for time in first..first + MOST_AT_ONCE {
            item.insert("job_run_time".to_owned(), number(time));
            let request = self.client.put_item().table_name(&self.table).set_item(Some(item.clone()));
            let request = request
                .condition_expression("attribute_not_exists(#job_id) OR #load_id = :load_id")
                .expression_attribute_names("#job_id", "job_id")
                .expression_attribute_names("#load_id", "load_id")
                .expression_attribute_values(":load_id", text(&load.load_id));
            match request.send().await {
                Ok(_) => return Ok(()),
                Err(error)
                    if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) => {}
                Err(error) => return Err(AwsError::sort(CALL, resource, error)),
            }
        }
        let source = format!("{MOST_AT_ONCE} loads began in one millisecond").into();
        Err(AwsError::Unavailable { call: CALL, resource, source })
    }
}
