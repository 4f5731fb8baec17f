//! Input and output: the contract with the state machine.

use csv_load::LoadId;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub load_id: LoadId,
    /// The segment to process. Without it, the segments are returned and nothing is deleted.
    #[serde(default)]
    pub segment: Option<TableSegment>,
}

/// A segment of a parallel scan, and the progress in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSegment {
    /// From 0.
    pub segment: u32,
    /// The number of segments.
    pub segments: u32,
    /// The key to continue after.
    #[serde(default)]
    pub after: Option<String>,
    /// Items deleted so far.
    #[serde(default)]
    pub deleted: u64,
    /// Items that were already deleted: by a killed call, by a call whose response was lost, or by another writer.
    #[serde(default)]
    pub gone: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub load_id: LoadId,
    /// The table of the load.
    pub table: String,
    /// The segments to process.
    pub segments: Vec<TableSegment>,
    /// The processed segment, as far as time allowed.
    pub segment: Option<TableSegment>,
    /// Whether the segment is complete.
    pub done: bool,
}
