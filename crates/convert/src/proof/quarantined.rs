//! The bad records of a quarantine file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Known, bad_hash};

/// A line of the file is not what the converter writes.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is no quarantined record: {reason}")]
pub struct NoQuarantine {
    /// The line of the quarantine file, from 1.
    pub line: usize,
    /// Why not.
    pub reason: String,
}

/// As much of a line as says which record it is.
#[derive(Deserialize)]
struct Line {
    offset: u64,
    line: u64,
    length: u64,
    raw: String,
}

/// The records of a quarantine file, in its order.
///
/// # Errors
/// [`NoQuarantine`] with the first line that is none.
pub fn quarantined(file: &[u8]) -> Result<Vec<Known>, NoQuarantine> {
    let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(number, text)| known(text).map_err(|reason| NoQuarantine { line: number + 1, reason }))
        .collect()
}

fn known(text: &[u8]) -> Result<Known, String> {
    let Line { offset, line, length, raw } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let bytes = STANDARD.decode(raw).map_err(|error| error.to_string())?;
    Ok(Known { line, hash: bad_hash(offset, line, length, &bytes) })
}
