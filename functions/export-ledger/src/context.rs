//! Configuration and clients, created once at cold start.

use aws_client::config;
use aws_client::s3::Bucket;
use aws_lake::Ledger;
use function_runtime::{Env, InvalidConfiguration};

#[derive(Debug)]
pub struct Context {
    pub bucket: Bucket,
    pub ledger: Ledger,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET` and `ARCHIVE_HOURS_TABLE`, both required.
    ///
    /// # Errors
    /// If a variable is missing.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table) = (env.text("DATA_BUCKET")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        Ok(Self { bucket, ledger: Ledger::new(config::dynamodb(&config), table) })
    }
}
