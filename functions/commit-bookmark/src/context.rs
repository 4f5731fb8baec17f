//! Configuration and clients, created once at cold start.

use std::time::Duration;

use aws_client::s3::Bucket;
use aws_client::{Backoff, config};
use aws_lake::{Jobs, LakeTables, Leases, Ledger, Partitions, Runs, glue_client};
use function_runtime::{Clock, Env, InvalidConfiguration};
use pipeline::ledger::record::MissingRules;

use crate::CommitRules;

/// The waits after a conflict with another run.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(40), Duration::from_secs(2));

#[derive(Debug)]
pub struct Context {
    pub bucket: Bucket,
    pub tables: LakeTables,
    /// Read only.
    pub partitions: Partitions,
    pub rules: CommitRules,
    pub clock: Clock,
    pub backoff: Backoff,
}

impl Context {
    /// Reads the environment:
    ///
    /// | variable | meaning | default |
    /// | --- | --- | --- |
    /// | `DATA_BUCKET` | the bucket of all objects | |
    /// | `JOBS_TABLE`, `JOB_RUN_DETAILS_TABLE`, `ARCHIVE_HOURS_TABLE` | the DynamoDB tables of jobs, run history, and ledger with leases | |
    /// | `GLUE_DATABASE`, `GLUE_TABLE` | the Glue table of the partitions | |
    /// | `MISSING_AFTER_HOURS` | hours after its end from which an absent hour is `missing` instead of `not_published` | 48 |
    /// | `MISSING_RETRY_DAYS` | days after its end until which a missing hour is requested again | 30 |
    /// | `KEEP_VERSIONS` | number of replaced versions of an hour that are kept | 1 |
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, jobs) = (env.text("DATA_BUCKET")?, env.text("JOBS_TABLE")?);
        let (database, table) = (env.text("GLUE_DATABASE")?, env.text("GLUE_TABLE")?);
        let (runs, ledger) = (env.text("JOB_RUN_DETAILS_TABLE")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let missing = MissingRules {
            missing_after_hours: env.value_or("MISSING_AFTER_HOURS", 48)?,
            missing_retry_days: env.value_or("MISSING_RETRY_DAYS", 30)?,
        };
        let rules = CommitRules { missing, keep_versions: env.value_or("KEEP_VERSIONS", 1)? };
        let shared = config::load().await;
        let client = config::dynamodb(&shared);
        Ok(Self {
            bucket: Bucket::new(config::s3(&shared), bucket),
            tables: LakeTables {
                ledger: Ledger::new(client.clone(), &ledger),
                leases: Leases::new(client.clone(), ledger),
                jobs: Jobs::new(client.clone(), jobs),
                runs: Runs::new(client, runs),
            },
            partitions: Partitions::new(glue_client(&shared), database, table),
            rules,
            clock: Clock::system(),
            backoff: BACKOFF,
        })
    }
}
