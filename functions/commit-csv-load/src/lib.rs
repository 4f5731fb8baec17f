//! State `CommitCsvLoad` of `csv-load`: the receipt; and `CommitUndo` of `csv-undo`: that there is none any more.
//!
//! - **Input** ([`Input`]): the load and the execution; how many items were deleted, if it was undone.
//! - **Output** ([`Output`]): what became of its rows, and where the receipt lies.
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
pub use event::{Input, Output};
pub use handler::handle;
