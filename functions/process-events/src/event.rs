//! The contract with the Kinesis event source mapping.
//!
//! Shapes: <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html> and, for tumbling windows,
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html>. AWS adds fields as it likes, so unknown ones
//! are not refused.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A batch of one shard.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input<'a> {
    /// The records, in the order of the shard. The last call of a window may have none.
    #[serde(rename = "Records", default, borrow)]
    pub records: Vec<KinesisRecord<'a>>,
    /// The tumbling window, if the mapping has one.
    #[serde(default)]
    pub window: Option<Window>,
    /// What the window's last call answered; empty at its first.
    #[serde(default)]
    pub state: WindowState,
    /// Whether it is the window's last call.
    #[serde(default)]
    pub is_final_invoke_for_window: bool,
}

/// A tumbling window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When it begins, ISO 8601.
    pub start: String,
    /// When it ends.
    pub end: String,
}

/// What a window has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowState {
    /// Events that were stored.
    #[serde(default)]
    pub stored: u64,
    /// Duplicates that were dropped.
    #[serde(default)]
    pub duplicates: u64,
    /// Parts of records that went to quarantine.
    #[serde(default)]
    pub quarantined: u64,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KinesisRecord<'a> {
    /// What Kinesis says of it.
    #[serde(borrow)]
    pub kinesis: KinesisPart<'a>,
    /// `shardId-000000000001:` and the sequence number.
    #[serde(rename = "eventID", borrow)]
    pub event_id: Cow<'a, str>,
}

/// The part of a record that Kinesis knows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisPart<'a> {
    /// Its place in the shard, decimal.
    #[serde(borrow)]
    pub sequence_number: Cow<'a, str>,
    /// What the producer sent, Base64.
    #[serde(borrow)]
    pub data: Cow<'a, str>,
    /// When it arrived, in seconds since 1970.
    pub approximate_arrival_timestamp: f64,
}

/// Which records have to come again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// None if all is well. The mapping goes on at the lowest of them.
    pub batch_item_failures: Vec<ItemFailure>,
    /// What the window has counted, for its next call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<WindowState>,
}

/// A record that has to come again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// Its sequence number.
    pub item_identifier: String,
}
