//! `ghactivity unload`: deletes the items of a load.

use clap::Args;
use cli_core::CliError;
use cli_watch::{Detach, FollowArguments};
use csv_load::LoadId;
use serde_json::json;

use crate::follow::follow_load;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The load_id, 16 hex digits: load-csv prints it, and every item of the load has it
    #[arg(value_name = "LOAD_ID")]
    load: LoadId,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Deletes the items of a CSV load from its table. Starts the state machine csv-undo and follows it. Items that the load had
replaced are not restored. A running load stops with LoadIsBeingUndone. The file can be loaded again.

Examples:
  ghactivity unload 64d1a0ebda9589e6
  ghactivity unload 64d1a0ebda9589e6 --json | jq .undone

Exit status:
  0    the table has no item of the load
  1    usage error; nothing was done
  2    failed, for example with LoadNotFound
  130  detached by Ctrl-C; the execution continues";

/// Undoes the load and prints the number of deleted items.
pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { load, following } = arguments;
    let stack = following.stack.find().await?;
    let detach = Detach::at_ctrl_c();
    let input = json!({"load_id": load});
    let name = format!("unload_{load}");
    let Some(arn) = following.begin(&stack, "CsvUndoStateMachineArn", &name, &input, &detach).await? else {
        return Ok(());
    };
    follow_load(&stack.aws, &arn, &detach).await?.finish(following.json)
}
