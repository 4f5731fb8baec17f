//! Reads of objects, streamed.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};

use super::Bucket;
use crate::AwsError;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{address} does not exist")]
    NotFound { address: String },
    /// The ETag of the object is not the requested one.
    #[error("{address} no longer has the ETag {etag}")]
    Changed { address: String, etag: String },
    #[error("{address} has {bytes} bytes, more than the limit of {max_bytes}")]
    TooLarge { address: String, bytes: u64, max_bytes: u64 },
    /// The call failed, or its response ended early.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// An object whose body is being read.
#[derive(Debug)]
pub struct Object {
    /// The length of the body: of the object, or of the requested range.
    pub bytes: u64,
    /// Quotes included.
    pub etag: String,
    /// The user metadata.
    pub metadata: HashMap<String, String>,
    address: String,
    body: ByteStream,
    read: u64,
}

impl Object {
    /// Returns the next bytes, or `None` at the end. A body that ends early is an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AwsError> {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                self.read += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Some(Err(error)) => Err(self.truncated(error.into())),
            None if self.read < self.bytes => Err(self.truncated(io::ErrorKind::UnexpectedEof.into())),
            None => Ok(None),
        }
    }

    /// Reads the whole body, of at most `max_bytes` bytes.
    pub async fn whole(mut self, max_bytes: u64) -> Result<Bytes, ReadError> {
        if self.bytes > max_bytes {
            return Err(ReadError::TooLarge { address: self.address, bytes: self.bytes, max_bytes });
        }
        let mut whole = BytesMut::with_capacity(usize::try_from(self.bytes).unwrap_or_default());
        while let Some(bytes) = self.next().await? {
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    fn truncated(&self, cause: io::Error) -> AwsError {
        let resource = format!("{} (response ended after {} of {} bytes)", self.address, self.read, self.bytes);
        AwsError::Unavailable { call: "GetObject", resource, source: Box::new(cause) }
    }
}

impl Bucket {
    /// Opens the object `key`.
    pub async fn read(&self, key: &str) -> Result<Object, ReadError> {
        self.get(key, None, None).await
    }

    /// Opens the bytes `range` (not empty) of the object `key`. With an `etag`, the object must still have it.
    pub async fn read_range(&self, key: &str, range: Range<u64>, etag: Option<&str>) -> Result<Object, ReadError> {
        self.get(key, Some(range), etag).await
    }

    /// Reads the object `key`, of at most `max_bytes` bytes.
    pub async fn read_whole(&self, key: &str, max_bytes: u64) -> Result<Bytes, ReadError> {
        self.read(key).await?.whole(max_bytes).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, etag: Option<&str>) -> Result<Object, ReadError> {
        let client: &Client = &self.client;
        let request = client.get_object().bucket(&self.name).key(key).set_if_match(etag.map(str::to_owned));
        let expected_bytes = range.as_ref().map(|range| range.end - range.start);
        let request = request.set_range(range.map(|range| format!("bytes={}-{}", range.start, range.end - 1)));
        let response = request.send().await.map_err(|error| {
            let address = self.address(key);
            let status = error.raw_response().map(|response| response.status().as_u16());
            let no_such_key =
                error.as_service_error().is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key);
            match (status, etag) {
                (Some(404), _) if no_such_key => ReadError::NotFound { address },
                (Some(412), Some(etag)) => ReadError::Changed { address, etag: etag.to_owned() },
                _ => ReadError::Aws(AwsError::classify("GetObject", address, error)),
            }
        })?;
        let sent_bytes = response.content_length.and_then(|length| u64::try_from(length).ok());
        Ok(Object {
            bytes: expected_bytes.or(sent_bytes).unwrap_or_default(),
            etag: response.e_tag.unwrap_or_default(),
            metadata: response.metadata.unwrap_or_default(),
            address: self.address(key),
            body: response.body,
            read: 0,
        })
    }
}
