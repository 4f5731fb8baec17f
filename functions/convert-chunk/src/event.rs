//! Input and output: the contract with the state machine.

use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub hour: ArchiveHour,
    /// The version of the hour that the plan leads to.
    pub version: Version,
    /// The number of the chunk in the plan, from 0.
    pub chunk: u32,
}

/// The counts of the chunk: `records = rows + duplicates + quarantined`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub chunk: u32,
    pub records: u64,
    pub rows: u64,
    /// Records on a line that equals an earlier line.
    pub duplicates: u64,
    pub quarantined: u64,
}

impl Output {
    pub fn new(chunk: u32, counts: &RecordCounts) -> Self {
        let RecordCounts { records, rows, duplicates, quarantined, .. } = *counts;
        Self { chunk, records, rows, duplicates, quarantined }
    }
}
