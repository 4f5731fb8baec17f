//! Usage errors: they are found before anything is written.

use std::io;
use std::path::PathBuf;

use pipeline::ArchiveHour;

/// What is wrong with the command line. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertUsageError {
    #[error("nothing to convert: name files, globs, addresses or -, or give --hour alone to fetch that hour")]
    NoInput,
    #[error("no file matches '{pattern}'")]
    NoMatch { pattern: String },
    #[error("'{pattern}' is no glob")]
    BadGlob { pattern: String, source: glob::PatternError },
    #[error(
        "'{input}' does not tell its hour: its name should begin with one, as 2025-11-21-0.json.gz does; or add --hour"
    )]
    NoHour { input: String },
    #[error("standard input does not tell its hour: add --hour, for example --hour 2025-11-21-0")]
    NoHourOfStdin,
    #[error("--hour is for a single input, but there are {inputs}: their names should begin with their hours")]
    HourForMany { inputs: usize },
    #[error("'{first}' and '{second}' are both hour {hour}, and the second would replace the first: use two folders")]
    SameHour { hour: ArchiveHour, first: String, second: String },
    #[error("'{url}' is no http or https address")]
    NoAddress { url: String },
    #[error("cannot write to {}", path.display())]
    Out { path: PathBuf, source: io::Error },
}
