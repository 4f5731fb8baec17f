//! `ghactivity ingest`: runs the hours that are due, as the schedule does.

use clap::Args;
use cli_core::CliError;
use cli_stack::INGEST_JOB;
use cli_watch::FollowArguments;
use pipeline::ArchiveHour;
use serde_json::{Map, Value, json};

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Run at most N hours [default: MaxHoursPerRun of the stack]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    hours: Option<u32>,
    /// First hour of a new job [default: BaselineDays of the stack before now]
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    from: Option<ArchiveHour>,
    /// Instead of due hours, run published hours of the last DAYS days whose file the archive has replaced
    #[arg(long, value_name = "DAYS", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..=31))]
    recheck: Option<u32>,
    /// Job with the bookmark and the run history
    #[arg(long, value_name = "ID", default_value = INGEST_JOB)]
    job_id: String,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Runs every hour that is over and not published, oldest first. Starts the state machine ingest and follows it. A failed hour is
reported and does not stop the others. Ctrl-C detaches: the execution continues.

Examples:
  ghactivity ingest
  ghactivity ingest --hours 3
  ghactivity ingest --from 2025-11-01-0           # a job's first run
  ghactivity ingest --recheck 7                   # hours that the archive replaced within a week
  ghactivity ingest --json | jq '.hours[] | select(.status != \"published\")'

Exit status:
  0    all due hours were run, up to --hours
  1    usage error; nothing was done
  2    an hour or the execution failed
  130  detached by Ctrl-C; the execution continues";

/// Runs the due hours and prints their report.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { hours, from, recheck, job_id, following } = arguments;
    let stack = following.stack.find().await?;
    if let Some(from) = from {
        let job = stack.jobs()?.get(&job_id).await.map_err(|error| stack.aws.error(error))?;
        if let Some(job) = job {
            let first = job.first_hour;
            eprintln!(
                "  --from {from} is ignored: job {job_id} already starts at {first}; run other hours with 'ghactivity backfill'"
            );
        }
    }
    let mut input = Map::new();
    let mut give = |name: &str, value: Option<Value>| value.map(|value| input.insert(name.to_owned(), value));
    give("job_id", Some(json!(job_id)));
    give("max_hours", hours.map(Value::from));
    give("from", from.map(|hour| json!(hour)));
    give("recheck_days", recheck.map(Value::from));
    let ended = following.start(&stack, "IngestStateMachineArn", "ingest", &Value::Object(input)).await?;
    following.finish(ended)
}
