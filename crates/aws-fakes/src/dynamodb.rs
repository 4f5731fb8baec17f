//! DynamoDB in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_client::dynamodb::Item;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::json::{ErrorResponse, Memory, Service};

mod expression;
mod partiql;

#[derive(Clone, Debug, Default)]
pub struct FakeTables {
    tables: BTreeMap<String, Table>,
    tokens: Vec<String>,
    page_items: Option<usize>,
    take_puts: Option<usize>,
    statement_faults: Vec<(usize, &'static str)>,
    returns_few: bool,
}

#[derive(Clone, Debug, Default)]
struct Table {
    partition_key: &'static str,
    sort_key: Option<&'static str>,
    items: BTreeMap<Key, Map<String, Value>>,
}

type Key = (String, String);

/// Creates tables from their name, partition key and optional sort key.
pub fn memory(tables: &[(&str, &'static str, Option<&'static str>)]) -> Memory<FakeTables> {
    let table = |&(name, partition_key, sort_key): &(&str, _, _)| {
        (name.to_owned(), Table { partition_key, sort_key, items: BTreeMap::new() })
    };
    Memory::new(FakeTables { tables: tables.iter().map(table).collect(), ..FakeTables::default() })
}

/// Creates an SDK client that makes up to three attempts without a wait.
pub fn client(memory: &Memory<FakeTables>) -> Client {
    let connector = SharedHttpConnector::new(memory.clone());
    client_of(connector, RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
}

/// Creates an SDK client whose calls go to a connector: a fake, or one that a test puts before it.
pub fn client_of(connector: SharedHttpConnector, retries: RetryConfig) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url("http://dynamodb.memory")
        .retry_config(retries)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Client::from_conf(config)
}

impl FakeTables {
    /// Writes an item without a call.
    pub fn put(&mut self, table: &str, item: &impl Serialize) {
        let item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(item).expect("an item serializes to a map");
        self.put_raw(table, item.iter().map(|(name, value)| (name.clone(), expression::to_json(value))).collect());
    }

    /// Returns all items of a table, ordered by key.
    pub fn items<T: DeserializeOwned>(&self, table: &str) -> Vec<T> {
        let from_item = |item: &Map<String, Value>| {
            let item: Item = item.iter().map(|(name, value)| (name.clone(), expression::from_json(value))).collect();
            serde_dynamo::aws_sdk_dynamodb_1::from_item(item).expect("the items of the table have this type")
        };
        self.tables[table].items.values().map(from_item).collect()
    }

    /// Returns all items of a table as DynamoDB JSON.
    pub fn raw_items(&self, table: &str) -> Vec<Value> {
        self.tables[table].items.values().cloned().map(Value::Object).collect()
    }

    /// Writes an item, given as DynamoDB JSON, without a call.
    pub fn replace_raw(&mut self, table: &str, item: Value) {
        let Value::Object(item) = item else { panic!("an item is a map") };
        self.put_raw(table, item);
    }

    /// Removes all items of a table.
    pub fn clear(&mut self, table: &str) {
        self.tables.get_mut(table).expect("the test made the table").items.clear();
    }

    /// Removes the items of a table for which `keep` is false; items are in DynamoDB's JSON.
    pub fn retain(&mut self, table: &str, keep: impl Fn(&Value) -> bool) {
        let items = &mut self.tables.get_mut(table).expect("the test made the table").items;
        items.retain(|_, item| keep(&Value::Object(item.clone())));
    }

    /// Sets the largest page of a query or scan.
    pub fn page_items(&mut self, items: usize) {
        self.page_items = Some(items);
    }

    /// Makes batches process at most this number of puts.
    pub fn take_puts(&mut self, puts: usize) {
        self.take_puts = Some(puts);
    }

    /// Makes statement `number` of the next batch fail with this error code and change nothing.
    pub fn fail_statement(&mut self, number: usize, code: &'static str) {
        self.statement_faults.push((number, code));
    }

    /// Makes the response of the next batch omit its last item, as DynamoDB does under load.
    pub fn return_few(&mut self) {
        self.returns_few = true;
    }

    fn put_raw(&mut self, table: &str, item: Map<String, Value>) {
        let table = self.tables.get_mut(table).expect("the test made the table");
        let key = table.key(&item).expect("the item has its key");
        table.items.insert(key, item);
    }

    fn table(&mut self, body: &Value) -> Result<&mut Table, ErrorResponse> {
        let name = body["TableName"].as_str().unwrap_or_default();
        self.tables.get_mut(name).ok_or_else(|| ErrorResponse::new("ResourceNotFoundException"))
    }

    fn get(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        if body["ConsistentRead"] != json!(true) {
            return Err(invalid("expected a consistent read"));
        }
        let table = self.table(body)?;
        let item = table.items.get(&table.key(object(&body["Key"])?)?);
        Ok(item.map_or(json!({}), |item| json!({"Item": item})))
    }

    fn batch_get(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        let (mut responses, mut unprocessed) = (Map::new(), Map::new());
        for (name, request) in object(&body["RequestItems"])? {
            let keys = request["Keys"].as_array().ok_or_else(|| invalid("expected keys"))?;
            if !(1..=100).contains(&keys.len()) || request["ConsistentRead"] != json!(true) {
                return Err(invalid("expected 1 to 100 keys and a consistent read"));
            }
            let few = usize::from(std::mem::take(&mut self.returns_few));
            let (keys, left) = keys.split_at(keys.len() - few);
            if !left.is_empty() {
                unprocessed.insert(name.clone(), json!({"Keys": left}));
            }
            let table = self.table(&json!({"TableName": name}))?;
            let mut found = Vec::new();
            for key in keys {
                found.extend(table.items.get(&table.key(object(key)?)?).cloned());
            }
            responses.insert(name.clone(), json!(found));
        }
        Ok(json!({"Responses": responses, "UnprocessedKeys": unprocessed}))
    }

    fn batch_write(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        let mut left = Map::new();
        for (name, writes) in object(&body["RequestItems"])? {
            let writes = writes.as_array().ok_or_else(|| invalid("expected writes"))?;
            if !(1..=25).contains(&writes.len()) {
                return Err(invalid("expected 1 to 25 writes"));
            }
            let (most, table) = (self.take_puts.unwrap_or(usize::MAX), self.table(&json!({"TableName": name}))?);
            let mut keys = Vec::new();
            for write in writes {
                keys.push(table.key(object(&write["PutRequest"]["Item"])?)?);
            }
            if (1..keys.len()).any(|at| keys[..at].contains(&keys[at])) {
                return Err(invalid("duplicate key in a batch"));
            }
            for (key, write) in keys.into_iter().zip(writes).take(most) {
                table.items.insert(key, object(&write["PutRequest"]["Item"])?.clone());
            }
            if writes.len() > most {
                left.insert(name.clone(), json!(writes[most..]));
            }
        }
        Ok(json!({"UnprocessedItems": left}))
    }

    fn scan(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        let most = self.page_items.unwrap_or(usize::MAX);
        if body["ConsistentRead"] != json!(true) {
            return Err(invalid("expected a consistent read"));
        }
        let (segment, segments) = (body["Segment"].as_u64().unwrap_or(0), body["TotalSegments"].as_u64().unwrap_or(1));
        let table = self.table(body)?;
        let start = body.get("ExclusiveStartKey").map(|key| table.key(object(key)?)).transpose()?;
        let filter = body["FilterExpression"].as_str();
        let (mut found, mut looked, mut last) = (Vec::new(), 0, None);
        for (key, item) in &table.items {
            let of_segment = key.0.bytes().map(u64::from).sum::<u64>() % segments == segment;
            if !of_segment || start.as_ref().is_some_and(|start| key <= start) {
                continue;
            }
            if filter.map_or(Ok(true), |filter| expression::holds(filter, Some(item), body))? {
                found.push(expression::projected(item, body)?);
            }
            looked += 1;
            if looked == most {
                last = Some(table.key_of(item));
                break;
            }
        }
        let mut response = json!({"Items": found, "Count": found.len(), "ScannedCount": looked});
        if let Some(last) = last {
            response["LastEvaluatedKey"] = last;
        }
        Ok(response)
    }

    fn put_item(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        if !self.holds(body, "Item")? {
            return Err(ErrorResponse::new("ConditionalCheckFailedException"));
        }
        self.apply("Put", body)?;
        Ok(json!({}))
    }

    fn update_item(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        if !self.holds(body, "Key")? {
            return Err(ErrorResponse::new("ConditionalCheckFailedException"));
        }
        self.apply("Update", body)?;
        Ok(json!({}))
    }

    fn delete_item(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        let holds = self.holds(body, "Key")?;
        let table = self.table(body)?;
        let key = table.key(object(&body["Key"])?)?;
        if !holds {
            let mut refusal = ErrorResponse::new("ConditionalCheckFailedException");
            let wanted = body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
            if let Some(item) = table.items.get(&key).filter(|_| wanted) {
                refusal.body["Item"] = json!(item);
            }
            return Err(refusal);
        }
        table.items.remove(&key);
        Ok(json!({}))
    }

    fn query(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        let most = body["Limit"].as_u64().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let most = self.page_items.unwrap_or(usize::MAX).min(most);
        if body["ConsistentRead"] != json!(true) {
            return Err(invalid("expected a consistent read"));
        }
        let table = self.table(body)?;
        let start = body.get("ExclusiveStartKey").map(|key| table.key(object(key)?)).transpose()?;
        let condition = body["KeyConditionExpression"].as_str().unwrap_or_default();
        let (mut found, mut last) = (Vec::new(), None);
        for (key, item) in &table.items {
            if start.as_ref().is_some_and(|start| key <= start) || !expression::holds(condition, Some(item), body)? {
                continue;
            }
            found.push(expression::projected(item, body)?);
            if found.len() == most {
                last = Some(table.key_of(item));
                break;
            }
        }
        let mut response = json!({"Items": found, "Count": found.len()});
        if let Some(last) = last {
            response["LastEvaluatedKey"] = last;
        }
        Ok(response)
    }

    fn transact(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        let token = body["ClientRequestToken"].as_str().unwrap_or_default().to_owned();
        if self.tokens.contains(&token) {
            return Ok(json!({}));
        }
        let items = body["TransactItems"].as_array().ok_or_else(|| invalid("expected items"))?;
        let (mut keys, mut reasons, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            let (kind, write) = object(item)?.iter().next().ok_or_else(|| invalid("empty transaction item"))?;
            let field = if kind == "Put" { "Item" } else { "Key" };
            let key = self.table(write)?.key(object(&write[field])?)?;
            keys.push((write["TableName"].to_string(), key));
            let holds = self.holds(write, field)?;
            reasons.push(json!({"Code": if holds { "None" } else { "ConditionalCheckFailed" }}));
            writes.push((kind, write));
        }
        if (1..keys.len()).any(|at| keys[..at].contains(&keys[at])) {
            return Err(invalid("two operations on one item"));
        }
        if reasons.iter().any(|reason| reason["Code"] != "None") {
            return Err(cancelled(reasons));
        }
        for (kind, write) in writes {
            self.apply(kind, write)?;
        }
        self.tokens.push(token);
        Ok(json!({}))
    }

    fn holds(&mut self, write: &Value, field: &str) -> Result<bool, ErrorResponse> {
        let table = self.table(write)?;
        let item = table.items.get(&table.key(object(&write[field])?)?);
        match write["ConditionExpression"].as_str() {
            Some(condition) => expression::holds(condition, item, write),
            None => Ok(true),
        }
    }

    fn apply(&mut self, kind: &str, write: &Value) -> Result<(), ErrorResponse> {
        let table = self.table(write)?;
        match kind {
            "Put" => {
                let item = object(&write["Item"])?.clone();
                table.items.insert(table.key(&item)?, item);
            }
            "Update" => {
                let key = object(&write["Key"])?;
                let item = table.items.entry(table.key(key)?).or_insert_with(|| key.clone());
                expression::update(item, write)?;
            }
            "ConditionCheck" => {}
            _ => return Err(invalid(kind)),
        }
        Ok(())
    }
}

impl Table {
    fn key(&self, item: &Map<String, Value>) -> Result<Key, ErrorResponse> {
        let part = |name: &str| {
            let value = item.get(name).ok_or_else(|| invalid(name))?;
            let text = value["S"].as_str().or(value["N"].as_str());
            text.map(str::to_owned).ok_or_else(|| invalid(name))
        };
        Ok((part(self.partition_key)?, self.sort_key.map_or(Ok(String::new()), part)?))
    }

    fn key_of(&self, item: &Map<String, Value>) -> Value {
        let names = [Some(self.partition_key), self.sort_key].into_iter().flatten();
        Value::Object(names.map(|name| (name.to_owned(), item[name].clone())).collect())
    }
}

impl Service for FakeTables {
    fn respond(&mut self, operation: &str, body: &Value) -> Result<Value, ErrorResponse> {
        match operation {
            "GetItem" => self.get(body),
            "PutItem" => self.put_item(body),
            "UpdateItem" => self.update_item(body),
            "DeleteItem" => self.delete_item(body),
            "Query" => self.query(body),
            "TransactWriteItems" => self.transact(body),
            "BatchExecuteStatement" => self.execute_statements(body),
            "BatchWriteItem" => self.batch_write(body),
            "Scan" => self.scan(body),
            "BatchGetItem" => self.batch_get(body),
            _ => Err(invalid(operation)),
        }
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, ErrorResponse> {
    value.as_object().ok_or_else(|| invalid("expected a map"))
}

fn invalid(what: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new("ValidationException");
    refusal.body["message"] = json!(what);
    refusal
}

fn cancelled(reasons: Vec<Value>) -> ErrorResponse {
    let mut refusal = ErrorResponse::new("TransactionCanceledException");
    refusal.body["CancellationReasons"] = Value::Array(reasons);
    refusal
}
