//! Clients for S3 and DynamoDB, and the classification of AWS errors: what the adapters of every domain share.
//!
//! Every error names the call and the object, item or partition, and keeps the SDK's error as its source.
//!
//! # Retries
//!
//! The SDK retries a call, and the state machine retries a task. An adapter retries only what neither of them can see:
//!
//! - `aws_events::Claims::claim` repeats the statements that a successful batch reports as throttled (6 attempts).
//! - `aws_lake::Leases` reads and decides again after another run changed the lease (16 decisions).
//!
//! `commit-bookmark`, `load-csv-chunk` and `undo-csv-load` decide or resend in the same way. All waits come from [`Backoff`].

mod backoff;
pub mod config;
pub mod dynamodb;
mod error;
pub mod s3;

pub use backoff::Backoff;
pub use error::{AwsError, Source};
