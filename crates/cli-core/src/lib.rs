//! What every subcommand of `ghactivity` shares: output, colours, errors with a next step, and Ctrl-C.
//!
//! Nothing here depends on AWS: `ghactivity convert` uses this crate on a laptop without an account.
//!
//! Results go to standard output, progress and errors to standard error. Exit status: 0 for success, [`USAGE`],
//! [`FAILED`], and 128 plus the signal's number for a command that a signal ended.

pub mod color;
mod error;
pub mod format;
pub mod hours;
pub mod interrupt;
pub mod output;
pub mod price;
pub mod progress;

pub use error::CliError;

/// Exit status of a usage error: nothing was done.
pub const USAGE: u8 = 1;
/// Exit status of a command that failed.
pub const FAILED: u8 = 2;
