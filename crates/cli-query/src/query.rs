//! `ghactivity query`: SQL through Athena, with its price told beforehand.
//!
//! [`named`] knows the stack's saved queries, [`statement`] finds the query in a statement, [`guard`] tells which partitions and
//! bytes it reads before it runs, [`athena`](crate::athena) runs it, [`table`] prints the answer.

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

/// What to ask.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// One statement in Athena's SQL
    #[arg(value_name = "SQL", required_unless_present_any = ["named", "list"])]
    sql: Option<String>,
    /// One of the stack's saved queries, instead of SQL
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sql", "list"])]
    named: Option<String>,
    /// The day (or its month) that a saved query is about [default: the newest published]
    #[arg(long, value_name = "YYYY-MM-DD", requires = "named")]
    day: Option<Date>,
    /// Name the stack's saved queries
    #[arg(long, conflicts_with = "sql")]
    list: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Run it even if it reads most partitions and more bytes than --limit-mb, or if what it reads cannot be told
    #[arg(long)]
    yes: bool,
    /// Megabytes above which a statement that reads more than half of the partitions needs --yes
    #[arg(long, value_name = "MB", default_value_t = 1000)]
    limit_mb: u64,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Before a statement runs, the partitions and bytes that it reads and their price are told on standard error. One that reads
more than half of the partitions and more than --limit-mb is refused without --yes: name year, month, dayofmonth and hour.
So is one that Athena does not plan. SHOW, DESCRIBE and EXPLAIN (without ANALYZE) read nothing.
On a terminal the answer is a table of at most 1000 rows; --csv and --json have all of them.

Examples:
  ghactivity query --list
  ghactivity query --named top-repositories-of-a-day --day 2025-11-21
  ghactivity query \"SELECT type, count(*) AS events FROM events WHERE year = '2025' AND month = '11' GROUP BY type\"
  ghactivity query \"SHOW PARTITIONS events\"
  ghactivity query --named events-per-hour-of-a-day --csv > hours.csv

Exit status:
  0  answered
  1  the command line makes no sense, or the statement reads too much without --yes
  2  the query failed, or Athena does not plan it";

/// Asks, and prints the answer.
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
