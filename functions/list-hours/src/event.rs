//! The contract with the state machine.

use pipeline::ArchiveHour;
use serde::{Deserialize, Serialize};

/// Which hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What the state machine was started with.
    pub request: Request,
    /// Percent of the range's hours that may fail before a backfill stops.
    #[serde(default)]
    pub tolerated_failure_percentage: u32,
    /// The manifest's name, if one is to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

/// A range of hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The first hour.
    pub from: ArchiveHour,
    /// The last hour, included.
    pub to: ArchiveHour,
    /// Whether hours that are published are run again, and may lose rows by it.
    #[serde(default)]
    pub force: bool,
    /// The job that the runs are recorded under.
    #[serde(default = "backfill")]
    pub job_id: String,
    /// Who started the execution, as the console notes it. Not used.
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID", default, skip_serializing)]
    pub started_by: Option<String>,
}

fn backfill() -> String {
    "ghactivity_backfill".to_owned()
}

/// The hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Hours that are to be run: those that are not published, or all if forced.
    pub hours: u32,
    /// Where they are listed, if a manifest was wanted.
    pub manifest: Option<Manifest>,
    /// How many of the range's hours may fail, rounded down.
    pub tolerated_failures: u64,
    /// All hours of the range, by what the ledger says of them.
    pub statuses: Statuses,
    /// Hours that are not accounted for: failed, unfinished or never run. An hour that was missing, or (if forced) published,
    /// before its last attempt failed is among them.
    pub open: u32,
    /// The first of them, each with its status.
    pub first_open: Vec<String>,
    /// The job that the runs are recorded under.
    pub job_id: String,
    /// As in the request.
    pub force: bool,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

/// Numbers of hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statuses {
    /// Visible to readers.
    pub published: u32,
    /// The source does not have them, and probably never will.
    pub missing: u32,
    /// The source does not have them yet.
    pub not_published: u32,
    /// The last attempt failed.
    pub failed: u32,
    /// Landed, and not seen to their end.
    pub landed: u32,
    /// Never run.
    pub unknown: u32,
}
