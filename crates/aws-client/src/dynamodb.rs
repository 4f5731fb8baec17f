//! What the tables of every domain share: attribute values, and items to and from Rust types.
//!
//! An item that does not fit its type is [`AwsError::Refused`]: a second read returns the same item.

use std::collections::HashMap;

pub use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::AwsError;

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Replaces the body of a request on every attempt.
///
/// Building the SDK's own types costs more time than the rest of a batch write. With this, the SDK makes only the headers,
/// the address, the signature, the timeouts and the retries.
pub fn with_body(body: Bytes) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    move |request| {
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body.clone());
    }
}

/// Reads an item that `call` returned for `resource`.
pub fn from_item<T: DeserializeOwned>(call: &'static str, resource: &str, item: Item) -> Result<T, AwsError> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|error| unreadable(call, resource, error))
}

/// Makes the item that `call` writes to `resource`.
pub fn to_item(call: &'static str, resource: &str, value: &impl Serialize) -> Result<Item, AwsError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_item(value).map_err(|error| unreadable(call, resource, error))
}

/// The error of an item that does not fit its type.
pub fn unreadable(
    call: &'static str,
    resource: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> AwsError {
    AwsError::Refused { call, resource: resource.to_owned(), source: Box::new(source) }
}
