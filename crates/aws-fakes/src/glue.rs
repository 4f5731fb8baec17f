//! A Glue table in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_glue::Client;
use aws_sdk_glue::config::retry::RetryConfig;
use aws_sdk_glue::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use serde_json::{Value, json};

use crate::json::{ErrorResponse, Memory, Service};

#[derive(Clone, Debug)]
pub struct FakeTable {
    /// The storage descriptor of the table, as in the API.
    pub storage: Value,
    /// Storage descriptors of the partitions, by their values joined with slashes.
    pub partitions: BTreeMap<String, Value>,
}

/// Creates the table `ghactivity_db.events`.
pub fn memory() -> Memory<FakeTable> {
    let columns = json!([{"Name": "id", "Type": "string"}, {"Name": "type", "Type": "string"}]);
    let storage = json!({"Columns": columns, "Location": "s3://bucket/raw/ghactivity/", "Compressed": true});
    Memory::new(FakeTable { storage, partitions: BTreeMap::new() })
}

/// Creates an SDK client that makes up to three attempts without a wait.
pub fn client(memory: &Memory<FakeTable>) -> Client {
    let connector = SharedHttpConnector::new(memory.clone());
    client_of(connector, RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
}

/// Creates an SDK client whose calls go to a connector: a fake, or one that a test puts before it.
pub fn client_of(connector: SharedHttpConnector, retries: RetryConfig) -> Client {
    let config = aws_sdk_glue::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url("http://glue.memory")
        .retry_config(retries)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Client::from_conf(config)
}

impl Service for FakeTable {
    fn respond(&mut self, operation: &str, body: &Value) -> Result<Value, ErrorResponse> {
        let table = if operation == "GetTable" { &body["Name"] } else { &body["TableName"] };
        if body["DatabaseName"] != "ghactivity_db" || table != "events" {
            return Err(ErrorResponse::new("EntityNotFoundException"));
        }
        let storage = &body["PartitionInput"]["StorageDescriptor"];
        match operation {
            "GetTable" => Ok(json!({"Table": {"Name": "events", "StorageDescriptor": self.storage}})),
            "CreatePartition" => {
                let values = joined(&body["PartitionInput"]["Values"]);
                if self.partitions.contains_key(&values) {
                    return Err(ErrorResponse::new("AlreadyExistsException"));
                }
                self.partitions.insert(values, storage.clone());
                Ok(json!({}))
            }
            "GetPartition" => {
                let storage = self.partitions.get(&joined(&body["PartitionValues"]));
                let storage = storage.ok_or_else(|| ErrorResponse::new("EntityNotFoundException"))?;
                Ok(json!({"Partition": {"Values": body["PartitionValues"], "StorageDescriptor": storage}}))
            }
            "UpdatePartition" => {
                let existing = self.partitions.get_mut(&joined(&body["PartitionValueList"]));
                *existing.ok_or_else(|| ErrorResponse::new("EntityNotFoundException"))? = storage.clone();
                Ok(json!({}))
            }
            _ => Err(ErrorResponse::new("InvalidInputException")),
        }
    }
}

fn joined(values: &Value) -> String {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("/")
}
