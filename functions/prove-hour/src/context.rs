//! What is read once, at the cold start.

use std::time::Duration;

use aws_client::config;
use aws_client::s3::Bucket;
use aws_lake::{Leases, Ledger};
use aws_lake::{Partitions, glue_client};
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;

/// Clients and names.
#[derive(Debug)]
pub struct Context {
    /// The bucket.
    pub bucket: Bucket,
    /// The ledger.
    pub ledger: Ledger,
    /// The leases of runs that are at work.
    pub leases: Leases,
    /// The partitions of the events table.
    pub partitions: Partitions,
    /// After how many days the bucket deletes quarantined records; 0 is never.
    pub quarantine_retention_days: u32,
    /// After how many days the bucket deletes landed bytes; 0 is never.
    pub landing_retention_days: u32,
    /// How long to wait before an hour is looked at again that a run is at work on.
    pub wait: Duration,
    /// The time.
    pub now: fn() -> Timestamp,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET`, `ARCHIVE_HOURS_TABLE`, `GLUE_DATABASE` and `GLUE_TABLE`, which have no default,
    /// `QUARANTINE_RETENTION_DAYS` and `LANDING_RETENTION_DAYS` (0: never deleted).
    ///
    /// # Errors
    /// If a variable is absent, or no number where one is expected.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, ledger) = (env.text("DATA_BUCKET")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let (database, table) = (env.text("GLUE_DATABASE")?, env.text("GLUE_TABLE")?);
        let shared = config::load().await;
        Ok(Self {
            bucket: Bucket::new(config::s3(&shared), bucket),
            ledger: Ledger::new(config::dynamodb(&shared), ledger.clone()),
            leases: Leases::new(config::dynamodb(&shared), ledger),
            partitions: Partitions::new(glue_client(&shared), database, table),
            quarantine_retention_days: env.value_or("QUARANTINE_RETENTION_DAYS", 0)?,
            landing_retention_days: env.value_or("LANDING_RETENTION_DAYS", 0)?,
            wait: Duration::from_secs(3),
            now: Timestamp::now,
        })
    }
}
