//! What is read once, at the cold start.

use std::fmt;
use std::time::Duration;

use aws_client::config;
use aws_client::s3::Bucket;
use aws_lake::{Jobs, LakeTables, Leases, Ledger, Runs};
use aws_lake::{Partitions, glue_client};
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;
use pipeline::ledger::record::MissingRules;

use crate::Rules;

/// Clients, settings, clock and randomness.
pub struct Context {
    /// The bucket of all objects.
    pub bucket: Bucket,
    /// Ledger, leases, jobs and run history.
    pub tables: LakeTables,
    /// The partitions of the events table, which are looked at alone.
    pub partitions: Partitions,
    /// What decisions go by.
    pub rules: Rules,
    /// The clock.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// A random pause no longer than the one given.
    pub jitter: Box<dyn Fn(Duration) -> Duration + Send + Sync>,
}

impl Context {
    /// Reads the environment:
    ///
    /// | variable | meaning | default |
    /// | --- | --- | --- |
    /// | `DATA_BUCKET` | the bucket of all objects | |
    /// | `JOBS_TABLE`, `JOB_RUN_DETAILS_TABLE`, `ARCHIVE_HOURS_TABLE` | the DynamoDB tables of jobs, run history, ledger and leases | |
    /// | `GLUE_DATABASE`, `GLUE_TABLE` | the Glue table of the partitions | |
    /// | `MISSING_AFTER_HOURS` | so many hours after its end an absent hour is missing, not late | 48 |
    /// | `MISSING_RETRY_DAYS` | until so many days after its end a missing hour is asked for again | 30 |
    /// | `KEEP_VERSIONS` | how many replaced versions of an hour are kept | 1 |
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, jobs) = (env.text("DATA_BUCKET")?, env.text("JOBS_TABLE")?);
        let (database, table) = (env.text("GLUE_DATABASE")?, env.text("GLUE_TABLE")?);
        let (runs, ledger) = (env.text("JOB_RUN_DETAILS_TABLE")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let missing = MissingRules {
            missing_after_hours: env.value_or("MISSING_AFTER_HOURS", 48)?,
            missing_retry_days: env.value_or("MISSING_RETRY_DAYS", 30)?,
        };
        let rules = Rules { missing, keep_versions: env.value_or("KEEP_VERSIONS", 1)? };
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
            now: Box::new(Timestamp::now),
            jitter: Box::new(|longest| rand::random_range(Duration::ZERO..=longest)),
        })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, tables, partitions, rules, now: _, jitter: _ } = self;
        f.debug_struct("Context")
            .field("bucket", bucket)
            .field("tables", tables)
            .field("partitions", partitions)
            .field("rules", rules)
            .finish_non_exhaustive()
    }
}
