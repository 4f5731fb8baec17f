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

/// The partitions of one table.
#[derive(Clone, Debug)]
pub struct Partitions {
    client: Client,
    database: String,
    table: String,
}

/// Why a partition was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// Another run is changing the partition.
    #[error("partition {partition} was changed at the same time by another run")]
    Conflict {
        /// The partition, `database.table/2025/11/21/00`.
        partition: String,
        /// The SDK's error.
        source: aws_client::Source,
    },
    /// The table has no storage descriptor to make partitions from.
    #[error("table {table} has no storage descriptor")]
    NoStorage {
        /// The table, `database.table`.
        table: String,
    },
    /// The call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Partitions {
    /// The partitions of `database.table`.
    pub fn new(client: Client, database: impl Into<String>, table: impl Into<String>) -> Self {
        Self { client, database: database.into(), table: table.into() }
    }

    /// How the table's objects are read: the columns and formats that each partition repeats.
    pub async fn storage(&self) -> Result<StorageDescriptor, PartitionError> {
        let table = format!("{}.{}", self.database, self.table);
        let request = self.client.get_table().database_name(&self.database).name(&self.table);
        let answer = request.send().await.map_err(|error| AwsError::classify("GetTable", &table, error))?;
        answer.table.and_then(|table| table.storage_descriptor).ok_or(PartitionError::NoStorage { table })
    }

    /// Creates a partition; answers `false` and changes nothing if it exists.
    pub async fn create(&self, values: &[String], storage: &StorageDescriptor) -> Result<bool, PartitionError> {
        let request = self.client.create_partition().database_name(&self.database).table_name(&self.table);
        match request.partition_input(input(values, storage)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("AlreadyExistsException") => Ok(false),
            Err(error) => Err(self.classify("CreatePartition", values, error)),
        }
    }

    /// Where a partition's objects lie.
    pub async fn location(&self, values: &[String]) -> Result<Option<String>, PartitionError> {
        let request = self.client.get_partition().database_name(&self.database).table_name(&self.table);
        let answer = request.set_partition_values(Some(values.to_vec())).send().await;
        let answer = answer.map_err(|error| self.classify("GetPartition", values, error))?;
        Ok(answer.partition.and_then(|partition| partition.storage_descriptor).and_then(|storage| storage.location))
    }

    /// Where a partition's objects lie, if there is such a partition.
    pub async fn registered(&self, values: &[String]) -> Result<Option<String>, PartitionError> {
        match self.location(values).await {
            Err(PartitionError::Conflict { .. }) => Ok(None),
            found => found,
        }
    }

    /// Points an existing partition elsewhere, in one call.
    pub async fn update(&self, values: &[String], storage: &StorageDescriptor) -> Result<(), PartitionError> {
        let request = self.client.update_partition().database_name(&self.database).table_name(&self.table);
        let request = request.set_partition_value_list(Some(values.to_vec()));
        let answer = request.partition_input(input(values, storage)).send().await;
        answer.map(drop).map_err(|error| self.classify("UpdatePartition", values, error))
    }

    /// An existing partition that is gone again, or a version that moved on, is another run's doing.
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
