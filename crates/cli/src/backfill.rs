//! `ghactivity backfill`: runs a range of hours, with a quote before and the actual figures after.

mod figures;
mod quote;
mod sizes;

use clap::Args;
use cli_core::{CliError, output};
use cli_watch::FollowArguments;
use jiff::Timestamp;
use pipeline::{ArchiveHour, due};
use serde_json::json;

use quote::BackfillQuote;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// First hour of the range
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    from: ArchiveHour,
    /// Last hour of the range, included
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    to: ArchiveHour,
    /// Run published hours again too, even if they would lose rows
    #[arg(long)]
    force: bool,
    /// Job with the run history
    #[arg(long, value_name = "ID", default_value = "ghactivity_backfill")]
    job_id: String,
    /// Only print the quote: hours, bytes, requests, GB-seconds, dollars, time
    #[arg(long, conflicts_with = "detach")]
    dry_run: bool,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Runs a range of hours in parallel. Starts the state machine backfill and follows it. Published hours are skipped, so running
the command again resumes an incomplete backfill. Ctrl-C detaches: the execution continues.

The quote uses file sizes from the source (HEAD requests for at most 24 hours), the duration of the last runs, and AWS list
prices for us-east-1 without free tiers. It excludes Athena, CloudWatch and storage. After the run, the actual figures are
printed beside the quote.

Examples:
  ghactivity backfill --from 2025-11-01-0 --to 2025-11-30-23 --dry-run
  ghactivity backfill --from 2025-11-01-0 --to 2025-11-30-23
  ghactivity backfill --from 2025-11-01-0 --to 2025-11-01-23 --force --detach

Exit status:
  0    every hour of the range is published, or not in the archive (yet)
  1    usage error, for example an hour that is not over; nothing was done
  2    some hours are not published; the message names the first ones
  130  detached by Ctrl-C; the execution continues";

/// Quotes and runs the range, and prints the actual figures beside the quote.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { from, to, force, ref job_id, dry_run, ref following } = arguments;
    if from > to {
        return Err(CliError::Usage(format!("--from {from} is later than --to {to}: swap them")));
    }
    is_over(to, Timestamp::now())?;
    let stack = following.stack.find().await?;
    let quote = BackfillQuote::make(&stack, from, to, force).await?;
    if dry_run {
        if following.json {
            output::json(&quote);
        } else {
            output::text(&quote.text());
        }
        return Ok(());
    }
    eprintln!("  {}", quote.line());
    let input = json!({"from": from, "to": to, "force": force, "job_id": job_id});
    let Some(ended) = following.start(&stack, "BackfillStateMachineArn", &format!("{from}_{to}"), &input).await? else {
        return Ok(());
    };
    let actual = quote.actual(&stack, &ended).await?;
    if following.json {
        output::json(&json!({"quote": quote, "actual": actual, "execution": ended}));
    } else {
        output::text(&format!("{}\n{}", ended.text(), quote.beside(&actual)));
    }
    ended.error().map_or(Ok(()), Err)
}

/// Rejects a range that has not ended, before it is quoted. The state machine would reject it too.
fn is_over(to: ArchiveHour, now: Timestamp) -> Result<(), CliError> {
    match due::newest_over(now) {
        Some(newest) if to <= newest => Ok(()),
        newest => {
            let newest = newest.unwrap_or(ArchiveHour::FIRST);
            Err(CliError::Usage(format!("--to {to} is not over: the newest complete hour is {newest}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_ends_with_an_hour_that_is_over() {
        let now = "2025-11-21T06:59:59Z".parse().unwrap();
        assert!(is_over("2025-11-21-5".parse().unwrap(), now).is_ok());
        let refused = is_over("2025-11-21-6".parse().unwrap(), now).unwrap_err();
        assert_eq!(refused.to_string(), "--to 2025-11-21-6 is not over: the newest complete hour is 2025-11-21-5");
        assert_eq!(refused.exit_status(), 1);
    }
}
