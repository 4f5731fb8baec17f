//! `ghactivity query`: SQL through Athena, with the price before.
//!
//! [`named`] reads the saved queries of the stack, [`statement`] finds the query in a statement, [`guard`] estimates the
//! partitions and bytes that it reads, [`crate::athena`] runs it, [`table`] prints the result.

mod guard;
mod named;
mod statement;
mod table;

use clap::Args;
use cli_core::{CliError, output};
use cli_stack::{Stack, StackArguments};
use indicatif::BinaryBytes;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::athena::{self, QueryResult};

#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag of the command line")]
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// One statement in the SQL of Athena
    #[arg(value_name = "SQL", required_unless_present_any = ["named", "list"])]
    sql: Option<String>,
    /// Run this saved query of the stack instead of SQL
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sql", "list"])]
    named: Option<String>,
    /// Day of a saved query, or its month [default: the newest published day]
    #[arg(long, value_name = "YYYY-MM-DD", requires = "named")]
    day: Option<Date>,
    /// List the saved queries of the stack
    #[arg(long, conflicts_with = "sql")]
    list: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Run the statement even if it exceeds --limit-mb, or if its cost cannot be estimated
    #[arg(long)]
    yes: bool,
    /// Limit in megabytes for statements that read more than half of the partitions
    #[arg(long, value_name = "MB", default_value_t = 1000)]
    limit_mb: u64,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Runs a statement in Athena. Before it runs, the command prints the partitions and bytes that it reads, and the price, on
standard error. A statement needs --yes if it reads more than half of the partitions and more than --limit-mb (to read less,
filter by year, month, dayofmonth and hour), or if Athena cannot plan it. SHOW, DESCRIBE and EXPLAIN (without ANALYZE) read
nothing.

The table has at most 1000 rows; --csv and --json print all rows.

Examples:
  ghactivity query --list
  ghactivity query --named top-repositories-of-a-day --day 2025-11-21
  ghactivity query \"SELECT type, count(*) AS events FROM events WHERE year = '2025' AND month = '11' GROUP BY type\"
  ghactivity query \"SHOW PARTITIONS events\"
  ghactivity query --named events-per-hour-of-a-day --csv > hours.csv

Exit status:
  0  success
  1  usage error, or the statement needs --yes
  2  the query failed, or Athena cannot plan it";

/// Runs the statement and prints its result.
pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    let stack = arguments.stack.find().await?;
    if arguments.list {
        return list(&stack, arguments.json).await;
    }
    let sql = match (&arguments.named, arguments.sql.clone()) {
        (Some(name), _) => named::bound(&stack, name, arguments.day).await?,
        (None, sql) => sql.unwrap_or_default(),
    };
    let reads = guard::reads(&stack, &sql, arguments.yes).await?;
    eprintln!("  {reads}");
    reads.allow(arguments.limit_mb * 1_000_000, arguments.yes)?;
    let answer = athena::run(&stack, &sql).await?;
    if arguments.json {
        output::json(&answer.json());
    } else if arguments.csv {
        output::text(&table::csv(&answer));
    } else {
        output::text(&table::text(&answer));
        eprintln!("  {}", price_line(&answer));
    }
    Ok(())
}

fn price_line(answer: &QueryResult) -> String {
    let rows = answer.rows.len();
    let QueryResult { scanned_bytes, milliseconds, .. } = answer;
    let price = athena::dollars(*scanned_bytes);
    let seconds = *milliseconds as f64 / 1000.0;
    format!("{rows} rows in {seconds:.1} s, {} scanned, {price}", BinaryBytes(*scanned_bytes))
}

async fn list(stack: &Stack, json: bool) -> Result<(), CliError> {
    let queries = named::all(stack).await?;
    if json {
        let each =
            queries.iter().map(|query| json!({"name": query.name, "description": query.description, "sql": query.sql}));
        output::json(&each.collect::<Vec<Value>>());
        return Ok(());
    }
    let widest = queries.iter().map(|query| query.name.len()).max().unwrap_or_default();
    let lines = queries.iter().map(|query| format!("{:widest$}  {}\n", query.name, query.purpose()));
    output::text(&lines.collect::<String>());
    Ok(())
}
