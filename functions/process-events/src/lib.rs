//! The Lambda of the event stream: decodes a batch of Kinesis records and stores each event exactly once.
//!
//! A Kinesis event source mapping calls it; it is not a state of a state machine.
//!
//! - **Input** ([`Input`]): a batch of one shard; with a tumbling window also the window and its state.
//! - **Output** ([`Output`]): the records to deliver again (`ReportBatchItemFailures`), and the state of the window.
//! - **Reads** claims and notes of stored objects.
//! - **Writes** claims and notes to the claims table, and objects under `events/` and `quarantine/events/`.
//!
//! A second run is safe: `event_stream::protocol` explains why no event is lost or stored twice.

mod context;
mod decode;
mod error;
mod event;
mod handler;
mod metrics;
mod store;

/// An event needs some dozen small allocations, a request a large one. With the system's allocator, they took a fifth of the
/// time (`make bench-events`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use context::Context;
pub use error::ProcessEventsError;
pub use event::{Input, ItemFailure, Output, TumblingWindow};
pub use handler::handle;
