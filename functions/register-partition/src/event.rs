//! The contract with the state machine.

use function_runtime::InvalidInput;
use jiff::Timestamp;
use pipeline::ledger::{Publication, SourceFile};
use pipeline::publish::{ExecutionRef, RollBackTo};
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

/// Which version of which hour to make visible: either `version` and `source`, or `roll_back_to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version that its chunks were converted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Where its bytes came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceFile>,
    /// A version that readers saw before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_back_to: Option<RollBackTo>,
    /// The execution: it holds the hour's lease until its commit.
    pub execution_arn: String,
    /// When the execution began.
    pub started_at: Timestamp,
    /// Whether it may have fewer rows than the version it replaces. A version that is rolled back to always may.
    #[serde(default)]
    pub force: bool,
}

/// What is to be made visible.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The version that was just converted.
    Converted { version: Version, source: SourceFile },
    /// One that readers saw before.
    RollBack(RollBackTo),
}

impl Input {
    /// Checks what types alone do not say.
    pub(crate) fn target(&self) -> Result<Target, InvalidInput> {
        if self.execution_arn.is_empty() {
            return Err(InvalidInput::new("execution_arn", "is empty"));
        }
        match (self.version, &self.source, self.roll_back_to) {
            (Some(version), Some(source), None) => Ok(Target::Converted { version, source: source.clone() }),
            (None, None, Some(to)) => Ok(Target::RollBack(to)),
            (_, _, Some(_)) => Err(InvalidInput::new("roll_back_to", "excludes version and source")),
            (None, _, None) => Err(InvalidInput::new("version", "is absent")),
            (Some(_), None, None) => Err(InvalidInput::new("source", "is absent")),
        }
    }

    pub(crate) fn run(&self) -> ExecutionRef<'_> {
        ExecutionRef { execution_arn: &self.execution_arn, started_at: self.started_at }
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
