//! The plan as a document.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::planner::PlannedCsv;
use crate::rules::{LoadOptions, LoadRules};

/// Raised by one whenever the same bytes and options would give other items than before.
pub const LOADER_VERSION: u32 = 2;
/// A load may have so many chunks.
pub const MAX_CHUNKS: usize = 10_000;
/// No plan is longer: 10,000 chunks and 10,000 columns take some 3 MB.
pub const MAX_PLAN_BYTES: u64 = 64 << 20;

/// The name of "these bytes, into this table, this way": the first 16 hex digits of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoadId([u8; 8]);

/// A text is no load id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a load id: expected 16 lower-case hex digits")]
pub struct LoadIdError {
    /// The text as given.
    pub text: String,
}

impl LoadId {
    /// The load of a file with the SHA-256 `sha256` into `table` with `options`.
    pub fn of(sha256: &[u8; 32], table: &str, options: &LoadOptions) -> Self {
        let options = serde_json::to_string(options).expect("options are JSON");
        let mut hash = Sha256::new();
        hash.update(sha256);
        hash.update(format!("\nloader={LOADER_VERSION}\ntable={table}\noptions={options}\n"));
        let digest: [u8; 32] = hash.finalize().into();
        Self(digest[..8].try_into().expect("a digest is longer"))
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for LoadId {
    type Err = LoadIdError;

    fn from_str(text: &str) -> Result<Self, LoadIdError> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let value = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        value.map(|value| Self(value.to_be_bytes())).ok_or_else(|| LoadIdError { text: text.to_owned() })
    }
}

impl TryFrom<String> for LoadId {
    type Error = LoadIdError;

    fn try_from(text: String) -> Result<Self, LoadIdError> {
        text.parse()
    }
}

impl From<LoadId> for String {
    fn from(load: LoadId) -> Self {
        load.to_string()
    }
}

/// How a file is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    /// The load.
    pub load_id: LoadId,
    /// The table.
    pub table: String,
    /// The table's own id, which DynamoDB gives to each that is made: one that was made again is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    /// The file.
    pub source: CsvSource,
    /// What its owner wants.
    pub options: LoadOptions,
    /// What becomes of rows.
    pub rules: LoadRules,
    /// When the load was planned first; every item has it.
    pub ingestion_timestamp: Timestamp,
    /// The chunks, in order, without gap or overlap but for blank lines.
    pub chunks: Vec<CsvChunk>,
    /// All rows.
    pub rows: u64,
    /// Rows that do not fit.
    pub rejected: u64,
    /// Rows that fit, but whose id a later one has.
    pub superseded: u64,
    /// Write units that the items take at most: one for every KiB begun of each. An item that takes the place of a longer one
    /// takes what that took.
    pub write_units: u64,
}

impl LoadPlan {
    /// The plan of a file that was read.
    pub fn new(
        planned: &PlannedCsv,
        source: CsvSource,
        load_id: LoadId,
        wanted: LoadTarget,
        ingestion_timestamp: Timestamp,
    ) -> Self {
        let LoadTarget { table, table_id, options } = wanted;
        Self {
            load_id,
            table,
            table_id,
            source,
            options,
            rules: planned.rules.clone(),
            ingestion_timestamp,
            chunks: planned.chunks.clone(),
            rows: planned.rows,
            rejected: planned.rejected,
            superseded: planned.superseded,
            write_units: planned.write_units,
        }
    }
}

/// Where to a file is loaded, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadTarget {
    /// The table.
    pub table: String,
    /// The table's own id, if that is known.
    pub table_id: Option<String>,
    /// How its rows become items.
    pub options: LoadOptions,
}

/// The file of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvSource {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its ETag, quotes included: chunks read this version or none.
    pub etag: String,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Whether it is compressed by gzip.
    pub is_gzip: bool,
}

impl CsvSource {
    /// Its `s3://` address.
    pub fn address(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// A stretch of whole records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvChunk {
    /// Offset of its first byte in the text (the file, inflated if need be): where a record begins.
    pub start: u64,
    /// Offset after its last byte: where the next record begins, or the text ends.
    pub end: u64,
    /// The line on which it begins, from 1.
    pub first_line: u64,
    /// Number of its first row in the file, from 0; the header is none.
    pub first_row: u64,
    /// Its rows.
    pub rows: u64,
    /// Its rows that do not fit.
    pub rejected: u64,
    /// Its rows whose id a later row of the file has.
    pub superseded: u64,
    /// Where the bits of those begin in their object, if there are any: a bit for each row, the first the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_offset: Option<u64>,
}

impl CsvChunk {
    /// How many bytes its bits take.
    pub fn superseded_bytes(&self) -> u64 {
        self.rows.div_ceil(8)
    }
}
