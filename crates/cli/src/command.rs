//! The command line: every subcommand with its arguments.

use clap::{Parser, Subcommand};

use crate::shell::{CompletionsArguments, ManArguments};
use crate::{backfill, hour, ingest, local, prove, quarantine, rollback, status, teardown, watch};

/// GitHub's public activity, hour by hour, from GH Archive to SQL: convert files, and run, query and check a stack.
#[derive(Parser)]
#[command(name = "ghactivity", version, arg_required_else_help = true, after_help = EXIT_STATUS)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Subcommands,
}

#[derive(Subcommand)]
pub(crate) enum Subcommands {
    /// Convert hours of GH Archive (.json.gz) to Parquet on this machine, without AWS
    Convert(cli_convert::Arguments),
    /// Show bookmark, lag, last runs, and a calendar of all hours
    Status(status::Arguments),
    /// Run the hours that are due
    Ingest(ingest::Arguments),
    /// Run a range of hours in parallel; --dry-run prints the price
    Backfill(backfill::Arguments),
    /// Run one hour, from the source to a published partition
    Hour(hour::Arguments),
    /// Publish an earlier version of an hour again
    Rollback(rollback::Arguments),
    /// Verify published hours against the bytes that were downloaded
    Prove(prove::Arguments),
    /// Follow an execution until it ends
    Watch(watch::Arguments),
    /// Query the lake in SQL through Athena; print the price first
    Query(cli_query::query::Arguments),
    /// Write an HTML page about a range of hours: charts, tables and their queries
    Report(cli_query::report::Arguments),
    /// Trace a row back to its bytes in the file of the archive
    Lineage(cli_query::lineage::Arguments),
    /// Load a CSV file into a DynamoDB table; --dry-run prints the price
    LoadCsv(cli_csv::load_csv::Arguments),
    /// Delete the items that a CSV load wrote
    Unload(cli_csv::unload::Arguments),
    /// List, show and replay bad records
    Quarantine(quarantine::Arguments),
    /// Put events into the event stream, and verify that each is stored exactly once
    Events(cli_events::Arguments),
    /// Delete the stack with its data, after a confirmation
    Teardown(teardown::Arguments),
    /// Run the stack on a local AWS: up, deploy, down, status, dashboard, logs, env
    Local(local::Arguments),
    /// Print completions for a shell
    Completions(CompletionsArguments),
    /// Print the man page
    Man(ManArguments),
}

const EXIT_STATUS: &str = "\
Exit status: 0 success, 1 usage error (nothing was done), 2 failure, 130 stopped by Ctrl-C (a started execution continues).";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:123456789012:execution:ghactivity-ingest:6f1c";

    /// All subcommands with their full names.
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

    /// Splits a command line as a shell does, up to a pipe, a redirection or a comment.
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
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn each_example_in_the_help_parses() {
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
    fn each_subcommand_has_a_purpose_and_examples() {
        for (name, command) in commands() {
            assert!(command.get_about().is_some(), "{name} has no description");
            let outer = command.get_subcommands().next().is_some() || name.split(' ').count() > 2;
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(outer || help.contains("Examples:"), "{name} has no examples");
        }
    }

    #[test]
    fn help_fits_130_columns() {
        for (name, mut command) in commands() {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.lines().all(|line| line.chars().count() <= 130), "{name}");
            assert!(command.render_help().to_string().contains("Usage:"), "{name}");
        }
    }
}
