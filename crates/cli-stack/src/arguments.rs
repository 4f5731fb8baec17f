//! The options that name a stack and the way to it.

use std::path::PathBuf;
use std::time::SystemTime;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::ProvideCredentials;
use clap::Args;
use cli_core::CliError;

use crate::aws::AwsClients;
use crate::error::{credentials_error, expired_at};
use crate::samconfig::Deployment;
use crate::stack::Stack;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Stack")]
pub struct StackArguments {
    /// Name of the deployed stack [default: from samconfig.toml, otherwise ghactivity]
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Environment of samconfig.toml that names the stack and its region
    #[arg(long, value_name = "NAME", default_value = "default", env = "SAM_CONFIG_ENV", hide_env = true)]
    config_env: String,
    /// Profile of the AWS configuration [default: AWS_PROFILE, otherwise default]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// AWS region [default: AWS_REGION, the profile's region, otherwise from samconfig.toml]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

impl StackArguments {
    /// Resolves region and credentials. `region` is used if nothing else names a region.
    pub async fn connect(&self, region: Option<&str>) -> Result<AwsClients, CliError> {
        let chain = aws_config::default_provider::region::DefaultRegionChain::builder();
        let chain = match &self.profile {
            Some(profile) => chain.profile_name(profile),
            None => chain,
        };
        // An empty AWS_REGION counts as unset.
        let found = chain.build().region().await.filter(|region| !region.as_ref().is_empty());
        let region = match (&self.region, found) {
            (Some(named), _) => Region::new(named.clone()),
            (None, Some(found)) => found,
            (None, None) => Region::new(region.ok_or(CliError::NoRegion)?.to_owned()),
        };
        let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(aws_client::config::timeouts());
        let loader = loader.region(region.clone());
        let loader = match &self.profile {
            Some(profile) => loader.profile_name(profile),
            None => loader,
        };
        let config = loader.load().await;
        let provider = config
            .credentials_provider()
            .ok_or(CliError::NoCredentials { reason: "no provider is configured".to_owned() })?;
        let credentials = provider.provide_credentials().await.map_err(|error| credentials_error(&error))?;
        // AWS would refuse expired credentials too, but some services do not say why.
        if let Some(expiry) = credentials.expiry().filter(|expiry| *expiry < SystemTime::now()) {
            return Err(expired_at(expiry));
        }
        Ok(AwsClients::new(config, region.to_string()))
    }

    /// Finds the stack and reads its outputs and parameters.
    pub async fn find(&self) -> Result<Stack, CliError> {
        let named = Deployment::read(&here(), &self.config_env)?;
        let aws = self.connect(named.region.as_deref()).await?;
        let name = self.stack.clone().or(named.stack).unwrap_or_else(|| "ghactivity".to_owned());
        Stack::find(aws, name).await
    }
}

fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}
