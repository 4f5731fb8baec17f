//! The calls to DynamoDB and S3 that the protocol needs.

use crate::claim::{Claim, ClaimResult, Transition};
use crate::event::Event;

/// The claims table and the bucket.
#[allow(async_fn_in_trait, reason = "no caller sends the futures to another thread")]
pub trait EventStore {
    type Error: std::fmt::Debug;

    /// The time in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// Makes at most [`MAX_TAKEN_AT_ONCE`](crate::claim::MAX_TAKEN_AT_ONCE) transitions, each by itself. Returns one result
    /// for each.
    async fn take(&self, transitions: &[Transition<'_>]) -> Vec<ClaimResult>;

    /// Reads at most [`MAX_READ_AT_ONCE`](crate::claim::MAX_READ_AT_ONCE) claims, strongly consistent. Returns one result for
    /// each.
    async fn read(&self, uuids: &[&str]) -> Result<Vec<Option<Claim>>, Self::Error>;

    /// Writes an object unless its key exists.
    async fn put(&self, key: &str, contents: ObjectContents<'_>) -> Result<PutResult, Self::Error>;

    /// Whether an existing object has rows. Otherwise it is a seal.
    async fn has_rows(&self, key: &str) -> Result<bool, Self::Error>;

    /// Marks objects as stored. The call may fail silently: the objects themselves are the truth.
    async fn mark_stored(&self, keys: &[&str], expires_secs: i64);

    /// Whether objects are marked as stored, for at most [`MAX_READ_AT_ONCE`](crate::claim::MAX_READ_AT_ONCE) keys.
    async fn marked_stored(&self, keys: &[&str]) -> Result<Vec<bool>, Self::Error>;
}

#[derive(Clone, Copy, Debug)]
pub enum ObjectContents<'a> {
    Rows(&'a [&'a Event]),
    /// No rows: after this object is written, its key can never get rows.
    Seal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutResult {
    Written,
    /// The key existed before.
    Exists,
}
