//! Lists the buckets and tables of a stack, which can outlive it, and its state machines, which may be running.
//!
//! CloudFormation lists the resources of the stack and of its nested stacks, so the list is that of the real deployment.

use std::collections::BTreeMap;
use std::fmt;

use aws_client::s3::Bucket;
use clap::ValueEnum;
use cli_core::CliError;
use cli_core::format::count;
use cli_stack::Stack;
use indicatif::BinaryBytes;
use serde_json::{Map, Value, json};

/// The resources to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum KeptData {
    /// The buckets and the tables
    All,
    /// The buckets
    Bucket,
    /// The tables
    Tables,
}

/// The resources by their kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct StackResources {
    pub(super) buckets: Vec<String>,
    pub(super) tables: Vec<String>,
    pub(super) state_machines: Vec<String>,
    nested: Vec<String>,
}

impl StackResources {
    /// The resources of the stack and of all stacks nested in it.
    pub(super) async fn of(stack: &Stack) -> Result<Self, CliError> {
        let mut found = Self { nested: vec![stack.id.clone()], ..Self::default() };
        while let Some(stack_id) = found.nested.pop() {
            let client = stack.aws.cloudformation();
            let mut pages = client.list_stack_resources().stack_name(&stack_id).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| stack.aws.call_error("ListStackResources", &stack_id, error))?;
                for resource in page.stack_resource_summaries() {
                    found.sort_in(resource.resource_type(), resource.physical_resource_id());
                }
            }
        }
        Ok(found)
    }

    fn sort_in(&mut self, kind: Option<&str>, id: Option<&str>) {
        let place = match kind {
            Some("AWS::S3::Bucket") => &mut self.buckets,
            Some("AWS::DynamoDB::Table") => &mut self.tables,
            Some("AWS::StepFunctions::StateMachine") => &mut self.state_machines,
            Some("AWS::CloudFormation::Stack") => &mut self.nested,
            _ => return,
        };
        // A resource that was never created has no name.
        place.extend(id.filter(|id| !id.is_empty()).map(str::to_owned));
    }
}

/// The resources of the stack, and which of them stay.
pub(super) struct Inventory {
    stack: String,
    pub(super) kept: Option<KeptData>,
    pub(super) buckets: Vec<BucketSizes>,
    /// Tables with items and bytes, as DynamoDB last counted them.
    pub(super) tables: Vec<(String, u64, u64)>,
    /// Tables that CSV loads created. They do not belong to the stack.
    loaded: Vec<(String, u64, u64)>,
}

/// Objects and bytes of a bucket by the first segment of their keys.
pub(super) struct BucketSizes {
    pub(super) bucket: String,
    sizes: BTreeMap<String, (u64, u64)>,
}

impl Inventory {
    pub(super) async fn of(
        stack: &Stack,
        resources: &StackResources,
        kept: Option<KeptData>,
    ) -> Result<Self, CliError> {
        let mut inventory =
            Self { stack: stack.name.clone(), kept, buckets: Vec::new(), tables: Vec::new(), loaded: Vec::new() };
        for bucket in &resources.buckets {
            inventory.buckets.push(BucketSizes::of(stack, bucket).await?);
        }
        for table in &resources.tables {
            inventory.tables.extend(size_of_table(stack, table).await?);
        }
        for table in tables_of_loads(stack).await? {
            inventory.loaded.extend(size_of_table(stack, &table).await?);
        }
        Ok(inventory)
    }

    /// The list for programs: the size of each resource in bytes, and whether it is deleted.
    pub(super) fn json(&self) -> Value {
        let buckets = self.buckets.iter().map(|BucketSizes { bucket, sizes }| {
            let folders = sizes
                .iter()
                .map(|(folder, (objects, bytes))| (folder.clone(), json!({"objects": objects, "bytes": bytes})));
            json!({"name": bucket, "goes": self.takes_buckets(), "folders": folders.collect::<Map<_, _>>()})
        });
        let table = |goes: bool| move |(name, items, bytes): &(String, u64, u64)| json!({"name": name, "goes": goes, "items": items, "bytes": bytes});
        let tables = self.tables.iter().map(table(self.takes_tables())).chain(self.loaded.iter().map(table(false)));
        json!({"stack": self.stack, "buckets": buckets.collect::<Vec<_>>(), "tables": tables.collect::<Vec<_>>()})
    }

    pub(super) fn takes_buckets(&self) -> bool {
        !matches!(self.kept, Some(KeptData::All | KeptData::Bucket))
    }

    pub(super) fn takes_tables(&self) -> bool {
        !matches!(self.kept, Some(KeptData::All | KeptData::Tables))
    }
}

impl BucketSizes {
    async fn of(stack: &Stack, bucket: &str) -> Result<Self, CliError> {
        let mut sizes = BTreeMap::<String, (u64, u64)>::new();
        let listed = Bucket::new(stack.aws.s3(), bucket).list("").await;
        for object in listed.map_err(|error| stack.aws.error(error))? {
            let folder = object.key.split('/').next().unwrap_or_default().to_owned();
            let (count, bytes) = sizes.entry(folder).or_default();
            (*count, *bytes) = (*count + 1, *bytes + object.bytes);
        }
        Ok(Self { bucket: bucket.to_owned(), sizes })
    }
}

/// Name, items and bytes of a table, if it exists.
async fn size_of_table(stack: &Stack, table: &str) -> Result<Option<(String, u64, u64)>, CliError> {
    let answer = match stack.aws.dynamodb().describe_table().table_name(table).send().await {
        Err(error) if error.as_service_error().is_some_and(|refusal| refusal.is_resource_not_found_exception()) => {
            return Ok(None);
        }
        answer => answer.map_err(|error| stack.aws.call_error("DescribeTable", table, error))?,
    };
    let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
    let facts = answer.table();
    let items = number(facts.and_then(|facts| facts.item_count()));
    Ok(Some((table.to_owned(), items, number(facts.and_then(|facts| facts.table_size_bytes())))))
}

/// The tables whose names have the prefix of CSV loads.
async fn tables_of_loads(stack: &Stack) -> Result<Vec<String>, CliError> {
    let Some(prefix) = stack.parameter("CsvTablePrefix").filter(|prefix| !prefix.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let mut pages = stack.aws.dynamodb().list_tables().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| stack.aws.call_error("ListTables", stack.aws.region.as_str(), error))?;
        found.extend(page.table_names().iter().filter(|name| name.starts_with(prefix)).cloned());
    }
    Ok(found)
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = |goes: bool| if goes { "goes " } else { "stays" };
        let parts = "with its functions, state machines, streams, alarms, Glue databases and workgroups";
        writeln!(f, "goes   stack {} {parts}", self.stack)?;
        for BucketSizes { bucket, sizes } in &self.buckets {
            let objects = sizes.values().map(|(objects, _)| objects).sum();
            let bytes = BinaryBytes(sizes.values().map(|(_, bytes)| bytes).sum());
            writeln!(f, "{}  bucket {bucket}: {} objects, {bytes}", fate(self.takes_buckets()), count(objects))?;
            for (folder, (objects, bytes)) in sizes {
                writeln!(f, "         {folder}/: {} objects, {}", count(*objects), BinaryBytes(*bytes))?;
            }
        }
        for (table, items, bytes) in &self.tables {
            let (items, bytes) = (count(*items), BinaryBytes(*bytes));
            writeln!(f, "{}  table {table}: about {items} items, {bytes}", fate(self.takes_tables()))?;
        }
        for (table, items, bytes) in &self.loaded {
            let (items, bytes) = (count(*items), BinaryBytes(*bytes));
            writeln!(f, "stays  table {table}: about {items} items, {bytes}, made by a load of a CSV file")?;
        }
        if let Some((table, ..)) = self.loaded.first() {
            writeln!(f, "       (delete such a table yourself: aws dynamodb delete-table --table-name {table})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_sorted_by_type() {
        let mut found = StackResources::default();
        found.sort_in(Some("AWS::S3::Bucket"), Some("lake"));
        found.sort_in(Some("AWS::S3::Bucket"), None);
        found.sort_in(Some("AWS::DynamoDB::Table"), Some("jobs"));
        found.sort_in(Some("AWS::IAM::Role"), Some("role"));
        found.sort_in(Some("AWS::CloudFormation::Stack"), Some("arn:nested"));
        let expected = StackResources {
            buckets: vec!["lake".to_owned()],
            tables: vec!["jobs".to_owned()],
            nested: vec!["arn:nested".to_owned()],
            ..StackResources::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn list_has_deleted_and_kept_resources() {
        let sizes = BTreeMap::from([("landing".to_owned(), (2, 2048)), ("raw".to_owned(), (1, 1024))]);
        let inventory = Inventory {
            stack: "ghactivity".to_owned(),
            kept: Some(KeptData::Tables),
            buckets: vec![BucketSizes { bucket: "lake".to_owned(), sizes }],
            tables: vec![("jobs".to_owned(), 1, 100)],
            loaded: vec![("csv_items".to_owned(), 1000, 4096)],
        };
        let expected = json!({
            "stack": "ghactivity",
            "buckets": [{"name": "lake", "goes": true, "folders": {
                "landing": {"objects": 2, "bytes": 2048}, "raw": {"objects": 1, "bytes": 1024},
            }}],
            "tables": [
                {"name": "jobs", "goes": false, "items": 1, "bytes": 100},
                {"name": "csv_items", "goes": false, "items": 1000, "bytes": 4096},
            ],
        });
        assert_eq!(inventory.json(), expected);
        insta::assert_snapshot!(inventory, @r"
        goes   stack ghactivity with its functions, state machines, streams, alarms, Glue databases and workgroups
        goes   bucket lake: 3 objects, 3.00 KiB
                 landing/: 2 objects, 2.00 KiB
                 raw/: 1 objects, 1.00 KiB
        stays  table jobs: about 1 items, 100 B
        stays  table csv_items: about 1,000 items, 4.00 KiB, made by a load of a CSV file
               (delete such a table yourself: aws dynamodb delete-table --table-name csv_items)
        ");
    }
}
