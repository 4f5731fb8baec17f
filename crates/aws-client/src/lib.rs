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
//! Four functions also retry:
//!
//! - `commit-bookmark` reads and decides again after a conflict (8 decisions).
//! - `export-ledger` reads a month again after another call wrote it (8 attempts).
//! - `load-csv-chunk` and `undo-csv-load` repeat what DynamoDB throttled, until a time limit.
//!
//! `Leases` and `export-ledger` retry at once. The others wait between attempts, for times from [`Backoff`].

mod backoff;
pub mod config;
pub mod dynamodb;
mod error;
pub mod s3;

pub use backoff::Backoff;
pub use error::{AwsError, Source};
