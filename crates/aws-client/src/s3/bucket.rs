//! A bucket: writing, listing and deleting whole objects.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, TaggingDirective};
use bytes::Bytes;

use crate::AwsError;

/// How many keys one `DeleteObjects` takes. Source: the S3 API.
pub const MAX_DELETES: usize = 1000;

/// How S3 says that an object is not the one that a write expected: another one, one that is being written, or none.
const CHANGED: [&str; 3] = ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];

/// A bucket and the client that reaches it.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// An object that `DeleteObjects` reports as not deleted.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct NotDeleted {
    code: String,
    message: String,
}

impl Bucket {
    /// The bucket `name`, reached by `client`.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `s3://` address of `key`.
    pub fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Writes an object whole.
    pub async fn write(&self, key: &str, bytes: impl Into<Bytes>, content_type: &str) -> Result<(), AwsError> {
        let request = self.client.put_object().bucket(&self.name).key(key).content_type(content_type);
        let answer = request.body(bytes.into().into()).send().await;
        answer.map(drop).map_err(|error| AwsError::classify("PutObject", self.address(key), error))
    }

    /// An object's ETag, quotes included; none if there is no such object.
    pub async fn etag(&self, key: &str) -> Result<Option<String>, AwsError> {
        Ok(self.head(key).await?.map(|(etag, _)| etag))
    }

    /// An object's ETag (quotes included) and user metadata; none if there is no such object.
    pub async fn head(&self, key: &str) -> Result<Option<(String, HashMap<String, String>)>, AwsError> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(head) => Ok(Some((head.e_tag.unwrap_or_default(), head.metadata.unwrap_or_default()))),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(AwsError::classify("HeadObject", self.address(key), error)),
        }
    }

    /// Copies the object at `from` within the bucket, with its metadata, if it is still the one with the ETag; answers
    /// whether. Keys are of letters, digits and `/._-=`. S3 copies up to 5 GB in one call.
    pub async fn copy(&self, from: &str, to: &str, etag: &str) -> Result<bool, AwsError> {
        let request = self.client.copy_object().bucket(&self.name).key(to);
        let request = request.copy_source(format!("{}/{from}", self.name)).copy_source_if_match(etag);
        // Tags of whoever put the object would ask for permissions of their own.
        let request = request.tagging_directive(TaggingDirective::Replace);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code().is_some_and(|code| CHANGED.contains(&code)) => Ok(false),
            Err(error) => Err(AwsError::classify("CopyObject", self.address(from), error)),
        }
    }

    /// Whether there is an object at `key`.
    pub async fn exists(&self, key: &str) -> Result<bool, AwsError> {
        Ok(self.etag(key).await?.is_some())
    }

    /// An entry of the user metadata of the object at `key`, which must exist.
    pub async fn metadata(&self, key: &str, name: &str) -> Result<Option<String>, AwsError> {
        let answer = self.client.head_object().bucket(&self.name).key(key).send().await;
        let answer = answer.map_err(|error| AwsError::classify("HeadObject", self.address(key), error))?;
        Ok(answer.metadata.and_then(|mut metadata| metadata.remove(name)))
    }

    /// Writes an object whole if it is still the one with the ETag `before`, or if there is still none; answers whether.
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

    /// Writes an object whole unless there is one; answers whether there was none. After a lost answer there may be one
    /// that this very call wrote.
    pub async fn write_if_absent(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
        content_type: &str,
    ) -> Result<bool, AwsError> {
        self.replace(key, None, bytes, content_type).await
    }

    /// The same with an entry of user metadata.
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

    /// Makes a conditional write; answers whether its condition held.
    async fn put_if(&self, key: &str, request: PutObjectFluentBuilder, bytes: Bytes) -> Result<bool, AwsError> {
        match request.bucket(&self.name).key(key).body(bytes.into()).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code().is_some_and(|code| CHANGED.contains(&code)) => Ok(false),
            Err(error) => Err(AwsError::classify("PutObject", self.address(key), error)),
        }
    }

    /// The objects below `prefix`, in the order of their keys.
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

    /// Deletes objects. One that does not exist counts as deleted.
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
        let answer = request.send().await;
        let answer = answer.map_err(|error| AwsError::classify("DeleteObjects", self.address(&keys[0]), error))?;
        let Some(failed) = answer.errors.unwrap_or_default().into_iter().next() else { return Ok(()) };
        let code = failed.code.unwrap_or_default();
        let message = failed.message.unwrap_or_default();
        let resource = self.address(failed.key.as_deref().unwrap_or_default());
        Err(AwsError::of_code("DeleteObjects", resource, &code.clone(), Box::new(NotDeleted { code, message })))
    }
}
