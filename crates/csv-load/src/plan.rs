//! The plan of a load, a JSON document.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::chunk::CsvChunk;
use crate::planner::PlannedCsv;
use crate::rules::{LoadOptions, LoadRules};

/// Must be incremented when the same bytes and options give other items than before.
pub const LOADER_VERSION: u32 = 2;
/// The largest plan, in bytes. A plan of 10,000 chunks and 10,000 columns has about 3 MB.
pub const MAX_PLAN_BYTES: u64 = 64 << 20;

/// Identifies the bytes, the table and the options of a load: the first 16 hex digits of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoadId([u8; 8]);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a load id: expected 16 lower-case hex digits")]
pub struct LoadIdError {
    pub text: String,
}

impl LoadId {
    /// `sha256` is the hash of the file's bytes.
    pub fn of(sha256: &[u8; 32], table: &str, options: &LoadOptions) -> Self {
        let options = serde_json::to_string(options).expect("options can be written as JSON");
        let mut hash = Sha256::new();
        hash.update(sha256);
        hash.update(format!("\nloader={LOADER_VERSION}\ntable={table}\noptions={options}\n"));
        let digest: [u8; 32] = hash.finalize().into();
        Self(digest[..8].try_into().expect("a digest is longer"))
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for LoadId {
    type Err = LoadIdError;

    fn from_str(text: &str) -> Result<Self, LoadIdError> {
        let mut bytes = [0; 8];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if !text.contains(char::is_uppercase) => Ok(Self(bytes)),
            _ => Err(LoadIdError { text: text.to_owned() }),
        }
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

/// The plan of a load: the file, the table, the rules and the chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    pub load_id: LoadId,
    pub table: String,
    /// The id that DynamoDB gave the table when it was created. A table that was deleted and created again has another id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    pub source: CsvSource,
    pub options: LoadOptions,
    pub rules: LoadRules,
    /// The time when the load was first planned. Every item has it.
    pub ingestion_timestamp: Timestamp,
    /// In the order of the file. There are only blank lines between two chunks.
    pub chunks: Vec<CsvChunk>,
    pub rows: u64,
    /// Rows that are not valid.
    pub rejected: u64,
    /// Valid rows whose id occurs again later in the file.
    pub superseded: u64,
    /// The largest number of write units of the items: one for each started KiB of an item. An item that replaces a longer
    /// one takes the units of that one.
    pub write_units: u64,
}

impl LoadPlan {
    pub fn new(
        planned: &PlannedCsv,
        source: CsvSource,
        load_id: LoadId,
        target: LoadTarget,
        ingestion_timestamp: Timestamp,
    ) -> Self {
        let LoadTarget { table, table_id, options } = target;
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

/// The table and the options of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadTarget {
    pub table: String,
    pub table_id: Option<String>,
    pub options: LoadOptions,
}

/// The file of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvSource {
    pub bucket: String,
    pub key: String,
    /// Quotes included. Chunks are read with `If-Match` on it.
    pub etag: String,
    pub bytes: u64,
    /// In lower-case hex.
    pub sha256: String,
    pub is_gzip: bool,
}

impl CsvSource {
    /// The `s3://` address.
    pub fn address(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}
