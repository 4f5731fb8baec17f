//! `ghactivity hour`: one hour, whatever has become of it before.

use clap::{Args, ValueEnum};
use cli_core::CliError;
use cli_watch::FollowArguments;
use pipeline::ArchiveHour;
use serde_json::json;

/// Which hour, and how.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The hour, in UTC
    #[arg(value_name = "YYYY-MM-DD-H")]
    hour: ArchiveHour,
    /// Publish it although it has fewer rows than what is published now
    #[arg(long)]
    force: bool,
    /// Where its bytes come from
    #[arg(long, value_enum, default_value_t)]
    source: Source,
    #[command(flatten)]
    following: FollowArguments,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Source {
    /// The archive
    #[default]
    Upstream,
    /// The bytes that landed already, planned again
    Landing,
}

const AFTER_HELP: &str = "\
Runs the state machine process-hour and follows it. Safe to run any number of times: the same bytes give the same objects.
Ctrl-C detaches: the execution goes on.

Examples:
  ghactivity hour 2025-11-21-0
  ghactivity hour 2025-11-21-0 --force            # accept fewer rows (HourWouldShrink)
  ghactivity hour 2025-11-21-0 --source landing   # make all of it again, without a download
  ghactivity hour 2025-11-21-0 --detach           # only start it

Exit status:
  0    published, or the archive does not have it (yet): see status
  1    the command line makes no sense; nothing was done
  2    it failed
  130  detached by Ctrl-C; it goes on";

/// Runs the hour and prints what became of it.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { hour, force, source, following } = arguments;
    let stack = following.stack.find().await?;
    let source = match source {
        Source::Upstream => "upstream",
        Source::Landing => "landing",
    };
    let input = json!({"hour": hour, "force": force, "source": source});
    let ended = following.start(&stack, "ProcessHourStateMachineArn", &hour.to_string(), &input).await?;
    following.finish(ended)
}
