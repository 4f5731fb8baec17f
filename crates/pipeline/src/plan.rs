//! The chunk plan of an hour: fetch writes it, and every later function reads it.

use serde::{Deserialize, Serialize};

use crate::version::OutputOptions;
use crate::{ArchiveHour, Version};

/// The largest plan, in bytes. A plan of 1,000 chunks has about 1 MB; a long list of duplicate lines can make it larger.
pub const MAX_PLAN_BYTES: u64 = 64 << 20;

/// The largest number of chunks. Step Functions ends an execution after 25,000 events of its history. A chunk takes seven
/// events each time that the hour is planned (at most three times), and three more for each retry.
pub const MAX_CHUNKS: usize = 1000;

/// The chunks of an hour's landing object; each can be converted by itself.
///
/// Depends on the landing bytes and the options alone: a second plan is the same document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourPlan {
    pub hour: ArchiveHour,
    pub version: Version,
    /// The options of the plan and of the conversion.
    pub options: OutputOptions,
    pub landing: Landing,
    /// Access points and chunks.
    pub gzip: gzip_plan::GzipPlan,
}

/// The identity of a landing object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landing {
    /// S3's ETag, quotes included. Chunks are read with `If-Match` on it.
    pub etag: String,
    pub bytes: u64,
    /// MD5 in lower-case hex.
    pub md5: String,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}
