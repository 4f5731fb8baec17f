//! What is read once, at the cold start.

use aws_client::config;
use aws_client::s3::Bucket;
use aws_lake::Ledger;
use function_runtime::{Env, InvalidConfiguration};

/// Clients.
#[derive(Debug)]
pub struct Context {
    /// The bucket.
    pub bucket: Bucket,
    /// The ledger.
    pub ledger: Ledger,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET` and `ARCHIVE_HOURS_TABLE`, which have no default.
    ///
    /// # Errors
    /// If a variable is absent.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table) = (env.text("DATA_BUCKET")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        Ok(Self { bucket, ledger: Ledger::new(config::dynamodb(&config), table) })
    }
}
