//! The contract with the state machines.

use csv_load::LoadId;
use csv_load::receipt::{LoadFailure, RowCounts};
use function_runtime::InvalidInput;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which load is complete, undone or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The load that is complete or undone.
    #[serde(default)]
    pub load_id: Option<LoadId>,
    /// The execution that loaded or undid it.
    pub execution_arn: String,
    /// How many items were deleted, if the load was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
    /// How many were gone before they could be deleted.
    #[serde(default)]
    pub gone: u64,
    /// How the execution failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
}

/// An execution that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Whether it was to undo a load.
    #[serde(default)]
    pub undoing: bool,
    /// Why.
    pub error: LoadFailure,
    /// What it was started with, the table filled in. Whatever it is: that may be why it failed.
    pub request: Value,
    /// What `plan-csv` answered, if it did.
    pub plan: Plan,
    /// When it began.
    pub started_at: Timestamp,
    /// How many times it has been redriven.
    pub redrive_count: u32,
    /// The redrive after which it has last gone back to work, or 0. While it is below `redrive_count`, it is to go on.
    pub resumed_redrive: u32,
}

/// As much of a plan as the failure needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The load.
    #[serde(default)]
    pub load_id: Option<LoadId>,
}

/// What there is to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// Nothing: the load is complete or undone.
    Load(Load),
    /// The load: the execution was redriven after it had failed.
    Retrying {
        /// The redrive.
        resumed_redrive: u32,
    },
}

/// What the load was, in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The load.
    pub load_id: LoadId,
    /// The table.
    pub table: String,
    /// All rows; of a load that was undone before it was complete, none.
    pub counts: RowCounts,
    /// Write units of all items.
    pub write_units: u64,
    /// The receipt's `s3://` address.
    pub receipt: String,
    /// Items that were deleted, if the load was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
    /// Items that were gone before they could be deleted, if there were any: see [`LoadReceipt`](csv_load::receipt::LoadReceipt).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone: u64,
    /// The `s3://` address of the rows that do not fit, if there are any.
    pub quarantine: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Input {
    /// The load, of an execution that did not fail before it had one.
    pub(crate) fn load(&self) -> Result<LoadId, InvalidInput> {
        self.load_id.ok_or_else(|| InvalidInput::new("load_id", "expected the load that is complete or undone"))
    }
}

impl Failed {
    /// Checks what types alone do not say.
    pub(crate) fn validate(&self, input: &Input) -> Result<(), InvalidInput> {
        if input.undone.is_some() || input.load_id.is_some() {
            return Err(InvalidInput::new("failed", "expected neither load_id nor undone beside it"));
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
