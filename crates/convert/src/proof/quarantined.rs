//! Reads the bad records of a quarantine file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::fingerprint::{RowFingerprint, quarantine_hash};

/// A line of the file is not a record that the converter writes.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is not a quarantined record: {reason}")]
pub struct QuarantineLineError {
    /// The line of the quarantine file, from 1.
    pub line: usize,
    pub reason: String,
}

/// The fields that identify a record.
#[derive(Deserialize)]
struct RecordIdentity {
    offset: u64,
    line: u64,
    length: u64,
    raw: String,
}

/// The records of a quarantine file, in its order.
///
/// # Errors
///
/// [`QuarantineLineError`] for the first line that is not a record.
pub fn quarantined(file: &[u8]) -> Result<Vec<RowFingerprint>, QuarantineLineError> {
    let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(number, text)| fingerprint(text).map_err(|reason| QuarantineLineError { line: number + 1, reason }))
        .collect()
}

fn fingerprint(text: &[u8]) -> Result<RowFingerprint, String> {
    let RecordIdentity { offset, line, length, raw } =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let bytes = STANDARD.decode(raw).map_err(|error| error.to_string())?;
    Ok(RowFingerprint { line, hash: quarantine_hash(offset, line, length, &bytes) })
}
