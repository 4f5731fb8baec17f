//! Input and output: the contract with the state machine.

use function_runtime::InvalidInput;
use jiff::Timestamp;
use pipeline::ledger::{HourFailure, HourStatus, Publication, Verdict};
use pipeline::{ArchiveHour, keys};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub hour: ArchiveHour,
    pub job_id: String,
    pub execution_arn: String,
    /// Start of the execution.
    pub started_at: Timestamp,
    pub redrive_count: u32,
    /// The redrive in which the execution last failed, 0 if none. If it is below `redrive_count`, the execution was redriven
    /// since and continues to work.
    #[serde(default)]
    pub resumed_redrive: u32,
    pub outcome: RunOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there is one per invocation")]
pub enum RunOutcome {
    /// The hour is visible. The output of `register-partition`, whose `hour` is ignored: the location names it too. Any other
    /// field that a publication does not have is rejected.
    Published(#[serde(deserialize_with = "publication")] Publication),
    /// Like `Published`, for a version that readers saw before.
    RolledBack(#[serde(deserialize_with = "publication")] Publication),
    Failed(HourFailure),
}

impl RunOutcome {
    /// Returns the version that readers see.
    pub(crate) fn publication(&self) -> Option<&Publication> {
        match self {
            Self::Published(publication) | Self::RolledBack(publication) => Some(publication),
            Self::Failed(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub hour: ArchiveHour,
    pub status: CommitStatus,
    /// Comparison with the same hour of earlier days, if the hour is published.
    pub verdict: Option<Verdict>,
    /// The bookmark of the job, if it has one.
    pub bookmark: Option<ArchiveHour>,
}

/// The status of the hour, for the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitStatus {
    Published,
    /// The source returned 404; the hour may appear later.
    NotPublished,
    /// The source returned 404; the hour is not expected any more.
    Missing,
    /// The execution was redriven after the failure and continues to work.
    Retrying,
}

/// [`Publication`] is flattened into ledger items and so ignores unknown fields. In an input they are an error.
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
    /// Checks what the types do not express.
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
            // A run that fails before the end of the hour started too early, so its failure is not recorded.
            RunOutcome::Failed(_) if self.hour.end() > now => {
                let reason = format!("{} is not over until {}", self.hour, self.hour.end());
                Err(InvalidInput::new("hour", reason))
            }
            RunOutcome::Published(publication) => self.validate_publication("outcome.published", publication, bucket),
            RunOutcome::RolledBack(publication) => {
                self.validate_publication("outcome.rolled_back", publication, bucket)
            }
            RunOutcome::Failed(failure) if failure.name.is_empty() => {
                Err(InvalidInput::new("outcome.failed.name", "is empty"))
            }
            RunOutcome::Failed(_) => Ok(()),
        }
    }

    /// Rejects the publication of another hour or another lake.
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

    /// Returns the sort key of the run history: milliseconds since 1970, and a fraction derived from the execution ARN.
    ///
    /// The fraction separates executions that began in the same millisecond. The key of an execution never changes.
    pub(crate) fn job_run_time(&self) -> String {
        let digest = Sha256::digest(self.execution_arn.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        let fraction = u64::from_be_bytes(first) % 1_000_000_000_000;
        format!("{}.{fraction:012}", self.started_at.as_millisecond())
    }
}

impl CommitStatus {
    pub(crate) fn of(status: HourStatus) -> Option<Self> {
        match status {
            HourStatus::Published => Some(Self::Published),
            HourStatus::NotPublished => Some(Self::NotPublished),
            HourStatus::Missing => Some(Self::Missing),
            HourStatus::Landed | HourStatus::Failed => None,
        }
    }
}
