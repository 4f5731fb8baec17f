//! Input and output: the contract with the state machine.

use pipeline::ledger::SourceFile;
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub hour: ArchiveHour,
    #[serde(default)]
    pub source: BytesFrom,
}

/// Where the bytes of an hour are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BytesFrom {
    /// At the source; they are downloaded.
    #[default]
    Upstream,
    /// In the landing object of an earlier run; they are planned again.
    Landing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub hour: ArchiveHour,
    /// The version of the hour that the plan leads to.
    pub version: Version,
    /// The number of chunks of the plan; they are numbered from 0.
    pub chunks: u32,
    /// Lines including blank ones.
    pub lines: u64,
    pub landing_bytes: u64,
    /// The original source of the bytes.
    pub source: SourceFile,
}
