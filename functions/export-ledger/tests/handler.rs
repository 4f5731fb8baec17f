//! `export-ledger` against S3 and DynamoDB in memory: the real clients, faults and other writers included.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::collections::BTreeMap;

use aws_fakes::Memory;
use aws_fakes::dynamodb;
use aws_fakes::{MemoryS3, S3Fault};
use aws_lake::Ledger;
use bytes::Bytes;
use export_ledger::{Context, ExportError, Input, Output, handle};
use function_runtime::ErrorName;
use jiff::Timestamp;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use pipeline::ledger::record::{self, Attempt, MissingRules, PublishKind};
use pipeline::ledger::{HourFailure, LedgerItem, Publication, SourceFile, Verdict};
use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, keys};
use serde_json::{Value, json};

struct World {
    s3: MemoryS3,
    dynamodb: Memory<dynamodb::FakeTables>,
    context: Context,
}

fn world() -> World {
    let (s3, dynamodb) = (MemoryS3::default(), dynamodb::memory(&[("hours", "archive", Some("hour"))]));
    let ledger = Ledger::new(dynamodb::client(&dynamodb), "hours");
    World { context: Context { bucket: s3.bucket("lake"), ledger }, s3, dynamodb }
}

fn hour(text: &str) -> ArchiveHour {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2025-11-21T02:03:04Z".parse().unwrap()
}

fn published(at: &str, rows: u64) -> LedgerItem {
    let attempt = Attempt { hour: hour(at), execution_arn: "arn:run", now: now() };
    let publication = Publication {
        version: "0123456789ab".parse().unwrap(),
        partition_location: "s3://lake/raw/".to_owned(),
        source: SourceFile {
            url: format!("http://source/{at}.json.gz"),
            etag: Some("\"e\"".to_owned()),
            last_modified: None,
        },
        landing_etag: "\"l\"".to_owned(),
        landing_md5: "0".repeat(32),
        landing_bytes: 99,
        counts: RecordCounts {
            lines: rows + 3,
            blank_lines: 1,
            records: rows + 2,
            rows,
            duplicates: 1,
            quarantined: 1,
        },
        chunks: 1,
        parquet_bytes: 77,
        types: BTreeMap::new(),
    };
    record::published(None, &attempt, &publication, PublishKind::Converted, Verdict::Degraded, 1)
}

fn failed(at: &str) -> LedgerItem {
    let attempt = Attempt { hour: hour(at), execution_arn: "arn:run", now: now() };
    let rules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };
    record::failed(None, &attempt, &HourFailure::new("CorruptArchive", "byte 7"), &rules)
}

/// What the stream hands out for changes of these hours.
fn changes(hours: &[&str]) -> Input {
    let record = |at: &&str| {
        json!({
            "eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb",
            "dynamodb": {"Keys": {"archive": {"S": "ghactivity"}, "hour": {"S": hour(at).ledger_key()}}, "SequenceNumber": "9"},
        })
    };
    function_runtime::parse(json!({"Records": hours.iter().map(record).collect::<Vec<_>>()})).unwrap()
}

impl World {
    fn put(&self, item: &LedgerItem) {
        self.dynamodb.with(|tables| tables.put("hours", item));
    }

    async fn run(&self, input: Input) -> Result<Output, ExportError> {
        handle(input, &self.context).await
    }

    /// The rows of a month as JSON.
    fn rows(&self, month: &str) -> Vec<Value> {
        let bytes = self.s3.get(&keys::ledger_export(month)).expect("the month is there");
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        let row = |row: Row| row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect();
        reader.get_row_iter(None).unwrap().map(|one| Value::Object(row(one.unwrap()))).collect()
    }
}

/// A field as JSON; an instant as microseconds since 1970.
fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) => json!(text),
        Field::Long(number) | Field::TimestampMicros(number) => json!(number),
        other => panic!("the table has no {other}"),
    }
}

#[tokio::test]
async fn the_months_that_changed_are_written_whole() {
    let world = world();
    for item in [published("2025-11-21-0", 10), failed("2025-11-01-5"), published("2025-12-01-0", 20)] {
        world.put(&item);
    }
    let output = world.run(changes(&["2025-11-21-0", "2025-11-21-0"])).await.unwrap();
    assert_eq!(output, Output { months: vec!["2025-11".to_owned()], hours: 2 });
    assert_eq!(world.s3.keys(), [keys::ledger_export("2025-11")]);
    let rows = world.rows("2025-11");
    assert_eq!(rows.len(), 2);
    let expected = json!({
        "archive_hour": "2025-11-21-0", "year": "2025", "month": "11", "dayofmonth": "21", "hour": "00",
        "status": "published", "verdict": "degraded", "version": "0123456789ab",
        "lines": 13, "blank_lines": 1, "records": 12, "rows": 10, "duplicates": 1, "quarantined": 1,
        "chunks": 1, "landing_bytes": 99, "parquet_bytes": 77,
        "source_url": "http://source/2025-11-21-0.json.gz", "source_etag": "\"e\"", "rolled_back_from": null,
        "failed_attempts": 0, "last_error": null, "last_error_message": null,
        "published_at": now().as_microsecond(), "updated_at": now().as_microsecond(),
        "execution_arn": "arn:run",
    });
    assert_eq!(rows[1], expected);
    let told = ["status", "verdict", "rows", "last_error", "failed_attempts"].map(|name| rows[0][name].clone());
    assert_eq!(told, [json!("failed"), Value::Null, Value::Null, json!("CorruptArchive"), json!(1)]);
}

#[tokio::test]
async fn a_range_writes_all_of_its_months() {
    let world = world();
    world.put(&published("2025-11-30-23", 10));
    let input = function_runtime::parse(json!({"from": "2025-11-30-23", "to": "2026-01-01-0"})).unwrap();
    let output = world.run(input).await.unwrap();
    assert_eq!((output.months.join(" "), output.hours), ("2025-11 2025-12 2026-01".to_owned(), 1));
    assert!(world.rows("2026-01").is_empty());
}

#[tokio::test]
async fn what_another_call_wrote_meanwhile_is_not_overwritten_by_what_was_read_before() {
    let world = world();
    world.put(&published("2025-11-21-0", 10));
    let item = published("2025-11-21-1", 30);
    // After this call has read the ledger, an hour is added, and another call exports it.
    world.s3.fail("PutObject", 1, S3Fault::Answer(412, "PreconditionFailed"));
    world.dynamodb.before("Query", |_| {});
    world.dynamodb.before("Query", move |tables| tables.put("hours", &item));
    world.run(changes(&["2025-11-21-0"])).await.unwrap();
    assert_eq!(world.rows("2025-11").len(), 2, "it was read again");
}

#[tokio::test]
async fn others_that_write_without_end_are_a_conflict() {
    let world = world();
    world.s3.fail("PutObject", 8, S3Fault::Answer(412, "PreconditionFailed"));
    let error = world.run(changes(&["2025-11-21-0"])).await.unwrap_err();
    assert_eq!(error.name(), "ExportConflict");
    assert!(error.to_string().contains("s3://lake/ledger/ghactivity/2025-11.parquet"), "{error}");
}

#[tokio::test]
async fn a_lost_answer_and_a_busy_service_end_with_the_same_object() {
    let world = world();
    world.put(&published("2025-11-21-0", 10));
    world.run(changes(&["2025-11-21-0"])).await.unwrap();
    let expected = world.s3.objects();
    for (call, times, fault) in [
        ("PutObject", 1, S3Fault::LostAnswer),
        ("PutObject", 1, S3Fault::Answer(503, "SlowDown")),
        ("PutObject", 1, S3Fault::Answer(409, "ConditionalRequestConflict")),
        ("HeadObject", 1, S3Fault::Answer(503, "")),
    ] {
        world.s3.fail(call, times, fault);
        world.run(changes(&["2025-11-21-0"])).await.unwrap();
        assert_eq!(world.s3.objects(), expected, "{call} {fault:?}");
    }
    world.s3.fail("PutObject", 3, S3Fault::Answer(403, "AccessDenied"));
    assert_eq!(world.run(changes(&["2025-11-21-0"])).await.unwrap_err().name(), "AwsRefused");
}

#[tokio::test]
async fn items_that_are_no_hours_are_passed_over() {
    let world = world();
    let record =
        |archive: &str, hour: &str| json!({"dynamodb": {"Keys": {"archive": {"S": archive}, "hour": {"S": hour}}}});
    let records = [record("ghactivity#lease", "2025-11-21T00"), record("ghactivity", "yesterday")];
    let output = world.run(function_runtime::parse(json!({"Records": records})).unwrap()).await.unwrap();
    assert_eq!((output, world.s3.keys().len()), (Output::default(), 0));
}

#[tokio::test]
async fn a_wrong_input_is_refused_by_name() {
    let world = world();
    for (phrase, event, field) in [
        ("nothing", json!({}), "from"),
        ("half a range", json!({"from": "2025-11-21-0"}), "to"),
        ("a range backwards", json!({"from": "2025-11-21-1", "to": "2025-11-21-0"}), "to"),
        ("more months than there are", json!({"from": "2011-02-12-0", "to": "2099-01-01-0"}), "to"),
        ("both", json!({"Records": [], "from": "2025-11-21-0", "to": "2025-11-21-0"}), "Records"),
    ] {
        let error = world.run(function_runtime::parse(event).unwrap()).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    assert!(function_runtime::parse::<Input>(json!({"months": ["2025-11"]})).is_err(), "an unknown field");
}
