//! Finds the deployed stack by its name, reads its outputs, and makes clients for its services.
//!
//! Nothing is kept between runs. Profile, region, credentials and `AWS_ENDPOINT_URL` are read as the SDK reads them, so a
//! stack on a local AWS needs no special code.

mod arguments;
mod aws;
pub mod calendar;
mod error;
mod samconfig;
mod stack;

pub use arguments::StackArguments;
pub use aws::AwsClients;
pub use error::is_stack_absent;
pub use stack::{EventStream, INGEST_JOB, Stack};
