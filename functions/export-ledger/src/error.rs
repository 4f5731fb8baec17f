//! Why the ledger is not exported.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};

/// The error of this function.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The input cannot be worked with.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// Others wrote the month's object whenever this call was about to.
    #[error("{address} was written by others {times} times meanwhile")]
    Conflict {
        /// The object.
        address: String,
        /// How often.
        times: u32,
    },
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for ExportError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Conflict { .. } => "ExportConflict",
            Self::Aws(error) => error.name(),
        }
    }
}
