//! State `PlanCsv` of `csv-load`: how a file is loaded.
//!
//! - **Input** ([`Input`]): the request that the state machine was started with, and its start.
//! - **Output** ([`Output`]): the load's id, its chunks and what was found out about its rows; or that it is loaded already.
//! - **Reads** the file once, in a stream, and what an earlier run has planned.
//! - **Writes** below `loads/<load id>/` the quarantine, the bits of superseded rows, the chunks' list and, last, the plan;
//!   nothing at all in a dry run.
//!
//! A second run is safe: all of it follows from the file's bytes and the request, but for the plan's time and address of the
//! file, and there the plan that was written first holds.

mod context;
mod error;
mod event;
mod handler;
mod pass;

pub use context::Context;
pub use error::PlanCsvError;
pub use event::{Input, Manifest, Output, Request, Status};
pub use handler::handle;
