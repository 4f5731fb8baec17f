//! Clients for S3 and DynamoDB, and the classification of AWS errors: what the adapters of every domain share.
//!
//! Every error names the call and the object, item or partition, and keeps the SDK's error as its source.

mod backoff;
pub mod config;
pub mod dynamodb;
mod error;
pub mod s3;

pub use backoff::Backoff;
pub use error::{AwsError, Source};
