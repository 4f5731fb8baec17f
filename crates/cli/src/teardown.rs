//! `ghactivity teardown`: deletes the stack with its data, after a list and a confirmation.

mod inventory;

use std::fmt;
use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use aws_client::s3::Bucket;
use aws_sdk_cloudformation::types::StackStatus;
use aws_sdk_sfn::types::ExecutionStatus;
use clap::Args;
use cli_core::format::count;
use cli_core::{CliError, output};
use cli_stack::{Stack, StackArguments, is_stack_absent};

use inventory::{BucketSizes, Inventory, KeptData, StackResources};

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Keep the buckets with all their objects, the tables, or (without a value) both
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "all", value_name = "WHAT")]
    keep_data: Option<KeptData>,
    /// List what a teardown deletes, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the list as one JSON object
    #[arg(long, requires = "dry_run")]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Lists what it deletes, with sizes, and asks you to type the word delete (a script can pipe it in). Then it empties the
buckets, deletes the stack, and deletes the buckets and tables that a deleted stack leaves behind. It refuses to start while an
execution is running. Tables that CSV loads created are listed and kept.

Examples:
  ghactivity teardown --dry-run
  ghactivity teardown --dry-run --json | jq .buckets
  ghactivity teardown
  ghactivity teardown --keep-data                 # delete the stack, keep buckets and tables
  ghactivity teardown --keep-data=bucket          # keep the files, delete ledger and history
  echo delete | ghactivity teardown --stack ghactivity-dev

Exit status: 0 deleted or listed, 1 not confirmed and nothing was done, 2 failed: run it again, or if the stack is already
deleted, run the commands that it prints";

/// Lists, asks for a confirmation, and deletes.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let stack = arguments.stack.find().await?;
    let resources = StackResources::of(&stack).await?;
    let inventory = Inventory::of(&stack, &resources, arguments.keep_data).await?;
    if arguments.json {
        output::json(&inventory.json());
    } else {
        output::text(&inventory.to_string());
    }
    if arguments.dry_run {
        return Ok(());
    }
    refuse_if_running(&stack, &resources).await?;
    confirmed()?;
    // The schedule may have started an execution in the meantime.
    refuse_if_running(&stack, &resources).await?;
    let doomed: &[BucketSizes] = if inventory.takes_buckets() { &inventory.buckets } else { &[] };
    for BucketSizes { bucket, .. } in doomed {
        empty(&stack, bucket).await?;
    }
    let mut remaining = RemainingResources { region: stack.aws.region.clone(), ..RemainingResources::default() };
    remaining.buckets.extend(doomed.iter().map(|folders| folders.bucket.clone()));
    if inventory.takes_tables() {
        remaining.tables.extend(inventory.tables.iter().map(|(table, ..)| table.clone()));
    }
    let outcome = delete_rest(&stack, &mut remaining).await;
    if outcome.is_err() {
        output::text(&remaining.to_string());
    }
    outcome
}

/// Deletes the stack, then its remaining buckets and tables. Each deleted one is removed from `remaining`. After an error,
/// the others are still deleted, and the first error is returned.
async fn delete_rest(stack: &Stack, remaining: &mut RemainingResources) -> Result<(), CliError> {
    delete_stack(stack).await?;
    remaining.stack_is_gone = true;
    say(&format!("deleted stack {}", stack.name));
    let mut outcome = Ok(());
    for bucket in std::mem::take(&mut remaining.buckets) {
        if let Err(error) = delete_bucket(stack, &bucket).await {
            remaining.buckets.push(bucket);
            outcome = outcome.and(Err(error));
        }
    }
    for table in std::mem::take(&mut remaining.tables) {
        if let Err(error) = delete_table(stack, &table).await {
            remaining.tables.push(table);
            outcome = outcome.and(Err(error));
        }
    }
    outcome
}

/// Resources that are not deleted yet. Once the stack is deleted, only this list names them.
#[derive(Default)]
struct RemainingResources {
    region: String,
    stack_is_gone: bool,
    buckets: Vec<String>,
    tables: Vec<String>,
}

impl fmt::Display for RemainingResources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stack_is_gone {
            writeln!(f, "the stack is deleted, but these could not be; delete them with:")?;
        } else {
            writeln!(f, "run this again to continue; if the stack is already deleted, delete the rest with:")?;
        }
        let region = &self.region;
        for bucket in &self.buckets {
            writeln!(f, "  aws s3 rb s3://{bucket} --force --region {region}")?;
        }
        for table in &self.tables {
            writeln!(f, "  aws dynamodb delete-table --table-name {table} --region {region}")?;
        }
        Ok(())
    }
}

fn say(line: &str) {
    output::text(&format!("{line}\n"));
}

/// Asks for the word `delete`. Any other input cancels.
fn confirmed() -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        eprint!("Type delete to continue: ");
    }
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == "delete" {
        return Ok(());
    }
    Err(CliError::Usage("not confirmed, nothing was done; type the word delete when asked".to_owned()))
}

/// Fails if an execution is running: it would lose its functions, and write into buckets that are being emptied.
async fn refuse_if_running(stack: &Stack, resources: &StackResources) -> Result<(), CliError> {
    for machine in &resources.state_machines {
        let request =
            stack.aws.sfn().list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
        let answer = request.send().await.map_err(|error| stack.aws.call_error("ListExecutions", machine, error))?;
        if let Some(running) = answer.executions.first() {
            let arn = running.execution_arn();
            return Err(CliError::Usage(format!(
                "an execution is running, nothing was done; wait for its end ('ghactivity watch {arn}') or stop it \
                 ('aws stepfunctions stop-execution --execution-arn {arn}')"
            )));
        }
    }
    Ok(())
}

/// Deletes a bucket that the deleted stack left behind, if it still exists.
async fn delete_bucket(stack: &Stack, bucket: &str) -> Result<(), CliError> {
    match stack.aws.s3().head_bucket().bucket(bucket).send().await {
        Ok(_) => {}
        Err(error) if error.as_service_error().is_some_and(|refusal| refusal.is_not_found()) => return Ok(()),
        Err(error) => return Err(stack.aws.call_error("HeadBucket", bucket, error)),
    }
    // Objects may have arrived since the bucket was emptied first.
    empty(stack, bucket).await?;
    let answer = stack.aws.s3().delete_bucket().bucket(bucket).send().await;
    answer.map_err(|error| stack.aws.call_error("DeleteBucket", bucket, error))?;
    say(&format!("deleted bucket {bucket}"));
    Ok(())
}

async fn delete_table(stack: &Stack, table: &str) -> Result<(), CliError> {
    match stack.aws.dynamodb().delete_table().table_name(table).send().await {
        Err(error) if error.as_service_error().is_some_and(|refusal| refusal.is_resource_not_found_exception()) => {}
        answer => drop(answer.map_err(|error| stack.aws.call_error("DeleteTable", table, error))?),
    }
    say(&format!("deleted table {table}"));
    Ok(())
}

async fn empty(stack: &Stack, bucket: &str) -> Result<(), CliError> {
    let bucket = Bucket::new(stack.aws.s3(), bucket);
    let failed = |error| stack.aws.error(error);
    let keys: Vec<_> = bucket.list("").await.map_err(failed)?.into_iter().map(|object| object.key).collect();
    if !keys.is_empty() {
        bucket.delete_many(&keys).await.map_err(failed)?;
        say(&format!("bucket {}: deleted {} objects", bucket.name(), count(keys.len() as u64)));
    }
    Ok(())
}

/// Deletes the stack and waits for the end.
async fn delete_stack(stack: &Stack) -> Result<(), CliError> {
    let client = stack.aws.cloudformation();
    let answer = client.delete_stack().stack_name(&stack.id).send().await;
    answer.map_err(|error| stack.aws.call_error("DeleteStack", &stack.name, error))?;
    loop {
        let answer = client.describe_stacks().stack_name(&stack.id).send().await;
        let found = match answer {
            Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next(),
            Err(error) if is_stack_absent(&error) => None,
            Err(error) => return Err(stack.aws.call_error("DescribeStacks", &stack.name, error)),
        };
        match found.as_ref().and_then(|found| found.stack_status()) {
            None | Some(StackStatus::DeleteComplete) => return Ok(()),
            Some(StackStatus::DeleteInProgress) => tokio::time::sleep(Duration::from_millis(500)).await,
            Some(status) => {
                let reason = found.as_ref().and_then(|found| found.stack_status_reason()).unwrap_or("without a reason");
                return Err(CliError::Refused {
                    call: "DeleteStack",
                    resource: stack.name.clone(),
                    reason: format!("{}: {reason}", status.as_str()),
                    next: "resolve the reason, then run this again".to_owned(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_resources_have_commands() {
        let mut remaining = RemainingResources {
            region: "eu-west-1".to_owned(),
            buckets: vec!["lake".to_owned()],
            tables: vec!["jobs".to_owned()],
            ..RemainingResources::default()
        };
        let before = remaining.to_string();
        remaining.stack_is_gone = true;
        insta::assert_snapshot!(format!("{before}{remaining}"), @r"
        run this again to continue; if the stack is already deleted, delete the rest with:
          aws s3 rb s3://lake --force --region eu-west-1
          aws dynamodb delete-table --table-name jobs --region eu-west-1
        the stack is deleted, but these could not be; delete them with:
          aws s3 rb s3://lake --force --region eu-west-1
          aws dynamodb delete-table --table-name jobs --region eu-west-1
        ");
    }
}
