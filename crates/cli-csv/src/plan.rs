//! The plan of a load, as the function `plan-csv` returns it.

use std::collections::BTreeMap;

use cli_watch::FollowedExecution;
use csv_load::{ColumnType, Delimiter, LoadId};
use serde::{Deserialize, Serialize};

/// Rows, columns and write units of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadEstimate {
    pub(crate) load_id: LoadId,
    pub(crate) table: String,
    pub(crate) chunks: u64,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) superseded: u64,
    pub(crate) write_units: u64,
    pub(crate) delimiter: Delimiter,
    pub(crate) id_column: Option<String>,
    pub(crate) columns: u64,
    pub(crate) types: BTreeMap<String, ColumnType>,
    pub(crate) manifest: ManifestRef,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ManifestRef {
    pub(crate) bucket: String,
}

impl LoadEstimate {
    /// The plan of an execution, once it has made one.
    pub(crate) fn of(followed: &FollowedExecution) -> Option<Self> {
        serde_json::from_value(followed.progress.load_plan.clone()?).ok()
    }
}

/// `price N, active BOOL, all else text; the key is id; cells end at ,`.
pub(crate) fn describe_columns(
    types: &BTreeMap<String, ColumnType>,
    id_column: Option<&str>,
    delimiter: Delimiter,
) -> String {
    let mut typed: Vec<_> = types.iter().map(|(name, kind)| format!("{name} {kind:?}")).collect();
    typed.push(if typed.is_empty() { "all text" } else { "all else text" }.to_owned());
    let key = id_column.map_or("a hash of the row".to_owned(), |name| format!("column {name}"));
    format!("{}; the key is {key}; the delimiter is {delimiter}", typed.join(", "))
}
