//! The command `ghactivity`: what a person runs, on a laptop or against a deployed stack.
//!
//! A subcommand is a module with its arguments and a function that runs it and answers the exit status. What the
//! subcommands promise alike is here: standard output is for results, standard error for progress and complaints; colours
//! and progress bars only on a terminal; an error names what it is about and, where there is one, the remedy; exit status
//! 0 for success, 1 for a command line that makes no sense (nothing was done), 2 for something that failed, and 128 plus
//! the signal's number where a signal ended it.

mod advice;
mod backfill;
mod calendar;
mod convert;
mod events;
mod hour;
mod ingest;
mod interrupt;
mod lineage;
mod load_csv;
mod local;
mod output;
mod paint;
mod price;
mod prove;
mod quarantine;
mod query;
mod report;
mod rollback;
mod shell;
mod stack;
mod start;
mod status;
mod teardown;
mod unload;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use stack::Problem;

/// GitHub's public activity, hour by hour, from GH Archive to SQL: run, watch, ask and look at a deployed stack.
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
    /// How far the stack is: bookmark, lag, last runs, and a calendar of every hour
    Status(status::Arguments),
    /// Run the hours that are due, and follow them
    Ingest(ingest::Arguments),
    /// Run a range of hours in parallel, and follow it; --dry-run tells the price
    Backfill(backfill::Arguments),
    /// Run one hour, from the source to a partition that readers see, and follow it
    Hour(hour::Arguments),
    /// Show readers an earlier version of an hour again
    Rollback(rollback::Arguments),
    /// Prove that what readers see is what was landed
    Prove(prove::Arguments),
    /// Follow an execution until it ends
    Watch(watch::Arguments),
    /// Ask the lake in SQL, through Athena, with the price told beforehand
    Query(query::Arguments),
    /// Write one page about a stretch of hours: charts, tables, and every query
    Report(report::Arguments),
    /// Trace a row back to the byte of the archive's file that it came from
    Lineage(lineage::Arguments),
    /// Load a CSV file into a DynamoDB table; --dry-run tells the price
    LoadCsv(load_csv::Arguments),
    /// Delete the items of a load of a CSV file again
    Unload(unload::Arguments),
    /// Bad records: list, show, replay
    Quarantine(quarantine::Arguments),
    /// The event stream: put events or a simulation, verify that each is stored exactly once
    Events(events::Arguments),
    /// Delete the stack and what it would leave behind, after asking
    Teardown(teardown::Arguments),
    /// The local AWS with the stack in it: up, down, status, logs, env
    Local(local::Arguments),
    /// Print a shell's completions
    Completions(shell::Completions),
    /// Print the man page
    Man(shell::Man),
}

const EXIT_STATUS: &str = "\
Exit status: 0 done, 1 the command line makes no sense and nothing was done, 2 something failed, 130 stopped by Ctrl-C (what it
started goes on).";

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
        Command::Status(arguments) => block_on(status::run(arguments)),
        Command::Ingest(arguments) => block_on(ingest::run(arguments)),
        Command::Backfill(arguments) => block_on(backfill::run(arguments)),
        Command::Query(arguments) => block_on(query::run(arguments)),
        Command::Report(arguments) => block_on(report::run(arguments)),
        Command::LoadCsv(arguments) => block_on(load_csv::run(arguments)),
        Command::Unload(arguments) => block_on(unload::run(arguments)),
        Command::Lineage(arguments) => block_on(lineage::run(arguments)),
        Command::Quarantine(arguments) => block_on(quarantine::run(arguments)),
        Command::Events(arguments) => block_on(events::run(arguments)),
        Command::Teardown(arguments) => block_on(teardown::run(arguments)),
        Command::Completions(arguments) => exit(shell::completions(&arguments)),
        Command::Man(arguments) => exit(shell::man(&arguments)),
        Command::Local(arguments) => exit(local::run(&arguments)),
        Command::Hour(arguments) => block_on(hour::run(arguments)),
        Command::Rollback(arguments) => block_on(rollback::run(arguments)),
        Command::Prove(arguments) => block_on(prove::run(arguments)),
        Command::Watch(arguments) => block_on(watch::run(arguments)),
    }
}

/// Runs a subcommand that talks to a stack; what it could not do is one line on standard error.
fn block_on(command: impl Future<Output = Result<(), Problem>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs no more than a thread and an event queue");
    exit(runtime.block_on(command))
}

fn exit(result: Result<(), Problem>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("ghactivity: {problem}");
            ExitCode::from(problem.status())
        }
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:123456789012:execution:ghactivity-ingest:6f1c";

    /// The command and all its subcommands, each with its name from the first word on.
    fn commands() -> Vec<(String, clap::Command)> {
        fn walk(name: String, command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
            for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
                walk(format!("{name} {}", inner.get_name()), inner, found);
            }
            found.push((name, command.clone()));
        }
        let mut found = Vec::new();
        let mut command = CommandLine::command();
        command.build();
        walk("ghactivity".to_owned(), &command, &mut found);
        found
    }

    /// The words of a command line as a shell reads them, up to a pipe, a redirection or a comment.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.replace(" ARN", &format!(" {ARN}")).chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => (quote, word) = (Some(c), Some(word.unwrap_or_default())),
                (None, ' ') => words.extend(word.take()),
                (None, '|' | '>' | '#') => break,
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_is_a_command_line_that_makes_sense() {
        let mut examples = 0;
        for (name, mut command) in commands() {
            let help = command.render_long_help().to_string();
            for line in
                help.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| line.starts_with("ghactivity "))
            {
                let parsed = CommandLine::try_parse_from(words(line));
                assert!(
                    parsed.is_ok(),
                    "{name}: {line}: {}",
                    parsed.err().map(|error| error.to_string()).unwrap_or_default()
                );
                examples += 1;
            }
        }
        assert!(examples > 40, "{examples}");
    }

    #[test]
    fn every_subcommand_has_examples_and_says_what_it_is_for() {
        for (name, command) in commands() {
            assert!(command.get_about().is_some(), "{name} says nothing of itself");
            let outer = command.get_subcommands().next().is_some() || name.split(' ').count() > 2;
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(outer || help.contains("Examples:"), "{name} has no examples");
        }
    }

    #[test]
    fn no_help_is_wider_than_the_page() {
        for (name, mut command) in commands() {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.lines().all(|line| line.chars().count() <= 130), "{name}");
            assert!(command.render_help().to_string().contains("Usage:"), "{name}");
        }
    }
}
