//! `ghactivity prove`: verifies published hours against the bytes that were downloaded.

use clap::Args;
use cli_core::hours::range;
use cli_core::{CliError, output};
use cli_stack::{INGEST_JOB, Stack};
use cli_watch::FollowArguments;
use jiff::Timestamp;
use pipeline::ArchiveHour;
use serde_json::{Value, json};

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// An hour, a day, or a range FROM..TO of them [default: all hours up to the bookmark]
    #[arg(value_name = "RANGE", value_parser = range)]
    range: Option<(ArchiveHour, ArchiveHour)>,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Verifies published hours: computes their rows again from the downloaded bytes, and compares them with Parquet files, quarantine,
ledger and catalogue. Changes nothing. Starts the state machine prove and follows it. Without RANGE, it starts at the first hour
of the job ghactivity_ingest, or at an earlier hour that was backfilled without a gap, and names the hours that it leaves out.
docs/errors.md explains each finding.

Examples:
  ghactivity prove 2025-11-21-0
  ghactivity prove 2025-11-21
  ghactivity prove 2025-11-01..2025-11-30
  ghactivity prove --json

Exit status:
  0    every hour is proven
  1    usage error; nothing was done
  2    NotProven: the message names the first hours with findings; or the execution failed
  130  detached by Ctrl-C; the execution continues";

/// Proves the range and prints the sums.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { range, following } = arguments;
    let stack = following.stack.find().await?;
    let (from, to) = match range {
        Some(range) => range,
        None => up_to_the_bookmark(&stack).await?,
    };
    let input = json!({"from": from, "to": to});
    let ended = following.start(&stack, "ProveStateMachineArn", &format!("{from}_{to}"), &input).await?;
    let Some(ended) = ended else { return Ok(()) };
    if following.json {
        output::json(&ended);
    } else if let Value::Object(sums) = &ended.output {
        let line = |(name, value): (&String, &Value)| format!("{:16} {value}\n", name.replace('_', " "));
        output::text(&sums.iter().map(line).collect::<String>());
    }
    ended.error().map_or(Ok(()), Err)
}

async fn up_to_the_bookmark(stack: &Stack) -> Result<(ArchiveHour, ArchiveHour), CliError> {
    let failed = |error| stack.aws.error(error);
    let job = stack.jobs()?.get(INGEST_JOB).await.map_err(failed)?;
    let known = job.and_then(|job| Some((job.first_hour, job.bookmark().ok().flatten()?)));
    let (first, bookmark) = known.ok_or_else(|| CliError::Absent {
        what: format!("bookmark of job {INGEST_JOB}"),
        next: format!("name the hours: 'ghactivity prove {}'", Timestamp::now().strftime("%Y-%m-%d")),
    })?;
    let before = stack.ledger()?.outcomes(ArchiveHour::FIRST, first).await.map_err(failed)?;
    let before: Vec<_> = before.into_iter().map(|(hour, ..)| hour).collect();
    let (from, apart) = joined(&before, first);
    eprintln!("  {from} to {bookmark}");
    if let Some((oldest, newest)) = apart {
        // Hours in a gap of the ledger never ran, so a proof of a range with the gap would fail.
        eprintln!("  hours before a gap are left out: 'ghactivity prove {oldest}..{newest}'");
    }
    Ok((from, bookmark))
}

/// The oldest hour from which the ledger has all hours up to `first`. If the ledger has hours before a gap, also their range.
fn joined(before: &[ArchiveHour], first: ArchiveHour) -> (ArchiveHour, Option<(ArchiveHour, ArchiveHour)>) {
    let mut from = first;
    for hour in before.iter().rev().filter(|hour| **hour < first) {
        if hour.plus(1) != from {
            return (from, Some((before[0], *hour)));
        }
        from = *hour;
    }
    (from, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_backfilled_before_the_job_are_proven() {
        let hour = |text: &str| text.parse::<ArchiveHour>().unwrap();
        let first = hour("2025-11-21-3");
        for (phrase, before, from, apart) in [
            ("nothing before", vec!["2025-11-21-3"], "2025-11-21-3", None),
            (
                "a backfill",
                vec!["2025-11-20-23", "2025-11-21-0", "2025-11-21-1", "2025-11-21-2"],
                "2025-11-20-23",
                None,
            ),
            (
                "one before a gap",
                vec!["2015-01-01-0", "2015-01-01-1", "2025-11-21-2"],
                "2025-11-21-2",
                Some(("2015-01-01-0", "2015-01-01-1")),
            ),
        ] {
            let before: Vec<_> = before.into_iter().map(hour).collect();
            let apart = apart.map(|(oldest, newest)| (hour(oldest), hour(newest)));
            assert_eq!(joined(&before, first), (hour(from), apart), "{phrase}");
        }
    }
}
