//! What is read once, at the cold start.

use std::fmt;

use aws_client::config;
use aws_lake::{Jobs, Ledger};
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;
use pipeline::ledger::record::MissingRules;

use crate::Archive;

/// Clients, settings, the clock.
pub struct Context {
    /// The sources.
    pub archive: Archive,
    /// The jobs.
    pub jobs: Jobs,
    /// The ledger.
    pub ledger: Ledger,
    /// How many days before the newest hour over a job begins that is not told where.
    pub baseline_days: u32,
    /// When a missing hour is given up.
    pub rules: MissingRules,
    /// The clock.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Context {
    /// Reads the environment:
    ///
    /// | variable | meaning | default |
    /// | --- | --- | --- |
    /// | `SOURCE_URLS` | addresses of archives, separated by commas, the preferred one first | |
    /// | `JOBS_TABLE`, `ARCHIVE_HOURS_TABLE` | the DynamoDB tables of the jobs and of the ledger | |
    /// | `BASELINE_DAYS` | how many days back a new job begins | 7 |
    /// | `MISSING_AFTER_HOURS` | so many hours after its end an absent hour is missing, not late | 48 |
    /// | `MISSING_RETRY_DAYS` | until so many days after its end a missing hour is asked for again | 30 |
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let archive = Archive::new(env.value("SOURCE_URLS")?)
            .map_err(|error| InvalidConfiguration::new("SOURCE_URLS", error.to_string()))?;
        let (jobs, ledger) = (env.text("JOBS_TABLE")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let baseline_days = env.value_or("BASELINE_DAYS", 7)?;
        let rules = MissingRules {
            missing_after_hours: env.value_or("MISSING_AFTER_HOURS", 48)?,
            missing_retry_days: env.value_or("MISSING_RETRY_DAYS", 30)?,
        };
        let client = config::dynamodb(&config::load().await);
        let (jobs, ledger) = (Jobs::new(client.clone(), jobs), Ledger::new(client, ledger));
        Ok(Self { archive, jobs, ledger, baseline_days, rules, now: Box::new(Timestamp::now) })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { archive, jobs, ledger, baseline_days, rules, now: _ } = self;
        f.debug_struct("Context")
            .field("archive", archive)
            .field("jobs", jobs)
            .field("ledger", ledger)
            .field("baseline_days", baseline_days)
            .field("rules", rules)
            .finish_non_exhaustive()
    }
}
