//! S3, DynamoDB and Glue in memory, for tests. The real SDK clients talk to them through an HTTP connector.
//!
//! Each fake implements the operations that this workspace uses and refuses every other one. Use this crate as a
//! dev-dependency only.

pub mod dynamodb;
pub mod glue;
mod json;
pub mod s3;

pub use json::{ErrorResponse, Fault, Memory, Service};
pub use s3::{MemoryS3, S3Fault, S3Snapshot};
