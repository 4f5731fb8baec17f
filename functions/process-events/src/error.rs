//! Errors that fail a batch as a whole, so that Kinesis delivers it again.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};

/// If only some records failed, the output names them instead.
#[derive(Debug, thiserror::Error)]
pub enum ProcessEventsError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// A call failed, and all records of the batch failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for ProcessEventsError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Aws(error) => error.name(),
        }
    }
}
