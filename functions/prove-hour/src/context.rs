//! Configuration and clients, created once at cold start.

use std::time::Duration;

use aws_client::config;
use aws_client::s3::Bucket;
use aws_lake::{Leases, Ledger, Partitions, glue_client};
use function_runtime::{Clock, Env, InvalidConfiguration};

#[derive(Debug)]
pub struct Context {
    pub bucket: Bucket,
    pub ledger: Ledger,
    pub leases: Leases,
    pub partitions: Partitions,
    /// Days after which the bucket deletes quarantine objects; 0 means never.
    pub quarantine_retention_days: u32,
    /// Days after which the bucket deletes landing objects; 0 means never.
    pub landing_retention_days: u32,
    /// The wait before an hour that a run is changing is checked again.
    pub wait: Duration,
    pub clock: Clock,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET`, `ARCHIVE_HOURS_TABLE`, `GLUE_DATABASE` and `GLUE_TABLE` (required),
    /// `QUARANTINE_RETENTION_DAYS` and `LANDING_RETENTION_DAYS` (default 0: never deleted).
    ///
    /// # Errors
    /// If a variable is missing or invalid.
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
            clock: Clock::system(),
        })
    }
}
