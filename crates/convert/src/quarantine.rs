//! The quarantine file, which keeps rejected records.
//!
//! One JSON object per line: the record's `offset` and `line` in the file's text, its `length` in bytes, a stable
//! `reason`, a `detail` for people, and the record's bytes as base64 in `raw`. For an oversized record, `raw` holds
//! only the first 64 KiB, `truncated` is true, and `sha256` is the hash of the whole record.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::error::{ConvertError, ConvertOutput};
use crate::records::{FramedRecord, RecordContent};
use crate::reject::{RecordRejectReason, RecordRejection};

/// The quarantine file of a chunk. Nothing is written before the first record.
pub(crate) struct QuarantineFile<W> {
    output: W,
    wrote: bool,
}

#[derive(Serialize)]
struct QuarantineEntry<'a> {
    offset: u64,
    line: u64,
    length: u64,
    reason: RecordRejectReason,
    detail: &'a str,
    raw: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl<W: Write> QuarantineFile<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output, wrote: false }
    }

    pub(crate) fn push(&mut self, record: &FramedRecord<'_>, rejection: &RecordRejection) -> Result<(), ConvertError> {
        self.wrote = true;
        let sha256 = match &record.content {
            RecordContent::Oversized { sha256, .. } => Some(hex::encode(sha256)),
            _ => None,
        };
        let line = QuarantineEntry {
            offset: record.offset,
            line: record.line,
            length: record.length(),
            reason: rejection.reason,
            detail: &rejection.detail,
            raw: STANDARD.encode(record.bytes()),
            truncated: sha256.is_some(),
            sha256,
        };
        serde_json::to_writer(&mut self.output, &line).map_err(|error| write_error(error.into()))?;
        self.output.write_all(b"\n").map_err(write_error)
    }

    /// Completes the file. Returns whether it has a record.
    pub(crate) fn finish(mut self) -> Result<bool, ConvertError> {
        if self.wrote {
            self.output.flush().map_err(write_error)?;
        }
        Ok(self.wrote)
    }
}

fn write_error(source: io::Error) -> ConvertError {
    ConvertError::Write { output: ConvertOutput::Quarantine, source }
}
