//! The command `ghactivity`: what a person runs, on a laptop or against a deployed stack.
//!
//! A subcommand is a module with its arguments and a function that runs it and answers the exit status. What the
//! subcommands promise alike is here: standard output is for results, standard error for progress and complaints; colours
//! and progress bars only on a terminal; an error names what it is about and, where there is one, the remedy; exit status
//! 0 for success, 1 for a command line that makes no sense (nothing was done), 2 for something that failed, and 128 plus
//! the signal's number where a signal ended it.

mod convert;
mod interrupt;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// GitHub's public activity, hour by hour, from GH Archive to Parquet.
#[derive(Parser)]
#[command(name = "ghactivity", version, arg_required_else_help = true, after_help = EXIT_STATUS)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Convert hours of GH Archive (.json.gz) to Parquet, with no AWS: the code that the Lambda runs
    Convert(convert::Arguments),
}

const EXIT_STATUS: &str = "\
Exit status: 0 done, 1 the command line makes no sense and nothing was done, 2 something failed.";

/// What is wrong with the command line, so that nothing was done.
const USAGE: u8 = 1;
/// Something failed.
const FAILED: u8 = 2;

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
        Command::Convert(arguments) => convert::run(&arguments),
    }
}

/// An error and its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
