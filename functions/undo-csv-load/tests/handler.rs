//! `undo-csv-load` against S3 and DynamoDB in memory.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::time::Duration;

use aws_fakes::dynamodb;
use aws_fakes::dynamodb::FakeTables;
use aws_fakes::{Fault, Memory};
use aws_fakes::{MemoryS3, S3Fault};
use csv_load::plan::{CsvSource, LoadTarget};
use csv_load::{LoadId, LoadOptions, LoadPlan, PlannerSettings, keys};
use function_runtime::ErrorName;
use serde_json::{Value, json};
use undo_csv_load::{Context, Input, Output, Segment, UndoCsvLoadError, handle};

const TABLE: &str = "csv_items";

struct World {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    context: Context,
    load_id: LoadId,
}

/// A table with twenty items of the load, and one of another.
fn world() -> World {
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
        work_time: Duration::from_secs(60),
        deletes_in_flight: 4,
        segments: 3,
    };
    World { s3, dynamodb, context, load_id }
}

impl World {
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
async fn the_segments_are_named_and_chunks_are_told_to_stop_before_anything_is_deleted() {
    let world = world();
    let found = world.run(Value::Null).await.unwrap();
    assert_eq!((found.segments.len(), found.table.as_str(), found.done), (3, TABLE, false));
    assert!(world.s3.get(&keys::undoing(world.load_id)).is_some());
    assert_eq!(world.items(), 21);
}

#[tokio::test]
async fn the_segments_are_named_once_no_call_writes_any_more() {
    let world = world();
    let in_nanos = |millis: u64| {
        let then = std::time::SystemTime::now() + Duration::from_millis(millis);
        then.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i128
    };
    let running = keys::writer(TABLE, world.load_id, 3, in_nanos(60_000));
    let (s3, note, key) = (world.s3.clone(), keys::undoing(world.load_id), running.clone());
    world.s3.put(&running, "{}");
    // A call that was killed: its note stays.
    world.s3.put(&keys::writer(TABLE, world.load_id, 4, in_nanos(900)), "{}");
    world.s3.put(&keys::writer(TABLE, "fedcba9876543210".parse().unwrap(), 0, in_nanos(60_000)), "{}");
    let begin = std::time::Instant::now();
    let ending = async {
        while s3.get(&note).is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        s3.remove(&key);
    };
    let (found, ()) = tokio::join!(world.run(Value::Null), ending);
    assert_eq!(found.unwrap().segments.len(), 3);
    assert!((900..20_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn all_segments_together_delete_the_items_of_the_load_and_no_others() {
    let world = world();
    world.dynamodb.with(|tables| tables.page_items(2));
    let mut deleted = 0;
    for number in 0..3 {
        let done = world.run(segment(number, 3)).await.unwrap();
        assert!(done.done);
        deleted += done.segment.unwrap().deleted;
    }
    assert_eq!((deleted, world.items()), (20, 1));
    let again = world.run(segment(0, 1)).await.unwrap();
    assert_eq!(again.segment.unwrap().deleted, 0);
}

#[tokio::test]
async fn an_item_that_another_load_wrote_meanwhile_stays() {
    let world = world();
    world.dynamodb.before("DeleteItem", |tables| {
        tables.replace_raw(TABLE, json!({"id": {"S": "7"}, "load_id": {"S": "fedcba9876543210"}}));
    });
    let done = world.run(segment(0, 1)).await.unwrap();
    assert_eq!((done.segment.unwrap().deleted, world.items()), (19, 2));
}

#[tokio::test]
async fn a_segment_that_takes_too_long_is_gone_on_with() {
    let mut world = world();
    world.context.work_time = Duration::ZERO;
    world.dynamodb.with(|tables| tables.page_items(8));
    let (mut next, mut calls) = (segment(0, 1), 0);
    loop {
        let output = world.run(next).await.unwrap();
        calls += 1;
        next = serde_json::to_value(output.segment.unwrap()).unwrap();
        if output.done {
            break;
        }
    }
    assert_eq!((calls, world.items(), next["deleted"].as_u64()), (3, 1, Some(20)));
}

#[tokio::test]
async fn faults_that_pass_are_passed_over_and_others_say_whether_to_try_again() {
    for fault in [Fault::Answer(503, "ServiceUnavailable"), Fault::LostAnswer] {
        let world = world();
        world.dynamodb.fail("Scan", 2, fault);
        world.dynamodb.fail("DeleteItem", 2, fault);
        world.s3.fail("GetObject", 2, S3Fault::Answer(503, "SlowDown"));
        let segment = world.run(segment(0, 1)).await.unwrap().segment.unwrap();
        let lost = if matches!(fault, Fault::LostAnswer) { 2 } else { 0 };
        assert_eq!((segment.deleted, segment.gone, world.items()), (20 - lost, lost, 1), "{fault:?}");
    }
    for (call, status, code, name) in [
        ("Scan", 400, "ProvisionedThroughputExceededException", "AwsThrottled"),
        ("DeleteItem", 400, "ThrottlingException", "AwsThrottled"),
        ("DeleteItem", 503, "ServiceUnavailable", "AwsUnavailable"),
        ("DeleteItem", 400, "AccessDeniedException", "AwsRefused"),
    ] {
        let mut world = world();
        world.context.work_time = Duration::from_millis(300);
        world.dynamodb.fail(call, 9999, Fault::Answer(status, code));
        assert_eq!(world.run(segment(0, 1)).await.unwrap_err().name(), name, "{call} {code}");
        world.dynamodb.heal();
        let segment = world.run(segment(0, 1)).await.unwrap().segment.unwrap();
        assert_eq!((segment.deleted, segment.gone, world.items()), (20, 0, 1), "run again, nothing is left");
    }
}

#[tokio::test]
async fn a_table_that_is_too_busy_slows_it_down() {
    let world = world();
    for call in ["Scan", "DeleteItem"] {
        world.dynamodb.fail(call, 30, Fault::Answer(400, "ProvisionedThroughputExceededException"));
    }
    let done = world.run(segment(0, 1)).await.unwrap();
    assert_eq!((done.done, done.segment.unwrap().deleted, world.items()), (true, 20, 1));
}

#[tokio::test]
async fn what_a_call_deleted_that_was_killed_is_counted_once() {
    for (page_items, stops_after) in [(100, 7), (4, 1), (4, 10), (4, 19)] {
        let world = world();
        world.dynamodb.with(|tables| tables.page_items(page_items));
        world.dynamodb.shuffle(stops_after as u64);
        let deleted = async {
            while world.dynamodb.calls_of("DeleteItem").len() < stops_after {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = deleted => {}
            done = world.run(segment(0, 1)) => panic!("it was not stopped: {done:?}"),
        }
        let before = 21 - world.items() as u64;
        assert!(before >= stops_after as u64);
        let Output { done, segment, .. } = world.run(segment(0, 1)).await.unwrap();
        let Segment { deleted, gone, .. } = segment.unwrap();
        assert!(done && deleted + gone == 20, "{deleted} and {gone}");
        assert!(deleted >= 20 - before && gone <= page_items.min(before as usize) as u64, "{gone} of {before}");
        let again = world.run(self::segment(0, 1)).await.unwrap().segment.unwrap();
        assert_eq!((again.deleted, again.gone), (deleted, gone), "an answer that was lost is given again");
    }
}

#[tokio::test]
async fn an_input_that_makes_no_sense_and_an_unknown_load_are_refused_by_name() {
    let world = world();
    let error = world.run(segment(2, 2)).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert!(error.to_string().contains("segment"), "{error}");
    for event in [json!({"load_id": "all"}), json!({}), json!({"load_id": world.load_id, "segments": 3})] {
        assert_eq!(function_runtime::parse::<Input>(event).unwrap_err().name(), "InvalidInput");
    }
    world.s3.put(&keys::plan(world.load_id), "{}");
    assert_eq!(world.run(Value::Null).await.unwrap_err().name(), "PlanNotFound");
    world.s3.remove(&keys::plan(world.load_id));
    assert_eq!(world.run(Value::Null).await.unwrap_err().name(), "LoadNotFound");
    assert!(world.s3.get(&keys::undoing(world.load_id)).is_none(), "nothing is noted of a load that is not there");
}
