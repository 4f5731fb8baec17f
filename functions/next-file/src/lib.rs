//! State `NextFile`: which hours a job has to see to.
//!
//! - **Input** ([`Input`]): the job, how many hours at most, the last hour named before in this execution.
//! - **Output** ([`Output`]): the due hours, oldest first, never one that is not over, and whether that is all.
//! - **Reads** the job's item, the ledger from the bookmark (or a month back, for missing hours that are asked for again) to
//!   the newest hour over, and asks the source by `HEAD` about hours newer than the ledger's newest.
//! - **With `recheck_days`** it names published hours of so many days instead whose file at the source is another one by now:
//!   it reads where they came from and asks by `HEAD` about each; no job is read or written.
//! - **Writes** the job's item if there is none yet, and nothing else: the job begins `BASELINE_DAYS` before the newest hour
//!   over, or at `from`.
//! - **Fails** with `SourceUnavailable` or `SourceRefused` only if the source did not answer and there is nothing to name
//!   without its answer.
//!
//! What is due is decided by [`pipeline::due`]. A second run is safe: it names what is due by then.

mod context;
mod error;
mod event;
mod handler;
mod source;

pub use context::Context;
pub use error::NextFileError;
pub use event::{Input, Output};
pub use handler::handle;
pub use source::Archive;
