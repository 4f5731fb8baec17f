//! JSON documents as objects.

use serde::de::DeserializeOwned;

use super::{Bucket, ReadError};
use crate::AwsError;

#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{address} is not the document that its key names")]
    Malformed { address: String, source: serde_json::Error },
}

impl DocumentError {
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Read(ReadError::NotFound { .. }))
    }

    /// Returns the failed call, if the document could not be read because of one.
    pub fn aws(&self) -> Option<&AwsError> {
        match self {
            Self::Read(ReadError::Aws(error)) => Some(error),
            _ => None,
        }
    }
}

impl Bucket {
    /// Reads the document at `key`, of at most `max_bytes` bytes.
    pub async fn document<T: DeserializeOwned>(&self, key: &str, max_bytes: u64) -> Result<T, DocumentError> {
        let json = self.read_whole(key, max_bytes).await?;
        serde_json::from_slice(&json).map_err(|source| DocumentError::Malformed { address: self.address(key), source })
    }

    /// Like [`Bucket::document`], but returns `None` if the object does not exist.
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
