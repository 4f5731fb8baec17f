//! `ghactivity events`: puts events into the stream, and verifies that each is stored exactly once.

mod finding;
mod identity;
mod lines;
mod put;
mod putter;
mod sent;
mod sent_records;
mod stored_records;
mod verify;

use clap::{Args, Subcommand};
use cli_core::CliError;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    action: EventsCommand,
}

#[derive(Subcommand)]
enum EventsCommand {
    /// Put the events of a file, or simulated events, into the stream
    Put(put::Arguments),
    /// Verify that each event that was sent is stored exactly once and unchanged
    Verify(verify::Arguments),
}

const AFTER_HELP: &str = "\
The main stack needs EventStreamEnabled=ENABLED. If sam/event-stream.yaml is deployed alone, name its stack with --stack.

Examples:
  ghactivity events put --simulate 200000 --duplicates 0.05 --out-of-order --poison 0.001 --seed 7
  ghactivity events verify --simulate 200000 --duplicates 0.05 --out-of-order --poison 0.001 --seed 7
  ghactivity events put events.jsonl --sent sent.jsonl --stack ghactivity-events
  ghactivity events verify sent.jsonl --stack ghactivity-events";

pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    match arguments.action {
        EventsCommand::Put(put) => put.run().await,
        EventsCommand::Verify(verify) => verify.run().await,
    }
}
