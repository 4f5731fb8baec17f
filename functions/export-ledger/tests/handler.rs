//! `export-ledger` against the fakes of S3 and DynamoDB, with faults and concurrent writers.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use std::collections::BTreeMap;

use aws_fakes::{Memory, MemoryS3, S3Fault, dynamodb};
use aws_lake::Ledger;
use bytes::Bytes;
use export_ledger::{Context, ExportLedgerError, Input, Output, handle};
use function_runtime::ErrorName;
use jiff::Timestamp;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use pipeline::ledger::record::{self, Attempt, MissingRules, PublishKind};
use pipeline::ledger::{HourFailure, LedgerItem, Publication, SourceFile, Verdict};
use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, keys};
use serde_json::{Value, json};

struct ExportFixture {
    s3: MemoryS3,
    dynamodb: Memory<dynamodb::FakeTables>,
    context: Context,
}

fn fixture() -> ExportFixture {
    let (s3, dynamodb) = (MemoryS3::default(), dynamodb::memory(&[("hours", "archive", Some("hour"))]));
    let ledger = Ledger::new(dynamodb::client(&dynamodb), "hours");
    ExportFixture { context: Context { bucket: s3.bucket("lake"), ledger }, s3, dynamodb }
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

/// The stream event for changes of these hours.
fn changes(hours: &[&str]) -> Input {
    let record = |at: &&str| {
        json!({
            "eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb",
            "dynamodb": {"Keys": {"archive": {"S": "ghactivity"}, "hour": {"S": hour(at).ledger_key()}}, "SequenceNumber": "9"},
        })
    };
    function_runtime::parse(json!({"Records": hours.iter().map(record).collect::<Vec<_>>()})).unwrap()
}

impl ExportFixture {
    fn put(&self, item: &LedgerItem) {
        self.dynamodb.with(|tables| tables.put("hours", item));
    }

    async fn run(&self, input: Input) -> Result<Output, ExportLedgerError> {
        handle(input, &self.context).await
    }

    /// Returns the rows of a month as JSON.
    fn rows(&self, month: &str) -> Vec<Value> {
        let bytes = self.s3.get(&keys::ledger_export(month)).expect("the month exists");
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
        other => panic!("unexpected type {other}"),
    }
}

#[tokio::test]
async fn changed_months_are_written() {
    let fixture = fixture();
    for item in [published("2025-11-21-0", 10), failed("2025-11-01-5"), published("2025-12-01-0", 20)] {
        fixture.put(&item);
    }
    let output = fixture.run(changes(&["2025-11-21-0", "2025-11-21-0"])).await.unwrap();
    assert_eq!(output, Output { months: vec!["2025-11".to_owned()], hours: 2 });
    assert_eq!(fixture.s3.keys(), [keys::ledger_export("2025-11")]);
    let rows = fixture.rows("2025-11");
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
async fn range_writes_all_months() {
    let fixture = fixture();
    fixture.put(&published("2025-11-30-23", 10));
    let input = function_runtime::parse(json!({"from": "2025-11-30-23", "to": "2026-01-01-0"})).unwrap();
    let output = fixture.run(input).await.unwrap();
    assert_eq!((output.months.join(" "), output.hours), ("2025-11 2025-12 2026-01".to_owned(), 1));
    assert!(fixture.rows("2026-01").is_empty());
}

#[tokio::test]
async fn concurrent_write_is_not_lost() {
    let fixture = fixture();
    fixture.put(&published("2025-11-21-0", 10));
    let item = published("2025-11-21-1", 30);
    // After this call read the ledger, an hour is added and another call exports it.
    fixture.s3.fail("PutObject", 1, S3Fault::Error(412, "PreconditionFailed"));
    fixture.dynamodb.before("Query", |_| {});
    fixture.dynamodb.before("Query", move |tables| tables.put("hours", &item));
    fixture.run(changes(&["2025-11-21-0"])).await.unwrap();
    assert_eq!(fixture.rows("2025-11").len(), 2, "the ledger was read again");
}

#[tokio::test]
async fn persistent_conflict_is_export_conflict() {
    let fixture = fixture();
    fixture.s3.fail("PutObject", 8, S3Fault::Error(412, "PreconditionFailed"));
    let error = fixture.run(changes(&["2025-11-21-0"])).await.unwrap_err();
    assert_eq!(error.name(), "ExportConflict");
    assert!(error.to_string().contains("s3://lake/ledger/ghactivity/2025-11.parquet"), "{error}");
}

#[tokio::test]
async fn failed_calls_end_with_the_same_object() {
    let fixture = fixture();
    fixture.put(&published("2025-11-21-0", 10));
    fixture.run(changes(&["2025-11-21-0"])).await.unwrap();
    let expected = fixture.s3.objects();
    for (call, times, fault) in [
        ("PutObject", 1, S3Fault::LostResponse),
        ("PutObject", 1, S3Fault::Error(503, "SlowDown")),
        ("PutObject", 1, S3Fault::Error(409, "ConditionalRequestConflict")),
        ("HeadObject", 1, S3Fault::Error(503, "")),
    ] {
        fixture.s3.fail(call, times, fault);
        fixture.run(changes(&["2025-11-21-0"])).await.unwrap();
        assert_eq!(fixture.s3.objects(), expected, "{call} {fault:?}");
    }
    fixture.s3.fail("PutObject", 3, S3Fault::Error(403, "AccessDenied"));
    assert_eq!(fixture.run(changes(&["2025-11-21-0"])).await.unwrap_err().name(), "AwsRefused");
}

#[tokio::test]
async fn other_items_are_ignored() {
    let fixture = fixture();
    let record =
        |archive: &str, hour: &str| json!({"dynamodb": {"Keys": {"archive": {"S": archive}, "hour": {"S": hour}}}});
    let records = [record("ghactivity#lease", "2025-11-21T00"), record("ghactivity", "yesterday")];
    let output = fixture.run(function_runtime::parse(json!({"Records": records})).unwrap()).await.unwrap();
    assert_eq!((output, fixture.s3.keys().len()), (Output::default(), 0));
}

#[tokio::test]
async fn invalid_input_names_the_field() {
    let fixture = fixture();
    for (phrase, event, field) in [
        ("nothing", json!({}), "from"),
        ("half a range", json!({"from": "2025-11-21-0"}), "to"),
        ("a range backwards", json!({"from": "2025-11-21-1", "to": "2025-11-21-0"}), "to"),
        ("too many months", json!({"from": "2011-02-12-0", "to": "2099-01-01-0"}), "to"),
        ("both", json!({"Records": [], "from": "2025-11-21-0", "to": "2025-11-21-0"}), "Records"),
    ] {
        let error = fixture.run(function_runtime::parse(event).unwrap()).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    assert!(function_runtime::parse::<Input>(json!({"months": ["2025-11"]})).is_err(), "an unknown field");
}
