//! What can be wrong with the stored events.

use std::collections::BTreeMap;

use serde::Serialize;

/// Examples that are kept of each kind of finding.
pub(crate) const MAX_EXAMPLES: usize = 5;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventFinding {
    Missing,
    Doubled,
    Unsent,
    Altered,
    Misplaced,
    BadMissing,
    BadUnsent,
    BadReason,
    Unreadable,
}

impl EventFinding {
    /// What so many of them are.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Missing => "sent events are not stored",
            Self::Doubled => "rows are of events that are stored already",
            Self::Unsent => "stored rows were not sent",
            Self::Altered => "stored rows have other fields than what was sent",
            Self::Misplaced => "stored rows are in a partition that is not theirs",
            Self::BadMissing => "bad records that were sent are not in quarantine",
            Self::BadUnsent => "lines in quarantine were not sent",
            Self::BadReason => "lines in quarantine have another reason than theirs",
            Self::Unreadable => "objects or lines cannot be read",
        }
    }
}

/// How often something is wrong, and where, for some of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FindingCount {
    pub(crate) count: u64,
    pub(crate) examples: Vec<String>,
}

pub(crate) type Findings = BTreeMap<EventFinding, FindingCount>;
