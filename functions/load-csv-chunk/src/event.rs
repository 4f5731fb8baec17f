//! Input and output: the contract with the state machine.

use csv_load::LoadId;
use csv_load::receipt::RowCounts;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub load_id: LoadId,
    /// The table of the load.
    pub table: String,
    /// The number of the chunk in the plan, from 0.
    pub chunk: u32,
    #[serde(default)]
    pub execution_arn: Option<String>,
    /// The limit of write units per second, if any.
    #[serde(default)]
    pub max_wcu: Option<f64>,
    /// The position where an earlier call stopped.
    #[serde(default)]
    pub resume: Option<Resume>,
}

/// A position between two rows of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The offset of the next row in the text.
    pub offset: u64,
    /// The line of the next row.
    pub line: u64,
    /// The counts of the chunk's rows before it.
    pub counts: RowCounts,
    pub write_units: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub chunk: u32,
    /// Whether the chunk is loaded.
    pub done: bool,
    /// The position to continue from, if the chunk is not loaded.
    pub resume: Option<Resume>,
}
