//! `ghactivity completions` and `ghactivity man`: what a shell and `man` want to know of the command itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::output;
use crate::stack::Problem;

/// For which shell.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ghactivity completions bash > ~/.local/share/bash-completion/completions/ghactivity
  ghactivity completions zsh > ~/.zfunc/_ghactivity
  ghactivity completions fish > ~/.config/fish/completions/ghactivity.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Where to.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ghactivity man | man -l -
  ghactivity man --out ~/.local/share/man/man1    # a page for each subcommand")]
pub(crate) struct Man {
    /// Write a page for the command and one for each subcommand into this folder, instead of printing the first
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &Completions) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::CommandLine::command(), "ghactivity", &mut script);
    output::text(&String::from_utf8_lossy(&script));
    Ok(())
}

pub(crate) fn man(arguments: &Man) -> Result<(), Problem> {
    let command = crate::CommandLine::command();
    let Some(folder) = &arguments.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).expect("memory takes what is written to it");
        output::text(&String::from_utf8_lossy(&page));
        return Ok(());
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|error| Problem::File { path: folder.display().to_string(), reason: error.to_string() })
}
