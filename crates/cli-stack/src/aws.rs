//! Clients for one region of one account.

use std::error::Error;

use aws_client::AwsError;
use aws_config::SdkConfig;
use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use cli_core::CliError;

use crate::error::CallTarget;

/// Makes clients, and turns their errors into errors of the command.
#[derive(Clone)]
pub struct AwsClients {
    config: SdkConfig,
    pub region: String,
}

impl AwsClients {
    pub(crate) fn new(config: SdkConfig, region: String) -> Self {
        Self { config, region }
    }

    pub fn athena(&self) -> aws_sdk_athena::Client {
        aws_sdk_athena::Client::new(&self.config)
    }

    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_client::config::dynamodb(&self.config)
    }

    pub fn kinesis(&self) -> aws_sdk_kinesis::Client {
        aws_sdk_kinesis::Client::new(&self.config)
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_client::config::s3(&self.config)
    }

    pub fn sfn(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.config)
    }

    /// The error of a call that an adapter made.
    pub fn error(&self, error: AwsError) -> CliError {
        self.target().adapter_error(error)
    }

    /// The error of a call that the command made itself.
    pub fn call_error<E>(
        &self,
        call: &'static str,
        resource: impl Into<String>,
        error: SdkError<E, HttpResponse>,
    ) -> CliError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.target().call_error(call, resource.into(), error)
    }

    pub(crate) fn no_stack(&self, stack: &str) -> CliError {
        self.target().no_stack(stack)
    }

    fn target(&self) -> CallTarget<'_> {
        CallTarget { region: &self.region, endpoint: self.config.endpoint_url() }
    }
}
