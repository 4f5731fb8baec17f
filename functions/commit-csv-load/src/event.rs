//! Input and output: the contract with the state machines.

use csv_load::LoadId;
use csv_load::receipt::{LoadFailure, RowCounts};
use function_runtime::InvalidInput;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A load that is complete, undone or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The complete or undone load; absent for a failure.
    #[serde(default)]
    pub load_id: Option<LoadId>,
    /// The execution that loaded or undid the load.
    pub execution_arn: String,
    /// The number of deleted items, if the load was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
    /// The number of items that were already deleted when undo reached them.
    #[serde(default)]
    pub gone: u64,
    /// The failure of the execution, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedExecution>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedExecution {
    /// Whether the execution was undoing a load.
    #[serde(default)]
    pub undoing: bool,
    pub error: LoadFailure,
    /// The input of the execution with the default table. It can be any JSON, since that may be why the execution failed.
    pub request: Value,
    /// The output of `plan-csv`, empty if planning failed.
    pub plan: PlannedLoad,
    /// Start of the execution.
    pub started_at: Timestamp,
    pub redrive_count: u32,
    /// The redrive in which the execution last continued, or 0. If it is below `redrive_count`, the execution continues.
    pub resumed_redrive: u32,
}

/// The part of a plan that a failure needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedLoad {
    #[serde(default)]
    pub load_id: Option<LoadId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// The load is complete or undone.
    Load(LoadSummary),
    /// The execution was redriven after the failure and continues.
    Retrying { resumed_redrive: u32 },
}

/// The receipt of a load without its chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadSummary {
    pub load_id: LoadId,
    pub table: String,
    /// All rows; zero for a load that was undone before it was complete.
    pub counts: RowCounts,
    /// DynamoDB write units of all items.
    pub write_units: u64,
    /// The `s3://` address of the receipt.
    pub receipt: String,
    /// Deleted items, if the load was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
    /// Items that were already deleted when undo reached them: see [`LoadReceipt`](csv_load::receipt::LoadReceipt).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone: u64,
    /// The `s3://` address of the rejected rows, if there are any.
    pub quarantine: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Input {
    pub(crate) fn require_load_id(&self) -> Result<LoadId, InvalidInput> {
        self.load_id.ok_or_else(|| InvalidInput::new("load_id", "expected the id of the complete or undone load"))
    }
}

impl FailedExecution {
    /// Checks what the types do not express.
    pub(crate) fn validate(&self, input: &Input) -> Result<(), InvalidInput> {
        if input.undone.is_some() || input.load_id.is_some() {
            return Err(InvalidInput::new("failed", "cannot be combined with load_id or undone"));
        }
        if self.error.name.is_empty() {
            return Err(InvalidInput::new("failed.error.name", "is empty"));
        }
        if self.resumed_redrive > self.redrive_count {
            return Err(InvalidInput::new("failed.resumed_redrive", "is more than redrive_count"));
        }
        Ok(())
    }
}
