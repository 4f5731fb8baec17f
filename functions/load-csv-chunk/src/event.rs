//! The contract with the state machine.

use csv_load::LoadId;
use csv_load::receipt::RowCounts;
use serde::{Deserialize, Serialize};

/// Which chunk to load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The load.
    pub load_id: LoadId,
    /// The load's table.
    pub table: String,
    /// The chunk's number in the plan, from 0.
    pub chunk: u32,
    /// The execution that it is run for.
    #[serde(default)]
    pub execution_arn: Option<String>,
    /// Write units a second that it may take, if that is limited.
    #[serde(default)]
    pub max_wcu: Option<f64>,
    /// Where an earlier call stopped, if there was one.
    #[serde(default)]
    pub resume: Option<Resume>,
}

/// A place between two rows of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Offset in the text of the next row.
    pub offset: u64,
    /// The line on which it begins.
    pub line: u64,
    /// What became of the chunk's rows before it.
    pub counts: RowCounts,
    /// Write units of their items.
    pub write_units: u64,
}

/// What became of the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The chunk's number.
    pub chunk: u32,
    /// Whether it is loaded.
    pub done: bool,
    /// Where to go on, if it is not.
    pub resume: Option<Resume>,
}
