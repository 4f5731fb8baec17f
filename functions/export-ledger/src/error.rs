//! Errors, with the names that the event source mapping logs.

use aws_client::AwsError;
use function_runtime::{ErrorName, InvalidInput};

#[derive(Debug, thiserror::Error)]
pub enum ExportLedgerError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// Other calls wrote the month's object before every attempt.
    #[error("other calls wrote {address} before each of {attempts} attempts")]
    Conflict { address: String, attempts: u32 },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ErrorName for ExportLedgerError {
    fn name(&self) -> &str {
        match self {
            Self::Input(error) => error.name(),
            Self::Conflict { .. } => "ExportConflict",
            Self::Aws(error) => error.name(),
        }
    }
}
