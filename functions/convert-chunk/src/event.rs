//! The contract with the state machine.

use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

/// Which chunk to convert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version that its plan leads to.
    pub version: Version,
    /// The chunk's number in the plan, from 0.
    pub chunk: u32,
}

/// What the chunk became: `records = rows + duplicates + quarantined`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The chunk's number.
    pub chunk: u32,
    /// Its records.
    pub records: u64,
    /// Records stored as a row.
    pub rows: u64,
    /// Records on a line that is equal to an earlier one.
    pub duplicates: u64,
    /// Records put into quarantine.
    pub quarantined: u64,
}

impl Output {
    /// What the state machine is told of a chunk's counts.
    pub fn new(chunk: u32, counts: &RecordCounts) -> Self {
        let RecordCounts { records, rows, duplicates, quarantined, .. } = *counts;
        Self { chunk, records, rows, duplicates, quarantined }
    }
}
