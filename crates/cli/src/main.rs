//! The binary `ghactivity`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ghactivity::run(std::env::args_os())
}
