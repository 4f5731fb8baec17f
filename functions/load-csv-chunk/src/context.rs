//! Configuration and clients, created once at cold start.

use std::time::Duration;

use aws_client::config;
use aws_client::s3::Bucket;
use function_runtime::{Clock, Env, InvalidConfiguration};

#[derive(Clone, Debug)]
pub struct Context {
    /// The upload bucket.
    pub bucket: Bucket,
    pub dynamodb: aws_client::dynamodb::Client,
    /// The time after which no further batch is started.
    pub work_time: Duration,
    /// The most concurrent calls to DynamoDB.
    pub calls_in_flight: usize,
    pub clock: Clock,
}

impl Context {
    /// Reads the environment: `UPLOAD_BUCKET` (required), `WORK_SECS` (default 40, well below the function's timeout), and
    /// `CALLS_IN_FLIGHT` (default 8).
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let bucket = env.text("UPLOAD_BUCKET")?;
        let work_time = Duration::from_secs(env.value_or("WORK_SECS", 40)?);
        let calls_in_flight = env.value_or::<usize>("CALLS_IN_FLIGHT", 8)?.max(1);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        Ok(Self { bucket, dynamodb: config::dynamodb(&config), work_time, calls_in_flight, clock: Clock::system() })
    }
}
