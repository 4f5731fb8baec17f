//! Aggregated records of the Kinesis Producer Library: many events in one record.
//!
//! Format: <https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md>: four magic bytes, a
//! protobuf message, its MD5.

use bytes::{Buf, Bytes, BytesMut};
use md5::{Digest, Md5};
use prost::Message;

use crate::event::EventRejectReason;

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES: usize = 16;
/// The largest number of events in a record: more than fit into one. The limit protects memory against forged records.
const MAX_EVENTS: usize = 15_000;

#[derive(Clone, PartialEq, Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<UserRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct UserRecord {
    #[prost(uint64, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", tag = "3")]
    data: Bytes,
}

/// Whether a record has the mark of an aggregated record.
pub fn is_aggregated(data: &[u8]) -> bool {
    data.starts_with(&MAGIC)
}

/// The events of an aggregated record; any other record is returned as a whole.
pub fn parts(mut data: Bytes) -> Result<Vec<Bytes>, EventRejectReason> {
    if !is_aggregated(&data) {
        return Ok(vec![data]);
    }
    data.advance(MAGIC.len());
    if data.len() < DIGEST_BYTES {
        return Err(EventRejectReason::BadAggregate("it ends before its checksum".to_owned()));
    }
    let digest = data.split_off(data.len() - DIGEST_BYTES);
    if Md5::digest(&data)[..] != digest[..] {
        return Err(EventRejectReason::BadAggregate("its checksum does not match".to_owned()));
    }
    let message = AggregatedRecord::decode(data).map_err(|error| EventRejectReason::BadAggregate(error.to_string()))?;
    if message.records.is_empty() {
        return Err(EventRejectReason::BadAggregate("it has no events".to_owned()));
    }
    if message.records.len() > MAX_EVENTS {
        return Err(EventRejectReason::BadAggregate(format!("more than {MAX_EVENTS} events")));
    }
    Ok(message.records.into_iter().map(|record| record.data).collect())
}

/// Aggregates events into one record, like the Kinesis Producer Library.
pub fn aggregate(partition_key: &str, events: impl IntoIterator<Item = Bytes>) -> Bytes {
    let record = |data| UserRecord { partition_key_index: 0, explicit_hash_key_index: None, data };
    let message = AggregatedRecord {
        partition_key_table: vec![partition_key.to_owned()],
        explicit_hash_key_table: Vec::new(),
        records: events.into_iter().map(record).collect(),
    };
    let body = message.encode_to_vec();
    let mut data = BytesMut::from(&MAGIC[..]);
    data.extend_from_slice(&body);
    data.extend_from_slice(&Md5::digest(&body));
    data.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Bytes> {
        vec![Bytes::from_static(b"{\"a\":1}"), Bytes::new(), Bytes::from_static(b"second")]
    }

    #[test]
    fn parts_splits_aggregated_records() {
        assert_eq!(parts(aggregate("key", events())).unwrap(), events());
        assert_eq!(parts(Bytes::from_static(b"{}")).unwrap(), [Bytes::from_static(b"{}")]);
    }

    /// The bytes are written by hand from the format's description, independently of the encoder.
    #[test]
    fn parts_reads_the_documented_format() {
        let body = b"\x0a\x01k\x1a\x06\x08\x00\x1a\x02{}";
        let mut record = MAGIC.to_vec();
        record.extend_from_slice(body);
        record.extend_from_slice(&Md5::digest(body));
        assert_eq!(parts(record.into()).unwrap(), [Bytes::from_static(b"{}")]);
    }

    #[test]
    fn parts_of_empty_or_huge_aggregate_is_an_error() {
        for (count, reason) in [(0, "it has no events"), (15_001, "more than 15000 events")] {
            let record = aggregate("key", std::iter::repeat_n(Bytes::from_static(b"{}"), count));
            assert_eq!(parts(record).unwrap_err(), EventRejectReason::BadAggregate(reason.to_owned()));
        }
    }

    #[test]
    fn parts_of_damaged_aggregate_is_an_error() {
        let whole = aggregate("key", events());
        for end in MAGIC.len()..whole.len() {
            assert!(matches!(parts(whole.slice(..end)), Err(EventRejectReason::BadAggregate(_))), "cut at {end}");
        }
        for at in MAGIC.len()..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1;
            assert!(matches!(parts(damaged.into()), Err(EventRejectReason::BadAggregate(_))), "flipped at {at}");
        }
        let mut lying = MAGIC.to_vec();
        lying.extend_from_slice(b"\x1a\xff\xff\xff\xff\x0f");
        lying.extend_from_slice(&Md5::digest(b"\x1a\xff\xff\xff\xff\x0f"));
        assert!(matches!(parts(lying.into()), Err(EventRejectReason::BadAggregate(_))), "a length beyond the end");
    }
}
