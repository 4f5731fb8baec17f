//! `ghactivity teardown`: everything that the stack left in the account, after it was shown and agreed to.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use aws_sdk_cloudformation::types::StackStatus;
use aws_sdk_sfn::types::ExecutionStatus;
use clap::{Args, ValueEnum};
use indicatif::{BinaryBytes, HumanCount};

use crate::output;
use crate::stack::{Problem, Stack, StackArguments};

/// What to take away.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Keep the bucket with all its objects, the tables, or (without a value) both
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "all", value_name = "WHAT")]
    keep_data: Option<Kept>,
    /// Only list what would go
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    stack: StackArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kept {
    /// The bucket and the tables
    All,
    /// The bucket
    Bucket,
    /// The tables
    Tables,
}

const AFTER_HELP: &str = "\
Lists what would go, with sizes, and asks to type the word delete (a script pipes it in). Then it empties the bucket, deletes
the stack, and what a deleted stack leaves behind: the bucket and the tables. Nothing goes while an execution runs.

Examples:
  ghactivity teardown --dry-run
  ghactivity teardown
  ghactivity teardown --keep-data                 # stack only: bucket and tables stay
  ghactivity teardown --keep-data=bucket          # the lake stays, ledger and history go
  echo delete | ghactivity teardown --stack ghactivity-dev

Exit status: 0 gone (or listed), 1 not agreed to: nothing was done, 2 it failed; run it again to go on";

/// What there is.
struct Inventory {
    stack: String,
    bucket: String,
    /// Objects and bytes by the first segment of their keys.
    objects: BTreeMap<String, (u64, u64)>,
    /// Tables with items and bytes, as DynamoDB last counted them.
    tables: Vec<(String, u64, u64)>,
    kept: Option<Kept>,
}

/// Shows, asks, and takes away.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Problem> {
    let stack = arguments.stack.find().await?;
    let inventory = Inventory::of(&stack, arguments.keep_data).await?;
    output::text(&inventory.to_string());
    if arguments.dry_run {
        return Ok(());
    }
    nothing_runs(&stack).await?;
    agreed()?;
    if inventory.takes_bucket() {
        empty(&stack).await?;
    }
    delete_stack(&stack).await?;
    say(&format!("stack {} is deleted", stack.name));
    // A stack may take along what it made itself a moment ago.
    if inventory.takes_bucket() && is_there(&stack, &inventory.bucket).await? {
        // What was still on its way when it was emptied.
        empty(&stack).await?;
        let answer = stack.s3().delete_bucket().bucket(&inventory.bucket).send().await;
        answer.map_err(|error| stack.aws.problem("DeleteBucket", &inventory.bucket, error))?;
        say(&format!("bucket {} is deleted", inventory.bucket));
    }
    if inventory.takes_tables() {
        for (table, ..) in &inventory.tables {
            let answer = stack.dynamodb().delete_table().table_name(table).send().await;
            match answer {
                Err(error)
                    if error.as_service_error().is_some_and(|refusal| refusal.is_resource_not_found_exception()) => {}
                answer => drop(answer.map_err(|error| stack.aws.problem("DeleteTable", table, error))?),
            }
            say(&format!("table {table} is deleted"));
        }
    }
    Ok(())
}

fn say(line: &str) {
    output::text(&format!("{line}\n"));
}

/// Asks for the word; anything else, and nobody there to type it, is a no.
fn agreed() -> Result<(), Problem> {
    if io::stdin().is_terminal() {
        eprint!("Type delete to go on: ");
    }
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == "delete" {
        return Ok(());
    }
    Err(Problem::Usage("not agreed to, nothing was done; type the word delete where it is asked for".to_owned()))
}

impl Inventory {
    async fn of(stack: &Stack, kept: Option<Kept>) -> Result<Self, Problem> {
        let bucket = stack.bucket()?;
        let mut objects = BTreeMap::<String, (u64, u64)>::new();
        for object in bucket.list("").await.map_err(|error| Problem::of(&stack.aws, error))? {
            let folder = object.key.split('/').next().unwrap_or_default().to_owned();
            let (count, bytes) = objects.entry(folder).or_default();
            (*count, *bytes) = (*count + 1, *bytes + object.bytes);
        }
        let mut tables = Vec::new();
        for output in ["JobsTableName", "JobRunDetailsTableName", "ArchiveHoursTableName"] {
            let table = stack.output(output)?;
            let answer = stack.dynamodb().describe_table().table_name(table).send().await;
            let answer = answer.map_err(|error| stack.aws.problem("DescribeTable", table, error))?;
            let facts = answer.table();
            let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
            let (items, bytes) =
                (facts.and_then(|facts| facts.item_count()), facts.and_then(|facts| facts.table_size_bytes()));
            tables.push((table.to_owned(), number(items), number(bytes)));
        }
        Ok(Self { stack: stack.name.clone(), bucket: bucket.name().to_owned(), objects, tables, kept })
    }

    fn takes_bucket(&self) -> bool {
        !matches!(self.kept, Some(Kept::All | Kept::Bucket))
    }

    fn takes_tables(&self) -> bool {
        !matches!(self.kept, Some(Kept::All | Kept::Tables))
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = |goes: bool| if goes { "goes " } else { "stays" };
        writeln!(
            f,
            "goes   stack {} with its functions, state machines, alarms, Glue database and workgroup",
            self.stack
        )?;
        let (count, bytes) =
            self.objects.values().fold((0, 0), |(count, bytes), (more, size)| (count + more, bytes + size));
        let (count, bytes) = (HumanCount(count), BinaryBytes(bytes));
        writeln!(f, "{}  bucket {}: {count} objects, {bytes}", fate(self.takes_bucket()), self.bucket)?;
        for (folder, (count, bytes)) in &self.objects {
            writeln!(f, "         {folder}/: {} objects, {}", HumanCount(*count), BinaryBytes(*bytes))?;
        }
        for (table, items, bytes) in &self.tables {
            let (items, bytes) = (HumanCount(*items), BinaryBytes(*bytes));
            writeln!(f, "{}  table {table}: about {items} items, {bytes}", fate(self.takes_tables()))?;
        }
        Ok(())
    }
}

/// A run that loses its functions on the way would leave an hour half done, and write into what is being emptied.
async fn nothing_runs(stack: &Stack) -> Result<(), Problem> {
    for machine in ["IngestStateMachineArn", "BackfillStateMachineArn", "ProcessHourStateMachineArn"] {
        let machine = stack.output(machine)?;
        let request =
            stack.aws.sfn().list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
        let answer = request.send().await.map_err(|error| stack.aws.problem("ListExecutions", machine, error))?;
        if let Some(running) = answer.executions.first() {
            let arn = running.execution_arn();
            return Err(Problem::Usage(format!(
                "an execution is running, nothing was done: wait for its end ('ghactivity watch {arn}'), or stop it \
                 ('aws stepfunctions stop-execution --execution-arn {arn}')"
            )));
        }
    }
    Ok(())
}

async fn is_there(stack: &Stack, bucket: &str) -> Result<bool, Problem> {
    match stack.s3().head_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|refusal| refusal.is_not_found()) => Ok(false),
        Err(error) => Err(stack.aws.problem("HeadBucket", bucket, error)),
    }
}

async fn empty(stack: &Stack) -> Result<(), Problem> {
    let bucket = stack.bucket()?;
    let problem = |error| Problem::of(&stack.aws, error);
    let keys: Vec<_> = bucket.list("").await.map_err(problem)?.into_iter().map(|object| object.key).collect();
    if !keys.is_empty() {
        bucket.delete_many(&keys).await.map_err(problem)?;
        say(&format!("bucket {}: {} objects are deleted", bucket.name(), HumanCount(keys.len() as u64)));
    }
    Ok(())
}

/// Deletes the stack and waits until it is gone.
async fn delete_stack(stack: &Stack) -> Result<(), Problem> {
    let client = stack.aws.cloudformation();
    let answer = client.delete_stack().stack_name(&stack.id).send().await;
    answer.map_err(|error| stack.aws.problem("DeleteStack", &stack.name, error))?;
    loop {
        let answer = client.describe_stacks().stack_name(&stack.id).send().await;
        let found = match answer {
            Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next(),
            Err(error) if Problem::says_absent(&error) => None,
            Err(error) => return Err(stack.aws.problem("DescribeStacks", &stack.name, error)),
        };
        match found.as_ref().and_then(|found| found.stack_status()) {
            None | Some(StackStatus::DeleteComplete) => return Ok(()),
            Some(StackStatus::DeleteInProgress) => tokio::time::sleep(Duration::from_millis(500)).await,
            Some(status) => {
                let reason =
                    found.as_ref().and_then(|found| found.stack_status_reason()).unwrap_or("no reason is given");
                return Err(Problem::Refused {
                    call: "DeleteStack",
                    resource: stack.name.clone(),
                    reason: format!("{}: {reason}", status.as_str()),
                    next: "remove what the reason names, then run this again".to_owned(),
                });
            }
        }
    }
}
