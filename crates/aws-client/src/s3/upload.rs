//! Uploads of objects whose length is not known in advance.

use std::collections::HashMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;

use super::Bucket;
use crate::AwsError;

/// The default length of every part except the last one. The ETag depends on it: equal bytes have equal ETags only while it
/// stays the same. S3 accepts at least 5 MiB.
pub const PART_BYTES: usize = 8 << 20;

/// Parts sent at the same time. With the part that is being filled, this bounds the memory of an upload.
const PARTS_IN_FLIGHT: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedObject {
    /// Quotes included.
    pub etag: String,
    pub bytes: u64,
}

/// An object that is being written. It exists only after [`Upload::complete`]; an aborted or dropped upload leaves nothing.
///
/// An object of at most one part ([`PART_BYTES`]) is sent by one `PutObject`, a longer one by a multipart upload.
#[derive(Debug)]
pub struct Upload {
    bucket: Bucket,
    key: String,
    content_type: &'static str,
    metadata: HashMap<String, String>,
    part_bytes: usize,
    /// At most one part; sent when more bytes arrive.
    filling: BytesMut,
    bytes: u64,
    multipart: Option<Multipart>,
}

#[derive(Debug)]
struct Multipart {
    id: String,
    parts: i32,
    in_flight: JoinSet<Result<CompletedPart, AwsError>>,
    completed: Vec<CompletedPart>,
}

#[derive(Debug, thiserror::Error)]
#[error("the response has no {0}")]
struct MissingField(&'static str);

impl Bucket {
    /// Starts writing the object `key`. Nothing is sent before the first part is full.
    pub fn upload(&self, key: &str, content_type: &'static str, metadata: HashMap<String, String>) -> Upload {
        Upload {
            bucket: self.clone(),
            key: key.to_owned(),
            content_type,
            metadata,
            part_bytes: PART_BYTES,
            filling: BytesMut::new(),
            bytes: 0,
            multipart: None,
        }
    }
}

impl Upload {
    /// Sets the length of a part.
    #[must_use]
    pub fn in_parts_of(mut self, part_bytes: usize) -> Self {
        self.part_bytes = part_bytes.max(1);
        self
    }

    /// Appends `bytes`. Waits while the maximum number of parts is in flight.
    pub async fn push(&mut self, mut bytes: &[u8]) -> Result<(), AwsError> {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.filling.len() == self.part_bytes {
                self.send_part().await?;
            }
            let taken = bytes.len().min(self.part_bytes - self.filling.len());
            self.filling.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Finishes the upload, so that the object exists.
    pub async fn complete(mut self) -> Result<UploadedObject, AwsError> {
        let bytes = self.bytes;
        if self.multipart.is_none() {
            return self.put().await.map(|etag| UploadedObject { etag, bytes });
        }
        match self.complete_multipart().await {
            Ok(etag) => Ok(UploadedObject { etag, bytes }),
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Removes what was sent. If that fails, the bucket's lifecycle rule removes it later.
    pub async fn abort(mut self) {
        if let Some(multipart) = self.multipart.take() {
            abort_multipart(self.bucket.clone(), self.key.clone(), multipart).await;
        }
    }

    async fn put(&mut self) -> Result<String, AwsError> {
        let Bucket { client, name } = &self.bucket;
        let request = client.put_object().bucket(name).key(&self.key).content_type(self.content_type);
        let request = request.set_metadata(Some(self.metadata.clone())).body(self.filling.split().freeze().into());
        let response = request.send().await.map_err(|error| AwsError::classify("PutObject", self.address(), error))?;
        response.e_tag.ok_or_else(|| self.incomplete("PutObject", "ETag"))
    }

    async fn send_part(&mut self) -> Result<(), AwsError> {
        if self.multipart.is_none() {
            self.multipart = Some(self.create_multipart().await?);
        }
        let address = self.address();
        let multipart = self.multipart.as_mut().expect("it was created above");
        if multipart.in_flight.len() == PARTS_IN_FLIGHT {
            multipart.join_one().await?;
        }
        multipart.parts += 1;
        let part = self.filling.split().freeze();
        let sending = send(self.bucket.clone(), self.key.clone(), address, multipart.id.clone(), multipart.parts, part);
        multipart.in_flight.spawn(sending);
        Ok(())
    }

    async fn create_multipart(&self) -> Result<Multipart, AwsError> {
        let Bucket { client, name } = &self.bucket;
        let request = client.create_multipart_upload().bucket(name).key(&self.key).content_type(self.content_type);
        // The SDK sends this checksum with every part but does not announce it here; S3 rejects unannounced checksums.
        let request = request.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let response = request.set_metadata(Some(self.metadata.clone())).send().await;
        let response = response.map_err(|error| AwsError::classify("CreateMultipartUpload", self.address(), error))?;
        let id = response.upload_id.ok_or_else(|| self.incomplete("CreateMultipartUpload", "upload id"))?;
        Ok(Multipart { id, parts: 0, in_flight: JoinSet::new(), completed: Vec::new() })
    }

    async fn complete_multipart(&mut self) -> Result<String, AwsError> {
        self.send_part().await?;
        let multipart = self.multipart.as_mut().expect("a part was sent");
        while !multipart.in_flight.is_empty() {
            multipart.join_one().await?;
        }
        let mut parts = std::mem::take(&mut multipart.completed);
        parts.sort_by_key(|part| part.part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let Bucket { client, name } = &self.bucket;
        let request = client.complete_multipart_upload().bucket(name).key(&self.key).upload_id(&multipart.id);
        let response = request.multipart_upload(parts).send().await.map_err(|error| {
            let call = "CompleteMultipartUpload";
            // After a lost response the SDK retries, and S3 may have completed the upload already. A second run of the
            // task writes the object again.
            if error.code() == Some("NoSuchUpload") {
                return AwsError::Unavailable { call, resource: self.address(), source: Box::new(error) };
            }
            AwsError::classify(call, self.address(), error)
        })?;
        // Nothing to abort.
        self.multipart = None;
        response.e_tag.ok_or_else(|| self.incomplete("CompleteMultipartUpload", "ETag"))
    }

    fn address(&self) -> String {
        self.bucket.address(&self.key)
    }

    fn incomplete(&self, call: &'static str, missing: &'static str) -> AwsError {
        AwsError::Unavailable { call, resource: self.address(), source: Box::new(MissingField(missing)) }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(multipart) = self.multipart.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(abort_multipart(self.bucket.clone(), self.key.clone(), multipart));
        }
    }
}

impl Multipart {
    async fn join_one(&mut self) -> Result<(), AwsError> {
        if let Some(joined) = self.in_flight.join_next().await {
            self.completed.push(joined.expect("sending a part neither panics nor is cancelled")?);
        }
        Ok(())
    }
}

async fn send(
    bucket: Bucket,
    key: String,
    address: String,
    upload_id: String,
    number: i32,
    part: Bytes,
) -> Result<CompletedPart, AwsError> {
    let request = bucket.client.upload_part().bucket(&bucket.name).key(key).upload_id(upload_id).part_number(number);
    let response = request.body(part.into()).send().await;
    let response =
        response.map_err(|error| AwsError::classify("UploadPart", format!("{address} part {number}"), error))?;
    // S3 requires the checksums of the parts on completion.
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(response.e_tag)
        .set_checksum_crc32(response.checksum_crc32)
        .set_checksum_crc32_c(response.checksum_crc32_c)
        .set_checksum_crc64_nvme(response.checksum_crc64_nvme)
        .build())
}

async fn abort_multipart(bucket: Bucket, key: String, mut multipart: Multipart) {
    // S3 would keep a part that arrives after the abort, and a cancelled part may still arrive, so wait for all of them.
    while multipart.in_flight.join_next().await.is_some() {}
    let request = bucket.client.abort_multipart_upload().bucket(&bucket.name).key(&key).upload_id(&multipart.id);
    if let Err(error) = request.send().await {
        let error = AwsError::classify("AbortMultipartUpload", bucket.address(&key), error);
        tracing::warn!(error = %error, cause = ?std::error::Error::source(&error), "multipart upload not aborted");
    }
}
