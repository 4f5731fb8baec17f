//! Input and output: the contract with the state machine.

use std::collections::BTreeMap;

use csv_load::{ColumnType, LoadId, LoadOptions};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The input of the execution with the default table.
    pub request: LoadRequest,
    /// Start of the execution.
    pub started_at: Timestamp,
    /// The id of the table, which changes when a table is created again; `None` if it is unknown.
    #[serde(default)]
    pub table_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadRequest {
    /// Must be the upload bucket.
    pub bucket: String,
    pub key: String,
    pub table: String,
    #[serde(default)]
    pub options: LoadOptions,
    /// The limit of write units per second for the whole load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wcu: Option<u32>,
    /// Loads the file even if it was loaded before.
    #[serde(default)]
    pub force: bool,
    /// Plans only and writes nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Added by Step Functions to the input of a nested execution. Unused.
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID", default, skip_serializing)]
    pub started_by: Option<String>,
}

/// A summary of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub load_id: LoadId,
    pub status: PlanStatus,
    pub table: String,
    pub chunks: u32,
    pub rows: u64,
    /// Rows that do not fit the rules.
    pub rejected: u64,
    /// Rows whose id occurs again in a later row.
    pub superseded: u64,
    /// DynamoDB write units of all items.
    pub write_units: u64,
    pub delimiter: csv_load::Delimiter,
    /// The column of the key; `None` if the key is a hash of the row.
    pub id_column: Option<String>,
    /// The number of columns.
    pub columns: u32,
    /// The types of the columns that are not text; at most 100.
    pub types: BTreeMap<String, ColumnType>,
    /// The list of the chunks.
    pub manifest: ChunksManifest,
    /// The number of chunks that run at the same time.
    pub concurrency: u32,
    /// The limit of write units per second for each of them, if any.
    pub chunk_wcu: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// The chunks have to be loaded.
    Planned,
    /// The same bytes were loaded into this table with the same options before.
    AlreadyLoaded,
    DryRun,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunksManifest {
    pub bucket: String,
    pub key: String,
}
