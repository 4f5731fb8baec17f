//! Usage errors: they are found before anything is written.

use std::io;
use std::path::PathBuf;

use pipeline::ArchiveHour;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertUsageError {
    #[error("nothing to convert: name files, globs, addresses or -, or give --hour alone to download that hour")]
    NoInput,
    #[error("no file matches '{pattern}'")]
    NoMatch { pattern: String },
    #[error("'{pattern}' is not a valid glob")]
    BadGlob { pattern: String, source: glob::PatternError },
    #[error(
        "the hour of '{input}' is unknown: begin its name with the hour, as in 2025-11-21-0.json.gz, or add --hour"
    )]
    NoHour { input: String },
    #[error("the hour of standard input is unknown: add --hour, for example --hour 2025-11-21-0")]
    NoHourOfStdin,
    #[error("--hour is for a single input, but there are {inputs}: begin their names with their hours")]
    HourForMany { inputs: usize },
    #[error("'{first}' and '{second}' are both hour {hour}, so the second would replace the first: use two folders")]
    SameHour { hour: ArchiveHour, first: String, second: String },
    #[error("'{url}' is not an http or https address")]
    NoAddress { url: String },
    #[error("cannot write to {}", path.display())]
    Out { path: PathBuf, source: io::Error },
}
