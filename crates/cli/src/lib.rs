//! The command `ghactivity`: what a person runs, on a laptop or against a deployed stack.
//!
//! A subcommand is a module with its arguments and a function that runs it and answers the exit status. What the
//! subcommands promise alike is here: standard output is for results, standard error for progress and complaints; colours
//! and progress bars only on a terminal; an error names what it is about and, where there is one, the remedy; exit status
//! 0 for success, 1 for a command line that makes no sense (nothing was done), 2 for something that failed, and 128 plus
//! the signal's number where a signal ended it.

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

use command::{Command, CommandLine};

/// Runs the command line `arguments`, the program's name first, and answers the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = match CommandLine::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(answer) => {
            // Help and version are answers too; where they cannot be printed, nobody reads them.
            let _ = answer.print();
            return if answer.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match parsed.command {
        Command::Convert(arguments) => cli_convert::run(&arguments),
        Command::Status(arguments) => block_on(status::run(arguments)),
        Command::Ingest(arguments) => block_on(ingest::run(arguments)),
        Command::Backfill(arguments) => block_on(backfill::run(arguments)),
        Command::Query(arguments) => block_on(cli_query::query::run(arguments)),
        Command::Report(arguments) => block_on(cli_query::report::run(arguments)),
        Command::LoadCsv(arguments) => block_on(cli_csv::load_csv::run(arguments)),
        Command::Unload(arguments) => block_on(cli_csv::unload::run(arguments)),
        Command::Lineage(arguments) => block_on(cli_query::lineage::run(arguments)),
        Command::Quarantine(arguments) => block_on(quarantine::run(arguments)),
        Command::Events(arguments) => block_on(cli_events::run(arguments)),
        Command::Teardown(arguments) => block_on(teardown::run(arguments)),
        Command::Completions(arguments) => exit(shell::completions(&arguments, CommandLine::command())),
        Command::Man(arguments) => exit(shell::man(&arguments, CommandLine::command())),
        Command::Local(arguments) => exit(local::run(&arguments)),
        Command::Hour(arguments) => block_on(hour::run(arguments)),
        Command::Rollback(arguments) => block_on(rollback::run(arguments)),
        Command::Prove(arguments) => block_on(prove::run(arguments)),
        Command::Watch(arguments) => block_on(watch::run(arguments)),
    }
}

/// Runs a subcommand that talks to a stack; what it could not do is one line on standard error.
fn block_on(command: impl Future<Output = Result<(), CliError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs no more than a thread and an event queue");
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
