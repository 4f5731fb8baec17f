//! The contract with the ledger's stream, and with whoever wants months written anew.

use std::collections::BTreeSet;

use function_runtime::InvalidInput;
use pipeline::{ArchiveHour, keys};
use serde::{Deserialize, Serialize};

use crate::month::Month;

/// The most months that one call writes.
const MAX_MONTHS: usize = 240;

/// Which months: either `Records`, or `from` and `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Changes of the table's items, as DynamoDB Streams gives them to a function.
    #[serde(rename = "Records", default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Record>>,
    /// The first hour of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ArchiveHour>,
    /// Its last hour, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ArchiveHour>,
}

/// A change of an item, of which the key is all that counts: the item is read when its month is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What has changed.
    pub dynamodb: Change,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The item's key.
    #[serde(rename = "Keys")]
    pub keys: ItemKey,
}

/// The key of an item of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemKey {
    /// The partition key.
    pub archive: Text,
    /// The sort key.
    pub hour: Text,
}

/// A text as DynamoDB writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The text.
    #[serde(rename = "S")]
    pub text: String,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The months, as `2025-11`.
    pub months: Vec<String>,
    /// Hours in all of them.
    pub hours: usize,
}

impl Input {
    /// The months that are to be written.
    pub(crate) fn months(&self) -> Result<BTreeSet<Month>, InvalidInput> {
        let months = match (&self.records, self.from, self.to) {
            (Some(records), None, None) => records.iter().filter_map(Record::hour).map(Month::of).collect(),
            (None, Some(from), Some(to)) if from > to => {
                return Err(InvalidInput::new("to", format!("hour {to} is before from, {from}")));
            }
            (None, Some(from), Some(to)) => Month::between(from, to).take(MAX_MONTHS + 1).collect(),
            (None, None, None) => return Err(InvalidInput::new("from", "is absent")),
            (None, ..) => return Err(InvalidInput::new("to", "expected both from and to")),
            (Some(_), ..) => return Err(InvalidInput::new("Records", "excludes from and to")),
        };
        match BTreeSet::len(&months) {
            0..=MAX_MONTHS => Ok(months),
            _ => Err(InvalidInput::new("to", format!("more than {MAX_MONTHS} months"))),
        }
    }
}

impl Record {
    /// The hour whose ledger item has changed. Other items lie in the same table.
    fn hour(&self) -> Option<ArchiveHour> {
        let ItemKey { archive, hour } = &self.dynamodb.keys;
        if archive.text != keys::ARCHIVE {
            return None;
        }
        let hour = ArchiveHour::from_ledger_key(&hour.text);
        hour.inspect_err(|error| tracing::warn!(%error, "an item of the ledger that is none of an hour")).ok()
    }
}
