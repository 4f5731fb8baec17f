//! Input and output: the contract with the state machine.

use function_runtime::InvalidInput;
use jiff::Timestamp;
use pipeline::ledger::{Publication, SourceFile};
use pipeline::publish::{ExecutionRef, RollBackTo};
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

/// Either `version` and `source`, or `roll_back_to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub hour: ArchiveHour,
    /// The version that the chunks were converted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The source of the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceFile>,
    /// A version that was visible before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_back_to: Option<RollBackTo>,
    /// The execution, which holds the lease of the hour until the commit.
    pub execution_arn: String,
    pub started_at: Timestamp,
    /// Allows fewer rows than in the replaced version. A rollback always allows that.
    #[serde(default)]
    pub force: bool,
}

/// The version to make visible.
#[derive(Clone, Debug)]
pub(crate) enum PublishTarget {
    Converted {
        version: Version,
        source: SourceFile,
    },
    /// A version that was visible before.
    RollBack(RollBackTo),
}

impl Input {
    /// Validates the input and returns the version to make visible.
    pub(crate) fn target(&self) -> Result<PublishTarget, InvalidInput> {
        if self.execution_arn.is_empty() {
            return Err(InvalidInput::new("execution_arn", "is empty"));
        }
        match (self.version, &self.source, self.roll_back_to) {
            (Some(version), Some(source), None) => Ok(PublishTarget::Converted { version, source: source.clone() }),
            (None, None, Some(to)) => Ok(PublishTarget::RollBack(to)),
            (_, _, Some(_)) => Err(InvalidInput::new("roll_back_to", "cannot be combined with version and source")),
            (None, _, None) => Err(InvalidInput::new("version", "is missing")),
            (Some(_), None, None) => Err(InvalidInput::new("source", "is missing")),
        }
    }

    pub(crate) fn run(&self) -> ExecutionRef<'_> {
        ExecutionRef { execution_arn: &self.execution_arn, started_at: self.started_at }
    }
}

/// The visible version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub hour: ArchiveHour,
    #[serde(flatten)]
    pub publication: Publication,
}
