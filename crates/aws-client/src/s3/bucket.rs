//! A bucket: writes, copies, lists and deletes whole objects.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, TaggingDirective};
use bytes::Bytes;

use crate::AwsError;

/// The most keys that one `DeleteObjects` accepts. Source: the S3 API.
pub const MAX_DELETES: usize = 1000;

/// The error codes of a conditional write whose condition failed: the object differs, is being written, or is absent.
const CONDITION_FAILED: [&str; 3] = ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];

#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    pub key: String,
    pub bytes: u64,
}

/// The reason that `DeleteObjects` reports for an object it did not delete.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct NotDeleted {
    code: String,
    message: String,
}

impl Bucket {
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the `s3://` address of `key`.
    pub fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Writes an object with one `PutObject`.
    pub async fn write(&self, key: &str, bytes: impl Into<Bytes>, content_type: &str) -> Result<(), AwsError> {
        let request = self.client.put_object().bucket(&self.name).key(key).content_type(content_type);
        let response = request.body(bytes.into().into()).send().await;
        response.map(drop).map_err(|error| AwsError::classify("PutObject", self.address(key), error))
    }

    /// Returns the ETag of an object, quotes included, or `None` if the object does not exist.
    pub async fn etag(&self, key: &str) -> Result<Option<String>, AwsError> {
        Ok(self.head(key).await?.map(|(etag, _)| etag))
    }

    /// Returns the ETag (quotes included) and the user metadata of an object, or `None` if the object does not exist.
    pub async fn head(&self, key: &str) -> Result<Option<(String, HashMap<String, String>)>, AwsError> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(head) => Ok(Some((head.e_tag.unwrap_or_default(), head.metadata.unwrap_or_default()))),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(AwsError::classify("HeadObject", self.address(key), error)),
        }
    }

    /// Copies the object at `from` and its metadata to `to` if it still has this ETag; returns whether it did.
    ///
    /// Keys consist of letters, digits and `/._-=`. S3 copies at most 5 GB in one call.
    pub async fn copy(&self, from: &str, to: &str, etag: &str) -> Result<bool, AwsError> {
        let request = self.client.copy_object().bucket(&self.name).key(to);
        let request = request.copy_source(format!("{}/{from}", self.name)).copy_source_if_match(etag);
        // Copying the tags of the source would need further permissions.
        let request = request.tagging_directive(TaggingDirective::Replace);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code().is_some_and(|code| CONDITION_FAILED.contains(&code)) => Ok(false),
            Err(error) => Err(AwsError::classify("CopyObject", self.address(from), error)),
        }
    }

    pub async fn exists(&self, key: &str) -> Result<bool, AwsError> {
        Ok(self.etag(key).await?.is_some())
    }

    /// Returns an entry of the user metadata of the object at `key`, which must exist.
    pub async fn metadata(&self, key: &str, name: &str) -> Result<Option<String>, AwsError> {
        let response = self.client.head_object().bucket(&self.name).key(key).send().await;
        let response = response.map_err(|error| AwsError::classify("HeadObject", self.address(key), error))?;
        Ok(response.metadata.and_then(|mut metadata| metadata.remove(name)))
    }

    /// Writes an object if its ETag is still `before` (`None`: if it is still absent); returns whether it did.
    pub async fn replace(
        &self,
        key: &str,
        before: Option<&str>,
        bytes: impl Into<Bytes>,
        content_type: &str,
    ) -> Result<bool, AwsError> {
        let request = self.client.put_object().content_type(content_type);
        let request = match before {
            Some(etag) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        self.put_if(key, request, bytes.into()).await
    }

    /// Writes an object if it is absent; returns whether it did.
    ///
    /// The SDK retries after a lost response and then returns `false`, although the first attempt wrote the object.
    pub async fn write_if_absent(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
        content_type: &str,
    ) -> Result<bool, AwsError> {
        self.replace(key, None, bytes, content_type).await
    }

    /// Like [`Bucket::write_if_absent`], with an entry of user metadata.
    pub async fn put_if_absent(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
        content_type: &str,
        metadata: (&str, String),
    ) -> Result<bool, AwsError> {
        let request = self.client.put_object().content_type(content_type).if_none_match("*");
        self.put_if(key, request.metadata(metadata.0, metadata.1), bytes.into()).await
    }

    /// Returns whether the condition of the write held.
    async fn put_if(&self, key: &str, request: PutObjectFluentBuilder, bytes: Bytes) -> Result<bool, AwsError> {
        match request.bucket(&self.name).key(key).body(bytes.into()).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code().is_some_and(|code| CONDITION_FAILED.contains(&code)) => Ok(false),
            Err(error) => Err(AwsError::classify("PutObject", self.address(key), error)),
        }
    }

    /// Lists all objects whose key starts with `prefix`, ordered by key.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ListedObject>, AwsError> {
        let mut listed = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
            let page = request.set_continuation_token(token).send().await;
            let page = page.map_err(|error| AwsError::classify("ListObjectsV2", self.address(prefix), error))?;
            for object in page.contents.unwrap_or_default() {
                let bytes = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                listed.push(ListedObject { key: object.key.unwrap_or_default(), bytes });
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(listed);
            }
        }
    }

    /// Deletes objects; absent ones count as deleted.
    pub async fn delete_many(&self, keys: &[String]) -> Result<(), AwsError> {
        for keys in keys.chunks(MAX_DELETES) {
            self.delete_batch(keys).await?;
        }
        Ok(())
    }

    async fn delete_batch(&self, keys: &[String]) -> Result<(), AwsError> {
        let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().expect("the key is given"));
        let delete = Delete::builder().set_objects(Some(objects.collect())).quiet(true).build();
        let request = self.client.delete_objects().bucket(&self.name).delete(delete.expect("the objects are given"));
        let response = request.send().await;
        let response = response.map_err(|error| AwsError::classify("DeleteObjects", self.address(&keys[0]), error))?;
        let Some(failed) = response.errors.unwrap_or_default().into_iter().next() else { return Ok(()) };
        let code = failed.code.unwrap_or_default();
        let message = failed.message.unwrap_or_default();
        let resource = self.address(failed.key.as_deref().unwrap_or_default());
        Err(AwsError::of_code("DeleteObjects", resource, &code.clone(), Box::new(NotDeleted { code, message })))
    }
}
