//! Items of any table whose key is `id`, a text: many writes, as JSON that the caller has made.
//!
//! The SDK's own types cost more time than all the rest of a load: a map, a name and a value on the heap for every cell. So
//! requests are made by the SDK for their headers, address, signature, time limits and retries, and get their body here.

use std::collections::HashMap;
use std::ops::Range;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use bytes::Bytes;

use aws_client::AwsError;
use aws_client::dynamodb::with_body;

/// How many items one `BatchWriteItem` takes. Source: the DynamoDB API.
pub const MAX_PUTS: usize = 25;
/// A batch with a body of so many bytes takes no further item. DynamoDB takes 16 MiB in all, and an item of 400 KiB has up to
/// six times as much JSON, if all of it is control characters. Source: the DynamoDB API.
const FULL_BYTES: usize = 13 << 20;

/// A table of items.
#[derive(Clone, Debug)]
pub struct Items {
    client: Client,
    table: String,
}

/// Items that are put by one `BatchWriteItem`; no two may have one key.
#[derive(Clone, Debug)]
pub struct PutBatch {
    body: Vec<u8>,
    items: Vec<Range<usize>>,
}

const BEFORE_ITEM: &[u8] = br#"{"PutRequest":{"Item":"#;
const AFTER_ITEM: &[u8] = b"}}";
const AFTER_ITEMS: &[u8] = b"]}}";

impl PutBatch {
    /// No items yet, for this table.
    pub fn new(table: &str) -> Self {
        // The name of a table needs no escapes.
        Self { body: format!(r#"{{"RequestItems":{{"{table}":["#).into_bytes(), items: Vec::with_capacity(MAX_PUTS) }
    }

    /// Appends an item, which `write` writes as JSON: `{"id":{"S":"…"},…}`.
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

    /// How many items it has.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it takes no further item.
    pub fn is_full(&self) -> bool {
        self.len() == MAX_PUTS || self.body.len() >= FULL_BYTES
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// An item's JSON.
    pub fn item(&self, index: usize) -> &[u8] {
        &self.body[self.items[index].clone()]
    }

    /// An item's key.
    pub fn key(&self, index: usize) -> String {
        key_of(self.item(index))
    }

    fn body(&self) -> Bytes {
        let mut body = Vec::with_capacity(self.body.len() + AFTER_ITEMS.len());
        body.extend_from_slice(&self.body);
        body.extend_from_slice(AFTER_ITEMS);
        body.into()
    }

    /// Those items whose key is in the answer.
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
    /// The items of `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Puts items, whatever was there; answers those that DynamoDB did not take this time.
    pub async fn put_batch(&self, batch: &PutBatch) -> Result<PutBatch, AwsError> {
        let request = self.client.batch_write_item().request_items(&self.table, Vec::new()).customize();
        let answer = request.mutate_request(with_body(batch.body())).send().await;
        let answer = answer.map_err(|error| AwsError::classify("BatchWriteItem", &self.table, error))?;
        let unprocessed = answer.unprocessed_items.unwrap_or_default().remove(&self.table).unwrap_or_default();
        let unprocessed: Vec<_> = unprocessed.into_iter().filter_map(|write| Some(write.put_request?.item)).collect();
        Ok(if unprocessed.is_empty() { PutBatch::new(&self.table) } else { batch.only(&self.table, &unprocessed) })
    }

    /// Puts an item, given as JSON, unless there is one with its key and another `load_id`; answers whether it did.
    pub async fn put_unless_of_others(&self, item: &[u8], load_id: &str) -> Result<bool, AwsError> {
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
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(AwsError::classify("PutItem", format!("{table}/{}", key_of(item)), error)),
        }
    }
}

/// What became of an item that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// This call deleted it.
    Deleted,
    /// There was none: somebody deleted it before, or this very call did and its answer was lost.
    Gone,
    /// It is another load's.
    Taken,
}

/// Some keys of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<String>,
    /// The key after which the table goes on, if it does.
    pub last_key: Option<String>,
}

impl Items {
    /// A page of the keys of a load's items, in one segment of many, after a key.
    pub async fn keys_of_load(
        &self,
        load_id: &str,
        (segment, segments): (u32, u32),
        after: Option<String>,
    ) -> Result<KeyPage, AwsError> {
        let start = after.map(|key| HashMap::from([("id".to_owned(), AttributeValue::S(key))]));
        let request = self.client.scan().table_name(&self.table).consistent_read(true);
        let request = request.segment(segment as i32).total_segments(segments as i32).set_exclusive_start_key(start);
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

    /// Deletes an item if it is of this load.
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
                    Ok(failed.item().map_or(Deletion::Gone, |_| Deletion::Taken))
                }
                _ => Err(AwsError::classify("DeleteItem", resource, error)),
            },
        }
    }
}

/// The key of an item as [`PutBatch::push`] takes it.
fn key_of(item: &[u8]) -> String {
    const BEFORE_KEY: &[u8] = br#"{"id":{"S":"#;
    let key = item.strip_prefix(BEFORE_KEY).unwrap_or_default();
    let mut keys = serde_json::Deserializer::from_slice(key).into_iter::<String>();
    keys.next().and_then(Result::ok).unwrap_or_default()
}
