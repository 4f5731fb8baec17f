//! `ghactivity load-csv`: a CSV file into a DynamoDB table, its price told before and its receipt after.
//!
//! [`options`] reads the command line, [`source`] finds the file and brings it to where the stack loads it from, [`found`] says
//! what it is, [`quote`] what it costs. The rest is an execution of `csv-load` like any other, which `watch` follows.

mod found;
mod options;
mod quote;
mod source;

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use cli_core::{CliError, output};
use cli_stack::Stack;
use cli_watch::{Detach, FollowArguments};
use csv_load::LoadOptions;
use serde::Serialize;
use serde_json::{Value, json};

use crate::follow::follow_load;
use crate::report::LoadReport;
use found::FileFacts;
use options::{EmptyCells, OnExisting, TypeArguments};
use quote::LoadQuote;
use source::FileSource;

/// Which file, and how it is loaded.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// A file on this machine, or s3://BUCKET/KEY; gzip is recognised
    #[arg(value_name = "FILE")]
    file: FileSource,
    /// The table; made if it does not exist [default: CsvTableName of the stack]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Columns that are no text (S): N or BOOL, as NAME=TYPE,… or JSON or @FILE with JSON
    #[arg(long, value_name = "TYPES")]
    types: Option<TypeArguments>,
    /// Find the types of the other columns from all of their cells
    #[arg(long)]
    infer: bool,
    /// What separates cells: , ; | or tab [default: found from the beginning of the file]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<csv_load::Delimiter>,
    /// The first row is no header: columns are column_1, column_2, …
    #[arg(long)]
    no_header: bool,
    /// Names of the columns of a file without header
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// The column that is the key [default: id, or without it a hash of the row]
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,
    /// What becomes of empty cells
    #[arg(long, value_name = "HOW", value_enum, default_value_t = EmptyCells::Omit)]
    empty_cells: EmptyCells,
    /// What becomes of items of other loads that have the id of a row
    #[arg(long, value_name = "HOW", value_enum, default_value_t = OnExisting::Overwrite)]
    on_existing: OnExisting,
    /// Take at most so many write units a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_wcu: Option<u32>,
    /// Load bytes again that were loaded already
    #[arg(long)]
    force: bool,
    /// Only check the file, and tell rows, types and price; nothing is loaded
    #[arg(long, conflicts_with_all = ["detach", "force", "yes"])]
    dry_run: bool,
    /// Do not ask, whatever it costs
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Checks the file, tells what it costs, uploads it (below incoming/ of the upload bucket), runs the state machine csv-load and
follows it. The last row of the file wins of rows with one id; rows that do not fit are listed; read = written + duplicate +
rejected + skipped. The same bytes into the same table in the same way are one load, done once. Above one dollar it asks
first, or wants --yes. An object of another bucket is copied with your credentials. Ctrl-C detaches: the load goes on.

Examples:
  ghactivity load-csv people.csv --dry-run
  ghactivity load-csv people.csv --table csv_people --types price=N,active=BOOL
  ghactivity load-csv people.csv.gz --infer --max-wcu 500
  ghactivity load-csv s3://my-bucket/exports/people.csv --delimiter ';' --on-existing skip
  ghactivity load-csv people.csv --no-header --id-column column_1 --json | jq .counts

Exit status:
  0    loaded, or loaded before
  1    the command line makes no sense, or was not agreed to; nothing was done
  2    the file is no good, or the load failed: what was written stays until 'ghactivity unload'
  130  detached by Ctrl-C; it goes on";

/// Above so many dollars somebody has to agree.
const ASK_ABOVE_DOLLARS: f64 = 1.0;

/// What is told as JSON.
#[derive(Serialize)]
struct QuotedLoad<'a> {
    quote: &'a LoadQuote,
    #[serde(flatten)]
    load: &'a LoadReport,
}

/// Quotes, uploads, loads, and tells the receipt.
pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    let following = &arguments.following;
    let options = arguments.options();
    let stack = following.stack.find().await?;
    let table = arguments.table(&stack)?;
    let detach = Detach::at_ctrl_c();
    let file = arguments.file.find(&stack, &options).await?;
    let found = match file.found() {
        Some(found) => found,
        None => {
            let key = file.upload(&stack).await?;
            let request = arguments.request(&stack, &key, &table, &options)?;
            let found = FileFacts::by_dry_run(&stack, &request, &detach).await;
            file.kept_if(found, &stack).await?
        }
    };
    let quote = LoadQuote::make(&stack, found, &table, arguments.max_wcu);
    if arguments.dry_run {
        file.forget(&stack).await?;
        match following.json {
            true => output::json(&quote),
            false => output::text(&quote.text(file.name())),
        }
        return Ok(());
    }
    eprintln!("  {}\n  {}", quote.line(), quote.columns());
    file.kept_if(agreed(quote.dollars(), arguments.yes), &stack).await?;
    let key = file.upload(&stack).await?;
    let request = arguments.request(&stack, &key, &table, &options)?;
    let Some(arn) = following.begin(&stack, "CsvLoadStateMachineArn", "load", &request, &detach).await? else {
        return Ok(());
    };
    let ended = follow_load(&stack.aws, &arn, &detach).await?;
    match following.json {
        true => output::json(&QuotedLoad { quote: &quote, load: &ended }),
        false => output::styled(&ended.text()),
    }
    ended.error().map_or(Ok(()), Err)
}

impl Arguments {
    fn options(&self) -> LoadOptions {
        LoadOptions {
            delimiter: self.delimiter,
            header: !self.no_header,
            columns: (!self.columns.is_empty()).then(|| self.columns.clone()),
            id_column: self.id_column.clone(),
            types: self.types.clone().unwrap_or_default().0,
            infer: self.infer,
            empty_cells: self.empty_cells.into(),
            on_existing: self.on_existing.into(),
        }
    }

    /// The table, if the stack may write it.
    fn table(&self, stack: &Stack) -> Result<String, CliError> {
        let table = match &self.table {
            Some(table) => table.clone(),
            None => stack.output("CsvTableName")?.to_owned(),
        };
        let prefix = stack.parameter("CsvTablePrefix").unwrap_or_default();
        match table.starts_with(prefix) {
            true => Ok(table),
            false => Err(CliError::Usage(format!(
                "--table {table}: this stack may write tables whose names begin with {prefix}; choose such a name, or deploy \
                 with another CsvTablePrefix"
            ))),
        }
    }

    /// What the state machine is asked for.
    fn request(&self, stack: &Stack, key: &str, table: &str, options: &LoadOptions) -> Result<Value, CliError> {
        let bucket = stack.output("UploadBucketName")?;
        let mut request =
            json!({"bucket": bucket, "key": key, "table": table, "options": options, "force": self.force});
        if let Some(max_wcu) = self.max_wcu {
            request["max_wcu"] = max_wcu.into();
        }
        Ok(request)
    }
}

/// Asks where somebody is there to answer and it costs more than a little.
fn agreed(dollars: f64, yes: bool) -> Result<(), CliError> {
    if yes || dollars <= ASK_ABOVE_DOLLARS {
        return Ok(());
    }
    let mut answer = String::new();
    if io::stdin().is_terminal() {
        eprint!("This costs about ${dollars:.2}. Type yes to go on: ");
        // What cannot be read is no yes.
        let _ = io::stdin().lock().read_line(&mut answer);
    }
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(CliError::Usage(format!("about ${dollars:.2} were not agreed to, nothing was done; add --yes"))),
    }
}
