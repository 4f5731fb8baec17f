//! Table `job_run_details`: PK `job_id`, SK `job_run_time`, a number.

use aws_sdk_dynamodb::Client;
use pipeline::ledger::JobRunItem;

use aws_client::AwsError;
use aws_client::dynamodb::{Item, from_item, number, text, to_item};

#[derive(Clone, Debug)]
pub struct Runs {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl Runs {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Reads the run of a job with this sort key, a decimal number.
    pub async fn get(&self, job_id: &str, job_run_time: &str) -> Result<Option<JobRunItem>, AwsError> {
        let resource = format!("{}/{job_id}/{job_run_time}", self.table);
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request.key("job_id", text(job_id)).key("job_run_time", number(job_run_time));
        let response = request.send().await.map_err(|error| AwsError::classify("GetItem", &resource, error))?;
        let Some(item) = response.item else { return Ok(None) };
        let run: JobRunItem = from_item("GetItem", &resource, item)?;
        Ok(Some(JobRunItem { job_run_time: job_run_time.to_owned(), ..run }))
    }

    /// Reads at most `limit` runs of a job, newest first.
    pub async fn newest(&self, job_id: &str, limit: i32) -> Result<Vec<JobRunItem>, AwsError> {
        let resource = format!("{}/{job_id}", self.table);
        let query = self.client.query().table_name(&self.table).scan_index_forward(false).limit(limit);
        let query = query.key_condition_expression("#job_id = :job_id").expression_attribute_names("#job_id", "job_id");
        let response = query.expression_attribute_values(":job_id", text(job_id)).send().await;
        let response = response.map_err(|error| AwsError::classify("Query", &resource, error))?;
        let items = response.items.unwrap_or_default().into_iter();
        items.map(|item| from_item("Query", &resource, item)).collect()
    }

    pub(crate) fn item(&self, call: &'static str, run: &JobRunItem) -> Result<Item, AwsError> {
        let resource = format!("{}/{}/{}", self.table, run.job_id, run.job_run_time);
        let mut item = to_item(call, &resource, run)?;
        item.insert("job_run_time".to_owned(), number(&run.job_run_time));
        Ok(item)
    }
}
