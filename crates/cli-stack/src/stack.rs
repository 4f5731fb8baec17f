//! The deployed stack: its outputs and parameters, and the adapters for its tables and buckets.

use std::collections::HashMap;

use aws_client::s3::Bucket;
use aws_lake::{Jobs, Ledger, Runs};
use aws_sdk_cloudformation::types::Stack as Description;
use cli_core::CliError;

use crate::aws::AwsClients;
use crate::error::is_stack_absent;

/// The job of the schedule and of `ghactivity ingest`.
pub const INGEST_JOB: &str = "ghactivity_ingest";

/// The event stream of a stack: the main one, or `sam/event-stream.yaml` alone.
pub struct EventStream {
    pub name: String,
    /// Holds events and bad records.
    pub bucket: Bucket,
}

pub struct Stack {
    pub aws: AwsClients,
    pub name: String,
    /// The ARN of the stack. Unlike the name, it still finds a deleted stack.
    pub id: String,
    outputs: HashMap<String, String>,
    parameters: HashMap<String, String>,
}

impl Stack {
    pub(crate) async fn find(aws: AwsClients, name: String) -> Result<Self, CliError> {
        let answer = aws.cloudformation().describe_stacks().stack_name(&name).send().await;
        let answer = answer.map_err(|error| {
            if is_stack_absent(&error) { aws.no_stack(&name) } else { aws.call_error("DescribeStacks", &name, error) }
        })?;
        let found = answer.stacks.unwrap_or_default().into_iter().next().ok_or_else(|| aws.no_stack(&name))?;
        let parameters = parameters(&found);
        let id = found.stack_id().unwrap_or(&name).to_owned();
        let outputs = outputs(found);
        Ok(Self { aws, name, id, outputs, parameters })
    }

    /// An output that every version of the template has.
    pub fn output(&self, output: &'static str) -> Result<&str, CliError> {
        let missing = || CliError::NoOutput { stack: self.name.clone(), output };
        self.outputs.get(output).map(String::as_str).ok_or_else(missing)
    }

    /// A parameter that the stack was deployed with.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub fn ledger(&self) -> Result<Ledger, CliError> {
        Ok(Ledger::new(self.aws.dynamodb(), self.output("ArchiveHoursTableName")?))
    }

    pub fn jobs(&self) -> Result<Jobs, CliError> {
        Ok(Jobs::new(self.aws.dynamodb(), self.output("JobsTableName")?))
    }

    pub fn runs(&self) -> Result<Runs, CliError> {
        Ok(Runs::new(self.aws.dynamodb(), self.output("JobRunDetailsTableName")?))
    }

    pub fn bucket(&self) -> Result<Bucket, CliError> {
        Ok(Bucket::new(self.aws.s3(), self.output("DataBucketName")?))
    }

    pub fn event_stream(&self) -> Result<EventStream, CliError> {
        let missing = || CliError::NoEventStream { stack: self.name.clone() };
        let name = self.outputs.get("StreamName").ok_or_else(missing)?.clone();
        let bucket = self.outputs.get("EventBucketName").ok_or_else(missing)?;
        Ok(EventStream { name, bucket: Bucket::new(self.aws.s3(), bucket) })
    }
}

fn parameters(description: &Description) -> HashMap<String, String> {
    let given = description.parameters().iter();
    given.filter_map(|one| Some((one.parameter_key()?.to_owned(), one.parameter_value()?.to_owned()))).collect()
}

fn outputs(description: Description) -> HashMap<String, String> {
    let given = description.outputs.unwrap_or_default().into_iter();
    given.filter_map(|one| Some((one.output_key?, one.output_value?))).collect()
}
