//! Configuration and clients, created once at cold start.

use aws_client::config;
use aws_client::s3::Bucket;
use aws_csv::Loads;
use function_runtime::{Clock, Env, InvalidConfiguration};

#[derive(Debug)]
pub struct Context {
    /// The upload bucket.
    pub bucket: Bucket,
    pub loads: Loads,
    pub clock: Clock,
}

impl Context {
    /// Reads the environment: `UPLOAD_BUCKET` and `JOB_RUN_DETAILS_TABLE`, both required.
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table) = (env.text("UPLOAD_BUCKET")?, env.text("JOB_RUN_DETAILS_TABLE")?);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        let loads = Loads::new(config::dynamodb(&config), table);
        Ok(Self { bucket, loads, clock: Clock::system() })
    }
}
