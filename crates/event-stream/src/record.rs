//! The records of the stream.

use std::fmt;
use std::sync::Arc;

/// The longest record in bytes: the default limit of Kinesis.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The identity of a record. It is the same for every delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    /// For example `shardId-000000000001`.
    pub shard: Arc<str>,
    /// The sequence number, in decimal digits.
    pub sequence: Arc<str>,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shard, self.sequence)
    }
}
