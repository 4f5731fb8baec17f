//! `ghactivity completions` and `ghactivity man`.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;
use cli_core::{CliError, output};

#[derive(Args)]
#[command(after_help = "\
Examples:
  ghactivity completions bash > ~/.local/share/bash-completion/completions/ghactivity
  ghactivity completions zsh > ~/.zfunc/_ghactivity
  ghactivity completions fish > ~/.config/fish/completions/ghactivity.fish")]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ghactivity man | man -l -
  ghactivity man --out ~/.local/share/man/man1    # a page for each subcommand")]
pub(crate) struct ManArguments {
    /// Write the pages of the command and of each subcommand to this folder, instead of printing the first
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &CompletionsArguments, mut command: Command) {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "ghactivity", &mut script);
    output::text(&String::from_utf8_lossy(&script));
}

pub(crate) fn man(arguments: &ManArguments, command: Command) -> Result<(), CliError> {
    let Some(folder) = &arguments.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).expect("writing to memory never fails");
        output::text(&String::from_utf8_lossy(&page));
        return Ok(());
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|error| CliError::File { path: folder.display().to_string(), reason: error.to_string() })
}
