//! The progress of a segment, saved in the bucket so that the next call resumes after a killed one.

use aws_client::AwsError;
use aws_client::s3::{Bucket, DocumentError};
use csv_load::{LoadId, keys};
use serde::{Deserialize, Serialize};

use crate::TableSegment;

/// A page has at most 1 MB of keys, and each byte takes at most six in JSON.
const MAX_BYTES: u64 = 8 << 20;

/// Saved before the items of a page are deleted, and at the end of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentProgress {
    /// Counts all pages read so far, except for `keys`.
    pub(crate) segment: TableSegment,
    /// The keys of the current page that are not deleted yet.
    pub(crate) keys: Vec<String>,
    /// Whether the current page is the last one.
    pub(crate) is_last: bool,
}

impl SegmentProgress {
    /// Loads the saved progress of a segment, or starts with `segment`.
    pub(crate) async fn load(load_id: LoadId, segment: TableSegment, bucket: &Bucket) -> Result<Self, DocumentError> {
        let saved = bucket.document_if_there(&key(load_id, &segment), MAX_BYTES).await?;
        Ok(saved.unwrap_or(Self { segment, keys: Vec::new(), is_last: false }))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_last && self.keys.is_empty()
    }

    pub(crate) async fn save(&self, load_id: LoadId, bucket: &Bucket) -> Result<(), AwsError> {
        let json = serde_json::to_vec(self).expect("progress can be written as JSON");
        bucket.write(&key(load_id, &self.segment), json, "application/json").await
    }
}

fn key(load_id: LoadId, segment: &TableSegment) -> String {
    keys::undo_progress(load_id, segment.segment, segment.segments)
}
