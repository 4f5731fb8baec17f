//! The event store of the protocol in DynamoDB and S3.

use std::sync::Mutex;

use aws_client::AwsError;
use event_stream::{Claim, ClaimResult, EventStore, ObjectContents, PutResult, Transition, file};

use crate::Context;

/// The user metadata with the number of events of an object; 0 marks a seal.
const ROWS: &str = "rows";

/// DynamoDB and S3, with the first failed call.
pub(crate) struct AwsEventStore<'a> {
    context: &'a Context,
    failure: Mutex<Option<AwsError>>,
}

impl<'a> AwsEventStore<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self { context, failure: Mutex::new(None) }
    }

    /// Returns the first failure.
    pub(crate) fn failure(self) -> Option<AwsError> {
        self.failure.into_inner().expect("no holder of the lock panics")
    }

    fn note<T>(&self, result: Result<T, AwsError>) -> Result<T, CallFailed> {
        result.map_err(|error| {
            tracing::warn!(error_type = error.name(), %error, "call failed");
            self.failure.lock().expect("no holder of the lock panics").get_or_insert(error);
            CallFailed
        })
    }
}

/// A call failed. [`AwsEventStore::failure`] has the error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFailed;

impl EventStore for AwsEventStore<'_> {
    type Error = CallFailed;

    fn now_ms(&self) -> i64 {
        self.context.clock.now().as_millisecond()
    }

    async fn take(&self, transitions: &[Transition<'_>]) -> Vec<ClaimResult> {
        let results = self.note(self.context.claims.claim(transitions).await);
        results.unwrap_or_else(|CallFailed| vec![ClaimResult::Unknown; transitions.len()])
    }

    async fn read(&self, uuids: &[&str]) -> Result<Vec<Option<Claim>>, CallFailed> {
        self.note(self.context.claims.read(uuids).await)
    }

    async fn put(&self, key: &str, contents: ObjectContents<'_>) -> Result<PutResult, CallFailed> {
        let Context { bucket, settings, .. } = self.context;
        let rows = match contents {
            ObjectContents::Rows(rows) => rows,
            ObjectContents::Seal => &[],
        };
        let bytes = file::encode(rows, settings.format);
        let metadata = (ROWS, rows.len().to_string());
        let written = bucket.put_if_absent(key, bytes, settings.format.content_type(), metadata).await;
        self.note(written).map(|written| if written { PutResult::Written } else { PutResult::Exists })
    }

    async fn has_rows(&self, key: &str) -> Result<bool, CallFailed> {
        let bucket = &self.context.bucket;
        let rows = self.note(bucket.metadata(key, ROWS).await)?;
        let foreign = || AwsError::Refused {
            call: "HeadObject",
            resource: bucket.address(key),
            source: "the object was not written by this function".into(),
        };
        self.note(rows.ok_or_else(foreign)).map(|rows| rows != "0")
    }

    async fn mark_stored(&self, keys: &[&str], expires_secs: i64) {
        let _ = self.note(self.context.claims.mark_stored(keys, expires_secs).await);
    }

    async fn marked_stored(&self, keys: &[&str]) -> Result<Vec<bool>, CallFailed> {
        self.note(self.context.claims.marked_stored(keys).await)
    }
}
