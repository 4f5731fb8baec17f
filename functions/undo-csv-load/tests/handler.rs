//! `undo-csv-load` against the fakes of S3 and DynamoDB.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::time::Duration;

use aws_fakes::{
    Fault, Memory, MemoryS3, S3Fault,
    dynamodb::{self, FakeTables},
};
use csv_load::plan::{CsvSource, LoadTarget};
use csv_load::{LoadId, LoadOptions, LoadPlan, PlannerSettings, keys};
use function_runtime::ErrorName;
use serde_json::{Value, json};
use undo_csv_load::{Context, Input, Output, TableSegment, UndoCsvLoadError, handle};

const TABLE: &str = "csv_items";

struct UndoFixture {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    context: Context,
    load_id: LoadId,
}

/// A table with twenty items of the load, and one of another load.
fn fixture() -> UndoFixture {
    let (s3, dynamodb) = (MemoryS3::default(), dynamodb::memory(&[(TABLE, "id", None)]));
    let load_id: LoadId = "0123456789abcdef".parse().unwrap();
    let settings = PlannerSettings { chunk_rows: 30, chunk_bytes: 1 << 20, seed: 1, added_bytes: 0 };
    let planned = csv_load::plan_file(&b"id\n1\n"[..], &LoadOptions::default(), settings).unwrap().planned;
    let (bucket, key, etag) = ("up".to_owned(), "incoming/file.csv".to_owned(), String::new());
    let source = CsvSource { bucket, key, etag, bytes: 5, sha256: String::new(), is_gzip: false };
    let wanted = LoadTarget { table: TABLE.to_owned(), table_id: None, options: LoadOptions::default() };
    let plan = LoadPlan::new(&planned, source, load_id, wanted, "2026-01-01T00:00:00Z".parse().unwrap());
    s3.put(&keys::plan(load_id), serde_json::to_vec(&plan).unwrap());
    let item = |id: &str, load: &str| json!({"id": {"S": id}, "load_id": {"S": load}});
    dynamodb.with(|tables| {
        (0..20).for_each(|number| tables.replace_raw(TABLE, item(&number.to_string(), "0123456789abcdef")));
        tables.replace_raw(TABLE, item("other", "fedcba9876543210"));
    });
    let context = Context {
        bucket: s3.bucket("up"),
        dynamodb: dynamodb::client(&dynamodb),
        work_time: Duration::from_mins(1),
        deletes_in_flight: 4,
        segments: 3,
    };
    UndoFixture { s3, dynamodb, context, load_id }
}

impl UndoFixture {
    async fn run(&self, segment: Value) -> Result<Output, UndoCsvLoadError> {
        let event = json!({"load_id": self.load_id, "segment": segment});
        handle(function_runtime::parse::<Input>(event).unwrap(), &self.context).await
    }

    fn items(&self) -> usize {
        self.dynamodb.with(|tables| tables.raw_items(TABLE)).len()
    }
}

fn segment(segment: u32, segments: u32) -> Value {
    json!({"segment": segment, "segments": segments, "after": null, "deleted": 0})
}

#[tokio::test]
async fn find_load_writes_undo_note_and_returns_segments() {
    let fixture = fixture();
    let found = fixture.run(Value::Null).await.unwrap();
    assert_eq!((found.segments.len(), found.table.as_str(), found.done), (3, TABLE, false));
    assert!(fixture.s3.get(&keys::undoing(fixture.load_id)).is_some());
    assert_eq!(fixture.items(), 21);
}

#[tokio::test]
async fn find_load_waits_for_writers() {
    let fixture = fixture();
    let in_nanos = |millis: u64| {
        let then = std::time::SystemTime::now() + Duration::from_millis(millis);
        then.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i128
    };
    let running = keys::writer(TABLE, fixture.load_id, 3, in_nanos(60_000));
    let (s3, note, key) = (fixture.s3.clone(), keys::undoing(fixture.load_id), running.clone());
    fixture.s3.put(&running, "{}");
    // The note of a killed call stays.
    fixture.s3.put(&keys::writer(TABLE, fixture.load_id, 4, in_nanos(900)), "{}");
    fixture.s3.put(&keys::writer(TABLE, "fedcba9876543210".parse().unwrap(), 0, in_nanos(60_000)), "{}");
    let begin = std::time::Instant::now();
    let ending = async {
        while s3.get(&note).is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        s3.remove(&key);
    };
    let (found, ()) = tokio::join!(fixture.run(Value::Null), ending);
    assert_eq!(found.unwrap().segments.len(), 3);
    assert!((900..20_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn segments_delete_only_items_of_the_load() {
    let fixture = fixture();
    fixture.dynamodb.with(|tables| tables.page_items(2));
    let mut deleted = 0;
    for number in 0..3 {
        let done = fixture.run(segment(number, 3)).await.unwrap();
        assert!(done.done);
        deleted += done.segment.unwrap().deleted;
    }
    assert_eq!((deleted, fixture.items()), (20, 1));
    let again = fixture.run(segment(0, 1)).await.unwrap();
    assert_eq!(again.segment.unwrap().deleted, 0);
}

#[tokio::test]
async fn item_of_another_load_is_kept() {
    let fixture = fixture();
    fixture.dynamodb.before("DeleteItem", |tables| {
        tables.replace_raw(TABLE, json!({"id": {"S": "7"}, "load_id": {"S": "fedcba9876543210"}}));
    });
    let done = fixture.run(segment(0, 1)).await.unwrap();
    assert_eq!((done.segment.unwrap().deleted, fixture.items()), (19, 2));
}

#[tokio::test]
async fn segment_resumes_after_time_limit() {
    let mut fixture = fixture();
    fixture.context.work_time = Duration::ZERO;
    fixture.dynamodb.with(|tables| tables.page_items(8));
    let (mut next, mut calls) = (segment(0, 1), 0);
    loop {
        let output = fixture.run(next).await.unwrap();
        calls += 1;
        next = serde_json::to_value(output.segment.unwrap()).unwrap();
        if output.done {
            break;
        }
    }
    assert_eq!((calls, fixture.items(), next["deleted"].as_u64()), (3, 1, Some(20)));
}

#[tokio::test]
async fn failed_calls_are_classified() {
    for fault in [Fault::Error(503, "ServiceUnavailable"), Fault::LostResponse] {
        let fixture = fixture();
        fixture.dynamodb.fail("Scan", 2, fault);
        fixture.dynamodb.fail("DeleteItem", 2, fault);
        fixture.s3.fail("GetObject", 2, S3Fault::Error(503, "SlowDown"));
        let segment = fixture.run(segment(0, 1)).await.unwrap().segment.unwrap();
        let lost = if matches!(fault, Fault::LostResponse) { 2 } else { 0 };
        assert_eq!((segment.deleted, segment.gone, fixture.items()), (20 - lost, lost, 1), "{fault:?}");
    }
    for (call, status, code, name) in [
        ("Scan", 400, "ProvisionedThroughputExceededException", "AwsThrottled"),
        ("DeleteItem", 400, "ThrottlingException", "AwsThrottled"),
        ("DeleteItem", 503, "ServiceUnavailable", "AwsUnavailable"),
        ("DeleteItem", 400, "AccessDeniedException", "AwsRefused"),
    ] {
        let mut fixture = fixture();
        fixture.context.work_time = Duration::from_millis(300);
        fixture.dynamodb.fail(call, 9999, Fault::Error(status, code));
        assert_eq!(fixture.run(segment(0, 1)).await.unwrap_err().name(), name, "{call} {code}");
        fixture.dynamodb.heal();
        let segment = fixture.run(segment(0, 1)).await.unwrap().segment.unwrap();
        assert_eq!((segment.deleted, segment.gone, fixture.items()), (20, 0, 1), "the second run deletes the rest");
    }
}

#[tokio::test]
async fn throttled_table_slows_deletion() {
    let fixture = fixture();
    for call in ["Scan", "DeleteItem"] {
        fixture.dynamodb.fail(call, 30, Fault::Error(400, "ProvisionedThroughputExceededException"));
    }
    let done = fixture.run(segment(0, 1)).await.unwrap();
    assert_eq!((done.done, done.segment.unwrap().deleted, fixture.items()), (true, 20, 1));
}

#[tokio::test]
async fn items_deleted_by_killed_call_count_once() {
    for (page_items, stops_after) in [(100, 7), (4, 1), (4, 10), (4, 19)] {
        let fixture = fixture();
        fixture.dynamodb.with(|tables| tables.page_items(page_items));
        fixture.dynamodb.shuffle(stops_after as u64);
        let deleted = async {
            while fixture.dynamodb.calls_of("DeleteItem").len() < stops_after {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = deleted => {}
            done = fixture.run(segment(0, 1)) => panic!("not stopped: {done:?}"),
        }
        let before = 21 - fixture.items() as u64;
        assert!(before >= stops_after as u64);
        let Output { done, segment, .. } = fixture.run(segment(0, 1)).await.unwrap();
        let TableSegment { deleted, gone, .. } = segment.unwrap();
        assert!(done && deleted + gone == 20, "{deleted} and {gone}");
        assert!(deleted >= 20 - before && gone <= page_items.min(before as usize) as u64, "{gone} of {before}");
        let again = fixture.run(self::segment(0, 1)).await.unwrap().segment.unwrap();
        assert_eq!((again.deleted, again.gone), (deleted, gone), "a second call returns the same");
    }
}

#[tokio::test]
async fn invalid_input_and_unknown_load_are_named() {
    let fixture = fixture();
    let error = fixture.run(segment(2, 2)).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert!(error.to_string().contains("segment"), "{error}");
    for event in [json!({"load_id": "all"}), json!({}), json!({"load_id": fixture.load_id, "segments": 3})] {
        assert_eq!(function_runtime::parse::<Input>(event).unwrap_err().name(), "InvalidInput");
    }
    fixture.s3.put(&keys::plan(fixture.load_id), "{}");
    assert_eq!(fixture.run(Value::Null).await.unwrap_err().name(), "PlanNotFound");
    fixture.s3.remove(&keys::plan(fixture.load_id));
    assert_eq!(fixture.run(Value::Null).await.unwrap_err().name(), "LoadNotFound");
    assert!(fixture.s3.get(&keys::undoing(fixture.load_id)).is_none(), "no note for an unknown load");
}
