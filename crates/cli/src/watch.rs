//! `ghactivity watch`: follows an execution until it ends.

use clap::Args;
use cli_core::CliError;
use cli_csv::follow_load;
use cli_stack::StackArguments;
use cli_watch::{Detach, ExecutionArn, ExecutionKind, Poller, follow};

/// Which execution to follow.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The execution, as every subcommand that starts one prints it
    #[arg(value_name = "ARN")]
    execution: ExecutionArn,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Follows it until it ends, whoever started it and however long ago. Ctrl-C detaches: the execution goes on. It goes on too where
AWS cannot be asked about it: that is tried again for 5 minutes.

Examples:
  ghactivity watch arn:aws:states:us-east-1:123456789012:execution:ghactivity-ingest:6f1c
  ghactivity watch ARN --json | jq .hours

Exit status:
  0    the execution succeeded
  1    the command line makes no sense
  2    the execution failed, or cannot be followed
  130  detached by Ctrl-C";

/// Follows the execution and prints its report.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let arn = arguments.execution;
    let detach = Detach::at_ctrl_c();
    let aws = arguments.stack.connect(Some(arn.region())).await?;
    // A wrong ARN or endpoint is reported at once: only an execution that could be followed before is asked about again.
    Poller::new(aws.clone()).describe(arn.as_str()).await?;
    if matches!(arn.kind(), ExecutionKind::CsvLoad | ExecutionKind::CsvUndo) {
        return follow_load(&aws, &arn, &detach).await?.finish(arguments.json);
    }
    follow(&aws, &arn, &detach).await?.finish(arguments.json)
}
