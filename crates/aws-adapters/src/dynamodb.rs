//! The tables: the ledger of hours with their leases, the jobs, the run history, and the one transaction that changes
//! all three; and, of the event stream, the claims of events.
//!
//! Every read is strongly consistent: what is decided from it is written under a condition on it. An item that cannot be
//! read as what the table holds is [`AwsError::Refused`]: reading it again would not help.

use std::collections::HashMap;

pub use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::AwsError;

mod claims;
mod commit;
mod items;
mod jobs;
mod leases;
mod ledger;
mod loads;
#[cfg(feature = "test-util")]
pub mod memory;
mod runs;

pub use claims::Claims;
pub use commit::{BookmarkMove, Commit, CommitError, LedgerPut, RunPut, Tables};
pub use items::{Deletion, Items, KeyPage, MAX_PUTS, PutBatch};
pub use jobs::Jobs;
pub use leases::{Holder, LeaseError, Leases, SeenLease};
pub use ledger::{HourMark, Ledger};
pub use loads::{FailedLoadItem, LoadItem, Loads};
pub use runs::Runs;

/// An item of a table.
type Item = HashMap<String, AttributeValue>;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Gives a request its body, every time that it is tried: where the SDK's own types cost more time than all the rest, it makes
/// the headers, the address, the signature, time limits and retries alone.
fn with_body(body: Bytes) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    move |request| {
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body.clone());
    }
}

fn from_item<T: DeserializeOwned>(call: &'static str, resource: &str, item: Item) -> Result<T, AwsError> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|error| unreadable(call, resource, error))
}

fn to_item(call: &'static str, resource: &str, value: &impl Serialize) -> Result<Item, AwsError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_item(value).map_err(|error| unreadable(call, resource, error))
}

fn unreadable(call: &'static str, resource: &str, source: impl std::error::Error + Send + Sync + 'static) -> AwsError {
    AwsError::Refused { call, resource: resource.to_owned(), source: Box::new(source) }
}
