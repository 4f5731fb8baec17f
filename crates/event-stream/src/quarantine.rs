//! Records that are no events, kept as they came.

use serde::Serialize;

use crate::event::EventRejectReason;
use crate::record::RecordId;

/// A line of a quarantine object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedRecord {
    /// The shard.
    pub shard_id: String,
    /// The record's sequence number.
    pub sequence_number: String,
    /// Its place in an aggregated record; 0 if it is not aggregated.
    pub part: usize,
    /// The stable name of the reason.
    pub reason: &'static str,
    /// The reason in words.
    pub message: String,
    /// When the record arrived, in milliseconds since 1970.
    pub arrived_at: i64,
    /// Bytes of the data.
    pub bytes: usize,
    /// The data, Base64.
    pub data_base64: String,
}

impl QuarantinedRecord {
    /// A bad part of a record.
    pub fn new(
        id: &RecordId,
        part: usize,
        arrived_ms: i64,
        data: &[u8],
        poison: &EventRejectReason,
        base64: String,
    ) -> Self {
        Self {
            shard_id: id.shard.to_string(),
            sequence_number: id.sequence.to_string(),
            part,
            reason: poison.name(),
            message: poison.to_string(),
            arrived_at: arrived_ms,
            bytes: data.len(),
            data_base64: base64,
        }
    }
}
