//! The deployed stack as the command sees it: found by its name, described by its outputs, reached by its clients.
//!
//! Nothing is kept between runs. Profile, region, credentials and `AWS_ENDPOINT_URL` are read as the SDK reads them, so a
//! local AWS is a stack like any other.

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
