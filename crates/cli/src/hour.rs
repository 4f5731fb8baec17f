//! `ghactivity hour`: runs one hour.

use clap::{Args, ValueEnum};
use cli_core::CliError;
use cli_watch::FollowArguments;
use pipeline::ArchiveHour;
use serde_json::json;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The hour, in UTC
    #[arg(value_name = "YYYY-MM-DD-H")]
    hour: ArchiveHour,
    /// Publish the hour even if it has fewer rows than the published version
    #[arg(long)]
    force: bool,
    /// Where to read the bytes from
    #[arg(long, value_enum, default_value_t)]
    source: HourSource,
    #[command(flatten)]
    following: FollowArguments,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum HourSource {
    /// Download from the archive
    #[default]
    Upstream,
    /// Use the bytes of an earlier download, and plan them again
    Landing,
}

const AFTER_HELP: &str = "\
Runs one hour: downloads it, converts it and publishes its partition. Starts the state machine process-hour and follows it.
Running an hour again is safe: the same bytes give the same objects. Ctrl-C detaches: the execution continues.

Examples:
  ghactivity hour 2025-11-21-0
  ghactivity hour 2025-11-21-0 --force            # accept fewer rows (HourWouldShrink)
  ghactivity hour 2025-11-21-0 --source landing   # convert again without a download
  ghactivity hour 2025-11-21-0 --detach           # start it and do not wait

Exit status:
  0    published, or not in the archive (yet); see the status
  1    usage error; nothing was done
  2    failed
  130  detached by Ctrl-C; the execution continues";

/// Runs the hour and prints its report.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { hour, force, source, following } = arguments;
    let stack = following.stack.find().await?;
    let source = match source {
        HourSource::Upstream => "upstream",
        HourSource::Landing => "landing",
    };
    let input = json!({"hour": hour, "force": force, "source": source});
    let ended = following.start(&stack, "ProcessHourStateMachineArn", &hour.to_string(), &input).await?;
    following.finish(ended)
}
