//! What is read once, at the cold start.

use std::fmt;

use aws_client::config;
use aws_client::s3::Bucket;
use aws_lake::Ledger;
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;

/// Clients and the clock.
pub struct Context {
    /// The bucket.
    pub bucket: Bucket,
    /// The ledger.
    pub ledger: Ledger,
    /// The clock.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET` and `ARCHIVE_HOURS_TABLE`, which have no default.
    ///
    /// # Errors
    /// If a variable is absent or holds what it must not.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table) = (env.text("DATA_BUCKET")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        let ledger = Ledger::new(config::dynamodb(&config), table);
        Ok(Self { bucket, ledger, now: Box::new(Timestamp::now) })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, ledger, now: _ } = self;
        f.debug_struct("Context").field("bucket", bucket).field("ledger", ledger).finish_non_exhaustive()
    }
}
