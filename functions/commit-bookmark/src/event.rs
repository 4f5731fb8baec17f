//! The contract with the state machine.

use function_runtime::InvalidInput;
use jiff::Timestamp;
use pipeline::ledger::{HourFailure, HourStatus, Publication, Verdict};
use pipeline::{ArchiveHour, keys};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// How which run over which hour ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The hour.
    pub hour: ArchiveHour,
    /// The job.
    pub job_id: String,
    /// The execution.
    pub execution_arn: String,
    /// When the execution began.
    pub started_at: Timestamp,
    /// How many times it has been redriven.
    pub redrive_count: u32,
    /// The redrive under which it last failed, 0 if none. While it is below `redrive_count`, the execution was redriven since,
    /// and goes back to work.
    #[serde(default)]
    pub resumed_redrive: u32,
    /// How the run ended.
    pub outcome: Outcome,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there is one per invocation")]
pub enum Outcome {
    /// The hour is visible. The output of `register-partition` as it is: its `hour` is not looked at, since the
    /// publication's location names it too; any other field that a publication does not have is refused.
    Published(#[serde(deserialize_with = "publication")] Publication),
    /// The same of a version that readers saw before.
    RolledBack(#[serde(deserialize_with = "publication")] Publication),
    /// It is not.
    Failed(HourFailure),
}

impl Outcome {
    /// What readers see.
    pub(crate) fn publication(&self) -> Option<&Publication> {
        match self {
            Self::Published(publication) | Self::RolledBack(publication) => Some(publication),
            Self::Failed(_) => None,
        }
    }
}

/// What is now known of the hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The hour.
    pub hour: ArchiveHour,
    /// Its status, or that the execution is to try again.
    pub status: Status,
    /// How it compares with the same hour of the days before, if it is published.
    pub verdict: Option<Verdict>,
    /// The job's bookmark, if it has one.
    pub bookmark: Option<ArchiveHour>,
}

/// What the state machine has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Readers see the hour.
    Published,
    /// The source does not have it yet.
    NotPublished,
    /// The source will not have it, as far as can be told.
    Missing,
    /// The execution was redriven after the failure: it goes back to work.
    Retrying,
}

/// [`Publication`] lies flat in the ledger's item and so tolerates other fields; here they are a mistake.
fn publication<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Publication, D::Error> {
    let given = Map::deserialize(deserializer)?;
    let publication: Publication = serde_json::from_value(Value::Object(given.clone())).map_err(D::Error::custom)?;
    let known = serde_json::to_value(&publication).map_err(D::Error::custom)?;
    match given.keys().find(|field| *field != "hour" && known.get(field).is_none()) {
        Some(field) => Err(D::Error::custom(format!("unknown field `{field}` in a publication"))),
        None => Ok(publication),
    }
}

impl Input {
    /// Checks what types alone do not say.
    pub(crate) fn validate(&self, bucket: &str, now: Timestamp) -> Result<(), InvalidInput> {
        for (field, text) in [("job_id", &self.job_id), ("execution_arn", &self.execution_arn)] {
            if text.is_empty() {
                return Err(InvalidInput::new(field, "is empty"));
            }
        }
        if self.resumed_redrive > self.redrive_count {
            return Err(InvalidInput::new("resumed_redrive", "is more than redrive_count"));
        }
        match &self.outcome {
            // A run that somebody started too early is a mistake, and no fact about the hour.
            Outcome::Failed(_) if self.hour.end() > now => {
                let reason = format!("{} is not over until {}", self.hour, self.hour.end());
                Err(InvalidInput::new("hour", reason))
            }
            Outcome::Published(publication) => self.validate_publication("outcome.published", publication, bucket),
            Outcome::RolledBack(publication) => self.validate_publication("outcome.rolled_back", publication, bucket),
            Outcome::Failed(failure) if failure.name.is_empty() => {
                Err(InvalidInput::new("outcome.failed.name", "is empty"))
            }
            Outcome::Failed(_) => Ok(()),
        }
    }

    /// A publication of another hour, or of another lake, must not end up in this one's item.
    fn validate_publication(&self, at: &str, publication: &Publication, bucket: &str) -> Result<(), InvalidInput> {
        let expected = format!("s3://{bucket}/{}", keys::parquet_prefix(self.hour, publication.version));
        if publication.partition_location != expected {
            let reason = format!("is '{}': expected {expected}", publication.partition_location);
            return Err(InvalidInput::new(&format!("{at}.partition_location"), reason));
        }
        if !publication.counts.is_balanced() {
            return Err(InvalidInput::new(&format!("{at}.counts"), "do not balance"));
        }
        Ok(())
    }

    /// The history's sort key: milliseconds since 1970, and a fraction from the execution's name that keeps executions
    /// apart which began in the same millisecond. The same execution always has the same.
    pub(crate) fn job_run_time(&self) -> String {
        let digest = Sha256::digest(self.execution_arn.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        let fraction = u64::from_be_bytes(first) % 1_000_000_000_000;
        format!("{}.{fraction:012}", self.started_at.as_millisecond())
    }
}

impl Status {
    /// The status of an hour whose run ended with an answer.
    pub(crate) fn of(status: HourStatus) -> Option<Self> {
        match status {
            HourStatus::Published => Some(Self::Published),
            HourStatus::NotPublished => Some(Self::NotPublished),
            HourStatus::Missing => Some(Self::Missing),
            HourStatus::Landed | HourStatus::Failed => None,
        }
    }
}
