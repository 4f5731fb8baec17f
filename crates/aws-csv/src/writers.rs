//! Calls that write items of loads: each is noted as long as it runs, so that whoever must not write beside them can wait for
//! their end. Nobody can ask a function whether it runs, and stopping an execution does not stop the calls that it made.
//!
//! A call notes itself before it looks at anything that tells it not to write; whoever waits says so first, and then looks
//! for notes. So one of the two sees the other. A call that was killed leaves its note behind, which holds until the call
//! would have ended at the latest.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use csv_load::{CALL_ENDS_WITHIN, LoadId, keys};

use aws_client::AwsError;
use aws_client::s3::Bucket;

/// Two clocks differ by less.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);
/// How often it is looked whether calls have ended.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The note of a call that writes items.
#[derive(Debug)]
pub struct WriterNote {
    key: String,
}

impl WriterNote {
    /// Notes that a call writes items of a chunk from now on.
    pub async fn begin(bucket: &Bucket, table: &str, load: LoadId, chunk: u32) -> Result<Self, AwsError> {
        let until = now() + (CALL_ENDS_WITHIN + CLOCKS_DIFFER).as_nanos() as i128;
        let key = keys::writer(table, load, chunk, until);
        bucket.write(&key, "{}", "application/json").await?;
        Ok(Self { key })
    }

    /// Notes that it does no more.
    pub async fn end(self, bucket: &Bucket) -> Result<(), AwsError> {
        bucket.delete_many(&[self.key]).await
    }
}

/// Waits until the calls have ended that have a note below `prefix` now, but for those below `except`. Calls that begin
/// later are not waited for.
pub async fn wait_for_writers(bucket: &Bucket, prefix: &str, except: Option<&str>) -> Result<(), AwsError> {
    let is_meant = |key: &String| except.is_none_or(|except| !key.starts_with(except)) && may_write(key);
    let mut writers = keys_below(bucket, prefix).await?;
    writers.retain(is_meant);
    while !writers.is_empty() {
        tracing::info!(calls = writers.len(), prefix, "waiting for calls that write");
        tokio::time::sleep(LOOK_EVERY).await;
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
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i128
}
