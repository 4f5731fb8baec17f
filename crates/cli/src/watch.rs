//! `ghactivity watch`: follows an execution until it ends.

use clap::Args;
use cli_core::CliError;
use cli_csv::follow_load;
use cli_stack::StackArguments;
use cli_watch::{Detach, ExecutionArn, ExecutionKind, Poller, follow};

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// ARN of the execution, as printed when it started
    #[arg(value_name = "ARN")]
    execution: ExecutionArn,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Follows an execution until it ends. It may have been started anywhere and at any time. Failing calls are retried for 5 minutes.
Ctrl-C detaches: the execution continues.

Examples:
  ghactivity watch arn:aws:states:us-east-1:123456789012:execution:ghactivity-ingest:6f1c
  ghactivity watch ARN --json | jq .hours

Exit status:
  0    the execution succeeded
  1    usage error
  2    the execution failed, or cannot be followed
  130  detached by Ctrl-C";

/// Follows the execution and prints its report.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let arn = arguments.execution;
    let detach = Detach::at_ctrl_c();
    let aws = arguments.stack.connect(Some(arn.region())).await?;
    // Without retries, so that a wrong ARN or endpoint is reported immediately.
    Poller::new(aws.clone()).describe(arn.as_str()).await?;
    if matches!(arn.kind(), ExecutionKind::CsvLoad | ExecutionKind::CsvUndo) {
        return follow_load(&aws, &arn, &detach).await?.finish(arguments.json);
    }
    follow(&aws, &arn, &detach).await?.finish(arguments.json)
}
