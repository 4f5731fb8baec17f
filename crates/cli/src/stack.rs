//! The deployed stack: found by its name, its names read from its outputs, the clients that reach it.
//!
//! Nothing is kept between runs. Profile, region, credentials and `AWS_ENDPOINT_URL` are read as the SDK reads them, so
//! that a local AWS is a stack like any other.

mod error;
mod samconfig;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use aws_client::s3::Bucket;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_lake::{Jobs, Ledger, Runs};
use aws_sdk_cloudformation::types::Stack as Description;
use clap::Args;

pub(crate) use error::{Problem, one_line};

/// Which stack, and where.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Stack")]
pub(crate) struct StackArguments {
    /// Name of the deployed stack [default: that of samconfig.toml, or else ghactivity]
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// The part of samconfig.toml that names the stack and its region
    #[arg(long, value_name = "NAME", default_value = "default", env = "SAM_CONFIG_ENV", hide_env = true)]
    config_env: String,
    /// Profile of the AWS configuration [default: AWS_PROFILE, or else default]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// AWS region [default: AWS_REGION, the profile's, or else that of samconfig.toml]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

/// Clients for one region of one account.
#[derive(Clone)]
pub(crate) struct Aws {
    config: SdkConfig,
    pub(crate) region: String,
}

/// The event stream of a stack: the main one, or `sam/event-stream.yaml` alone.
pub(crate) struct EventStream {
    /// The stream's name.
    pub(crate) name: String,
    /// Where events and bad records are stored.
    pub(crate) bucket: Bucket,
}

/// A deployed stack.
pub(crate) struct Stack {
    pub(crate) aws: Aws,
    pub(crate) name: String,
    /// Its ARN, which names it even once it is deleted.
    pub(crate) id: String,
    outputs: HashMap<String, String>,
    parameters: HashMap<String, String>,
}

impl StackArguments {
    /// Clients, once region and credentials are known. A region that nothing else names is `region`.
    pub(crate) async fn connect(&self, region: Option<&str>) -> Result<Aws, Problem> {
        let chain = aws_config::default_provider::region::DefaultRegionChain::builder();
        let chain = match &self.profile {
            Some(profile) => chain.profile_name(profile),
            None => chain,
        };
        // A variable that is set to nothing names no region.
        let found = chain.build().region().await.filter(|region| !region.as_ref().is_empty());
        let region = match (&self.region, found) {
            (Some(named), _) => Region::new(named.clone()),
            (None, Some(found)) => found,
            (None, None) => Region::new(region.ok_or(Problem::NoRegion)?.to_owned()),
        };
        let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(aws_client::config::timeouts());
        let loader = loader.region(region.clone());
        let loader = match &self.profile {
            Some(profile) => loader.profile_name(profile),
            None => loader,
        };
        let config = loader.load().await;
        let provider =
            config.credentials_provider().ok_or(Problem::NoCredentials { reason: "none given".to_owned() })?;
        let credentials = provider.provide_credentials().await.map_err(|error| Problem::of_credentials(&error))?;
        // AWS would refuse them too, but not every service says why.
        if let Some(expiry) = credentials.expiry().filter(|expiry| *expiry < SystemTime::now()) {
            return Err(Problem::expired_at(expiry));
        }
        Ok(Aws { config, region: region.to_string() })
    }

    /// Finds the stack and reads its outputs.
    pub(crate) async fn find(&self) -> Result<Stack, Problem> {
        let named = samconfig::Deployment::read(&here(), &self.config_env)?;
        let aws = self.connect(named.region.as_deref()).await?;
        let name = self.stack.clone().or(named.stack).unwrap_or_else(|| "ghactivity".to_owned());
        Stack::find(aws, name).await
    }
}

fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

impl Aws {
    /// The endpoint that takes the place of AWS, if there is one.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub(crate) fn sfn(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.config)
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws_client::config::s3(&self.config)
    }

    /// What to say of a call that failed.
    pub(crate) fn problem<E>(
        &self,
        call: &'static str,
        resource: impl Into<String>,
        error: aws_sdk_sfn::error::SdkError<E, aws_sdk_sfn::config::http::HttpResponse>,
    ) -> Problem
    where
        E: aws_sdk_sfn::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Problem::of_call(self, call, resource.into(), error)
    }
}

impl Stack {
    async fn find(aws: Aws, name: String) -> Result<Self, Problem> {
        let answer = aws.cloudformation().describe_stacks().stack_name(&name).send().await;
        let answer = answer.map_err(|error| match Problem::says_absent(&error) {
            true => Problem::absent(&aws, &name),
            false => aws.problem("DescribeStacks", &name, error),
        })?;
        let found = answer.stacks.unwrap_or_default().into_iter().next().ok_or_else(|| Problem::absent(&aws, &name))?;
        let parameters = parameters(&found);
        let id = found.stack_id().unwrap_or(&name).to_owned();
        let outputs = outputs(found);
        Ok(Self { aws, name, id, outputs, parameters })
    }

    /// An output, which every version of the template has.
    pub(crate) fn output(&self, output: &'static str) -> Result<&str, Problem> {
        let missing = || Problem::NoOutput { stack: self.name.clone(), output };
        self.outputs.get(output).map(String::as_str).ok_or_else(missing)
    }

    /// A parameter that the stack was deployed with.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The ledger of hours.
    pub(crate) fn ledger(&self) -> Result<Ledger, Problem> {
        Ok(Ledger::new(self.dynamodb(), self.output("ArchiveHoursTableName")?))
    }

    /// The jobs and their bookmarks.
    pub(crate) fn jobs(&self) -> Result<Jobs, Problem> {
        Ok(Jobs::new(self.dynamodb(), self.output("JobsTableName")?))
    }

    /// The run history.
    pub(crate) fn runs(&self) -> Result<Runs, Problem> {
        Ok(Runs::new(self.dynamodb(), self.output("JobRunDetailsTableName")?))
    }

    /// The bucket of the lake.
    pub(crate) fn bucket(&self) -> Result<Bucket, Problem> {
        Ok(Bucket::new(self.s3(), self.output("DataBucketName")?))
    }

    /// The event stream, if the stack has one.
    pub(crate) fn event_stream(&self) -> Result<EventStream, Problem> {
        let missing = || Problem::NoEventStream { stack: self.name.clone() };
        let name = self.outputs.get("StreamName").ok_or_else(missing)?.clone();
        let bucket = self.outputs.get("EventBucketName").ok_or_else(missing)?;
        Ok(EventStream { name, bucket: Bucket::new(self.s3(), bucket) })
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        self.aws.s3()
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_client::config::dynamodb(&self.aws.config)
    }

    pub(crate) fn kinesis(&self) -> aws_sdk_kinesis::Client {
        aws_sdk_kinesis::Client::new(&self.aws.config)
    }

    pub(crate) fn athena(&self) -> aws_sdk_athena::Client {
        aws_sdk_athena::Client::new(&self.aws.config)
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
