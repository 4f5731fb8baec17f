//! Decodes the records of an invocation to events and rejected records.

use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use event_stream::protocol::{Arrival, EventBatch};
use event_stream::quarantine::QuarantinedEvent;
use event_stream::record::{MAX_RECORD_BYTES, RecordId};
use event_stream::{Event, EventRejectReason, kpl};
use function_runtime::InvalidInput;

use crate::event::KinesisRecord;

#[derive(Debug)]
pub(crate) struct DecodedBatch {
    pub(crate) batch: EventBatch,
    /// Rejected parts of records, with the index of the record.
    pub(crate) rejected: Vec<(usize, QuarantinedEvent)>,
}

pub(crate) fn decode(records: &[KinesisRecord<'_>]) -> Result<DecodedBatch, InvalidInput> {
    let count = records.len();
    let batch = EventBatch { records: Vec::with_capacity(count), arrivals: Vec::with_capacity(count) };
    let mut decoded = DecodedBatch { batch, rejected: Vec::new() };
    let (mut shard, mut data) = (Arc::from(""), Vec::new());
    for KinesisRecord { kinesis, event_id } in records {
        decoded.batch.records.push(record_id(event_id, &kinesis.sequence_number, &mut shard)?);
        data.clear();
        STANDARD.decode_append(kinesis.data.as_bytes(), &mut data).map_err(|_| {
            InvalidInput::new("Records.kinesis.data", format!("invalid Base64 in the record '{event_id}'"))
        })?;
        #[expect(clippy::cast_possible_truncation, reason = "saturates; a time in milliseconds fits")]
        let arrived_ms = (kinesis.approximate_arrival_timestamp * 1000.0).round() as i64;
        decoded.add(&data, arrived_ms);
    }
    Ok(decoded)
}

impl DecodedBatch {
    /// Adds the data of the last record.
    fn add(&mut self, data: &[u8], arrived_ms: i64) {
        if data.len() > MAX_RECORD_BYTES {
            self.quarantine(0, data, arrived_ms, &EventRejectReason::TooLarge(data.len()));
        } else if kpl::is_aggregated(data) {
            match kpl::parts(Bytes::copy_from_slice(data)) {
                Ok(parts) => parts.iter().enumerate().for_each(|(part, data)| self.add_part(part, data, arrived_ms)),
                Err(reject_reason) => self.quarantine(0, data, arrived_ms, &reject_reason),
            }
        } else {
            self.add_part(0, data, arrived_ms);
        }
    }

    fn add_part(&mut self, part: usize, data: &[u8], arrived_ms: i64) {
        match Event::parse(data, arrived_ms) {
            Ok(event) => {
                let record = self.batch.records.len() - 1;
                self.batch.arrivals.push(Arrival { event, record, part, arrived_ms });
            }
            Err(reject_reason) => self.quarantine(part, data, arrived_ms, &reject_reason),
        }
    }

    fn quarantine(&mut self, part: usize, data: &[u8], arrived_ms: i64, reject_reason: &EventRejectReason) {
        let base64 = STANDARD.encode_to_string(data);
        let record = self.batch.records.len() - 1;
        let quarantined =
            QuarantinedEvent::new(&self.batch.records[record], part, arrived_ms, data, reject_reason, base64);
        self.rejected.push((record, quarantined));
    }
}

/// Returns the id of a record. `previous` is the shard of the record before; all records of a batch share one string.
fn record_id(event_id: &str, number: &str, previous: &mut Arc<str>) -> Result<RecordId, InvalidInput> {
    let invalid = |reason: &str| InvalidInput::new("Records.eventID", format!("{reason}: '{event_id}'"));
    let (shard, sequence) =
        event_id.split_once(':').ok_or_else(|| invalid("expected a shard and a sequence number"))?;
    // Checking all bytes without branches is faster than stopping at the first invalid one.
    let is_plain = |text: &str| {
        let is_invalid = |byte: u8| !(byte.is_ascii_alphanumeric() || byte == b'-');
        !text.is_empty() && !text.bytes().fold(false, |any, byte| any | is_invalid(byte))
    };
    if shard.is_empty() || (**previous != *shard && !is_plain(shard)) || !is_plain(sequence) || sequence != number {
        return Err(invalid("expected a shard and the record's sequence number"));
    }
    if **previous != *shard {
        *previous = Arc::from(shard);
    }
    Ok(RecordId { shard: Arc::clone(previous), sequence: Arc::from(number) })
}
