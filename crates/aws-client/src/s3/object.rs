//! Reading an object.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};

use super::Bucket;
use crate::AwsError;

/// Why an object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such object.
    #[error("{address} does not exist")]
    NotFound {
        /// Its `s3://` address.
        address: String,
    },
    /// The object is not the one that was asked for.
    #[error("{address} is no longer the object with the ETag {etag}")]
    Changed {
        /// Its `s3://` address.
        address: String,
        /// The ETag that was asked for.
        etag: String,
    },
    /// The object is longer than its reader takes.
    #[error("{address} has {bytes} bytes, more than the {max_bytes} that its reader takes")]
    TooLarge {
        /// Its `s3://` address.
        address: String,
        /// Its length.
        bytes: u64,
        /// The longest that the reader takes.
        max_bytes: u64,
    },
    /// The call failed, or its answer broke off.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// An object that is being read.
#[derive(Debug)]
pub struct Object {
    /// Length of what is read: of the object, or of the range that was asked for.
    pub bytes: u64,
    /// The object's ETag, quotes included.
    pub etag: String,
    /// Its user metadata.
    pub metadata: HashMap<String, String>,
    address: String,
    body: ByteStream,
    read: u64,
}

impl Object {
    /// The next bytes, or nothing at the end. A body that ends early is an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AwsError> {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                self.read += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Some(Err(error)) => Err(self.broken_off(error.into())),
            None if self.read < self.bytes => Err(self.broken_off(io::ErrorKind::UnexpectedEof.into())),
            None => Ok(None),
        }
    }

    /// All bytes, if they are `max_bytes` at most.
    pub async fn whole(mut self, max_bytes: u64) -> Result<Bytes, ReadError> {
        if self.bytes > max_bytes {
            return Err(ReadError::TooLarge { address: self.address, bytes: self.bytes, max_bytes });
        }
        let mut whole = BytesMut::with_capacity(self.bytes as usize);
        while let Some(bytes) = self.next().await? {
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    fn broken_off(&self, cause: io::Error) -> AwsError {
        let resource = format!("{} (answer broke off after {} of {} bytes)", self.address, self.read, self.bytes);
        AwsError::Unavailable { call: "GetObject", resource, source: Box::new(cause) }
    }
}

impl Bucket {
    /// Begins to read the object `key`.
    pub async fn read(&self, key: &str) -> Result<Object, ReadError> {
        self.get(key, None, None).await
    }

    /// Begins to read the bytes `range` of the object `key`, if its ETag is still `etag`. The range must not be empty.
    pub async fn read_range(&self, key: &str, range: Range<u64>, etag: Option<&str>) -> Result<Object, ReadError> {
        self.get(key, Some(range), etag).await
    }

    /// Reads the object `key`, which must not be longer than `max_bytes`.
    pub async fn read_whole(&self, key: &str, max_bytes: u64) -> Result<Bytes, ReadError> {
        self.read(key).await?.whole(max_bytes).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, etag: Option<&str>) -> Result<Object, ReadError> {
        let client: &Client = &self.client;
        let request = client.get_object().bucket(&self.name).key(key).set_if_match(etag.map(str::to_owned));
        let expected_bytes = range.as_ref().map(|range| range.end - range.start);
        let request = request.set_range(range.map(|range| format!("bytes={}-{}", range.start, range.end - 1)));
        let answer = request.send().await.map_err(|error| {
            let address = self.address(key);
            let status = error.raw_response().map(|response| response.status().as_u16());
            let no_such_key = error.as_service_error().is_some_and(|error| error.is_no_such_key());
            match (status, etag) {
                (Some(404), _) if no_such_key => ReadError::NotFound { address },
                (Some(412), Some(etag)) => ReadError::Changed { address, etag: etag.to_owned() },
                _ => ReadError::Aws(AwsError::classify("GetObject", address, error)),
            }
        })?;
        let sent_bytes = answer.content_length.and_then(|length| u64::try_from(length).ok());
        Ok(Object {
            bytes: expected_bytes.or(sent_bytes).unwrap_or_default(),
            etag: answer.e_tag.unwrap_or_default(),
            metadata: answer.metadata.unwrap_or_default(),
            address: self.address(key),
            body: answer.body,
            read: 0,
        })
    }
}
