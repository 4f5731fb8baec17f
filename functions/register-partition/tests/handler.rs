//! `register-partition` against S3, DynamoDB and Glue in memory: the real clients, faults and other runs included.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::collections::BTreeMap;

use aws_fakes::dynamodb;
use aws_fakes::glue;
use aws_fakes::{Fault, Memory};
use aws_fakes::{MemoryS3, S3Fault};
use aws_lake::Partitions;
use aws_lake::{Holder, Leases, Ledger};
use function_runtime::ErrorName;
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::record::{self, Attempt, PublishKind};
use pipeline::ledger::{LedgerItem, Publication, SourceFile, Verdict};
use pipeline::plan::{HourPlan, Landing};
use pipeline::publish::RollBackTo;
use pipeline::receipt::{ChunkObject, ChunkReceipt, RecordCounts};
use pipeline::version::OutputOptions;
use pipeline::{ArchiveHour, Version, keys};
use register_partition::{Context, Input, Output, RegisterError, handle};
use serde_json::json;

const V1: &str = "111111111111";
const V2: &str = "222222222222";
const PARTITION: &str = "2025/11/21/00";
const EXECUTION: &str = "arn:a";

struct World {
    s3: MemoryS3,
    dynamodb: Memory<dynamodb::FakeTables>,
    glue: Memory<glue::FakeTable>,
    context: Context,
}

fn hour() -> ArchiveHour {
    "2025-11-21-0".parse().unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn source() -> SourceFile {
    SourceFile { url: "http://source/x.json.gz".to_owned(), etag: Some("\"e\"".to_owned()), last_modified: None }
}

/// A chunk of 10 lines: 7 rows, a duplicate, a bad record, a blank line. The chunk numbered 1 has no row.
fn receipt(version_: &str, chunk: u32) -> ChunkReceipt {
    let (hour, version) = (hour(), version(version_));
    let rows = if chunk == 1 { 0 } else { 7 };
    let counts = RecordCounts { lines: 10, blank_lines: 1, records: 9, rows, duplicates: 1, quarantined: 8 - rows };
    let key = keys::parquet(hour, version, chunk);
    ChunkReceipt {
        hour,
        version,
        chunk,
        counts,
        types: BTreeMap::from([("PushEvent".to_owned(), rows)]).into_iter().filter(|(_, rows)| *rows > 0).collect(),
        parquet: (rows > 0).then_some(ChunkObject { key, bytes: 100 + u64::from(chunk) }),
        quarantine: Some(ChunkObject { key: keys::quarantine(hour, version, chunk), bytes: 5 }),
    }
}

fn plan(version_: &str, chunks: u32) -> HourPlan {
    let chunk = |number: u64| gzip_plan::Chunk {
        access_point: 0,
        compressed_start: 0,
        compressed_end: 9,
        uncompressed_start: number * 100,
        uncompressed_end: number * 100 + 100,
        first_line: 1 + number * 10,
        lines: 10,
        blank_lines: 1,
        duplicate_lines: Vec::new(),
        xxh3: "0".repeat(16),
    };
    HourPlan {
        hour: hour(),
        version: version(version_),
        options: OutputOptions::default(),
        landing: Landing { etag: "\"l\"".to_owned(), bytes: 99, md5: "0".repeat(32), sha256: "0".repeat(64) },
        gzip: gzip_plan::GzipPlan { chunks: (0..u64::from(chunks)).map(chunk).collect(), ..Default::default() },
    }
}

impl World {
    fn new() -> Self {
        let (s3, glue) = (MemoryS3::default(), glue::memory());
        let tables = ["hours", "leases"].map(|table| (table, "archive", Some("hour")));
        let dynamodb = dynamodb::memory(&tables);
        let client = dynamodb::client(&dynamodb);
        let context = Context {
            bucket: s3.bucket("lake"),
            ledger: Ledger::new(client.clone(), "hours"),
            leases: Leases::new(client, "leases"),
            partitions: Partitions::new(glue::client(&glue), "ghactivity_db", "events"),
            now: Box::new(now),
        };
        Self { s3, dynamodb, glue, context }
    }

    /// With a converted hour.
    fn with(version: &str, chunks: u32) -> Self {
        let world = Self::new();
        world.put(version, chunks);
        world
    }

    fn put(&self, version_: &str, chunks: u32) {
        let plan_key = keys::plan(hour(), version(version_));
        self.s3.put(&plan_key, serde_json::to_vec(&plan(version_, chunks)).unwrap());
        for chunk in 0..chunks {
            self.put_chunk(&receipt(version_, chunk));
        }
    }

    fn put_chunk(&self, receipt: &ChunkReceipt) {
        let key = keys::receipt(hour(), receipt.version, receipt.chunk);
        self.s3.put(&key, serde_json::to_vec(receipt).unwrap());
        if let Some(object) = &receipt.parquet {
            self.s3.put(&object.key, vec![0; object.bytes as usize]);
        }
    }

    async fn run(&self, version: &str) -> Result<Output, RegisterError> {
        handle(input(version), &self.context).await
    }

    /// What `commit-bookmark` does after a run: the ledger says what readers see, and the lease is given back.
    async fn commit(&self, publication: &Publication) {
        self.publish_in_ledger(publication);
        let holder = Holder { hour: hour(), version: publication.version, execution_arn: EXECUTION };
        self.context.leases.give_back(&holder, 1).await.unwrap();
    }

    /// Who has the lease, and for which version.
    fn lease(&self) -> Option<(String, Vec<String>)> {
        let [item] = self.dynamodb.with(|tables| tables.raw_items("leases")).try_into().ok()?;
        let holders = item["holders"]["M"].as_object().unwrap().keys().cloned().collect();
        Some((item["version"]["S"].as_str().unwrap().to_owned(), holders))
    }

    fn location(&self) -> Option<String> {
        self.glue.with(|table| {
            table.partitions.get(PARTITION).and_then(|storage| storage["Location"].as_str()).map(str::to_owned)
        })
    }

    fn publish_in_ledger(&self, publication: &Publication) {
        let attempt = Attempt { hour: hour(), execution_arn: EXECUTION, now: now() };
        self.dynamodb.with(|tables| {
            let existing = tables.items::<LedgerItem>("hours").pop();
            let (how, verdict) = (PublishKind::Converted, Verdict::Complete);
            let item = record::published(existing.as_ref(), &attempt, publication, how, verdict, 1);
            tables.put("hours", &item);
        });
    }
}

fn input(version_: &str) -> Input {
    Input {
        hour: hour(),
        version: Some(version(version_)),
        source: Some(source()),
        roll_back_to: None,
        execution_arn: EXECUTION.to_owned(),
        started_at: now() - SignedDuration::from_secs(30),
        force: false,
    }
}

/// The clock of these tests.
fn now() -> Timestamp {
    hour().end() + SignedDuration::from_mins(10)
}

fn location(version: &str) -> String {
    format!("s3://lake/raw/ghactivity/year=2025/month=11/dayofmonth=21/hour=00/{version}/")
}

#[tokio::test]
async fn a_balanced_hour_becomes_a_partition() {
    let world = World::with(V1, 3);
    world.s3.page_keys(1);
    let Output { hour: at, publication } = world.run(V1).await.unwrap();
    assert_eq!((at, publication.version, publication.chunks), (hour(), version(V1), 3));
    let counts = RecordCounts { lines: 30, blank_lines: 3, records: 27, rows: 14, duplicates: 3, quarantined: 10 };
    assert_eq!((publication.counts, publication.parquet_bytes), (counts, 100 + 102));
    assert_eq!(publication.types, BTreeMap::from([("PushEvent".to_owned(), 14)]));
    assert_eq!((publication.source, publication.partition_location), (source(), location(V1)));
    assert_eq!(world.location(), Some(location(V1)));
    let mut expected = world.glue.with(|table| table.storage.clone());
    expected["Location"] = json!(location(V1));
    assert_eq!(
        world.glue.with(|table| table.partitions[PARTITION].clone()),
        expected,
        "columns and formats of the table"
    );
}

#[tokio::test]
async fn registering_again_changes_nothing() {
    let world = World::with(V1, 3);
    let first = world.run(V1).await.unwrap();
    assert_eq!(world.run(V1).await.unwrap(), first);
    assert!(world.glue.calls_of("UpdatePartition").is_empty());
}

#[tokio::test]
async fn another_version_moves_the_partition_by_one_update() {
    let world = World::with(V1, 1);
    world.commit(&world.run(V1).await.unwrap().publication).await;
    world.put(V2, 3);
    world.run(V2).await.unwrap();
    assert_eq!(world.location(), Some(location(V2)));
    assert_eq!(world.glue.calls_of("UpdatePartition").len(), 1);
    assert_eq!(world.lease(), Some((V2.to_owned(), vec![EXECUTION.to_owned()])), "until it is committed");
}

#[tokio::test]
async fn an_hour_without_a_row_is_a_partition_without_an_object() {
    let world = World::new();
    let (version, key) = (version(V1), keys::plan(hour(), version(V1)));
    let mut receipt = receipt(V1, 0);
    receipt.counts = RecordCounts { lines: 10, blank_lines: 1, records: 9, rows: 0, duplicates: 0, quarantined: 9 };
    (receipt.parquet, receipt.types) = (None, BTreeMap::new());
    world.s3.put(&key, serde_json::to_vec(&plan(V1, 1)).unwrap());
    world.put_chunk(&receipt);
    let publication = world.run(V1).await.unwrap().publication;
    assert_eq!((publication.version, publication.counts.rows), (version, 0));
}

#[tokio::test]
async fn an_hour_that_does_not_add_up_stays_out_of_sight() {
    type Spoil = fn(&World);
    let cases: [(&str, Spoil, &str, &str); 9] = [
        ("no plan", |world| world.s3.remove(&keys::plan(hour(), version(V1))), "PlanNotFound", "does not exist"),
        (
            "the plan of another version",
            |world| {
                world.s3.put(&keys::plan(hour(), version(V1)), serde_json::to_vec(&plan(V2, 3)).unwrap());
            },
            "PlanNotFound",
            "version 222222222222",
        ),
        ("half a plan", |world| world.s3.put(&keys::plan(hour(), version(V1)), "{"), "PlanNotFound", "EOF"),
        ("no receipt", |world| world.s3.remove(&keys::receipt(hour(), version(V1), 2)), "ObjectMissing", "chunk 2"),
        (
            "half a receipt",
            |world| world.s3.put(&keys::receipt(hour(), version(V1), 2), "{"),
            "HourDoesNotBalance",
            "chunk 2",
        ),
        (
            "a lost record",
            |world| {
                let mut receipt = receipt(V1, 2);
                receipt.counts.rows -= 1;
                world.put_chunk(&receipt);
            },
            "HourDoesNotBalance",
            "chunk 2",
        ),
        (
            "an object that is gone",
            |world| world.s3.remove(&keys::parquet(hour(), version(V1), 2)),
            "ObjectMissing",
            "00002",
        ),
        (
            "an object of another length",
            |world| world.s3.put(&keys::parquet(hour(), version(V1), 2), "cut"),
            "ObjectMissing",
            "has 3 bytes",
        ),
        (
            "an object that nobody names",
            |world| world.s3.put(&keys::parquet(hour(), version(V1), 1), "x"),
            "ObjectMissing",
            "no receipt names it",
        ),
    ];
    for (phrase, spoil, name, message) in cases {
        let world = World::with(V1, 3);
        spoil(&world);
        let error = world.run(V1).await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}: {error}");
        assert!(function_runtime::diagnostic(&error).error_message.contains(message), "{phrase}: {error}");
        assert!(world.glue.calls().is_empty(), "{phrase}: no partition is touched");
        assert_eq!(world.lease(), None, "{phrase}: nobody has to wait for it");
    }
}

#[tokio::test]
async fn an_hour_shrinks_only_if_forced() {
    let world = World::with(V1, 3);
    world.commit(&world.run(V1).await.unwrap().publication).await;
    world.put(V2, 1);
    let error = world.run(V2).await.unwrap_err();
    assert_eq!(error.name(), "HourWouldShrink");
    assert_eq!(world.location(), Some(location(V1)));
    let forced = Input { force: true, ..input(V2) };
    handle(forced, &world.context).await.unwrap();
    assert_eq!(world.location(), Some(location(V2)));
}

#[tokio::test]
async fn a_run_of_another_version_waits_until_the_lease_is_given_back_or_over() {
    let world = World::with(V1, 3);
    let publication = world.run(V1).await.unwrap().publication;
    world.put(V2, 3);
    let other = |execution_arn: &str| Input { execution_arn: execution_arn.to_owned(), ..input(V2) };
    let error = handle(other("arn:b"), &world.context).await.unwrap_err();
    assert_eq!(error.name(), "PartitionConflict");
    assert!(error.to_string().contains(V1), "{error}");
    assert_eq!(world.location(), Some(location(V1)), "the partition is as it was");

    let same = Input { execution_arn: "arn:c".to_owned(), ..input(V1) };
    handle(same, &world.context).await.unwrap();
    assert_eq!(world.lease().unwrap().1, ["arn:a", "arn:c"], "runs of one version share it");

    world.commit(&publication).await;
    assert_eq!(handle(other("arn:b"), &world.context).await.unwrap_err().name(), "PartitionConflict");
    let later = Context { now: Box::new(|| now() + pipeline::lease::LEASE), ..world.context };
    let started_at = now() + SignedDuration::from_secs(1);
    handle(Input { started_at, ..other("arn:b") }, &later).await.unwrap();
    let world = World { context: later, ..world };
    assert_eq!((world.location(), world.lease().unwrap().1), (Some(location(V2)), vec!["arn:b".to_owned()]));
}

#[tokio::test]
async fn a_run_that_was_stopped_for_a_while_does_not_move_the_partition_back() {
    use std::sync::atomic::{AtomicI64, Ordering};
    let world = World::with(V1, 1);
    world.commit(&world.run(V1).await.unwrap().publication).await;
    world.put(V2, 3);
    // Its clock jumps while it lists the folder; by then another run has taken the lease for a third version.
    let passed = std::sync::Arc::new(AtomicI64::new(0));
    let clock = std::sync::Arc::clone(&passed);
    let context = Context {
        now: Box::new(move || now() + SignedDuration::from_secs(clock.load(Ordering::Relaxed))),
        ..world.context
    };
    let leases = context.leases.clone();
    let lists = || world.s3.calls().iter().filter(|call| call.starts_with("ListObjectsV2")).count();
    let took_over = async {
        while lists() < 2 {
            tokio::task::yield_now().await;
        }
        passed.store(600, Ordering::Relaxed);
        let holder = Holder { hour: hour(), version: version("333333333333"), execution_arn: "arn:other" };
        leases.take(&holder, now() + SignedDuration::from_secs(600)).await.unwrap();
    };
    world.glue.shuffle(7);
    let run = Input { started_at: now() + SignedDuration::from_secs(1), ..input(V2) };
    let (result, ()) = tokio::join!(handle(run, &context), took_over);
    assert_eq!(result.unwrap_err().name(), "PartitionConflict");
    let partition = world.glue.with(|table| table.partitions[PARTITION]["Location"].clone());
    assert_eq!(partition, json!(location(V1)));
}

#[tokio::test]
async fn a_version_published_by_another_run_meanwhile_is_not_replaced() {
    let world = World::with(V1, 3);
    world.commit(&world.run(V1).await.unwrap().publication).await;
    world.put(V2, 3);
    let slow = Input { execution_arn: "arn:slow".to_owned(), ..input(V2) };
    let error = handle(slow, &world.context).await.unwrap_err();
    assert_eq!(error.name(), "VersionOvertaken");
    assert_eq!((world.location(), world.lease()), (Some(location(V1)), None));
}

#[tokio::test]
async fn a_lost_answer_is_repeated_and_a_conflict_is_named() {
    for operation in ["GetTable", "CreatePartition", "GetPartition", "UpdatePartition"] {
        let world = World::with(V1, 1);
        if operation != "CreatePartition" {
            world.commit(&world.run(V1).await.unwrap().publication).await;
            world.put(V2, 3);
        }
        let version = if operation == "CreatePartition" { V1 } else { V2 };
        world.glue.fail(operation, 1, Fault::LostAnswer);
        world.run(version).await.unwrap();
        assert_eq!(world.location(), Some(location(version)), "{operation}");
    }
    for (operation, code, name) in [
        ("UpdatePartition", "ConcurrentModificationException", "PartitionConflict"),
        ("UpdatePartition", "EntityNotFoundException", "PartitionConflict"),
        ("GetPartition", "EntityNotFoundException", "PartitionConflict"),
        ("CreatePartition", "EntityNotFoundException", "AwsRefused"),
        ("CreatePartition", "OperationTimeoutException", "AwsTimeout"),
        ("GetTable", "AccessDeniedException", "AwsRefused"),
    ] {
        let world = World::with(V1, 1);
        if operation != "CreatePartition" {
            world.commit(&world.run(V1).await.unwrap().publication).await;
            world.put(V2, 3);
        }
        world.glue.fail(operation, 10, Fault::Answer(400, code));
        let error = world.run(if operation == "CreatePartition" { V1 } else { V2 }).await.unwrap_err();
        assert_eq!(error.name(), name, "{operation} {code}: {error}");
    }
}

#[tokio::test]
async fn errors_of_s3_and_dynamodb_say_whether_to_try_again() {
    let world = World::with(V1, 1);
    world.s3.fail("GetObject", 3, S3Fault::Answer(503, "SlowDown"));
    assert_eq!(world.run(V1).await.unwrap_err().name(), "AwsThrottled");
    for operation in ["GetItem", "PutItem"] {
        world.dynamodb.fail(operation, 3, Fault::Answer(400, "AccessDeniedException"));
        assert_eq!(world.run(V1).await.unwrap_err().name(), "AwsRefused", "{operation}");
        world.dynamodb.heal();
    }
    world.dynamodb.fail("PutItem", 1, Fault::LostAnswer);
    world.run(V1).await.unwrap();
}

#[tokio::test]
async fn an_hour_is_rolled_back_to_a_version_that_is_whole() {
    let world = World::with(V1, 3);
    world.commit(&world.run(V1).await.unwrap().publication).await;
    world.put(V2, 4);
    world.commit(&world.run(V2).await.unwrap().publication).await;
    let back = |to: &str| Input { version: None, source: None, roll_back_to: Some(to.parse().unwrap()), ..input(V1) };
    for to in ["previous", V1] {
        let output = handle(back(to), &world.context).await.unwrap();
        assert_eq!((output.publication.version, output.publication.source), (version(V1), source()), "{to}");
        assert_eq!(world.location(), Some(location(V1)), "fewer rows, as wanted");
        assert_eq!(world.lease(), Some((V1.to_owned(), vec![EXECUTION.to_owned()])), "until it is committed");
    }
    assert_eq!(world.glue.calls_of("UpdatePartition").len(), 2, "to V2 and back");
    world.dynamodb.with(|tables| tables.clear("leases"));
    world.s3.remove(&keys::parquet(hour(), version(V1), 2));
    for (phrase, to, reason) in [
        ("an object of it is gone", "previous", "not whole any more"),
        ("readers never saw it", "333333333333", "not one of those before the published one (111111111111)"),
    ] {
        let error = handle(back(to), &world.context).await.unwrap_err();
        assert_eq!(error.name(), "VersionNotKept", "{phrase}");
        assert!(error.to_string().contains(reason), "{phrase}: {error}");
        assert_eq!(world.lease(), None, "{phrase}");
    }
}

#[test]
fn a_version_is_either_converted_or_rolled_back_to() {
    let given = |version: bool, source_: bool, to: bool| Input {
        version: version.then(|| self::version(V1)),
        source: source_.then(source),
        roll_back_to: to.then_some(RollBackTo::Previous),
        ..input(V1)
    };
    let context = World::new().context;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (input, field) in [
        (given(true, true, true), "roll_back_to"),
        (given(false, true, true), "roll_back_to"),
        (given(false, true, false), "version"),
        (given(true, false, false), "source"),
    ] {
        let error = runtime.block_on(handle(input, &context)).unwrap_err();
        assert_eq!(error.name(), "InvalidInput");
        assert!(error.to_string().contains(field), "{error}");
    }
}

#[test]
fn the_input_is_what_the_state_machine_sends() {
    let event = || {
        json!({
            "hour": "2025-11-21-0", "version": V1, "source": {"url": "http://x", "etag": null},
            "execution_arn": "arn:x", "started_at": "2025-11-21T01:10:00.123Z"
        })
    };
    let input = function_runtime::parse::<Input>(event()).unwrap();
    assert!(!input.force);
    for (phrase, field, value) in [
        ("no hour", "hour", json!("2025-11-21")),
        ("no version", "version", json!("latest")),
        ("no version before", "roll_back_to", json!("latest")),
        ("no address", "source", json!({})),
        ("no truth", "force", json!("yes")),
        ("no execution", "execution_arn", json!(null)),
        ("no time", "started_at", json!("soon")),
        ("an unknown field", "chunk", json!(1)),
    ] {
        let mut event = event();
        event[field] = value;
        let error = function_runtime::parse::<Input>(event).unwrap_err();
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
}
