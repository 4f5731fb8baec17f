//! Why a batch as a whole has to come again.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function. Where only some records failed, the answer names them instead.
#[derive(Debug, thiserror::Error)]
pub enum ProcessEventsError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// A call failed, and nothing of the batch is known to be stored.
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
