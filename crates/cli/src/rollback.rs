//! `ghactivity rollback`: publishes an earlier version of an hour.

use clap::Args;
use cli_core::CliError;
use cli_watch::FollowArguments;
use pipeline::{ArchiveHour, Version};
use serde_json::json;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The hour, in UTC
    #[arg(value_name = "YYYY-MM-DD-H")]
    hour: ArchiveHour,
    /// Version to publish: 12 hex digits from previous_versions in the ledger, or previous
    #[arg(long, value_name = "VERSION", default_value = "previous", value_parser = version)]
    to: String,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Publishes an earlier version of an hour in one step, without a download or conversion. The stack keeps KeepVersions versions.
The version stays published until the hour is run again.

Examples:
  ghactivity rollback 2025-11-21-0
  ghactivity rollback 2025-11-21-0 --to 0123456789ab

Exit status:
  0    the version is published
  1    usage error; nothing was done
  2    failed, for example with VersionNotKept
  130  detached by Ctrl-C; the execution continues";

/// Rolls the hour back and prints its report.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { hour, to, following } = arguments;
    let stack = following.stack.find().await?;
    let input = json!({"hour": hour, "roll_back_to": to});
    let name = format!("{hour}_rollback");
    let ended = following.start(&stack, "ProcessHourStateMachineArn", &name, &input).await?;
    following.finish(ended)
}

/// Accepts a version, or `previous`.
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
    fn only_versions_are_accepted() {
        assert!(["previous", "0123456789ab"].into_iter().all(|text| version(text).as_deref() == Ok(text)));
        for text in ["", "xyz", "0123456789", "0123456789AB", "previous "] {
            assert!(
                version(text).is_err_and(|error| error.contains("12 lower-case hex digits, or previous")),
                "{text}"
            );
        }
    }
}
