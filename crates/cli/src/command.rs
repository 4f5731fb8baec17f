//! The command line: every subcommand with its arguments.

use clap::{Parser, Subcommand};

use crate::shell::{CompletionsArguments, ManArguments};
use crate::{backfill, hour, ingest, local, prove, quarantine, rollback, status, teardown, watch};

/// GitHub's public activity, hour by hour, from GH Archive to SQL: run, watch, ask and look at a deployed stack.
#[derive(Parser)]
#[command(name = "ghactivity", version, arg_required_else_help = true, after_help = EXIT_STATUS)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Convert hours of GH Archive (.json.gz) to Parquet, with no AWS: the code that the Lambda runs
    Convert(cli_convert::Arguments),
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
    Query(cli_query::query::Arguments),
    /// Write one page about a stretch of hours: charts, tables, and every query
    Report(cli_query::report::Arguments),
    /// Trace a row back to the byte of the archive's file that it came from
    Lineage(cli_query::lineage::Arguments),
    /// Load a CSV file into a DynamoDB table; --dry-run tells the price
    LoadCsv(cli_csv::load_csv::Arguments),
    /// Delete the items of a load of a CSV file again
    Unload(cli_csv::unload::Arguments),
    /// Bad records: list, show, replay
    Quarantine(quarantine::Arguments),
    /// The event stream: put events or a simulation, verify that each is stored exactly once
    Events(cli_events::Arguments),
    /// Delete the stack and what it would leave behind, after asking
    Teardown(teardown::Arguments),
    /// The local AWS with the stack in it: up, down, status, logs, env
    Local(local::Arguments),
    /// Print a shell's completions
    Completions(CompletionsArguments),
    /// Print the man page
    Man(ManArguments),
}

const EXIT_STATUS: &str = "\
Exit status: 0 done, 1 the command line makes no sense and nothing was done, 2 something failed, 130 stopped by Ctrl-C (what it
started goes on).";

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
