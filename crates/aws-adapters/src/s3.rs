//! Objects in S3.
//!
//! Bytes come and go in memory or as a stream of parts; what is written here is written under a name that depends on the
//! input alone, so that every call can be made again.

mod bucket;
mod document;
#[cfg(feature = "test-util")]
pub mod memory;
mod object;
mod pipe;
mod upload;
mod writers;

pub use bucket::{Bucket, Listed, MAX_DELETES};
pub use document::DocumentError;
pub use object::{Object, ReadError};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use upload::{PART_BYTES, Stored, Upload};
pub use writers::Writing;
