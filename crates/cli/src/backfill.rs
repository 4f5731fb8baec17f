//! `ghactivity backfill`: a range of hours, its price told beforehand and beside the actual one afterwards.

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

/// Which hours, and how.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// First hour of the range
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    from: ArchiveHour,
    /// Last hour of the range, included
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    to: ArchiveHour,
    /// Run published hours again too, even if rows would be lost
    #[arg(long)]
    force: bool,
    /// Whose run history to write to
    #[arg(long, value_name = "ID", default_value = "ghactivity_backfill")]
    job_id: String,
    /// Only tell what it would take: hours, bytes, requests, GB-seconds, dollars, time
    #[arg(long, conflicts_with = "detach")]
    dry_run: bool,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Runs the state machine backfill and follows it. Hours that are published are left alone, so that started again it goes on
with what is left. The quote takes the source's own sizes (a HEAD request for at most 24 hours of the range), the time that
the stack's last runs took, and AWS's list prices for us-east-1 without free tiers; it leaves out Athena, CloudWatch and what
is stored afterwards. After the run, what was counted stands beside it. Ctrl-C detaches: the execution goes on.

Examples:
  ghactivity backfill --from 2025-11-01-0 --to 2025-11-30-23 --dry-run
  ghactivity backfill --from 2025-11-01-0 --to 2025-11-30-23
  ghactivity backfill --from 2025-11-01-0 --to 2025-11-01-23 --force --detach

Exit status:
  0    every hour of the range is published, or the archive does not have it
  1    the command line makes no sense, for example an hour that is not over; nothing was done
  2    hours are open: the message names the first of them
  130  detached by Ctrl-C; it goes on";

/// Quotes, runs the range, and tells the quote beside what it took.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { from, to, force, ref job_id, dry_run, ref following } = arguments;
    if from > to {
        return Err(CliError::Usage(format!("--from {from} lies after --to {to}: exchange them")));
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

/// Refuses what the state machine would, before a price is told for it.
fn is_over(to: ArchiveHour, now: Timestamp) -> Result<(), CliError> {
    match due::newest_over(now) {
        Some(newest) if to <= newest => Ok(()),
        newest => {
            let newest = newest.unwrap_or(ArchiveHour::FIRST);
            Err(CliError::Usage(format!("--to {to} is not over: the newest hour that is, is {newest}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_with_an_hour_that_is_over() {
        let now = "2025-11-21T06:59:59Z".parse().unwrap();
        assert!(is_over("2025-11-21-5".parse().unwrap(), now).is_ok());
        let refused = is_over("2025-11-21-6".parse().unwrap(), now).unwrap_err();
        assert_eq!(refused.to_string(), "--to 2025-11-21-6 is not over: the newest hour that is, is 2025-11-21-5");
        assert_eq!(refused.exit_status(), 1);
    }
}
