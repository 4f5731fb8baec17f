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
    /// After this time no further page of the table is read.
    pub work_time: Duration,
    /// So many calls are under way at once.
    pub deletes_in_flight: usize,
    /// A table is read in so many segments.
    pub segments: u32,
}

impl Context {
    /// Reads the environment: `UPLOAD_BUCKET`, which has no default, `WORK_SECS` (240), well below the function's time limit,
    /// `DELETES_IN_FLIGHT` (16) and `UNDO_SEGMENTS` (8).
    ///
    /// # Errors
    /// If a variable is absent or holds what it must not.
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
