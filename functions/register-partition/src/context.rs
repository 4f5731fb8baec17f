//! Configuration and clients, created once at cold start.

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
    pub clock: Clock,
}

impl Context {
    /// Reads the environment:
    ///
    /// | variable | meaning |
    /// | --- | --- |
    /// | `DATA_BUCKET` | the bucket of all objects |
    /// | `ARCHIVE_HOURS_TABLE` | the DynamoDB table of ledger and leases |
    /// | `GLUE_DATABASE`, `GLUE_TABLE` | the Glue table of the partitions |
    ///
    /// # Errors
    /// If a variable is missing.
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
            clock: Clock::system(),
        })
    }
}
