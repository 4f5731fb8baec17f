//! The partitions of a Glue table.

use aws_config::SdkConfig;
use aws_sdk_glue::Client;
use aws_sdk_glue::config::http::HttpResponse;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::{PartitionInput, StorageDescriptor};

use aws_client::AwsError;

pub fn glue_client(config: &SdkConfig) -> Client {
    Client::new(config)
}

#[derive(Clone, Debug)]
pub struct Partitions {
    client: Client,
    database: String,
    table: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    #[error("another run changed partition {partition} at the same time")]
    Conflict {
        /// For example `database.table/2025/11/21/00`.
        partition: String,
        source: aws_client::Source,
    },
    #[error("table {table} has no storage descriptor")]
    NoStorage {
        /// As `database.table`.
        table: String,
    },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Partitions {
    pub fn new(client: Client, database: impl Into<String>, table: impl Into<String>) -> Self {
        Self { client, database: database.into(), table: table.into() }
    }

    /// Reads the storage descriptor of the table: the columns and formats that each partition repeats.
    pub async fn storage(&self) -> Result<StorageDescriptor, PartitionError> {
        let table = format!("{}.{}", self.database, self.table);
        let request = self.client.get_table().database_name(&self.database).name(&self.table);
        let response = request.send().await.map_err(|error| AwsError::classify("GetTable", &table, error))?;
        response.table.and_then(|table| table.storage_descriptor).ok_or(PartitionError::NoStorage { table })
    }

    /// Creates a partition; returns `false` and changes nothing if it exists.
    pub async fn create(&self, values: &[String], storage: &StorageDescriptor) -> Result<bool, PartitionError> {
        let request = self.client.create_partition().database_name(&self.database).table_name(&self.table);
        match request.partition_input(input(values, storage)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("AlreadyExistsException") => Ok(false),
            Err(error) => Err(self.classify("CreatePartition", values, error)),
        }
    }

    /// Returns the location of an existing partition.
    pub async fn location(&self, values: &[String]) -> Result<Option<String>, PartitionError> {
        let request = self.client.get_partition().database_name(&self.database).table_name(&self.table);
        let response = request.set_partition_values(Some(values.to_vec())).send().await;
        let response = response.map_err(|error| self.classify("GetPartition", values, error))?;
        Ok(response.partition.and_then(|partition| partition.storage_descriptor).and_then(|storage| storage.location))
    }

    /// Returns the location of a partition, or `None` if it is not registered.
    pub async fn registered(&self, values: &[String]) -> Result<Option<String>, PartitionError> {
        match self.location(values).await {
            Err(PartitionError::Conflict { .. }) => Ok(None),
            found => found,
        }
    }

    /// Moves an existing partition to another location, in one call.
    pub async fn update(&self, values: &[String], storage: &StorageDescriptor) -> Result<(), PartitionError> {
        let request = self.client.update_partition().database_name(&self.database).table_name(&self.table);
        let request = request.set_partition_value_list(Some(values.to_vec()));
        let response = request.partition_input(input(values, storage)).send().await;
        response.map(drop).map_err(|error| self.classify("UpdatePartition", values, error))
    }

    /// A partition that vanished, or a changed version, is the work of another run.
    fn classify<E>(&self, call: &'static str, values: &[String], error: SdkError<E, HttpResponse>) -> PartitionError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let partition = format!("{}.{}/{}", self.database, self.table, values.join("/"));
        let is_gone = error.code() == Some("EntityNotFoundException") && call != "CreatePartition";
        if is_gone || error.code() == Some("ConcurrentModificationException") {
            return PartitionError::Conflict { partition, source: Box::new(error) };
        }
        AwsError::classify(call, partition, error).into()
    }
}

fn input(values: &[String], storage: &StorageDescriptor) -> PartitionInput {
    PartitionInput::builder().set_values(Some(values.to_vec())).storage_descriptor(storage.clone()).build()
}
