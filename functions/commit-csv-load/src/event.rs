//! The contract with the state machine.

use csv_load::LoadId;
use csv_load::receipt::Counts;
use serde::{Deserialize, Serialize};

/// Which load is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The load.
    pub load_id: LoadId,
    /// The execution that loaded or undid it.
    pub execution_arn: String,
    /// How many items were deleted, if the load was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
}

/// What the load was, in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The load.
    pub load_id: LoadId,
    /// The table.
    pub table: String,
    /// All rows; of a load that was undone before it was complete, none.
    pub counts: Counts,
    /// Write units of all items.
    pub write_units: u64,
    /// The receipt's `s3://` address.
    pub receipt: String,
    /// Items that were deleted, if the load was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<u64>,
    /// The `s3://` address of the rows that do not fit, if there are any.
    pub quarantine: Option<String>,
}
