//! The contract with the state machine.

use std::collections::BTreeMap;

use csv_load::{ColumnType, LoadId, LoadOptions};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which file, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What the state machine was started with, the table filled in.
    pub request: Request,
    /// When it was started.
    pub started_at: Timestamp,
    /// The table's own id, if it was looked at.
    #[serde(default)]
    pub table_id: Option<String>,
}

/// What somebody wants to be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The file's bucket: the upload bucket.
    pub bucket: String,
    /// The file's key.
    pub key: String,
    /// The table.
    pub table: String,
    /// How its rows become items.
    #[serde(default)]
    pub options: LoadOptions,
    /// Write units a second that the whole load may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wcu: Option<u32>,
    /// Whether a file is loaded that was loaded already.
    #[serde(default)]
    pub force: bool,
    /// Whether nothing is written.
    #[serde(default)]
    pub dry_run: bool,
    /// Who started the execution, as the console notes it. Not used.
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID", default, skip_serializing)]
    pub started_by: Option<String>,
}

/// The plan, in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The load.
    pub load_id: LoadId,
    /// What is to be done.
    pub status: Status,
    /// The table.
    pub table: String,
    /// Chunks.
    pub chunks: u32,
    /// Rows.
    pub rows: u64,
    /// Rows that do not fit.
    pub rejected: u64,
    /// Rows whose id a later row has.
    pub superseded: u64,
    /// Write units that the load takes.
    pub write_units: u64,
    /// What separates cells.
    pub delimiter: csv_load::Delimiter,
    /// The column whose value is the key; a hash of the row is, if there is none.
    pub id_column: Option<String>,
    /// Columns.
    pub columns: u32,
    /// Types of the columns that are no text; the first hundred.
    pub types: BTreeMap<String, ColumnType>,
    /// Where the chunks are listed.
    pub manifest: Manifest,
    /// How many chunks run at once.
    pub concurrency: u32,
    /// Write units a second that each of them may take, if that is limited.
    pub chunk_wcu: Option<f64>,
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its chunks are to be loaded.
    Planned,
    /// Nothing: these bytes were loaded into this table this way before.
    AlreadyLoaded,
    /// Nothing: that was asked for.
    DryRun,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
}
