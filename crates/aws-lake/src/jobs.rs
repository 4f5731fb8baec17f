//! Table `jobs`: PK `job_id`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use pipeline::ledger::JobItem;

use aws_client::AwsError;
use aws_client::dynamodb::{from_item, text, to_item, unreadable};

#[derive(Clone, Debug)]
pub struct Jobs {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl Jobs {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Reads a job, whose bookmark (if any) names an hour.
    pub async fn get(&self, job_id: &str) -> Result<Option<JobItem>, AwsError> {
        let resource = self.resource(job_id);
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let response = request.key("job_id", text(job_id)).send().await;
        let response = response.map_err(|error| AwsError::classify("GetItem", &resource, error))?;
        let Some(item) = response.item else { return Ok(None) };
        let job: JobItem = from_item("GetItem", &resource, item)?;
        job.bookmark().map_err(|error| unreadable("GetItem", &resource, error))?;
        Ok(Some(job))
    }

    /// Writes a job that does not exist yet; returns `false` and changes nothing if it exists.
    pub async fn create(&self, job: &JobItem) -> Result<bool, AwsError> {
        let resource = self.resource(&job.job_id);
        let item = to_item("PutItem", &resource, job)?;
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = request.condition_expression("attribute_not_exists(#job_id)");
        match request.expression_attribute_names("#job_id", "job_id").send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            // A transaction changes only the bookmark of an existing job.
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_conflict_exception() => Ok(false),
            Err(error) => Err(AwsError::classify("PutItem", resource, error)),
        }
    }

    pub(crate) fn resource(&self, job_id: &str) -> String {
        format!("{}/{job_id}", self.table)
    }
}
