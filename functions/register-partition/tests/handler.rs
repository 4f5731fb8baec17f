//! `register-partition` against the fakes of S3, DynamoDB and Glue, with faults and concurrent runs.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::collections::BTreeMap;

use aws_fakes::{Fault, Memory, MemoryS3, S3Fault, dynamodb, glue};
use aws_lake::{LeaseHolder, Leases, Ledger, Partitions};
use function_runtime::{Clock, ErrorName};
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::record::{self, Attempt, PublishKind};
use pipeline::ledger::{LedgerItem, Publication, SourceFile, Verdict};
use pipeline::plan::{HourPlan, Landing};
use pipeline::publish::RollBackTo;
use pipeline::receipt::{ChunkObject, ChunkReceipt, RecordCounts};
use pipeline::version::OutputOptions;
use pipeline::{ArchiveHour, Version, keys};
use register_partition::{Context, Input, Output, RegisterPartitionError, handle};
use serde_json::json;

const V1: &str = "111111111111";
const V2: &str = "222222222222";
const PARTITION: &str = "2025/11/21/00";
const EXECUTION: &str = "arn:a";

struct RegisterFixture {
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

/// A chunk of 10 lines: 7 rows, a duplicate, a bad record, a blank line. Chunk 1 has no rows.
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

impl RegisterFixture {
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
            clock: Clock::fixed(now()),
        };
        Self { s3, dynamodb, glue, context }
    }

    /// A fixture with a converted hour.
    fn with(version: &str, chunks: u32) -> Self {
        let fixture = Self::new();
        fixture.put(version, chunks);
        fixture
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

    async fn run(&self, version: &str) -> Result<Output, RegisterPartitionError> {
        handle(input(version), &self.context).await
    }

    /// Writes the ledger and gives the lease back, as `commit-bookmark` does.
    async fn commit(&self, publication: &Publication) {
        self.publish_in_ledger(publication);
        let holder = LeaseHolder { hour: hour(), version: publication.version, execution_arn: EXECUTION };
        self.context.leases.give_back(&holder, 1).await.unwrap();
    }

    /// Returns the version and the holders of the lease.
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

fn now() -> Timestamp {
    hour().end() + SignedDuration::from_mins(10)
}

fn location(version: &str) -> String {
    format!("s3://lake/raw/ghactivity/year=2025/month=11/dayofmonth=21/hour=00/{version}/")
}

#[tokio::test]
async fn balanced_hour_creates_partition() {
    let fixture = RegisterFixture::with(V1, 3);
    fixture.s3.page_keys(1);
    let Output { hour: at, publication } = fixture.run(V1).await.unwrap();
    assert_eq!((at, publication.version, publication.chunks), (hour(), version(V1), 3));
    let counts = RecordCounts { lines: 30, blank_lines: 3, records: 27, rows: 14, duplicates: 3, quarantined: 10 };
    assert_eq!((publication.counts, publication.parquet_bytes), (counts, 100 + 102));
    assert_eq!(publication.types, BTreeMap::from([("PushEvent".to_owned(), 14)]));
    assert_eq!((publication.source, publication.partition_location), (source(), location(V1)));
    assert_eq!(fixture.location(), Some(location(V1)));
    let mut expected = fixture.glue.with(|table| table.storage.clone());
    expected["Location"] = json!(location(V1));
    assert_eq!(
        fixture.glue.with(|table| table.partitions[PARTITION].clone()),
        expected,
        "columns and formats of the table"
    );
}

#[tokio::test]
async fn second_run_changes_nothing() {
    let fixture = RegisterFixture::with(V1, 3);
    let first = fixture.run(V1).await.unwrap();
    assert_eq!(fixture.run(V1).await.unwrap(), first);
    assert!(fixture.glue.calls_of("UpdatePartition").is_empty());
}

#[tokio::test]
async fn other_version_moves_partition_by_one_update() {
    let fixture = RegisterFixture::with(V1, 1);
    fixture.commit(&fixture.run(V1).await.unwrap().publication).await;
    fixture.put(V2, 3);
    fixture.run(V2).await.unwrap();
    assert_eq!(fixture.location(), Some(location(V2)));
    assert_eq!(fixture.glue.calls_of("UpdatePartition").len(), 1);
    assert_eq!(fixture.lease(), Some((V2.to_owned(), vec![EXECUTION.to_owned()])), "held until the commit");
}

#[tokio::test]
async fn hour_without_rows_has_empty_partition() {
    let fixture = RegisterFixture::new();
    let (version, key) = (version(V1), keys::plan(hour(), version(V1)));
    let mut receipt = receipt(V1, 0);
    receipt.counts = RecordCounts { lines: 10, blank_lines: 1, records: 9, rows: 0, duplicates: 0, quarantined: 9 };
    (receipt.parquet, receipt.types) = (None, BTreeMap::new());
    fixture.s3.put(&key, serde_json::to_vec(&plan(V1, 1)).unwrap());
    fixture.put_chunk(&receipt);
    let publication = fixture.run(V1).await.unwrap().publication;
    assert_eq!((publication.version, publication.counts.rows), (version, 0));
}

#[tokio::test]
async fn unbalanced_hour_is_refused() {
    type Spoil = fn(&RegisterFixture);
    let cases: [(&str, Spoil, &str, &str); 9] = [
        ("no plan", |fixture| fixture.s3.remove(&keys::plan(hour(), version(V1))), "PlanNotFound", "does not exist"),
        (
            "plan of another version",
            |fixture| {
                fixture.s3.put(&keys::plan(hour(), version(V1)), serde_json::to_vec(&plan(V2, 3)).unwrap());
            },
            "PlanNotFound",
            "version 222222222222",
        ),
        ("truncated plan", |fixture| fixture.s3.put(&keys::plan(hour(), version(V1)), "{"), "PlanNotFound", "EOF"),
        ("no receipt", |fixture| fixture.s3.remove(&keys::receipt(hour(), version(V1), 2)), "ObjectMissing", "chunk 2"),
        (
            "truncated receipt",
            |fixture| fixture.s3.put(&keys::receipt(hour(), version(V1), 2), "{"),
            "HourDoesNotBalance",
            "chunk 2",
        ),
        (
            "a lost record",
            |fixture| {
                let mut receipt = receipt(V1, 2);
                receipt.counts.rows -= 1;
                fixture.put_chunk(&receipt);
            },
            "HourDoesNotBalance",
            "chunk 2",
        ),
        (
            "missing object",
            |fixture| fixture.s3.remove(&keys::parquet(hour(), version(V1), 2)),
            "ObjectMissing",
            "00002",
        ),
        (
            "an object of another length",
            |fixture| fixture.s3.put(&keys::parquet(hour(), version(V1), 2), "cut"),
            "ObjectMissing",
            "has 3 bytes",
        ),
        (
            "object without receipt",
            |fixture| fixture.s3.put(&keys::parquet(hour(), version(V1), 1), "x"),
            "ObjectMissing",
            "no receipt names it",
        ),
    ];
    for (phrase, spoil, name, message) in cases {
        let fixture = RegisterFixture::with(V1, 3);
        spoil(&fixture);
        let error = fixture.run(V1).await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}: {error}");
        assert!(function_runtime::diagnostic(&error).error_message.contains(message), "{phrase}: {error}");
        assert!(fixture.glue.calls().is_empty(), "{phrase}: no partition is changed");
        assert_eq!(fixture.lease(), None, "{phrase}: lease given back");
    }
}

#[tokio::test]
async fn shrinking_hour_needs_force() {
    let fixture = RegisterFixture::with(V1, 3);
    fixture.commit(&fixture.run(V1).await.unwrap().publication).await;
    fixture.put(V2, 1);
    let error = fixture.run(V2).await.unwrap_err();
    assert_eq!(error.name(), "HourWouldShrink");
    assert_eq!(fixture.location(), Some(location(V1)));
    let forced = Input { force: true, ..input(V2) };
    handle(forced, &fixture.context).await.unwrap();
    assert_eq!(fixture.location(), Some(location(V2)));
}

#[tokio::test]
async fn other_version_waits_for_the_lease() {
    let fixture = RegisterFixture::with(V1, 3);
    let publication = fixture.run(V1).await.unwrap().publication;
    fixture.put(V2, 3);
    let other = |execution_arn: &str| Input { execution_arn: execution_arn.to_owned(), ..input(V2) };
    let error = handle(other("arn:b"), &fixture.context).await.unwrap_err();
    assert_eq!(error.name(), "PartitionConflict");
    assert!(error.to_string().contains(V1), "{error}");
    assert_eq!(fixture.location(), Some(location(V1)), "partition unchanged");

    let same = Input { execution_arn: "arn:c".to_owned(), ..input(V1) };
    handle(same, &fixture.context).await.unwrap();
    assert_eq!(fixture.lease().unwrap().1, ["arn:a", "arn:c"], "runs of one version share the lease");

    fixture.commit(&publication).await;
    assert_eq!(handle(other("arn:b"), &fixture.context).await.unwrap_err().name(), "PartitionConflict");
    let later = Context { clock: Clock::fixed(now() + pipeline::lease::LEASE), ..fixture.context };
    let started_at = now() + SignedDuration::from_secs(1);
    handle(Input { started_at, ..other("arn:b") }, &later).await.unwrap();
    let fixture = RegisterFixture { context: later, ..fixture };
    assert_eq!((fixture.location(), fixture.lease().unwrap().1), (Some(location(V2)), vec!["arn:b".to_owned()]));
}

#[tokio::test]
async fn suspended_run_does_not_move_partition_back() {
    use std::sync::atomic::{AtomicI64, Ordering};
    let fixture = RegisterFixture::with(V1, 1);
    fixture.commit(&fixture.run(V1).await.unwrap().publication).await;
    fixture.put(V2, 3);
    // The clock jumps while the run lists the folder. By then another run has taken the lease for a third version.
    let passed = std::sync::Arc::new(AtomicI64::new(0));
    let clock = std::sync::Arc::clone(&passed);
    let context = Context {
        clock: Clock::from_fn(move || now() + SignedDuration::from_secs(clock.load(Ordering::Relaxed))),
        ..fixture.context
    };
    let leases = context.leases.clone();
    let lists = || fixture.s3.calls().iter().filter(|call| call.starts_with("ListObjectsV2")).count();
    let took_over = async {
        while lists() < 2 {
            tokio::task::yield_now().await;
        }
        passed.store(600, Ordering::Relaxed);
        let holder = LeaseHolder { hour: hour(), version: version("333333333333"), execution_arn: "arn:other" };
        leases.take(&holder, now() + SignedDuration::from_secs(600)).await.unwrap();
    };
    fixture.glue.shuffle(7);
    let run = Input { started_at: now() + SignedDuration::from_secs(1), ..input(V2) };
    let (result, ()) = tokio::join!(handle(run, &context), took_over);
    assert_eq!(result.unwrap_err().name(), "PartitionConflict");
    let partition = fixture.glue.with(|table| table.partitions[PARTITION]["Location"].clone());
    assert_eq!(partition, json!(location(V1)));
}

#[tokio::test]
async fn version_of_later_run_is_not_replaced() {
    let fixture = RegisterFixture::with(V1, 3);
    fixture.commit(&fixture.run(V1).await.unwrap().publication).await;
    fixture.put(V2, 3);
    let slow = Input { execution_arn: "arn:slow".to_owned(), ..input(V2) };
    let error = handle(slow, &fixture.context).await.unwrap_err();
    assert_eq!(error.name(), "VersionOvertaken");
    assert_eq!((fixture.location(), fixture.lease()), (Some(location(V1)), None));
}

#[tokio::test]
async fn glue_errors_are_retried_or_named() {
    for operation in ["GetTable", "CreatePartition", "GetPartition", "UpdatePartition"] {
        let fixture = RegisterFixture::with(V1, 1);
        if operation != "CreatePartition" {
            fixture.commit(&fixture.run(V1).await.unwrap().publication).await;
            fixture.put(V2, 3);
        }
        let version = if operation == "CreatePartition" { V1 } else { V2 };
        fixture.glue.fail(operation, 1, Fault::LostResponse);
        fixture.run(version).await.unwrap();
        assert_eq!(fixture.location(), Some(location(version)), "{operation}");
    }
    for (operation, code, name) in [
        ("UpdatePartition", "ConcurrentModificationException", "PartitionConflict"),
        ("UpdatePartition", "EntityNotFoundException", "PartitionConflict"),
        ("GetPartition", "EntityNotFoundException", "PartitionConflict"),
        ("CreatePartition", "EntityNotFoundException", "AwsRefused"),
        ("CreatePartition", "OperationTimeoutException", "AwsTimeout"),
        ("GetTable", "AccessDeniedException", "AwsRefused"),
    ] {
        let fixture = RegisterFixture::with(V1, 1);
        if operation != "CreatePartition" {
            fixture.commit(&fixture.run(V1).await.unwrap().publication).await;
            fixture.put(V2, 3);
        }
        fixture.glue.fail(operation, 10, Fault::Error(400, code));
        let error = fixture.run(if operation == "CreatePartition" { V1 } else { V2 }).await.unwrap_err();
        assert_eq!(error.name(), name, "{operation} {code}: {error}");
    }
}

#[tokio::test]
async fn s3_and_dynamodb_errors_are_classified() {
    let fixture = RegisterFixture::with(V1, 1);
    fixture.s3.fail("GetObject", 3, S3Fault::Error(503, "SlowDown"));
    assert_eq!(fixture.run(V1).await.unwrap_err().name(), "AwsThrottled");
    for operation in ["GetItem", "PutItem"] {
        fixture.dynamodb.fail(operation, 3, Fault::Error(400, "AccessDeniedException"));
        assert_eq!(fixture.run(V1).await.unwrap_err().name(), "AwsRefused", "{operation}");
        fixture.dynamodb.heal();
    }
    fixture.dynamodb.fail("PutItem", 1, Fault::LostResponse);
    fixture.run(V1).await.unwrap();
}

#[tokio::test]
async fn rollback_needs_a_complete_version() {
    let fixture = RegisterFixture::with(V1, 3);
    fixture.commit(&fixture.run(V1).await.unwrap().publication).await;
    fixture.put(V2, 4);
    fixture.commit(&fixture.run(V2).await.unwrap().publication).await;
    let back = |to: &str| Input { version: None, source: None, roll_back_to: Some(to.parse().unwrap()), ..input(V1) };
    for to in ["previous", V1] {
        let output = handle(back(to), &fixture.context).await.unwrap();
        assert_eq!((output.publication.version, output.publication.source), (version(V1), source()), "{to}");
        assert_eq!(fixture.location(), Some(location(V1)), "fewer rows, as requested");
        assert_eq!(fixture.lease(), Some((V1.to_owned(), vec![EXECUTION.to_owned()])), "held until the commit");
    }
    assert_eq!(fixture.glue.calls_of("UpdatePartition").len(), 2, "to V2 and back");
    fixture.dynamodb.with(|tables| tables.clear("leases"));
    fixture.s3.remove(&keys::parquet(hour(), version(V1), 2));
    for (phrase, to, reason) in [
        ("an object is missing", "previous", "is incomplete"),
        ("never visible", "333333333333", "is not among the earlier versions (111111111111)"),
    ] {
        let error = handle(back(to), &fixture.context).await.unwrap_err();
        assert_eq!(error.name(), "VersionNotKept", "{phrase}");
        assert!(error.to_string().contains(reason), "{phrase}: {error}");
        assert_eq!(fixture.lease(), None, "{phrase}");
    }
}

#[test]
fn input_has_version_or_rollback() {
    let given = |version: bool, source_: bool, to: bool| Input {
        version: version.then(|| self::version(V1)),
        source: source_.then(source),
        roll_back_to: to.then_some(RollBackTo::Previous),
        ..input(V1)
    };
    let context = RegisterFixture::new().context;
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
fn input_parses_state_machine_event() {
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
        ("unknown word", "roll_back_to", json!("latest")),
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
