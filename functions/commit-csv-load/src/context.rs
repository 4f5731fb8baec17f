//! What is read once, at the cold start.

use std::fmt;

use aws_client::config;
use aws_client::s3::Bucket;
use aws_csv::Loads;
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;

/// Clients and the clock.
pub struct Context {
    /// The upload bucket.
    pub bucket: Bucket,
    /// The run history.
    pub loads: Loads,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl Context {
    /// Reads the environment: `UPLOAD_BUCKET` and `JOB_RUN_DETAILS_TABLE`, which have no default.
    ///
    /// # Errors
    /// If a variable is absent or holds what it must not.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table) = (env.text("UPLOAD_BUCKET")?, env.text("JOB_RUN_DETAILS_TABLE")?);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        let loads = Loads::new(config::dynamodb(&config), table);
        Ok(Self { bucket, loads, now: Timestamp::now })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, loads, now: _ } = self;
        f.debug_struct("Context").field("bucket", bucket).field("loads", loads).finish_non_exhaustive()
    }
}
