//! States `CommitCsvLoad` and `CommitFailure` of `csv-load`, and `CommitUndo` of `csv-undo`: records how a load ended.
//!
//! - **Input** ([`Input`]): the execution, and the load, the number of deleted items (undo), or the failure.
//! - **Output** ([`Output`]): the counts of the load and the address of its receipt. After a failure was recorded, the function
//!   returns it as an error; if the execution was redriven since, it returns `retrying`.
//! - **Reads** the plan, the chunk receipts, and notes of failed chunks.
//! - **Writes** an item of `job_run_details`, and the receipt of the load, by which later executions recognise the file. Undo
//!   moves the receipt to `undone/` and deletes all other objects of the load.
//!
//! A second run is safe: the receipt is written only if absent, and the history item replaces its earlier version.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::CommitCsvLoadError;
pub use event::{FailedExecution, Input, LoadSummary, Output, PlannedLoad};
pub use handler::handle;
