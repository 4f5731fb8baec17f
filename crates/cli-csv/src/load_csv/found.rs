//! What a file contains, found before the load.

use std::collections::BTreeMap;

use cli_core::CliError;
use cli_stack::Stack;
use cli_watch::{Detach, begin};
use csv_load::{ColumnType, Delimiter, FilePlan, PlannedCsv};
use serde::Serialize;
use serde_json::Value;

use crate::follow::follow_load;
use crate::plan::LoadEstimate;
use crate::rejected::{MAX_PRINTED, RejectedRow};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct FileFacts {
    pub(super) rows: u64,
    /// Rows with the same id as a later row.
    pub(super) duplicate: u64,
    pub(super) rejected: u64,
    pub(super) write_units: u64,
    pub(super) chunks: u64,
    pub(super) delimiter: Delimiter,
    pub(super) columns: u64,
    /// The key column; `None` if the key is a hash of the row.
    pub(super) id_column: Option<String>,
    /// Columns that are not text.
    pub(super) types: BTreeMap<String, ColumnType>,
    /// The first rejected rows, for a local file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rejected_rows: Vec<RejectedRow>,
}

impl FileFacts {
    /// The facts from a plan that was made on this machine.
    pub(super) fn of(plan: FilePlan) -> Self {
        let FilePlan { planned, quarantine, .. } = plan;
        let PlannedCsv { rules, chunks, rows, rejected, superseded, write_units, .. } = planned;
        Self {
            rows,
            duplicate: superseded,
            rejected,
            write_units,
            chunks: chunks.len() as u64,
            delimiter: rules.delimiter,
            columns: rules.columns.len() as u64,
            id_column: rules.id_column.map(|column| rules.columns[column].clone()),
            types: rules.typed().collect(),
            rejected_rows: RejectedRow::read(std::io::BufReader::new(quarantine), MAX_PRINTED),
        }
    }

    /// The facts from a dry run of the state machine.
    pub(super) async fn by_dry_run(stack: &Stack, request: &Value, detach: &Detach) -> Result<Self, CliError> {
        let mut request = request.clone();
        request["dry_run"] = true.into();
        let arn = begin(stack, "CsvLoadStateMachineArn", "dry-run", &request, detach).await?;
        let ended = follow_load(&stack.aws, &arn, detach).await?;
        if let Some(error) = ended.error() {
            return Err(error);
        }
        ended.plan.map(Self::from).ok_or_else(|| CliError::Absent {
            what: format!("plan of {arn}"),
            next: "stack and command have different versions: deploy the stack again".to_owned(),
        })
    }
}

impl From<LoadEstimate> for FileFacts {
    fn from(plan: LoadEstimate) -> Self {
        Self {
            rows: plan.rows,
            duplicate: plan.superseded,
            rejected: plan.rejected,
            write_units: plan.write_units,
            chunks: plan.chunks,
            delimiter: plan.delimiter,
            columns: plan.columns,
            id_column: plan.id_column,
            types: plan.types,
            rejected_rows: Vec::new(),
        }
    }
}
