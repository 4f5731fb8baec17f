//! The chunk plan of an hour, the document that fetch writes and every later function reads.

use serde::{Deserialize, Serialize};

use crate::version::OutputOptions;
use crate::{ArchiveHour, Version};

/// No plan is longer: 64 MiB. One of 1,000 chunks has about 1 MB; what can make it longer is the list of duplicate lines.
pub const MAX_PLAN_BYTES: u64 = 64 << 20;

/// No hour has more chunks: Step Functions ends an execution after 25,000 events of its history. A chunk takes seven each
/// time that the hour is planned, up to three times, and three more for each retry.
pub const MAX_CHUNKS: usize = 1000;

/// How an hour's landing object is cut into chunks that can be converted apart.
///
/// Depends on the landing bytes and the options alone, so that planning again writes the same document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourPlan {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version that this plan leads to.
    pub version: Version,
    /// The options it was made with, and that the chunks are converted with.
    pub options: OutputOptions,
    /// The object it was made from.
    pub landing: Landing,
    /// Access points and chunks.
    pub gzip: gzip_plan::GzipPlan,
}

/// What identifies a landing object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landing {
    /// S3's ETag, quotes included: chunks are read with `If-Match` on it.
    pub etag: String,
    /// Length in bytes.
    pub bytes: u64,
    /// MD5 in lower-case hex.
    pub md5: String,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}
