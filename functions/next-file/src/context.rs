//! Configuration and clients, created once at cold start.

use aws_client::config;
use aws_lake::{Jobs, Ledger};
use function_runtime::{Clock, Env, InvalidConfiguration};
use pipeline::ledger::record::MissingRules;

use crate::SourceArchive;

#[derive(Debug)]
pub struct Context {
    pub archive: SourceArchive,
    pub jobs: Jobs,
    pub ledger: Ledger,
    /// A new job without `from` begins this number of days before the newest hour that is over.
    pub baseline_days: u32,
    pub rules: MissingRules,
    pub clock: Clock,
}

impl Context {
    /// Reads the environment:
    ///
    /// | variable | meaning | default |
    /// | --- | --- | --- |
    /// | `SOURCE_URLS` | comma-separated addresses of archives, in order of preference | |
    /// | `JOBS_TABLE`, `ARCHIVE_HOURS_TABLE` | the DynamoDB tables of jobs and ledger | |
    /// | `BASELINE_DAYS` | days before now at which a new job begins | 7 |
    /// | `MISSING_AFTER_HOURS` | hours after its end from which an absent hour is `missing` instead of `not_published` | 48 |
    /// | `MISSING_RETRY_DAYS` | days after its end until which a missing hour is requested again | 30 |
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let archive = SourceArchive::new(env.value("SOURCE_URLS")?)
            .map_err(|error| InvalidConfiguration::new("SOURCE_URLS", error.to_string()))?;
        let (jobs, ledger) = (env.text("JOBS_TABLE")?, env.text("ARCHIVE_HOURS_TABLE")?);
        let baseline_days = env.value_or("BASELINE_DAYS", 7)?;
        let rules = MissingRules {
            missing_after_hours: env.value_or("MISSING_AFTER_HOURS", 48)?,
            missing_retry_days: env.value_or("MISSING_RETRY_DAYS", 30)?,
        };
        let client = config::dynamodb(&config::load().await);
        let (jobs, ledger) = (Jobs::new(client.clone(), jobs), Ledger::new(client, ledger));
        Ok(Self { archive, jobs, ledger, baseline_days, rules, clock: Clock::system() })
    }
}
