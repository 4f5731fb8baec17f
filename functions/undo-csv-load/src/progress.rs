//! How far a segment is, kept in the bucket: a call that was killed is gone on with where it was.

use aws_client::AwsError;
use aws_client::s3::{Bucket, DocumentError};
use csv_load::{LoadId, keys};
use serde::{Deserialize, Serialize};

use crate::Segment;

/// A page has at most 1 MB of keys, each byte of which may take six in JSON.
const MAX_BYTES: u64 = 8 << 20;

/// Written before the items of a page are deleted, and at the end of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// The segment, up to the page's end but for these keys.
    pub(crate) segment: Segment,
    /// The load's items of the page that are not accounted for.
    pub(crate) keys: Vec<String>,
    /// Whether there is no further page.
    pub(crate) is_last: bool,
}

impl Progress {
    /// What was kept of a segment, or else its beginning as given.
    pub(crate) async fn of(load_id: LoadId, segment: Segment, bucket: &Bucket) -> Result<Self, DocumentError> {
        let kept = bucket.document_if_there(&key(load_id, &segment), MAX_BYTES).await?;
        Ok(kept.unwrap_or(Self { segment, keys: Vec::new(), is_last: false }))
    }

    /// Whether all of the segment is gone through.
    pub(crate) fn is_done(&self) -> bool {
        self.is_last && self.keys.is_empty()
    }

    /// Keeps it.
    pub(crate) async fn keep(&self, load_id: LoadId, bucket: &Bucket) -> Result<(), AwsError> {
        let json = serde_json::to_vec(self).expect("progress is JSON");
        bucket.write(&key(load_id, &self.segment), json, "application/json").await
    }
}

fn key(load_id: LoadId, segment: &Segment) -> String {
    keys::undo_progress(load_id, segment.segment, segment.segments)
}
