//! From the records of an invocation to events, and to what is none.

use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use event_stream::protocol::{Arrival, EventBatch};
use event_stream::quarantine::QuarantinedRecord;
use event_stream::record::{MAX_RECORD_BYTES, RecordId};
use event_stream::{Event, EventRejectReason, kpl};
use function_runtime::InvalidInput;

use crate::event::KinesisRecord;

/// A batch, sorted.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The events.
    pub(crate) batch: EventBatch,
    /// What is no event, with the number of its record.
    pub(crate) bad: Vec<(usize, QuarantinedRecord)>,
}

/// Takes the records apart.
pub(crate) fn decode(records: &[KinesisRecord<'_>]) -> Result<Decoded, InvalidInput> {
    let count = records.len();
    let batch = EventBatch { records: Vec::with_capacity(count), arrivals: Vec::with_capacity(count) };
    let mut decoded = Decoded { batch, bad: Vec::new() };
    let (mut shard, mut data) = (Arc::from(""), Vec::new());
    for KinesisRecord { kinesis, event_id } in records {
        decoded.batch.records.push(id(event_id, &kinesis.sequence_number, &mut shard)?);
        data.clear();
        STANDARD
            .decode_append(kinesis.data.as_bytes(), &mut data)
            .map_err(|_| InvalidInput::new("Records.kinesis.data", format!("no Base64, in the record '{event_id}'")))?;
        let arrived_ms = (kinesis.approximate_arrival_timestamp * 1000.0).round() as i64;
        decoded.add(&data, arrived_ms);
    }
    Ok(decoded)
}

impl Decoded {
    /// Adds what came in the last record.
    fn add(&mut self, data: &[u8], arrived_ms: i64) {
        if data.len() > MAX_RECORD_BYTES {
            self.quarantine(0, data, arrived_ms, &EventRejectReason::TooLarge(data.len()));
        } else if kpl::is_aggregated(data) {
            match kpl::parts(Bytes::copy_from_slice(data)) {
                Ok(parts) => parts.iter().enumerate().for_each(|(part, data)| self.add_part(part, data, arrived_ms)),
                Err(poison) => self.quarantine(0, data, arrived_ms, &poison),
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
            Err(poison) => self.quarantine(part, data, arrived_ms, &poison),
        }
    }

    fn quarantine(&mut self, part: usize, data: &[u8], arrived_ms: i64, poison: &EventRejectReason) {
        let base64 = STANDARD.encode_to_string(data);
        let record = self.batch.records.len() - 1;
        let quarantined = QuarantinedRecord::new(&self.batch.records[record], part, arrived_ms, data, poison, base64);
        self.bad.push((record, quarantined));
    }
}

/// Where a record is. `known` is the shard of the one before: all of a batch share one text.
fn id(event_id: &str, number: &str, known: &mut Arc<str>) -> Result<RecordId, InvalidInput> {
    let invalid = |reason: &str| InvalidInput::new("Records.eventID", format!("{reason}: '{event_id}'"));
    let (shard, sequence) =
        event_id.split_once(':').ok_or_else(|| invalid("expected a shard and a sequence number"))?;
    // All bytes are looked at, which is quicker than to stop at the first odd one.
    let is_plain = |text: &str| {
        let is_odd = |byte: u8| !(byte.is_ascii_alphanumeric() || byte == b'-');
        !text.is_empty() && !text.bytes().fold(false, |odd, byte| odd | is_odd(byte))
    };
    if shard.is_empty() || (**known != *shard && !is_plain(shard)) || !is_plain(sequence) || sequence != number {
        return Err(invalid("expected a shard and the record's sequence number"));
    }
    if **known != *shard {
        *known = Arc::from(shard);
    }
    Ok(RecordId { shard: Arc::clone(known), sequence: Arc::from(number) })
}
