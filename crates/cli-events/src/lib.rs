//! `ghactivity events`: put events into the stream, and verify that each is stored exactly once.

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

/// What to do with the event stream.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Put the events of a file, or simulated ones, into the stream
    Put(put::Arguments),
    /// Hold what was sent against all that is stored: each event exactly once, with its fields
    Verify(verify::Arguments),
}

const AFTER_HELP: &str = "\
The stack is the main one with EventStreamEnabled=ENABLED, or sam/event-stream.yaml deployed alone: name that with --stack.

Examples:
  ghactivity events put --simulate 200000 --duplicates 0.05 --out-of-order --poison 0.001 --seed 7
  ghactivity events verify --simulate 200000 --duplicates 0.05 --out-of-order --poison 0.001 --seed 7
  ghactivity events put events.jsonl --sent sent.jsonl --stack ghactivity-events
  ghactivity events verify sent.jsonl --stack ghactivity-events";

pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    match arguments.action {
        Action::Put(put) => put.run().await,
        Action::Verify(verify) => verify.run().await,
    }
}
