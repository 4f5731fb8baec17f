//! Input and output: the contract with the state machine.

use std::num::NonZeroU32;

use pipeline::ArchiveHour;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub job_id: String,
    /// The most hours to return.
    pub max_hours: NonZeroU32,
    /// The first hour of a new job. Ignored if the job exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ArchiveHour>,
    /// The last hour that was returned to this execution. Only later hours are returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ArchiveHour>,
    /// Return published hours of this number of days that the source has replaced, instead of due hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck_days: Option<NonZeroU32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Oldest first.
    pub hours: Vec<ArchiveHour>,
    /// Whether no other hour is due. True if there are no hours.
    pub caught_up: bool,
    pub newest_hour_over: ArchiveHour,
}
