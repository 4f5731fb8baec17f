//! Estimates what a statement reads before it runs: partitions from the plan of Athena, bytes from the ledger.

use std::collections::BTreeSet;
use std::fmt;

use aws_lake::HourMark;
use cli_core::format::count;
use cli_core::{CliError, hours};
use cli_stack::Stack;
use indicatif::BinaryBytes;
use jiff::Timestamp;
use pipeline::ArchiveHour;
use pipeline::ledger::HourStatus;
use serde::Deserialize;

use super::statement::QueryStatement;
use crate::athena::{self, dollars};

/// The partition keys, in their order.
const KEYS: [&str; 4] = ["year", "month", "dayofmonth", "hour"];

/// An upper bound, because Athena reads only the columns that a statement names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadEstimate {
    /// The statement reads only the catalogue.
    Nothing,
    /// Athena cannot plan the statement.
    Unknown,
    /// Partitions of the table `events`; `all` is the number of published ones.
    Partitions { hours: BTreeSet<ArchiveHour>, bytes: u64, all: usize },
}

/// The needed part of the result of `EXPLAIN (TYPE IO, FORMAT JSON)`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IoPlan {
    input_table_column_infos: Vec<PlanInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlanInput {
    table: QualifiedTable,
    /// Some plans have the constraints here.
    #[serde(default)]
    column_constraints: Vec<ColumnConstraint>,
    #[serde(default)]
    constraint: InputConstraints,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QualifiedTable {
    schema_table: SchemaTable,
}

#[derive(Deserialize)]
struct SchemaTable {
    table: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct InputConstraints {
    /// No partition matches.
    none: bool,
    column_constraints: Vec<ColumnConstraint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ColumnConstraint {
    column_name: String,
    domain: ValueDomain,
}

#[derive(Deserialize)]
struct ValueDomain {
    ranges: Vec<ValueRange>,
}

#[derive(Deserialize)]
struct ValueRange {
    low: RangeBound,
    high: RangeBound,
}

/// `BELOW`, `EXACTLY` or `ABOVE` a value; unbounded without one.
#[derive(Deserialize)]
struct RangeBound {
    value: Option<String>,
    bound: String,
}

/// Estimates what `sql` reads.
///
/// # Errors
///
/// If Athena cannot plan the statement, unless `yes`. Errors in the SQL are thus found before anything is paid for.
pub(super) async fn reads(stack: &Stack, sql: &str, yes: bool) -> Result<ReadEstimate, CliError> {
    let query = match QueryStatement::of(sql) {
        QueryStatement::Catalogue => return Ok(ReadEstimate::Nothing),
        QueryStatement::Reads(query) => query,
    };
    let plan = match plan(stack, &query).await {
        Err(CliError::Query { .. }) if yes => return Ok(ReadEstimate::Unknown),
        plan => plan?,
    };
    let inputs: Vec<_> = plan.input_table_column_infos.iter().filter(|one| one.is_events()).collect();
    if inputs.is_empty() {
        return Ok(ReadEstimate::Nothing);
    }
    let now = hours::current(Timestamp::now());
    let marks = stack.ledger()?.marks(ArchiveHour::FIRST, now).await.map_err(|error| stack.aws.error(error))?;
    Ok(weigh(&inputs, &marks))
}

/// The plan of Athena, or [`CliError::Query`] for a query that it cannot plan.
async fn plan(stack: &Stack, query: &str) -> Result<IoPlan, CliError> {
    let unplanned = |reason: String| CliError::Query {
        reason: format!("cannot estimate what it reads: {reason}"),
        next: "correct the SQL, or add --yes to run it anyway; 'ghactivity query --list' names queries that work",
    };
    let answer = match athena::run(stack, &format!("EXPLAIN (TYPE IO, FORMAT JSON) {query}")).await {
        Err(CliError::Query { reason, .. }) => return Err(unplanned(reason)),
        answer => answer?,
    };
    let lines: Vec<_> = answer.rows.iter().flatten().flatten().map(String::as_str).collect();
    serde_json::from_str(&lines.join("\n")).map_err(|error| unplanned(error.to_string()))
}

fn weigh(inputs: &[&PlanInput], marks: &[HourMark]) -> ReadEstimate {
    let published: Vec<_> = marks.iter().filter(|mark| mark.status == HourStatus::Published).collect();
    let (mut hours, mut bytes) = (BTreeSet::new(), 0);
    for input in inputs {
        for mark in published.iter().filter(|mark| input.fits(mark.hour)) {
            bytes += mark.parquet_bytes;
            hours.insert(mark.hour);
        }
    }
    ReadEstimate::Partitions { hours, bytes, all: published.len() }
}

impl PlanInput {
    fn is_events(&self) -> bool {
        self.table.schema_table.table == "events"
    }

    fn fits(&self, hour: ArchiveHour) -> bool {
        let constraints = self.column_constraints.iter().chain(&self.constraint.column_constraints);
        let values = hour.partition_values();
        let allowed = |name: &str, value: &str| {
            let mut about = constraints.clone().filter(|one| one.column_name == name);
            about.all(|one| one.domain.ranges.iter().any(|range| range.holds(value)))
        };
        !self.constraint.none && KEYS.iter().zip(&values).all(|(name, value)| allowed(name, value))
    }
}

impl ValueRange {
    fn holds(&self, value: &str) -> bool {
        let above =
            self.low.value.as_deref().is_none_or(|low| value > low || (value == low && self.low.bound == "EXACTLY"));
        let below = self
            .high
            .value
            .as_deref()
            .is_none_or(|high| value < high || (value == high && self.high.bound == "EXACTLY"));
        above && below
    }
}

impl ReadEstimate {
    /// Refuses a statement that reads most partitions and more than the limit, unless `yes`.
    pub(super) fn allow(&self, limit_bytes: u64, yes: bool) -> Result<(), CliError> {
        match self {
            Self::Partitions { hours, bytes, all } if hours.len() * 2 > *all && *bytes > limit_bytes && !yes => {
                Err(CliError::Usage(format!(
                    "the statement reads {} of {all} partitions, {}, more than --limit-mb {}; filter by year, month, \
                     dayofmonth and hour, or add --yes",
                    hours.len(),
                    BinaryBytes(*bytes),
                    limit_bytes / 1_000_000
                )))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ReadEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("reads no partition of events"),
            Self::Unknown => f.write_str("cannot estimate what it reads"),
            Self::Partitions { hours, bytes, all } => {
                let which = match (hours.first(), hours.last()) {
                    (Some(first), Some(last)) if first == last => format!(" ({first})"),
                    (Some(first), Some(last)) => format!(" ({first} to {last})"),
                    _ => String::new(),
                };
                let count = count(hours.len() as u64);
                let (size, price) = (BinaryBytes(*bytes), dollars(*bytes));
                write!(f, "reads {count} of {all} partitions{which}, at most {size}, {price}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(hour: &str, parquet_bytes: u64) -> HourMark {
        HourMark {
            hour: hour.parse().unwrap(),
            status: HourStatus::Published,
            verdict: None,
            counts: pipeline::receipt::RecordCounts::default(),
            landing_bytes: 0,
            parquet_bytes,
            last_error: None,
            updated_at: ArchiveHour::FIRST.end(),
        }
    }

    fn plan(constraint: &str) -> IoPlan {
        let table = r#""table": {"catalog": "awsdatacatalog", "schemaTable": {"schema": "db", "table": "events"}}"#;
        serde_json::from_str(&format!(r#"{{"inputTableColumnInfos": [{{{table}, {constraint}}}], "estimate": {{}}}}"#))
            .unwrap()
    }

    fn weighed(constraint: &str) -> (usize, u64) {
        let plan = plan(constraint);
        let marks = [
            mark("2025-11-20-23", 1),
            mark("2025-11-21-0", 10),
            mark("2025-11-21-9", 100),
            mark("2025-11-21-10", 1000),
        ];
        match weigh(&plan.input_table_column_infos.iter().collect::<Vec<_>>(), &marks) {
            ReadEstimate::Partitions { hours, bytes, .. } => (hours.len(), bytes),
            ReadEstimate::Nothing | ReadEstimate::Unknown => (0, 0),
        }
    }

    #[test]
    fn plan_constraints_select_partitions() {
        let day = r#"{"columnName": "dayofmonth", "domain": {"ranges": [{"low": {"value": "21", "bound": "EXACTLY"}, "high": {"value": "21", "bound": "EXACTLY"}}]}}"#;
        let late = r#"{"columnName": "hour", "domain": {"ranges": [{"low": {"value": "09", "bound": "ABOVE"}, "high": {"bound": "BELOW"}}]}}"#;
        for (phrase, constraint, expected) in [
            ("none at all", r#""columnConstraints": []"#.to_owned(), (4, 1111)),
            ("a day", format!(r#""constraint": {{"none": false, "columnConstraints": [{day}]}}"#), (3, 1110)),
            ("the same at the table", format!(r#""columnConstraints": [{day}]"#), (3, 1110)),
            ("an open end", format!(r#""constraint": {{"columnConstraints": [{day}, {late}]}}"#), (1, 1000)),
            ("nothing fits", r#""constraint": {"none": true, "columnConstraints": []}"#.to_owned(), (0, 0)),
        ] {
            assert_eq!(weighed(&constraint), expected, "{phrase}");
        }
    }

    #[test]
    fn reading_most_above_the_limit_needs_yes() {
        let reads = |hours: &[&str], bytes, all| ReadEstimate::Partitions {
            hours: hours.iter().map(|hour| hour.parse().unwrap()).collect(),
            bytes,
            all,
        };
        let everything = reads(&["2025-11-21-0"], 2_000, 1);
        assert!(everything.allow(1_000, false).is_err());
        assert!(everything.allow(1_000, true).is_ok());
        assert!(everything.allow(2_000, false).is_ok());
        assert!(reads(&["2025-11-21-0"], 2_000, 2).allow(1_000, false).is_ok());
        assert!(reads(&["2025-11-21-0", "2025-11-21-1"], 2_000, 3).allow(1_000, false).is_err());
        assert_eq!(everything.to_string(), "reads 1 of 1 partitions (2025-11-21-0), at most 1.95 KiB, $0.00005");
    }
}
