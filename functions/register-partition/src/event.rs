//! The contract with the state machine.

use function_runtime::InvalidInput;
use jiff::Timestamp;
use pipeline::ledger::{Publication, Source};
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

/// Which version of which hour to make visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version that its chunks were converted to.
    pub version: Version,
    /// Where its bytes came from.
    pub source: Source,
    /// The execution: it holds the hour's lease until its commit.
    pub execution_arn: String,
    /// When the execution began.
    pub started_at: Timestamp,
    /// Whether it may have fewer rows than the version it replaces.
    #[serde(default)]
    pub force: bool,
}

impl Input {
    /// Checks what types alone do not say.
    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        if self.execution_arn.is_empty() {
            return Err(InvalidInput::new("execution_arn", "is empty"));
        }
        Ok(())
    }
}

/// What readers now see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The hour.
    pub hour: ArchiveHour,
    /// Its publication, flattened.
    #[serde(flatten)]
    pub publication: Publication,
}
