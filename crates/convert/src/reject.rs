//! Why a record is not stored as a row.

use serde::Serialize;

use crate::records::MAX_RECORD_BYTES;

/// The reason for rejecting a record, with details for people.
///
/// The detail is stored in the quarantine file. Changing its text changes the converter's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordRejection {
    pub(crate) reason: RecordRejectReason,
    pub(crate) detail: String,
}

/// The stable codes of the quarantine file, in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordRejectReason {
    /// Not JSON, or JSON that `serde_json::Value` rejects: a lone surrogate, a number out of range, nested too deep.
    InvalidJson,
    #[serde(rename = "invalid-utf8")]
    InvalidUtf8,
    /// Longer than [`MAX_RECORD_BYTES`].
    Oversized,
    /// A JSON value other than an object.
    NotAnObject,
    /// An object whose `type` is absent, empty or not a string.
    MissingType,
    /// An object whose `created_at` is absent or not a string.
    MissingCreatedAt,
    /// An event whose `created_at` is not an instant in a known form.
    BadCreatedAt,
}

impl RecordRejection {
    pub(crate) fn new(reason: RecordRejectReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// A record of `length` bytes, which is longer than [`MAX_RECORD_BYTES`].
    pub(crate) fn oversized(length: u64) -> Self {
        Self::new(RecordRejectReason::Oversized, format!("{length} bytes, but at most {MAX_RECORD_BYTES} are accepted"))
    }
}
