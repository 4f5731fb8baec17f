//! What is read once, at the cold start.

use aws_adapters::config;
use aws_adapters::dynamodb::Ledger;
use aws_adapters::glue::Partitions;
use aws_adapters::s3::Bucket;
use function_runtime::{Env, InvalidConfiguration};

/// Clients and names.
#[derive(Debug)]
pub struct Context {
    /// The bucket.
    pub bucket: Bucket,
    /// The ledger.
    pub ledger: Ledger,
    /// The partitions of the events table.
    pub partitions: Partitions,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET`, `ARCHIVE_HOURS_TABLE`, `GLUE_DATABASE` and `GLUE_TABLE`, which have no default.
    ///
    /// # Errors
    /// If a variable is absent.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, ledger) = (env.text("DATA_BUCKET")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let (database, table) = (env.text("GLUE_DATABASE")?, env.text("GLUE_TABLE")?);
        let shared = config::load().await;
        Ok(Self {
            bucket: Bucket::new(config::s3(&shared), bucket),
            ledger: Ledger::new(config::dynamodb(&shared), ledger),
            partitions: Partitions::new(config::glue(&shared), database, table),
        })
    }
}
