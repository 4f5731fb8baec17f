//! What can be wrong with the stored events.

use std::collections::BTreeMap;

use serde::Serialize;

/// Examples that are kept of each kind of finding.
pub(crate) const MAX_EXAMPLES: usize = 5;

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
    /// The text that follows the number of findings in a report.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Missing => "sent events are not stored",
            Self::Doubled => "rows repeat an event that is already stored",
            Self::Unsent => "stored rows were not sent",
            Self::Altered => "stored rows differ from what was sent",
            Self::Misplaced => "stored rows are in a wrong partition",
            Self::BadMissing => "bad records that were sent are not in quarantine",
            Self::BadUnsent => "lines in quarantine were not sent",
            Self::BadReason => "lines in quarantine have a wrong reason",
            Self::Unreadable => "objects or lines cannot be read",
        }
    }
}

/// The number of findings of a kind, with the first [`MAX_EXAMPLES`].
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FindingCount {
    pub(crate) count: u64,
    pub(crate) examples: Vec<String>,
}

pub(crate) type Findings = BTreeMap<EventFinding, FindingCount>;
