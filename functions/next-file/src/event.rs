//! The contract with the state machine.

use std::num::NonZeroU32;

use pipeline::ArchiveHour;
use serde::{Deserialize, Serialize};

/// Which job, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The job.
    pub job_id: String,
    /// At most so many hours are named.
    pub max_hours: NonZeroU32,
    /// The first hour of a job that has no item yet; later it has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ArchiveHour>,
    /// The last hour that this execution was given before: only later ones are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ArchiveHour>,
    /// Instead of what is due: published hours of so many days that the source has replaced since they were fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck_days: Option<NonZeroU32>,
}

/// The due hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Oldest first.
    pub hours: Vec<ArchiveHour>,
    /// Whether nothing else is due. True if there are no hours.
    pub caught_up: bool,
    /// The newest hour that is over.
    pub newest_hour_over: ArchiveHour,
}
