//! `ghactivity rollback`: an hour as readers saw it before.

use clap::Args;
use cli_core::CliError;
use cli_watch::FollowArguments;
use pipeline::{ArchiveHour, Version};
use serde_json::json;

/// Which hour, and to what.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The hour, in UTC
    #[arg(value_name = "YYYY-MM-DD-H")]
    hour: ArchiveHour,
    /// The version to show again: 12 hex digits of the ledger's previous_versions, or the one before this
    #[arg(long, value_name = "VERSION", default_value = "previous", value_parser = version)]
    to: String,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Shows readers a version of the hour that was kept (KeepVersions of the stack), in one step; nothing is fetched or converted.
The hour keeps it until it is run again.

Examples:
  ghactivity rollback 2025-11-21-0
  ghactivity rollback 2025-11-21-0 --to 0123456789ab

Exit status:
  0    readers see that version
  1    the command line makes no sense; nothing was done
  2    it failed, for example VersionNotKept
  130  detached by Ctrl-C; it goes on";

/// Rolls the hour back and prints what readers see now.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { hour, to, following } = arguments;
    let stack = following.stack.find().await?;
    let input = json!({"hour": hour, "roll_back_to": to});
    let name = format!("{hour}_rollback");
    let ended = following.start(&stack, "ProcessHourStateMachineArn", &name, &input).await?;
    following.finish(ended)
}

/// A version, or the word for the one before.
fn version(text: &str) -> Result<String, String> {
    match (text, text.parse::<Version>()) {
        ("previous", _) | (_, Ok(_)) => Ok(text.to_owned()),
        (_, Err(error)) => Err(format!("{error}, or previous")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_are_rolled_back_to() {
        assert!(["previous", "0123456789ab"].into_iter().all(|text| version(text).as_deref() == Ok(text)));
        for text in ["", "xyz", "0123456789", "0123456789AB", "previous "] {
            assert!(
                version(text).is_err_and(|error| error.contains("12 lower-case hex digits, or previous")),
                "{text}"
            );
        }
    }
}
