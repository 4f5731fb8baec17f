//! Input and output: the contract with the stream of the ledger table, and with manual exports.

use std::collections::BTreeSet;

use function_runtime::InvalidInput;
use pipeline::{ArchiveHour, keys};
use serde::{Deserialize, Serialize};

use crate::month::Month;

/// The most months that one call writes.
const MAX_MONTHS: usize = 240;

/// Either `Records`, or `from` and `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Changes of ledger items, in the format of DynamoDB Streams.
    #[serde(rename = "Records", default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<StreamRecord>>,
    /// The first hour of a range whose months are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ArchiveHour>,
    /// The last hour of the range, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ArchiveHour>,
}

/// A changed item. Only its key is used: the item is read when its month is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    pub dynamodb: ItemChange,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemChange {
    #[serde(rename = "Keys")]
    pub keys: LedgerKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerKey {
    pub archive: StringAttribute,
    pub hour: StringAttribute,
}

/// A string in DynamoDB JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StringAttribute {
    #[serde(rename = "S")]
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The written months, such as `2025-11`.
    pub months: Vec<String>,
    /// The number of hours in all of them.
    pub hours: usize,
}

impl Input {
    /// Returns the months to write.
    pub(crate) fn months(&self) -> Result<BTreeSet<Month>, InvalidInput> {
        let months = match (&self.records, self.from, self.to) {
            (Some(records), None, None) => records.iter().filter_map(StreamRecord::hour).map(Month::of).collect(),
            (None, Some(from), Some(to)) if from > to => {
                return Err(InvalidInput::new("to", format!("hour {to} is before from, {from}")));
            }
            (None, Some(from), Some(to)) => Month::between(from, to).take(MAX_MONTHS + 1).collect(),
            (None, None, None) => return Err(InvalidInput::new("from", "is missing")),
            (None, ..) => return Err(InvalidInput::new("to", "expected both from and to")),
            (Some(_), ..) => return Err(InvalidInput::new("Records", "cannot be combined with from and to")),
        };
        match BTreeSet::len(&months) {
            0..=MAX_MONTHS => Ok(months),
            _ => Err(InvalidInput::new("to", format!("more than {MAX_MONTHS} months"))),
        }
    }
}

impl StreamRecord {
    /// Returns the hour of a changed ledger item, or `None` for other items of the table.
    fn hour(&self) -> Option<ArchiveHour> {
        let LedgerKey { archive, hour } = &self.dynamodb.keys;
        if archive.text != keys::ARCHIVE {
            return None;
        }
        let hour = ArchiveHour::from_ledger_key(&hour.text);
        hour.inspect_err(|error| tracing::warn!(%error, "ledger item without a valid hour")).ok()
    }
}
