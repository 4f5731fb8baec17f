//! The command `ghactivity`.
//!
//! A subcommand is a module, here or in a `cli-*` crate, with `Arguments` and a function `run`. `cli-core` defines
//! what all of them promise: where output goes, and what the exit status means.

mod backfill;
mod command;
mod hour;
mod ingest;
mod local;
mod prove;
mod quarantine;
mod rollback;
mod shell;
mod status;
mod teardown;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cli_core::{CliError, USAGE};

use command::{CommandLine, Subcommands};

/// Runs a command line, which starts with the name of the program, and returns the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = match CommandLine::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are errors to clap too. A failed write is ignored: the output is closed.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match parsed.command {
        Subcommands::Convert(arguments) => cli_convert::run(&arguments),
        Subcommands::Status(arguments) => block_on(status::run(arguments)),
        Subcommands::Ingest(arguments) => block_on(ingest::run(arguments)),
        Subcommands::Backfill(arguments) => block_on(backfill::run(arguments)),
        Subcommands::Query(arguments) => block_on(cli_query::query::run(arguments)),
        Subcommands::Report(arguments) => block_on(cli_query::report::run(arguments)),
        Subcommands::LoadCsv(arguments) => block_on(cli_csv::load_csv::run(arguments)),
        Subcommands::Unload(arguments) => block_on(cli_csv::unload::run(arguments)),
        Subcommands::Lineage(arguments) => block_on(cli_query::lineage::run(arguments)),
        Subcommands::Quarantine(arguments) => block_on(quarantine::run(arguments)),
        Subcommands::Events(arguments) => block_on(cli_events::run(arguments)),
        Subcommands::Teardown(arguments) => block_on(teardown::run(arguments)),
        Subcommands::Completions(arguments) => {
            shell::completions(&arguments, CommandLine::command());
            ExitCode::SUCCESS
        }
        Subcommands::Man(arguments) => exit(shell::man(&arguments, CommandLine::command())),
        Subcommands::Local(arguments) => exit(local::run(&arguments)),
        Subcommands::Hour(arguments) => block_on(hour::run(arguments)),
        Subcommands::Rollback(arguments) => block_on(rollback::run(arguments)),
        Subcommands::Prove(arguments) => block_on(prove::run(arguments)),
        Subcommands::Watch(arguments) => block_on(watch::run(arguments)),
    }
}

/// Runs a subcommand that calls AWS.
fn block_on(command: impl Future<Output = Result<(), CliError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread needs only an event queue");
    exit(runtime.block_on(command))
}

fn exit(result: Result<(), CliError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ghactivity: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}
