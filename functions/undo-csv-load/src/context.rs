//! Configuration and clients, created once at cold start.

use std::time::Duration;

use aws_client::config;
use aws_client::s3::Bucket;
use function_runtime::{Env, InvalidConfiguration};

#[derive(Clone, Debug)]
pub struct Context {
    /// The upload bucket.
    pub bucket: Bucket,
    pub dynamodb: aws_client::dynamodb::Client,
    /// The time after which no further page of the table is read.
    pub work_time: Duration,
    /// The most concurrent deletions.
    pub deletes_in_flight: usize,
    /// The number of segments in which a table is read.
    pub segments: u32,
}

impl Context {
    /// Reads the environment: `UPLOAD_BUCKET` (required), `WORK_SECS` (default 240, well below the function's timeout),
    /// `DELETES_IN_FLIGHT` (default 16) and `UNDO_SEGMENTS` (default 8).
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let bucket = env.text("UPLOAD_BUCKET")?;
        let work_time = Duration::from_secs(env.value_or("WORK_SECS", 240)?);
        let deletes_in_flight = env.value_or::<usize>("DELETES_IN_FLIGHT", 16)?.max(1);
        let segments = env.value_or::<u32>("UNDO_SEGMENTS", 8)?.max(1);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        Ok(Self { bucket, dynamodb: config::dynamodb(&config), work_time, deletes_in_flight, segments })
    }
}
