//! State `NextFile` of `ingest`: returns the hours that a job has to process.
//!
//! - **Input** ([`Input`]): the job, the most hours to return, and the last hour returned to this execution.
//! - **Output** ([`Output`]): the due hours, oldest first, only hours that are over, and whether that is all.
//! - **Reads** the job, and the ledger from the bookmark (for missing hours: from a month ago) to the newest hour that is over.
//!   It requests by `HEAD` the hours that are newer than the newest one in the ledger.
//! - **With `recheck_days`** it returns published hours whose file at the source was replaced. It reads their sources from the
//!   ledger and requests each by `HEAD`; it neither reads nor writes the job.
//! - **Writes** the job if it does not exist. A job begins at `from`, or `BASELINE_DAYS` before the newest hour that is over.
//! - **Fails** with `SourceUnavailable` or `SourceRefused` only if the source failed and no due hour is known without it.
//!
//! [`pipeline::due`] decides which hours are due. A second run is safe: it returns the hours that are due then.

mod archive;
mod context;
mod error;
mod event;
mod handler;

pub use archive::SourceArchive;
pub use context::Context;
pub use error::NextFileError;
pub use event::{Input, Output};
pub use handler::handle;
