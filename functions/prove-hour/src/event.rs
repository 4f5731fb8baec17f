//! The contract with the state machine.

use std::collections::BTreeMap;

use function_runtime::InvalidInput;
use pipeline::ArchiveHour;
use serde::{Deserialize, Serialize};

/// Either `hour`, or `hours`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name of the proof: its reports lie under it.
    pub proof: String,
    /// The hour to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<ArchiveHour>,
    /// How many hours have been looked at: their reports are added up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// Of one hour.
    Hour {
        /// The hour.
        hour: ArchiveHour,
        /// Whether nothing is wrong with it.
        proven: bool,
    },
    /// Of all hours of a proof.
    Sums(Sums),
}

/// What a proof found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Hours that were looked at.
    pub hours: u32,
    /// Published hours whose rows were worked out anew and are what readers see.
    pub proven: u32,
    /// Published hours of which nothing is wrong, but whose landed bytes are not at hand.
    pub not_recomputed: u32,
    /// Hours that the source does not have, and of which there is nothing.
    pub absent: u32,
    /// Hours with something wrong.
    pub wrong: u32,
    /// The findings, by name.
    pub findings: BTreeMap<String, u32>,
    /// The first of the wrong hours, each with its findings.
    pub first_wrong: Vec<String>,
    /// Rows of all hours that were worked out anew.
    pub rows: u64,
    /// Where the reports are.
    pub reports: String,
}

impl Input {
    /// Checks what types alone do not say.
    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.proof.is_empty() || self.proof.len() > 80 || !self.proof.bytes().all(is_plain) {
            return Err(InvalidInput::new("proof", "expected 1 to 80 letters, digits, -, _ and ."));
        }
        match (self.hour, self.hours) {
            (Some(_), Some(_)) => Err(InvalidInput::new("hours", "has no meaning beside hour")),
            (None, None) => Err(InvalidInput::new("hour", "is absent")),
            _ => Ok(()),
        }
    }
}
