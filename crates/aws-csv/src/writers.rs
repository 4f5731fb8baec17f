//! Writer notes: a call that writes items keeps an object in S3 while it runs, so that a conflicting call can wait for it.
//!
//! Lambda has no API that lists running calls, and stopping an execution does not stop the calls that it made.
//!
//! A writer first writes its note and then checks whether it may write. A conflicting writer first records its intent and then
//! waits for existing notes. So at least one of the two sees the other. A killed call leaves its note behind; the note expires
//! when the call must have ended.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use csv_load::{CALL_ENDS_WITHIN, LoadId, keys};

use aws_client::AwsError;
use aws_client::s3::Bucket;

/// The largest difference between the clocks of two calls.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct WriterNote {
    key: String,
}

impl WriterNote {
    /// Writes the note of a call that starts to write items of a chunk.
    pub async fn begin(bucket: &Bucket, table: &str, load: LoadId, chunk: u32) -> Result<Self, AwsError> {
        let until = now() + (CALL_ENDS_WITHIN + MAX_CLOCK_SKEW).as_nanos().cast_signed();
        let key = keys::writer(table, load, chunk, until);
        bucket.write(&key, "{}", "application/json").await?;
        Ok(Self { key })
    }

    /// Deletes the note.
    pub async fn end(self, bucket: &Bucket) -> Result<(), AwsError> {
        bucket.delete_many(&[self.key]).await
    }
}

/// Waits for the calls that have a note under `prefix` now, except those under `except`. Ignores calls that begin later.
pub async fn wait_for_writers(bucket: &Bucket, prefix: &str, except: Option<&str>) -> Result<(), AwsError> {
    let is_awaited = |key: &String| except.is_none_or(|except| !key.starts_with(except)) && may_write(key);
    let mut writers = keys_below(bucket, prefix).await?;
    writers.retain(is_awaited);
    while !writers.is_empty() {
        tracing::info!(calls = writers.len(), prefix, "waiting for writers");
        tokio::time::sleep(POLL_INTERVAL).await;
        let noted = keys_below(bucket, prefix).await?;
        writers.retain(|key| noted.contains(key) && may_write(key));
    }
    Ok(())
}

async fn keys_below(bucket: &Bucket, prefix: &str) -> Result<Vec<String>, AwsError> {
    Ok(bucket.list(prefix).await?.into_iter().map(|listed| listed.key).collect())
}

fn may_write(key: &str) -> bool {
    keys::writer_until(key).is_some_and(|until| now() < until)
}

/// Nanoseconds since 1970.
fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().cast_signed()
}
