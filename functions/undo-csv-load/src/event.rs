//! The contract with the state machine.

use csv_load::LoadId;
use serde::{Deserialize, Serialize};

/// Which load, and which part of its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The load.
    pub load_id: LoadId,
    /// The part; without one the parts are named and nothing is deleted.
    #[serde(default)]
    pub segment: Option<Segment>,
}

/// A part of a table, and how far it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Its number, from 0.
    pub segment: u32,
    /// How many there are.
    pub segments: u32,
    /// The key after which to go on.
    #[serde(default)]
    pub after: Option<String>,
    /// Items deleted so far, as far as that is known.
    #[serde(default)]
    pub deleted: u64,
    /// Items that were found and were gone before they could be deleted: by a call that was killed or whose answer was lost, or
    /// by somebody else.
    #[serde(default)]
    pub gone: u64,
}

/// What was found, or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The load.
    pub load_id: LoadId,
    /// Its table.
    pub table: String,
    /// The parts that are to be gone through.
    pub segments: Vec<Segment>,
    /// The part that was gone through, as far as there was time.
    pub segment: Option<Segment>,
    /// Whether it is gone through.
    pub done: bool,
}
