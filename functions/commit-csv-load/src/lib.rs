//! State `CommitCsvLoad` of `csv-load`: the receipt; `CommitFailure`: that there will be none; and `CommitUndo` of `csv-undo`:
//! that there is none any more.
//!
//! - **Input** ([`Input`]): the load and the execution; how many items were deleted, if it was undone; how it failed, if it did.
//! - **Output** ([`Output`]): what became of its rows, and where the receipt lies. A failure is no output: it is recorded, and
//!   then the function fails under its name. Redriven since, it answers that the load is to go on.
//! - **Reads** the plan and the chunks' receipts.
//! - **Writes** the load's receipt, by which the file is recognised from then on, and a line of `job_run_details`. Of a load that
//!   was undone it keeps the receipt elsewhere, and removes all else.
//!
//! A second run is safe: the receipt that was written first holds.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::CommitCsvLoadError;
pub use event::{Failed, Input, Load, Output, Plan};
pub use handler::handle;
