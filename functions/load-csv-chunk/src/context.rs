//! What is read once, at the cold start.

use std::time::Duration;

use aws_client::config;
use aws_client::s3::Bucket;
use function_runtime::{Env, InvalidConfiguration};

/// Configuration and clients.
#[derive(Clone, Debug)]
pub struct Context {
    /// The upload bucket.
    pub bucket: Bucket,
    /// The client of all tables.
    pub dynamodb: aws_client::dynamodb::Client,
    /// After this time no further rows are begun.
    pub work_time: Duration,
    /// So many calls are under way at once.
    pub calls_in_flight: usize,
}

impl Context {
    /// Reads the environment: `UPLOAD_BUCKET`, which has no default, `WORK_SECS` (40), well below the function's time limit,
    /// and `CALLS_IN_FLIGHT` (8).
    ///
    /// # Errors
    /// If a variable is absent or holds what it must not.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let bucket = env.text("UPLOAD_BUCKET")?;
        let work_time = Duration::from_secs(env.value_or("WORK_SECS", 40)?);
        let calls_in_flight = env.value_or::<usize>("CALLS_IN_FLIGHT", 8)?.max(1);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        Ok(Self { bucket, dynamodb: config::dynamodb(&config), work_time, calls_in_flight })
    }
}
