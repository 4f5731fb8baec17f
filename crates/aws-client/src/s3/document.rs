//! Objects that hold a JSON document.

use serde::de::DeserializeOwned;

use super::{Bucket, ReadError};
use crate::AwsError;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The object cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It holds something else.
    #[error("{address} is not what its name says")]
    Other {
        /// Its `s3://` address.
        address: String,
        /// Where it stops being it.
        source: serde_json::Error,
    },
}

impl DocumentError {
    /// Whether there is no such object.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Read(ReadError::NotFound { .. }))
    }

    /// The call that failed, if that is why.
    pub fn aws(&self) -> Option<&AwsError> {
        match self {
            Self::Read(ReadError::Aws(error)) => Some(error),
            _ => None,
        }
    }
}

impl Bucket {
    /// The document at `key`, if it has `max_bytes` at most.
    pub async fn document<T: DeserializeOwned>(&self, key: &str, max_bytes: u64) -> Result<T, DocumentError> {
        let json = self.read_whole(key, max_bytes).await?;
        serde_json::from_slice(&json).map_err(|source| DocumentError::Other { address: self.address(key), source })
    }

    /// The same; none if there is no such object.
    pub async fn document_if_there<T: DeserializeOwned>(
        &self,
        key: &str,
        max_bytes: u64,
    ) -> Result<Option<T>, DocumentError> {
        match self.document(key, max_bytes).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
