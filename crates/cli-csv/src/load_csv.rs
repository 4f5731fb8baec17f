//! `ghactivity load-csv`: loads a CSV file into a DynamoDB table, with a quote before and a receipt after.
//!
//! [`options`] parses the options, [`source`] finds and uploads the file, [`found`] describes it, [`quote`] prices the load.
//! The load itself is an execution of `csv-load`.

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
use options::{EmptyCellsChoice, OnExistingChoice, TypeArguments};
use quote::LoadQuote;
use source::FileSource;

#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag of the command line")]
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// A local file, or s3://BUCKET/KEY; plain or gzip
    #[arg(value_name = "FILE")]
    file: FileSource,
    /// Table to load into; created if it does not exist [default: CsvTableName of the stack]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// DynamoDB types of columns, N or BOOL instead of S: NAME=TYPE,… or JSON, or @FILE with JSON
    #[arg(long, value_name = "TYPES")]
    types: Option<TypeArguments>,
    /// Infer the types of the other columns from all their cells
    #[arg(long)]
    infer: bool,
    /// Separator of cells: , ; | or tab [default: detected at the start of the file]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<csv_load::Delimiter>,
    /// The file has no header: name the columns column_1, column_2, …
    #[arg(long)]
    no_header: bool,
    /// Names of the columns of a file without header
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// The key column [default: id; without a column id, a hash of the row]
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,
    /// How to store empty cells
    #[arg(long, value_name = "HOW", value_enum, default_value_t = EmptyCellsChoice::Omit)]
    empty_cells: EmptyCellsChoice,
    /// What to do where another load wrote an item with the same id
    #[arg(long, value_name = "HOW", value_enum, default_value_t = OnExistingChoice::Overwrite)]
    on_existing: OnExistingChoice,
    /// Write at most N units a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_wcu: Option<u32>,
    /// Load a file again that was already loaded
    #[arg(long)]
    force: bool,
    /// Check the file and print rows, types and price; load nothing
    #[arg(long, conflicts_with_all = ["detach", "force", "yes"])]
    dry_run: bool,
    /// Do not ask for confirmation, at any cost
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Loads a CSV file into a DynamoDB table: checks the file, prints the price, uploads the file (to incoming/ in the upload
bucket), starts the state machine csv-load and follows it.

Of rows with the same id, the last one in the file is stored. Rejected rows are listed. The counts add up:
read = written + duplicate + rejected + skipped. The same bytes are loaded into the same table with the same options only once.
Above one dollar, the command asks for confirmation (or needs --yes). An object in another bucket is copied with your
credentials. Ctrl-C detaches: the load continues.

Examples:
  ghactivity load-csv people.csv --dry-run
  ghactivity load-csv people.csv --table csv_people --types price=N,active=BOOL
  ghactivity load-csv people.csv.gz --infer --max-wcu 500
  ghactivity load-csv s3://my-bucket/exports/people.csv --delimiter ';' --on-existing skip
  ghactivity load-csv people.csv --no-header --id-column column_1 --json | jq .counts

Exit status:
  0    loaded now or earlier
  1    usage error, or not confirmed; nothing was done
  2    the file is invalid, or the load failed: items written so far stay until 'ghactivity unload'
  130  detached by Ctrl-C; the execution continues";

/// A load that costs more needs a confirmation.
const ASK_ABOVE_DOLLARS: f64 = 1.0;

/// The JSON result.
#[derive(Serialize)]
struct QuotedLoad<'a> {
    quote: &'a LoadQuote,
    #[serde(flatten)]
    load: &'a LoadReport,
}

/// Quotes, uploads and loads the file, and prints the receipt.
pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    let following = &arguments.following;
    let options = arguments.options();
    let stack = following.stack.find().await?;
    let table = arguments.table(&stack)?;
    let detach = Detach::at_ctrl_c();
    let file = arguments.file.find(&stack, &options).await?;
    let found = if let Some(found) = file.found() {
        found
    } else {
        let key = file.upload(&stack).await?;
        let request = arguments.request(&stack, &key, &table, &options)?;
        let found = FileFacts::by_dry_run(&stack, &request, &detach).await;
        file.kept_if(found, &stack).await?
    };
    let quote = LoadQuote::make(&stack, found, &table, arguments.max_wcu);
    if arguments.dry_run {
        file.discard(&stack).await?;
        if following.json {
            output::json(&quote);
        } else {
            output::text(&quote.text(file.name()));
        }
        return Ok(());
    }
    eprintln!("  {}\n  {}", quote.line(), quote.columns());
    file.kept_if(confirmed(quote.dollars(), arguments.yes), &stack).await?;
    let key = file.upload(&stack).await?;
    let request = arguments.request(&stack, &key, &table, &options)?;
    let Some(arn) = following.begin(&stack, "CsvLoadStateMachineArn", "load", &request, &detach).await? else {
        return Ok(());
    };
    let ended = follow_load(&stack.aws, &arn, &detach).await?;
    if following.json {
        output::json(&QuotedLoad { quote: &quote, load: &ended });
    } else {
        output::styled(&ended.text());
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

    /// The table, if the stack is allowed to write it.
    fn table(&self, stack: &Stack) -> Result<String, CliError> {
        let table = match &self.table {
            Some(table) => table.clone(),
            None => stack.output("CsvTableName")?.to_owned(),
        };
        let prefix = stack.parameter("CsvTablePrefix").unwrap_or_default();
        if table.starts_with(prefix) {
            Ok(table)
        } else {
            Err(CliError::Usage(format!(
                "--table {table}: this stack writes only tables whose names begin with {prefix}; choose such a name, or deploy \
                 with another CsvTablePrefix"
            )))
        }
    }

    /// The input of the state machine.
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

/// Asks for a confirmation on a terminal; elsewhere `--yes` is needed.
fn confirmed(dollars: f64, yes: bool) -> Result<(), CliError> {
    if yes || dollars <= ASK_ABOVE_DOLLARS {
        return Ok(());
    }
    let mut answer = String::new();
    if io::stdin().is_terminal() {
        eprint!("This costs about ${dollars:.2}. Type yes to continue: ");
        // A failed read counts as a no.
        let _ = io::stdin().lock().read_line(&mut answer);
    }
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(CliError::Usage(format!("about ${dollars:.2} were not confirmed, nothing was done; add --yes"))),
    }
}
