//! Errors, with the names that the state machine matches.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};

#[derive(Debug, thiserror::Error)]
pub enum ListHoursError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
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
