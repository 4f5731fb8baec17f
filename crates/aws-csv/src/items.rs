//! Writes to a table whose partition key is the string `id`, with items that the caller has encoded as DynamoDB JSON.
//!
//! The SDK's own types cost more time than the rest of a load: a map, a name and a value on the heap for every cell. So this
//! module makes the bodies, and the SDK makes headers, address, signature, timeouts and retries.

use std::collections::HashMap;
use std::ops::Range;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use bytes::Bytes;

use aws_client::AwsError;
use aws_client::dynamodb::with_body;

/// The most items that one `BatchWriteItem` accepts. Source: the DynamoDB API.
pub const MAX_PUTS: usize = 25;
/// A batch whose body has this length is full. DynamoDB accepts 16 MiB, and the JSON of an item of 400 KiB is up to six times
/// as long (all control characters). Source: the DynamoDB API.
const FULL_BYTES: usize = 13 << 20;

#[derive(Clone, Debug)]
pub struct Items {
    client: Client,
    table: String,
}

/// The items of one `BatchWriteItem`, each with a different key.
#[derive(Clone, Debug)]
pub struct PutBatch {
    body: Vec<u8>,
    items: Vec<Range<usize>>,
}

const BEFORE_ITEM: &[u8] = br#"{"PutRequest":{"Item":"#;
const AFTER_ITEM: &[u8] = b"}}";
const AFTER_ITEMS: &[u8] = b"]}}";

impl PutBatch {
    pub fn new(table: &str) -> Self {
        // A table name needs no JSON escapes.
        Self { body: format!(r#"{{"RequestItems":{{"{table}":["#).into_bytes(), items: Vec::with_capacity(MAX_PUTS) }
    }

    /// Appends the item that `write` encodes as JSON: `{"id":{"S":"…"},…}`.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.items.is_empty() {
            self.body.push(b',');
        }
        self.body.extend_from_slice(BEFORE_ITEM);
        let start = self.body.len();
        write(&mut self.body);
        self.items.push(start..self.body.len());
        self.body.extend_from_slice(AFTER_ITEM);
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the batch accepts no further item.
    pub fn is_full(&self) -> bool {
        self.len() == MAX_PUTS || self.body.len() >= FULL_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the JSON of an item.
    pub fn item(&self, index: usize) -> &[u8] {
        &self.body[self.items[index].clone()]
    }

    /// Returns the key of an item.
    pub fn key(&self, index: usize) -> String {
        key_of(self.item(index))
    }

    fn body(&self) -> Bytes {
        let mut body = Vec::with_capacity(self.body.len() + AFTER_ITEMS.len());
        body.extend_from_slice(&self.body);
        body.extend_from_slice(AFTER_ITEMS);
        body.into()
    }

    /// Returns the items whose key is in `unprocessed`.
    fn only(&self, table: &str, unprocessed: &[HashMap<String, AttributeValue>]) -> Self {
        let mut left = Self::new(table);
        for index in 0..self.len() {
            let key = key_of(self.item(index));
            let is_left =
                |item: &HashMap<String, AttributeValue>| item.get("id").and_then(|id| id.as_s().ok()) == Some(&key);
            if unprocessed.iter().any(is_left) {
                left.push(|body| body.extend_from_slice(self.item(index)));
            }
        }
        left
    }
}

impl Items {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    /// Writes items without a condition; returns those that DynamoDB did not process.
    pub async fn put_batch(&self, batch: &PutBatch) -> Result<PutBatch, AwsError> {
        let request = self.client.batch_write_item().request_items(&self.table, Vec::new()).customize();
        let response = request.mutate_request(with_body(batch.body())).send().await;
        let response = response.map_err(|error| AwsError::classify("BatchWriteItem", &self.table, error))?;
        let unprocessed = response.unprocessed_items.unwrap_or_default().remove(&self.table).unwrap_or_default();
        let unprocessed: Vec<_> = unprocessed.into_iter().filter_map(|write| Some(write.put_request?.item)).collect();
        Ok(if unprocessed.is_empty() { PutBatch::new(&self.table) } else { batch.only(&self.table, &unprocessed) })
    }

    /// Writes an item, given as JSON, unless its key belongs to another load; returns whether it did.
    pub async fn put_unless_of_other_load(&self, item: &[u8], load_id: &str) -> Result<bool, AwsError> {
        let table = &self.table;
        let mut body = format!(
            r#"{{"TableName":"{table}","ConditionExpression":"attribute_not_exists(#id) OR #load_id = :load_id","#
        );
        body += r##""ExpressionAttributeNames":{"#id":"id","#load_id":"load_id"},"##;
        body += &format!(r#""ExpressionAttributeValues":{{":load_id":{{"S":"{load_id}"}}}},"Item":"#);
        let body = [body.as_bytes(), item, b"}"].concat();
        let request = self.client.put_item().table_name(table).set_item(Some(HashMap::new())).customize();
        match request.mutate_request(with_body(body.into())).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(
                    aws_sdk_dynamodb::operation::put_item::PutItemError::is_conditional_check_failed_exception,
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(AwsError::classify("PutItem", format!("{table}/{}", key_of(item)), error)),
        }
    }
}

/// The result of [`Items::delete_of_load`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    Deleted,
    /// The item did not exist: it was deleted before, or by an earlier attempt of this call whose response was lost.
    Gone,
    /// The item belongs to another load.
    OfOtherLoad,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPage {
    pub keys: Vec<String>,
    /// The key to continue after; `None` at the end of the table.
    pub last_key: Option<String>,
}

impl Items {
    /// Reads a page of the keys of a load's items, in one segment of a parallel scan, after a key.
    pub async fn keys_of_load(
        &self,
        load_id: &str,
        (segment, segments): (u32, u32),
        after: Option<String>,
    ) -> Result<KeyPage, AwsError> {
        let start = after.map(|key| HashMap::from([("id".to_owned(), AttributeValue::S(key))]));
        let request = self.client.scan().table_name(&self.table).consistent_read(true);
        let request = request
            .segment(segment.cast_signed())
            .total_segments(segments.cast_signed())
            .set_exclusive_start_key(start);
        let request = request
            .filter_expression("#load_id = :load_id")
            .projection_expression("#id")
            .expression_attribute_names("#load_id", "load_id")
            .expression_attribute_names("#id", "id")
            .expression_attribute_values(":load_id", AttributeValue::S(load_id.to_owned()));
        let page = request.send().await.map_err(|error| AwsError::classify("Scan", &self.table, error))?;
        let key = |mut item: HashMap<String, AttributeValue>| match item.remove("id") {
            Some(AttributeValue::S(key)) => Some(key),
            _ => None,
        };
        let keys = page.items.unwrap_or_default().into_iter().filter_map(key).collect();
        Ok(KeyPage { keys, last_key: page.last_evaluated_key.and_then(key) })
    }

    /// Deletes an item if it belongs to this load.
    pub async fn delete_of_load(&self, key: String, load_id: &str) -> Result<Deletion, AwsError> {
        let resource = format!("{}/{key}", self.table);
        let request = self.client.delete_item().table_name(&self.table).key("id", AttributeValue::S(key));
        let request = request
            .condition_expression("#load_id = :load_id")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#load_id", "load_id")
            .expression_attribute_values(":load_id", AttributeValue::S(load_id.to_owned()));
        match request.send().await {
            Ok(_) => Ok(Deletion::Deleted),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(failed.item().map_or(Deletion::Gone, |_| Deletion::OfOtherLoad))
                }
                _ => Err(AwsError::classify("DeleteItem", resource, error)),
            },
        }
    }
}

/// Returns the key of an item that is encoded as in [`PutBatch::push`].
fn key_of(item: &[u8]) -> String {
    const BEFORE_KEY: &[u8] = br#"{"id":{"S":"#;
    let key = item.strip_prefix(BEFORE_KEY).unwrap_or_default();
    let mut keys = serde_json::Deserializer::from_slice(key).into_iter::<String>();
    keys.next().and_then(Result::ok).unwrap_or_default()
}
