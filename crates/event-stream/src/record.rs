//! The records that the stream delivers.

use std::fmt;
use std::sync::Arc;

/// The longest record that is taken, in bytes: what Kinesis takes unless a stream is set up for more.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Where a record is: the same for every delivery of it, and of no other record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    /// The shard, `shardId-000000000001`.
    pub shard: Arc<str>,
    /// The sequence number, decimal.
    pub sequence: Arc<str>,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shard, self.sequence)
    }
}
