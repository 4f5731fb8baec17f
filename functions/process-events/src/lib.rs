//! The Lambda behind the event stream: decodes a batch of Kinesis records and stores each of its events exactly once.
//!
//! - **Input** ([`Input`]): what a Kinesis event source mapping sends; with a tumbling window also the window and its state.
//! - **Output** ([`Output`]): the records that have to come again (`ReportBatchItemFailures`), and the window's state.
//! - **Writes** claims and notes to the claims table, objects below `events/` and `quarantine/events/`.
//!
//! A second run is safe: `event_stream::protocol` says why no event is lost or stored twice.

mod context;
mod decode;
mod error;
mod event;
mod handler;
mod measures;
mod world;

/// An event is some dozen small pieces of memory on its way, and a request one large one: with the system's allocator, that
/// was a fifth of the function's time (`make bench-events`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use context::Context;
pub use error::ProcessEventsError;
pub use event::{Input, ItemFailure, Output, Window};
pub use handler::handle;
