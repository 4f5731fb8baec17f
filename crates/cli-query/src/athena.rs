//! Runs one statement in Athena and reads all its rows.

use std::fmt;
use std::time::Duration;

use aws_sdk_athena::types::{QueryExecution, QueryExecutionContext, QueryExecutionState, Row, StatementType};
use cli_core::CliError;
use cli_core::format::one_line;
use cli_stack::Stack;
use serde_json::{Map, Value, json};

#[derive(Clone, Debug, Default)]
pub(crate) struct QueryResult {
    pub(crate) columns: Vec<ResultColumn>,
    /// Cells as text; `None` for NULL.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) scanned_bytes: u64,
    pub(crate) milliseconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResultColumn {
    pub(crate) name: String,
    /// The type, for example `bigint`.
    pub(crate) kind: String,
}

/// Runs `sql` in the stack's workgroup and database.
pub(crate) async fn run(stack: &Stack, sql: &str) -> Result<QueryResult, CliError> {
    let client = stack.aws.athena();
    let workgroup = stack.output("AthenaWorkGroupName")?;
    let context = QueryExecutionContext::builder().database(stack.output("GlueDatabaseName")?).build();
    let request =
        client.start_query_execution().query_string(sql).work_group(workgroup).query_execution_context(context);
    let started =
        request.send().await.map_err(|error| stack.aws.call_error("StartQueryExecution", workgroup, error))?;
    let id = started.query_execution_id.unwrap_or_default();
    let execution = finished(stack, &id).await?;
    let mut answer = fetch(stack, &id, &execution).await?;
    let statistics = execution.statistics();
    let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
    answer.scanned_bytes =
        number(statistics.and_then(aws_sdk_athena::types::QueryExecutionStatistics::data_scanned_in_bytes));
    answer.milliseconds =
        number(statistics.and_then(aws_sdk_athena::types::QueryExecutionStatistics::total_execution_time_in_millis));
    Ok(answer)
}

async fn finished(stack: &Stack, id: &str) -> Result<QueryExecution, CliError> {
    let client = stack.aws.athena();
    let mut wait = Duration::from_millis(50);
    loop {
        let answer = client.get_query_execution().query_execution_id(id).send().await;
        let answer = answer.map_err(|error| stack.aws.call_error("GetQueryExecution", id, error))?;
        let execution = answer.query_execution.unwrap_or_else(|| QueryExecution::builder().build());
        let status = execution.status();
        match status.and_then(|status| status.state()) {
            Some(QueryExecutionState::Succeeded) => return Ok(execution),
            Some(QueryExecutionState::Failed | QueryExecutionState::Cancelled) => {
                let reason = status.and_then(|status| status.state_change_reason()).unwrap_or("without a reason");
                return Err(query_error(reason));
            }
            _ => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(Duration::from_secs(1));
    }
}

async fn fetch(stack: &Stack, id: &str, execution: &QueryExecution) -> Result<QueryResult, CliError> {
    let client = stack.aws.athena();
    let mut answer = QueryResult::default();
    let mut token = None;
    let mut first = true;
    loop {
        let page = client.get_query_results().query_execution_id(id).set_next_token(token).send().await;
        let page = page.map_err(|error| stack.aws.call_error("GetQueryResults", id, error))?;
        let results = page.result_set.unwrap_or_else(|| aws_sdk_athena::types::ResultSet::builder().build());
        if first {
            let facts = results
                .result_set_metadata()
                .map(aws_sdk_athena::types::ResultSetMetadata::column_info)
                .unwrap_or_default();
            answer.columns = facts
                .iter()
                .map(|one| ResultColumn { name: one.name().to_owned(), kind: one.r#type().to_owned() })
                .collect();
        }
        let mut rows: Vec<_> = results.rows.unwrap_or_default().into_iter().map(cells).collect();
        if std::mem::take(&mut first) && has_header(execution, &answer.columns, rows.first()) {
            rows.remove(0);
        }
        answer.rows.append(&mut rows);
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(answer);
        }
    }
}

fn cells(row: Row) -> Vec<Option<String>> {
    row.data.unwrap_or_default().into_iter().map(|cell| cell.var_char_value).collect()
}

/// Whether the first row repeats the column names, as in results of queries but not of catalogue statements.
fn has_header(execution: &QueryExecution, columns: &[ResultColumn], first: Option<&Vec<Option<String>>>) -> bool {
    let Some(first) = first else { return false };
    let names = columns.iter().map(|column| Some(column.name.as_str()));
    execution.statement_type() == Some(&StatementType::Dml) || first.iter().map(Option::as_deref).eq(names)
}

impl QueryResult {
    /// The result as JSON, with rows as objects and numbers as numbers.
    pub(crate) fn json(&self) -> Value {
        let columns: Vec<_> = self.columns.iter().map(|one| json!({"name": one.name, "type": one.kind})).collect();
        let rows: Vec<_> = self.rows.iter().map(|row| self.object(row)).collect();
        let Dollars(dollars) = dollars(self.scanned_bytes);
        json!({
            "columns": columns,
            "rows": rows,
            "scanned_bytes": self.scanned_bytes,
            "dollars": dollars,
            "milliseconds": self.milliseconds,
        })
    }

    fn object(&self, row: &[Option<String>]) -> Value {
        let pairs = self
            .columns
            .iter()
            .zip(row)
            .map(|(column, cell)| (column.name.clone(), typed(&column.kind, cell.as_deref())));
        Value::Object(pairs.collect::<Map<_, _>>())
    }
}

/// A cell as JSON. Decimals and NaN, which are not JSON numbers, stay text.
fn typed(kind: &str, cell: Option<&str>) -> Value {
    let Some(text) = cell else { return Value::Null };
    let value = match kind {
        "tinyint" | "smallint" | "integer" | "bigint" => text.parse::<i64>().ok().map(Value::from),
        "double" | "float" | "real" => text.parse::<f64>().ok().map(Value::from),
        "boolean" => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    value.unwrap_or_else(|| Value::from(text))
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dollars(pub(crate) f64);

/// The price of a query: 5 dollars per terabyte, at least for 10 MB (us-east-1).
pub(crate) fn dollars(scanned_bytes: u64) -> Dollars {
    const LEAST: u64 = 10 << 20;
    const TERABYTE: f64 = (1_u64 << 40) as f64;
    let charged = if scanned_bytes == 0 { 0 } else { scanned_bytes.max(LEAST) };
    Dollars(charged as f64 / TERABYTE * 5.0)
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            small if small > 0.0 && small < 0.01 => write!(f, "${small:.5}"),
            dollars => write!(f, "${dollars:.2}"),
        }
    }
}

/// The error of a failed statement, with advice from the reason.
fn query_error(reason: &str) -> CliError {
    let next = if reason.contains("Bytes scanned limit") {
        "name fewer partitions (year, month, dayofmonth, hour), or deploy with a larger AthenaBytesScannedLimit"
    } else if reason.contains("_NOT_FOUND") || reason.contains("SYNTAX_ERROR") || reason.contains("TYPE_MISMATCH") {
        "correct the SQL; 'ghactivity query --list' names queries that work"
    } else {
        "see what the message names"
    };
    CliError::Query { reason: one_line(reason), next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_has_a_minimum_of_10_mb() {
        for (bytes, expected) in [(0, "$0.00"), (1, "$0.00005"), (1 << 30, "$0.00488"), (1 << 40, "$5.00")] {
            assert_eq!(dollars(bytes).to_string(), expected, "{bytes}");
        }
    }

    #[test]
    fn cells_have_the_types_of_json() {
        let text = |text: &str| Some(text.to_owned());
        for (kind, cell, expected) in [
            ("bigint", text("7"), json!(7)),
            ("double", text("0.5"), json!(0.5)),
            ("boolean", text("true"), json!(true)),
            ("varchar", text("7"), json!("7")),
            ("double", text("NaN"), json!(null)),
            ("bigint", None, json!(null)),
        ] {
            assert_eq!(typed(kind, cell.as_deref()), expected, "{kind} {cell:?}");
        }
    }
}
