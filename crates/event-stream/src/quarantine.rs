//! Bad records.

use serde::Serialize;

use crate::event::EventRejectReason;
use crate::record::RecordId;

/// A line of a quarantine object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedEvent {
    pub shard_id: String,
    pub sequence_number: String,
    /// The index in an aggregated record; 0 for a record that is not aggregated.
    pub part: usize,
    /// [`EventRejectReason::name`].
    pub reason: &'static str,
    pub message: String,
    /// The arrival of the record in milliseconds since 1970.
    pub arrived_at: i64,
    /// The length of the data.
    pub bytes: usize,
    pub data_base64: String,
}

impl QuarantinedEvent {
    pub fn new(
        id: &RecordId,
        part: usize,
        arrived_ms: i64,
        data: &[u8],
        reason: &EventRejectReason,
        base64: String,
    ) -> Self {
        Self {
            shard_id: id.shard.to_string(),
            sequence_number: id.sequence.to_string(),
            part,
            reason: reason.name(),
            message: reason.to_string(),
            arrived_at: arrived_ms,
            bytes: data.len(),
            data_base64: base64,
        }
    }
}
