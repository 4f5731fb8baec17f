//! The contract with the state machine.

use pipeline::ledger::SourceFile;
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

/// Which hour to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The hour.
    pub hour: ArchiveHour,
    /// Where its bytes are.
    #[serde(default)]
    pub source: BytesFrom,
}

/// Where an hour's bytes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BytesFrom {
    /// At the source: they are downloaded.
    #[default]
    Upstream,
    /// In the bucket, from an earlier run: they are planned again.
    Landing,
}

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version that its plan leads to.
    pub version: Version,
    /// How many chunks the plan has; they are numbered from 0.
    pub chunks: u32,
    /// Its lines, blank ones included.
    pub lines: u64,
    /// Length of the landing object.
    pub landing_bytes: u64,
    /// Where the bytes came from in the first place.
    pub source: SourceFile,
}
