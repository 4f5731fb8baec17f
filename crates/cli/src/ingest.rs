//! `ghactivity ingest`: the hours that are due, as the schedule runs them.

use clap::Args;
use cli_core::CliError;
use cli_stack::INGEST_JOB;
use cli_watch::FollowArguments;
use pipeline::ArchiveHour;
use serde_json::{Map, Value, json};

/// How many, and from where.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Run at most so many hours [default: MaxHoursPerRun of the stack]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    hours: Option<u32>,
    /// Where a job begins that has no hour yet [default: BaselineDays of the stack before now]
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    from: Option<ArchiveHour>,
    /// Instead of what is due: published hours of so many days that the archive has replaced
    #[arg(long, value_name = "DAYS", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..=31))]
    recheck: Option<u32>,
    /// Whose bookmark and run history
    #[arg(long, value_name = "ID", default_value = INGEST_JOB)]
    job_id: String,
    #[command(flatten)]
    following: FollowArguments,
}

const AFTER_HELP: &str = "\
Runs the state machine ingest and follows it: every hour that is over and not published, oldest first. Hours that fail are
told, and the others go on. Ctrl-C detaches: the execution goes on.

Examples:
  ghactivity ingest
  ghactivity ingest --hours 3
  ghactivity ingest --from 2025-11-01-0           # a job's first run
  ghactivity ingest --recheck 7                   # what the archive has replaced within a week
  ghactivity ingest --json | jq '.hours[] | select(.status != \"published\")'

Exit status:
  0    every hour that is due was run, or as many as were asked for
  1    the command line makes no sense; nothing was done
  2    an hour failed, or the execution did
  130  detached by Ctrl-C; it goes on";

/// Runs the hours that are due and prints what became of them.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { hours, from, recheck, job_id, following } = arguments;
    let stack = following.stack.find().await?;
    if let Some(from) = from {
        let job = stack.jobs()?.get(&job_id).await.map_err(|error| stack.aws.error(error))?;
        if let Some(job) = job {
            let first = job.first_hour;
            eprintln!(
                "  --from {from} is left aside: {job_id} has hours already, from {first} on; 'ghactivity backfill' runs others"
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
