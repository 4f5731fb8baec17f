//! State `PlanCsv` of `csv-load`: plans how a file is loaded.
//!
//! - **Input** ([`Input`]): the input of the execution, and its start.
//! - **Output** ([`Output`]): the load id, the chunks and the result of reading the rows; or that the file is loaded already.
//! - **Reads** the file once, as a stream, and the plan of an earlier run.
//! - **Writes** under `loads/<load id>/` the quarantine, the bits of superseded rows, the list of chunks and, last, the plan. A
//!   dry run writes nothing.
//!
//! A second run is safe: everything follows from the bytes of the file and the request, except the time of the plan and the
//! address of the file. For those, the first plan is kept.

mod context;
mod error;
mod event;
mod handler;
mod pass;

pub use context::Context;
pub use error::PlanCsvError;
pub use event::{ChunksManifest, Input, LoadRequest, Output, PlanStatus};
pub use handler::handle;
