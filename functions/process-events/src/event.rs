//! Input and output: the contract with the Kinesis event source mapping.
//!
//! Shapes: <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html> and, for tumbling windows,
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html>. AWS may add fields, so unknown ones are
//! ignored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A batch of records of one shard.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input<'a> {
    /// In the order of the shard. The last call of a window may have none.
    #[serde(rename = "Records", default, borrow)]
    pub records: Vec<KinesisRecord<'a>>,
    /// Present if the mapping has a tumbling window.
    #[serde(default)]
    pub window: Option<TumblingWindow>,
    /// The state that the previous call of the window returned; empty in the first call.
    #[serde(default)]
    pub state: WindowState,
    #[serde(default)]
    pub is_final_invoke_for_window: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TumblingWindow {
    /// ISO 8601.
    pub start: String,
    /// ISO 8601.
    pub end: String,
}

/// The counts of a window so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowState {
    #[serde(default)]
    pub stored: u64,
    #[serde(default)]
    pub duplicates: u64,
    /// Parts of records in the quarantine.
    #[serde(default)]
    pub quarantined: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KinesisRecord<'a> {
    #[serde(borrow)]
    pub kinesis: KinesisFields<'a>,
    /// Such as `shardId-000000000001:` followed by the sequence number.
    #[serde(rename = "eventID", borrow)]
    pub event_id: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisFields<'a> {
    /// Decimal.
    #[serde(borrow)]
    pub sequence_number: Cow<'a, str>,
    /// The data of the producer in Base64.
    #[serde(borrow)]
    pub data: Cow<'a, str>,
    /// Seconds since 1970.
    pub approximate_arrival_timestamp: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Empty if all records are stored. The mapping resumes at the lowest sequence number.
    pub batch_item_failures: Vec<ItemFailure>,
    /// The counts of the window, for its next call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<WindowState>,
}

/// A record that Kinesis has to deliver again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// The sequence number.
    pub item_identifier: String,
}
