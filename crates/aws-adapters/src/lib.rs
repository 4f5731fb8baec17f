//! S3, DynamoDB and Glue as the functions use them: one Rust function per call, and errors sorted by what to do about them.
//!
//! Promise: every failure names the call and the object, item or partition it was made on, and keeps the SDK's error as
//! its source. No call is repeated here: the SDK retries a call, the state machine retries a task.

mod backoff;
pub mod config;
pub mod dynamodb;
pub mod error;
pub mod glue;
#[cfg(feature = "test-util")]
pub mod json_memory;
pub mod s3;

pub use backoff::Backoff;
pub use error::AwsError;
