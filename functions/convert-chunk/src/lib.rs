//! State `ConvertChunk` of `process-hour`, run for many chunks in parallel: converts one chunk of an hour to rows.
//!
//! - **Input** ([`Input`]): an hour, the version that its plan leads to, and the number of a chunk.
//! - **Output** ([`Output`]): the counts of the chunk.
//! - **Reads** the plan, the window of the chunk's access point, and the byte range of the chunk in the landing object, which
//!   must still have the ETag of the plan.
//! - **Writes** the Parquet object if there is a row, the quarantine object if there is a bad record, and the receipt last.
//!
//! The bytes are inflated, parsed and encoded while they arrive. Memory holds a row group and the finished objects, whose length
//! is bounded by the plan's limit on the bytes of a chunk. A longer line is a separate chunk, and so is a file without line
//! feeds; the objects of these chunks have no such bound.
//!
//! A second run is safe, also at the same time: names and bytes of the objects depend only on the input.

mod context;
mod error;
mod event;
mod handler;

pub use context::Context;
pub use error::ConvertChunkError;
pub use event::{Input, Output};
pub use handler::handle;
