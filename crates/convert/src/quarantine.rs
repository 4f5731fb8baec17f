//! Bad records: why a record is refused, and the file that keeps it.
//!
//! One JSON object a line: `offset` and `line` of the record in the file's text, its `length` in bytes, a stable
//! `reason`, a `detail` for people, and its bytes as base64 in `raw`. Of an oversized record, `raw` holds the first
//! 64 KiB only; `truncated` is true then and `sha256` is that of the whole.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::records::{Framed, MAX_RECORD_BYTES, Record};
use crate::{ConvertError, Output};

/// Why a record is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The stable code.
    pub(crate) reason: Reason,
    /// What exactly is wrong, for people.
    pub(crate) detail: String,
}

/// The stable codes of a refusal, spelled in kebab case in the quarantine file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// Not JSON, or JSON that no value can hold: a lone surrogate, a number out of range, too deep.
    InvalidJson,
    /// Not UTF-8.
    #[serde(rename = "invalid-utf8")]
    InvalidUtf8,
    /// Longer than a record may be.
    Oversized,
    /// JSON, but no object.
    NotAnObject,
    /// An object whose `type` is absent, empty or no string.
    MissingType,
    /// An object whose `created_at` is absent or no string.
    MissingCreatedAt,
    /// An event whose `created_at` names no instant.
    BadCreatedAt,
}

/// The quarantine file of a chunk.
pub(crate) struct Quarantine<W> {
    output: W,
    wrote: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    offset: u64,
    line: u64,
    length: u64,
    reason: Reason,
    detail: &'a str,
    raw: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl<W: Write> Quarantine<W> {
    /// A file without records; nothing is written before the first one.
    pub(crate) fn new(output: W) -> Self {
        Self { output, wrote: false }
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &Record<'_>, refusal: &Refusal) -> Result<(), ConvertError> {
        self.wrote = true;
        let (raw, length, sha256) = match &record.framed {
            Framed::Value(bytes) | Framed::Broken { bytes, .. } => (*bytes, bytes.len() as u64, None),
            Framed::Oversized { prefix, length, sha256 } => (*prefix, *length, Some(hex(sha256))),
        };
        let line = Line {
            offset: record.offset,
            line: record.line,
            length,
            reason: refusal.reason,
            detail: &refusal.detail,
            raw: STANDARD.encode(raw),
            truncated: sha256.is_some(),
            sha256,
        };
        serde_json::to_writer(&mut self.output, &line).map_err(|error| write_error(error.into()))?;
        self.output.write_all(b"\n").map_err(write_error)
    }

    /// Completes the file; whether there is one.
    pub(crate) fn finish(mut self) -> Result<bool, ConvertError> {
        if self.wrote {
            self.output.flush().map_err(write_error)?;
        }
        Ok(self.wrote)
    }
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// A record of `length` bytes, too long to be looked at.
    pub(crate) fn oversized(length: u64) -> Self {
        Self::new(Reason::Oversized, format!("{length} bytes, but at most {MAX_RECORD_BYTES} are accepted"))
    }
}

fn write_error(source: io::Error) -> ConvertError {
    ConvertError::Write { output: Output::Quarantine, source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
