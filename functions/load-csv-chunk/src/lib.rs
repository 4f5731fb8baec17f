//! State `LoadCsvChunk` of `csv-load`: the items of one chunk.
//!
//! - **Input** ([`Input`]): the load, the chunk, its share of the write rate, and where an earlier call stopped.
//! - **Output** ([`Output`]): that the chunk is loaded, or where to go on.
//! - **Reads** the plan, the bits of superseded rows, and its range of the file, if that is still the file that was planned.
//! - **Writes** its items, and when all are there its receipt.
//!
//! A second run is safe, also beside the first: a chunk's items and its receipt follow from the plan, and no other chunk
//! writes an item with the same key. A chunk that has a receipt is not loaded again.

mod context;
mod ending;
mod error;
mod event;
mod handler;
mod pace;
mod rows;
mod stretch;
mod writer;

pub use context::Context;
pub use error::LoadCsvChunkError;
pub use event::{Input, Output, Resume};
pub use handler::handle;
