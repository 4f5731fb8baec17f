//! `ghactivity unload`: the items of a load out of its table again.

use clap::Args;
use cli_core::CliError;
use cli_watch::{Detach, FollowArguments};
use csv_load::LoadId;
use serde_json::json;

use crate::follow::follow_load;

/// Which load.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The load, as load-csv, its receipt and every item of it name it: 16 hex digits
    #[arg(value_name = "LOAD_ID")]
    load: LoadId,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Runs the state machine csv-undo and follows it: it reads the load's table and deletes the items that have its load_id. What
they had replaced does not come back. A load that is running is stopped (LoadIsBeingUndone). The file can be loaded again.

Examples:
  ghactivity unload 64d1a0ebda9589e6
  ghactivity unload 64d1a0ebda9589e6 --json | jq .undone

Exit status:
  0    the table has no item of the load
  1    the command line makes no sense; nothing was done
  2    it failed, for example LoadNotFound
  130  detached by Ctrl-C; it goes on";

/// Undoes the load and prints how many items there were.
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
