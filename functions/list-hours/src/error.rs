//! Why the hours cannot be listed.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum ListHoursError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for ListHoursError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Aws(error) => error.name(),
        }
    }
}
