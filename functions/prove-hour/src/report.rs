//! The report of one hour.

use pipeline::ledger::HourStatus;
use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, Version};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofReport {
    pub hour: ArchiveHour,
    /// The ledger status; `None` if the hour was never run.
    pub status: Option<HourStatus>,
    /// The published version in the ledger.
    pub version: Option<Version>,
    /// Why the rows could not be recomputed.
    pub not_recomputed: Option<String>,
    /// The counts of the landing bytes, if available.
    pub counts: Option<RecordCounts>,
    /// Whether the quarantine was skipped, because the bucket deleted it after `QuarantineRetentionDays`.
    #[serde(default)]
    pub quarantine_expired: bool,
    /// Independent of the order of the rows.
    pub fingerprints: Option<Fingerprints>,
    pub findings: Vec<ProofFinding>,
}

/// The sums of the hashes of all rows, in hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints {
    /// Of the recomputed rows, if the landing bytes are available.
    pub landing: Option<String>,
    /// Of the visible rows.
    pub parquet: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofFinding {
    #[serde(rename = "what")]
    pub kind: FindingKind,
    pub message: String,
}

/// The stable name of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FindingKind {
    /// The hour was never run, or its run failed or did not end.
    HourOpen,
    /// The landing object differs from the published bytes, and the ledger has no reason for that.
    LandingDiffers,
    /// The landing object is missing, and the bucket has no retention for it.
    LandingMissing,
    /// The plan of the published version is missing; plans are never deleted.
    PlanMissing,
    /// The counts in the ledger differ from the landing bytes or from the visible rows.
    CountsDiffer,
    /// Records of the landing bytes have no row.
    RowsMissing,
    /// Rows exist more often than in the landing bytes.
    RowsDoubled,
    /// Rows differ from the landing bytes, or do not exist there.
    RowsDiffer,
    /// The quarantine differs from the bad records of the landing bytes.
    QuarantineDiffers,
    /// An object of the published version is missing or malformed.
    ObjectUnreadable,
    /// The bucket has objects that belong to no version of the hour.
    OrphanObjects,
    /// The hour is published, but has no partition.
    PartitionMissing,
    /// The partition shows another version than the published one.
    PartitionStale,
}

impl ProofReport {
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

    pub(crate) fn find(&mut self, kind: FindingKind, message: impl Into<String>) {
        self.findings.push(ProofFinding { kind, message: message.into() });
    }
}

impl FindingKind {
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
