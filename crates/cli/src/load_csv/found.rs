//! What a file is, before it is loaded.

use std::collections::BTreeMap;

use csv_load::{ColumnType, Delimiter, FilePlan, PlannedCsv};
use serde::Serialize;
use serde_json::Value;

use crate::stack::{Problem, Stack};
use crate::start;
use crate::watch::{Detach, LoadPlanned, RejectedRow, follow_load};

/// So many rows that do not fit are told.
const TOLD_ROWS: usize = 10;

/// What is told of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Found {
    pub(super) rows: u64,
    /// Rows whose id a later row has.
    pub(super) duplicate: u64,
    pub(super) rejected: u64,
    pub(super) write_units: u64,
    pub(super) chunks: u64,
    pub(super) delimiter: Delimiter,
    pub(super) columns: u64,
    /// The column that is the key; a hash of the row is, if there is none.
    pub(super) id_column: Option<String>,
    /// Types of columns that are no text.
    pub(super) types: BTreeMap<String, ColumnType>,
    /// The first rows that do not fit, where the file was read on this machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rejected_rows: Vec<RejectedRow>,
}

impl Found {
    /// By a pass on this machine.
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
            rejected_rows: RejectedRow::read(std::io::BufReader::new(quarantine), TOLD_ROWS),
        }
    }

    /// By an execution of the state machine that loads nothing.
    pub(super) async fn by_dry_run(stack: &Stack, request: &Value, detach: &Detach) -> Result<Self, Problem> {
        let mut request = request.clone();
        request["dry_run"] = true.into();
        let arn = start::begin(stack, "CsvLoadStateMachineArn", "dry-run", &request, detach).await?;
        let ended = follow_load(&stack.aws, &arn, detach).await?;
        if let Some(problem) = ended.problem() {
            return Err(problem);
        }
        ended.plan.map(Self::from).ok_or_else(|| Problem::Absent {
            what: format!("the plan of {arn}"),
            next: "the stack is of another version than this command: deploy it again".to_owned(),
        })
    }
}

impl From<LoadPlanned> for Found {
    fn from(plan: LoadPlanned) -> Self {
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
