//! Input and output: the contract with the state machine.

use pipeline::ArchiveHour;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The input of the execution.
    pub request: BackfillRequest,
    /// Percentage of the range's hours that may fail before the backfill stops.
    #[serde(default)]
    pub tolerated_failure_percentage: u32,
    /// The name of the manifest; without it, none is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackfillRequest {
    pub from: ArchiveHour,
    /// Inclusive.
    pub to: ArchiveHour,
    /// Runs published hours again, and allows them to lose rows.
    #[serde(default)]
    pub force: bool,
    /// The job of the runs.
    #[serde(default = "backfill")]
    pub job_id: String,
    /// Added by Step Functions to the input of a nested execution. Unused.
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID", default, skip_serializing)]
    pub started_by: Option<String>,
}

fn backfill() -> String {
    "ghactivity_backfill".to_owned()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The number of hours to run: those that are not published, or all with `force`.
    pub hours: u32,
    /// The list of these hours, if a manifest was requested.
    pub manifest: Option<HoursManifest>,
    /// The number of hours that may fail, rounded down.
    pub tolerated_failures: u64,
    /// All hours of the range by their ledger status.
    pub statuses: StatusCounts,
    /// The number of open hours: failed, unfinished or never run. A missing hour (with `force`, also a published one) is open if
    /// its last attempt failed.
    pub open: u32,
    /// The first open hours, each with its status.
    pub first_open: Vec<String>,
    /// The job of the runs.
    pub job_id: String,
    pub force: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoursManifest {
    pub bucket: String,
    pub key: String,
}

/// The number of hours per status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCounts {
    pub published: u32,
    pub missing: u32,
    pub not_published: u32,
    pub failed: u32,
    /// Fetched, but the run did not end.
    pub landed: u32,
    /// Not in the ledger.
    pub unknown: u32,
}
