//! What is read once, at the cold start.

use std::fmt;

use aws_client::config;
use aws_client::s3::Bucket;
use aws_lake::{Leases, Ledger};
use aws_lake::{Partitions, glue_client};
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;

/// Clients, names, the clock.
pub struct Context {
    /// The bucket of all objects.
    pub bucket: Bucket,
    /// The ledger.
    pub ledger: Ledger,
    /// The leases of hours.
    pub leases: Leases,
    /// The partitions of the events table.
    pub partitions: Partitions,
    /// The clock.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Context {
    /// Reads the environment:
    ///
    /// | variable | meaning |
    /// | --- | --- |
    /// | `DATA_BUCKET` | the bucket of all objects |
    /// | `ARCHIVE_HOURS_TABLE` | the DynamoDB table of the ledger and of the leases |
    /// | `GLUE_DATABASE`, `GLUE_TABLE` | the table that gets the partitions |
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, ledger) = (env.text("DATA_BUCKET")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let (database, table) = (env.text("GLUE_DATABASE")?, env.text("GLUE_TABLE")?);
        let shared = config::load().await;
        let client = config::dynamodb(&shared);
        Ok(Self {
            bucket: Bucket::new(config::s3(&shared), bucket),
            ledger: Ledger::new(client.clone(), &ledger),
            leases: Leases::new(client, ledger),
            partitions: Partitions::new(glue_client(&shared), database, table),
            now: Box::new(Timestamp::now),
        })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, ledger, leases, partitions, now: _ } = self;
        f.debug_struct("Context")
            .field("bucket", bucket)
            .field("ledger", ledger)
            .field("leases", leases)
            .field("partitions", partitions)
            .finish_non_exhaustive()
    }
}
