//! What a statement will read, told before it does: Athena's own plan names the partitions, the ledger their bytes.

use std::collections::BTreeSet;
use std::fmt;

use aws_lake::HourMark;
use indicatif::{BinaryBytes, HumanCount};
use jiff::Timestamp;
use pipeline::ArchiveHour;
use pipeline::ledger::HourStatus;
use serde::Deserialize;

use super::athena::{self, dollars};
use super::statement::Statement;
use crate::stack::{Problem, Stack};

/// The partition keys, in their order.
const KEYS: [&str; 4] = ["year", "month", "dayofmonth", "hour"];

/// What a statement reads, at most: of Parquet files, only the columns that it names are read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// It is about the catalogue.
    Nothing,
    /// Athena does not plan it.
    Unknown,
    /// Partitions of the table.
    Partitions { hours: BTreeSet<ArchiveHour>, bytes: u64, all: usize },
}

/// The plan that `EXPLAIN (TYPE IO, FORMAT JSON)` gives, as far as it is of interest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    input_table_column_infos: Vec<Input>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    table: QualifiedTable,
    /// Where the plan has them at the table itself.
    #[serde(default)]
    column_constraints: Vec<Constraint>,
    #[serde(default)]
    constraint: Constraints,
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
struct Constraints {
    /// No partition at all fits.
    none: bool,
    column_constraints: Vec<Constraint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Constraint {
    column_name: String,
    domain: Domain,
}

#[derive(Deserialize)]
struct Domain {
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
struct Range {
    low: Bound,
    high: Bound,
}

/// `BELOW`, `EXACTLY` or `ABOVE` a value; without one, there is no bound.
#[derive(Deserialize)]
struct Bound {
    value: Option<String>,
    bound: String,
}

/// Finds out what `sql` reads. Whatever is wrong with it is found here too, before anything is paid for; `yes` lets pass what
/// cannot be planned.
pub(super) async fn reads(stack: &Stack, sql: &str, yes: bool) -> Result<Reads, Problem> {
    let query = match Statement::of(sql) {
        Statement::Catalogue => return Ok(Reads::Nothing),
        Statement::Reads(query) => query,
    };
    let plan = match plan(stack, &query).await {
        Err(Problem::Query { .. }) if yes => return Ok(Reads::Unknown),
        plan => plan?,
    };
    let inputs: Vec<_> = plan.input_table_column_infos.iter().filter(|one| one.is_events()).collect();
    if inputs.is_empty() {
        return Ok(Reads::Nothing);
    }
    let now = ArchiveHour::containing(Timestamp::now()).unwrap_or(ArchiveHour::FIRST);
    let marks = stack.ledger()?.marks(ArchiveHour::FIRST, now).await.map_err(|error| Problem::of(&stack.aws, error))?;
    Ok(weigh(&inputs, &marks))
}

/// Athena's plan; a query that it does not plan is a [`Problem::Query`].
async fn plan(stack: &Stack, query: &str) -> Result<Plan, Problem> {
    let unplanned = |reason: String| Problem::Query {
        reason: format!("what it reads cannot be told: {reason}"),
        next: "correct the SQL, or add --yes to run it all the same; 'ghactivity query --list' names queries that work",
    };
    let answer = match athena::run(stack, &format!("EXPLAIN (TYPE IO, FORMAT JSON) {query}")).await {
        Err(Problem::Query { reason, .. }) => return Err(unplanned(reason)),
        answer => answer?,
    };
    let lines: Vec<_> = answer.rows.iter().flatten().flatten().map(String::as_str).collect();
    serde_json::from_str(&lines.join("\n")).map_err(|error| unplanned(error.to_string()))
}

fn weigh(inputs: &[&Input], marks: &[HourMark]) -> Reads {
    let published: Vec<_> = marks.iter().filter(|mark| mark.status == HourStatus::Published).collect();
    let (mut hours, mut bytes) = (BTreeSet::new(), 0);
    for input in inputs {
        for mark in published.iter().filter(|mark| input.fits(mark.hour)) {
            bytes += mark.parquet_bytes;
            hours.insert(mark.hour);
        }
    }
    Reads::Partitions { hours, bytes, all: published.len() }
}

impl Input {
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

impl Range {
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

impl Reads {
    /// Refuses what reads most partitions, where that is much and nobody said yes.
    pub(super) fn allow(&self, limit_bytes: u64, yes: bool) -> Result<(), Problem> {
        match self {
            Self::Partitions { hours, bytes, all } if hours.len() * 2 > *all && *bytes > limit_bytes && !yes => {
                Err(Problem::Usage(format!(
                    "it reads {} of {all} partitions, {} and so more than --limit-mb {}; name year, month, dayofmonth and hour \
                     in WHERE, or add --yes",
                    hours.len(),
                    BinaryBytes(*bytes),
                    limit_bytes / 1_000_000
                )))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("reads no partition of events"),
            Self::Unknown => f.write_str("what it reads cannot be told"),
            Self::Partitions { hours, bytes, all } => {
                let which = match (hours.first(), hours.last()) {
                    (Some(first), Some(last)) if first == last => format!(" ({first})"),
                    (Some(first), Some(last)) => format!(" ({first} to {last})"),
                    _ => String::new(),
                };
                let count = HumanCount(hours.len() as u64);
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
            counts: Default::default(),
            landing_bytes: 0,
            parquet_bytes,
            last_error: None,
            updated_at: ArchiveHour::FIRST.end(),
        }
    }

    fn plan(constraint: &str) -> Plan {
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
            Reads::Partitions { hours, bytes, .. } => (hours.len(), bytes),
            Reads::Nothing | Reads::Unknown => (0, 0),
        }
    }

    #[test]
    fn a_plans_constraints_choose_partitions() {
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
    fn reading_most_needs_a_yes_above_the_limit_only() {
        let reads = |hours: &[&str], bytes, all| Reads::Partitions {
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
