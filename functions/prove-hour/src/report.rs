//! What was found of an hour.

use pipeline::ledger::HourStatus;
use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

/// What was found of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The hour.
    pub hour: ArchiveHour,
    /// What the ledger says of it; absent if it was never run.
    pub status: Option<HourStatus>,
    /// The version that readers see, by the ledger.
    pub version: Option<Version>,
    /// Why its rows could not be worked out anew, if they could not.
    pub not_recomputed: Option<String>,
    /// What the landed bytes hold, if they are at hand.
    pub counts: Option<RecordCounts>,
    /// Whether the bad records were not looked at, because the bucket has deleted them after `QuarantineRetentionDays`.
    #[serde(default)]
    pub quarantine_expired: bool,
    /// Of all rows, in whatever order.
    pub fingerprints: Option<Fingerprints>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Sums of the hashes of all rows, in hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints {
    /// As worked out from the landed bytes, if they are at hand.
    pub landing: Option<String>,
    /// As readers see them.
    pub parquet: String,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing.
    pub what: What,
    /// Where, and how much of it.
    pub message: String,
}

/// The stable names of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum What {
    /// The hour was never run, or its run has failed or not ended.
    HourOpen,
    /// The landing object has other bytes than those that were published, and the ledger knows no reason.
    LandingDiffers,
    /// The landing object is not there, and the bucket was not told to delete it.
    LandingMissing,
    /// The plan of the published version is not there; plans are never deleted.
    PlanMissing,
    /// The ledger's counts are not those of the landed bytes, or of the rows that readers see.
    CountsDiffer,
    /// Records of the landed bytes are not among the rows.
    RowsMissing,
    /// Rows are there more often than in the landed bytes.
    RowsDoubled,
    /// Rows are there that the landed bytes do not have, or not with these values.
    RowsDiffer,
    /// The quarantine does not hold exactly the bad records.
    QuarantineDiffers,
    /// An object of the published version cannot be read as what it must be.
    ObjectUnreadable,
    /// Objects lie in the bucket that belong to no version of the hour.
    OrphanObjects,
    /// The hour is published, but readers do not see it.
    PartitionMissing,
    /// Readers see a partition that is not the published version.
    PartitionStale,
}

impl Report {
    /// Of an hour of which nothing is known.
    pub(crate) fn new(hour: ArchiveHour) -> Self {
        Self {
            hour,
            status: None,
            version: None,
            not_recomputed: None,
            counts: None,
            quarantine_expired: false,
            fingerprints: None,
            findings: Vec::new(),
        }
    }

    /// Adds a finding.
    pub(crate) fn find(&mut self, what: What, message: impl Into<String>) {
        self.findings.push(Finding { what, message: message.into() });
    }
}

impl What {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::HourOpen => "HourOpen",
            Self::LandingDiffers => "LandingDiffers",
            Self::LandingMissing => "LandingMissing",
            Self::PlanMissing => "PlanMissing",
            Self::CountsDiffer => "CountsDiffer",
            Self::RowsMissing => "RowsMissing",
            Self::RowsDoubled => "RowsDoubled",
            Self::RowsDiffer => "RowsDiffer",
            Self::QuarantineDiffers => "QuarantineDiffers",
            Self::ObjectUnreadable => "ObjectUnreadable",
            Self::OrphanObjects => "OrphanObjects",
            Self::PartitionMissing => "PartitionMissing",
            Self::PartitionStale => "PartitionStale",
        }
    }
}
