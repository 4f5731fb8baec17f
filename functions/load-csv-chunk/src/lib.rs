//! State `LoadCsvChunk` of `csv-load`: writes the items of one chunk.
//!
//! - **Input** ([`Input`]): the load, the chunk, its share of the write rate, and the position where an earlier call stopped.
//! - **Output** ([`Output`]): whether the chunk is loaded, or the position to continue from.
//! - **Reads** the plan, the bits of superseded rows, and the chunk's range of the file, which must still have the planned ETag.
//! - **Writes** the items of the chunk, then its receipt; a writer note while it runs; a failure note if it fails.
//!
//! A second run is safe, also at the same time: items and receipt follow from the plan, and no other chunk writes an item with
//! the same key. A chunk with a receipt is not loaded again.

mod context;
mod deadline;
mod error;
mod event;
mod gzip_range;
mod handler;
mod pace;
mod rows;
mod writer;

pub use context::Context;
pub use error::LoadCsvChunkError;
pub use event::{Input, Output, Resume};
pub use handler::handle;
