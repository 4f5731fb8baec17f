//! Cuts a gzip file into chunks of whole lines that can be inflated apart, in one streaming pass.
//!
//! [`Planner`] takes a file's bytes and makes its [`Plan`]; [`ChunkReader`] reads one chunk from the plan and the range of
//! bytes that it names. [`TextChunks`] does both at once for whoever wants the text of all chunks, and inflates once.
//!
//! Invariant: this crate knows no AWS, clock or network, and what it answers depends on the file's bytes alone, never on
//! how they arrive.

mod chunker;
mod error;
mod inflate;
mod lines;
mod magic;
pub mod plan;
mod planner;
mod points;
mod reader;
mod window;

pub use error::{Part, PlanError};
pub use plan::{AccessPoint, Chunk, Plan, Window};
pub use planner::{
    ChunkStart, MAX_BLOCK_BYTES, MAX_RATIO, MAX_UNCOMPRESSED_BYTES, Piece, PlainText, PlanSettings, PlannedFile,
    Planner, RATIO_FROM_BYTES, TextChunks, TextError,
};
pub use reader::{ChunkError, ChunkReader};
