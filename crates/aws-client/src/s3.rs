//! Objects in S3.
//!
//! Objects are read and written whole, or as a stream of parts.

mod bucket;
mod document;
mod object;
mod pipe;
mod upload;

pub use bucket::{Bucket, ListedObject, MAX_DELETES};
pub use document::DocumentError;
pub use object::{Object, ReadError};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use upload::{PART_BYTES, Upload, UploadedObject};
