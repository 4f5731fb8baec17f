//! From the records of an invocation to events, and to what is none.

use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use event_stream::protocol::{Arrival, Batch};
use event_stream::quarantine::Quarantined;
use event_stream::record::{MAX_RECORD_BYTES, RecordId};
use event_stream::{Event, Poison, Record, kpl};
use function_runtime::InvalidInput;

use crate::event::KinesisRecord;

/// A batch, sorted.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The events.
    pub(crate) batch: Batch,
    /// What is no event, with the number of its record.
    pub(crate) bad: Vec<(usize, Quarantined)>,
}

/// Takes the records apart. They must not be none.
pub(crate) fn decode(records: Vec<KinesisRecord>) -> Result<(Vec<RecordId>, Decoded), InvalidInput> {
    let mut shard = Arc::from("");
    let records: Vec<Record> = records.into_iter().map(|one| record(one, &mut shard)).collect::<Result<_, _>>()?;
    let ids: Vec<RecordId> = records.iter().map(|record| record.id.clone()).collect();
    let (Some(first), Some(last)) = (ids.first().cloned(), ids.last().cloned()) else {
        return Err(InvalidInput::new("Records", "is empty"));
    };
    let mut decoded =
        Decoded { batch: Batch { first, last, arrivals: Vec::with_capacity(records.len()) }, bad: Vec::new() };
    for (number, record) in records.iter().enumerate() {
        decoded.add(number, record);
    }
    Ok((ids, decoded))
}

impl Decoded {
    fn add(&mut self, number: usize, record: &Record) {
        if record.data.len() > MAX_RECORD_BYTES {
            return self.quarantine(number, record, 0, &record.data, &Poison::TooLarge(record.data.len()));
        }
        let parts = match kpl::parts(record.data.clone()) {
            Ok(parts) => parts,
            Err(poison) => return self.quarantine(number, record, 0, &record.data, &poison),
        };
        for (part, data) in parts.iter().enumerate() {
            match Event::parse(data, record.arrived_ms) {
                Ok(event) => {
                    self.batch.arrivals.push(Arrival::new(event, &record.id, number, part, record.arrived_ms));
                }
                Err(poison) => self.quarantine(number, record, part, data, &poison),
            }
        }
    }

    fn quarantine(&mut self, number: usize, record: &Record, part: usize, data: &Bytes, poison: &Poison) {
        let base64 = STANDARD.encode_to_string(data);
        self.bad.push((number, Quarantined::new(&record.id, part, record.arrived_ms, data, poison, base64)));
    }
}

/// `known` is the shard of the record before: all of a batch share one text.
fn record(record: KinesisRecord, known: &mut Arc<str>) -> Result<Record, InvalidInput> {
    let KinesisRecord { kinesis, event_id } = record;
    let invalid = |reason: &str| InvalidInput::new("Records.eventID", format!("{reason}: '{event_id}'"));
    let (shard, sequence) =
        event_id.split_once(':').ok_or_else(|| invalid("expected a shard and a sequence number"))?;
    // All bytes are looked at, which is quicker than to stop at the first odd one.
    let is_plain = |text: &str| {
        let is_odd = |byte: u8| !(byte.is_ascii_alphanumeric() || byte == b'-');
        !text.is_empty() && !text.bytes().fold(false, |odd, byte| odd | is_odd(byte))
    };
    if shard.is_empty()
        || (**known != *shard && !is_plain(shard))
        || !is_plain(sequence)
        || *sequence != *kinesis.sequence_number
    {
        return Err(invalid("expected a shard and the record's sequence number"));
    }
    if **known != *shard {
        *known = Arc::from(shard);
    }
    let id = RecordId { shard: Arc::clone(known), sequence: kinesis.sequence_number };
    let arrived_ms = (kinesis.approximate_arrival_timestamp * 1000.0).round() as i64;
    Ok(Record { id, arrived_ms, data: kinesis.data })
}
