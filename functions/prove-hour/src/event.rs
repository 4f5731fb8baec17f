//! Input and output: the contract with the state machine.

use std::collections::BTreeMap;

use function_runtime::InvalidInput;
use pipeline::ArchiveHour;
use serde::{Deserialize, Serialize};

/// Either `hour`, or `hours`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name of the proof, part of the keys of its reports.
    pub proof: String,
    /// The hour to check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<ArchiveHour>,
    /// The number of checked hours, whose reports are added up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    Hour {
        hour: ArchiveHour,
        /// Whether there are no findings.
        proven: bool,
    },
    Sums(ProofSums),
}

/// The sums over all reports of a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofSums {
    /// Checked hours.
    pub hours: u32,
    /// Published hours whose recomputed rows equal the visible ones.
    pub proven: u32,
    /// Published hours without findings whose landing bytes are not available.
    pub not_recomputed: u32,
    /// Hours that the source does not have, without any objects.
    pub absent: u32,
    /// Hours with findings.
    pub wrong: u32,
    /// The number of findings by name.
    pub findings: BTreeMap<String, u32>,
    /// The first hours with findings, each with their names.
    pub first_wrong: Vec<String>,
    /// Rows of all recomputed hours.
    pub rows: u64,
    /// The `s3://` prefix of the reports.
    pub reports: String,
}

impl Input {
    /// Checks what the types do not express.
    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.proof.is_empty() || self.proof.len() > 80 || !self.proof.bytes().all(is_plain) {
            return Err(InvalidInput::new("proof", "expected 1 to 80 letters, digits, -, _ and ."));
        }
        match (self.hour, self.hours) {
            (Some(_), Some(_)) => Err(InvalidInput::new("hours", "cannot be combined with hour")),
            (None, None) => Err(InvalidInput::new("hour", "is missing")),
            _ => Ok(()),
        }
    }
}
