//! Divides a gzip file into chunks of whole lines that can be inflated separately, in one streaming pass.
//!
//! - [`Planner`] takes a file's bytes and makes its [`GzipPlan`].
//! - [`ChunkReader`] reads one chunk, from the plan and the range of bytes that it names.
//! - [`TextChunks`] returns the text of all chunks in order, without a plan, and inflates the file once.
//!
//! Invariant: this crate uses no AWS, clock or network. Its results depend only on the file's bytes, not on how they
//! arrive.

mod chunker;
mod error;
mod inflate;
mod limits;
mod lines;
mod magic;
mod plan;
mod planner;
mod points;
mod reader;
mod settings;
mod text_chunks;
mod unread;
mod window;

pub use error::{MemberPart, PlanError, TextError};
pub use limits::{MAX_BLOCK_BYTES, MAX_RATIO, MAX_UNCOMPRESSED_BYTES, RATIO_FROM_BYTES};
pub use plan::{AccessPoint, Chunk, GzipPlan, GzipWindow};
pub use planner::{PlannedFile, Planner};
pub use reader::{ChunkError, ChunkReader};
pub use settings::PlanSettings;
pub use text_chunks::{ChunkStart, PlainText, TextChunks, TextPiece};
