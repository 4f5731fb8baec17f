//! The function against DynamoDB and S3 in memory: what it answers, what it writes, and with how many calls.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_events::Claims;
use aws_fakes::dynamodb;
use aws_fakes::dynamodb::FakeTables;
use aws_fakes::{Fault, Memory};
use aws_fakes::{MemoryS3, S3Fault};
use base64_simd::STANDARD;
use bytes::Bytes;
use event_stream::protocol::StoreSettings;
use event_stream::{ObjectFormat, kpl};
use function_runtime::ErrorName;
use jiff::Timestamp;
use process_events::{Context, ItemFailure, Output, ProcessEventsError, handle};
use serde_json::{Value, json};

const NOW_SECS: i64 = 1_763_683_205;

struct World {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    seconds: Arc<AtomicI64>,
    context: Context,
}

impl World {
    fn new() -> Self {
        let (s3, dynamodb) = (MemoryS3::default(), dynamodb::memory(&[("claims", "event_uuid", None)]));
        let seconds = Arc::new(AtomicI64::new(NOW_SECS));
        let clock = Arc::clone(&seconds);
        let context = Context {
            bucket: s3.bucket("lake"),
            claims: Claims::new(dynamodb::client(&dynamodb), "claims"),
            settings: StoreSettings {
                types: "lesson,product,other".parse().unwrap(),
                format: ObjectFormat::JsonLines,
                claim_ms: 180_000,
                window_secs: 604_800,
                calls_at_once: 4,
            },
            now: Box::new(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap()),
        };
        Self { s3, dynamodb, seconds, context }
    }

    async fn handle(&self, records: Vec<Value>) -> Result<Output, ProcessEventsError> {
        self.handle_with(json!({ "Records": records })).await
    }

    async fn handle_with(&self, event: Value) -> Result<Output, ProcessEventsError> {
        handle(&event.to_string(), &self.context).await
    }

    fn objects(&self, prefix: &str) -> Vec<String> {
        self.s3.keys().into_iter().filter(|key| key.starts_with(prefix)).collect()
    }

    /// The UUIDs' numbers of all rows.
    fn stored(&self) -> Vec<u64> {
        let mut stored: Vec<u64> = self.objects("events/").iter().flat_map(|key| self.rows(key)).collect();
        stored.sort_unstable();
        stored
    }

    fn rows(&self, key: &str) -> Vec<u64> {
        let gzip = self.s3.get(key).unwrap();
        let text = std::io::read_to_string(flate2::read::GzDecoder::new(&gzip[..])).unwrap();
        let number = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            u64::from_str_radix(&row["event_uuid"].as_str().unwrap()[24..], 16).unwrap()
        };
        text.lines().map(number).collect()
    }
}

fn event(number: u64, name: &str) -> Value {
    json!({"event_uuid": format!("00000000-0000-4000-8000-{number:012x}"), "event_name": name, "created_at": 1_763_683_200_250_u64})
}

fn record(sequence: u64, data: impl AsRef<[u8]>) -> Value {
    record_of("shardId-000000000000", sequence, data)
}

fn record_of(shard: &str, sequence: u64, data: impl AsRef<[u8]>) -> Value {
    json!({
        "kinesis": {
            "sequenceNumber": sequence.to_string(),
            "data": STANDARD.encode_to_string(data),
            "approximateArrivalTimestamp": 1_763_683_201.5,
            "partitionKey": "key",
        },
        "eventID": format!("{shard}:{sequence}"),
        "eventSource": "aws:kinesis",
    })
}

fn lessons(numbers: std::ops::Range<u64>) -> Vec<Value> {
    numbers.map(|number| record(number, event(number, "lesson:started").to_string())).collect()
}

fn failures(output: &Output) -> Vec<u64> {
    output.batch_item_failures.iter().map(|ItemFailure { item_identifier }| item_identifier.parse().unwrap()).collect()
}

#[tokio::test]
async fn calls_are_few() {
    let world = World::new();
    let records: Vec<Value> = (0..1000)
        .map(|number| {
            record(number, event(number, ["lesson:started", "product:viewed", "x:y"][number as usize % 3]).to_string())
        })
        .collect();
    assert_eq!(world.handle(records).await.unwrap(), Output::default());
    let puts = world.s3.calls();
    assert_eq!(puts.len(), 3, "one put for each pair of type and date: {puts:?}");
    assert_eq!(world.dynamodb.calls().len(), 1000 / 25 + 1, "25 claims a call, and one call for the notes");
    assert_eq!(world.stored(), (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn bad_records_are_quarantined_and_hold_nothing_up() {
    let world = World::new();
    let big = format!("{{\"event_uuid\":\"{}\"}}", "x".repeat(1 << 20));
    let mut records = lessons(0..3);
    records.extend([
        record(3, "no event"),
        record(4, &big),
        record(5, b"\xf3\x89\x9a\xc2damaged, and long enough for its digest"),
    ]);
    records.extend(lessons(6..8));
    assert_eq!(world.handle(records.clone()).await.unwrap(), Output::default());
    assert_eq!(world.stored(), [0, 1, 2, 6, 7]);
    let [key] = &world.objects("quarantine/events/shardId-000000000000/")[..] else { panic!("one object") };
    let lines = String::from_utf8(world.s3.get(key).unwrap()).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let facts: Vec<_> = lines
        .iter()
        .map(|line| (line["sequence_number"].as_str().unwrap(), line["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(facts, [("3", "not_json"), ("4", "too_large"), ("5", "bad_aggregate")]);
    assert_eq!(
        STANDARD.decode_to_vec(lines[1]["data_base64"].as_str().unwrap()).unwrap(),
        big.as_bytes(),
        "nothing is lost"
    );
    assert_eq!(world.handle(records).await.unwrap(), Output::default());
    assert_eq!(world.objects("quarantine/").len(), 1, "a second delivery writes the same");
}

#[tokio::test]
async fn what_cannot_be_quarantined_comes_again() {
    let world = World::new();
    let mut records = lessons(0..2);
    records.push(record(2, "no event"));
    world.s3.fail("PutObject quarantine", 9, S3Fault::Answer(403, "AccessDenied"));
    assert_eq!(failures(&world.handle(records).await.unwrap()), [2]);
    assert_eq!(world.stored(), [0, 1]);
}

#[tokio::test]
async fn an_aggregated_record_is_its_events() {
    let world = World::new();
    let parts = [event(1, "lesson:a").to_string(), "bad".to_owned(), event(2, "product:b").to_string()];
    let aggregate = kpl::aggregate("key", parts.map(Bytes::from));
    let records = vec![record(7, aggregate), record(8, event(1, "lesson:a").to_string())];
    assert_eq!(world.handle(records).await.unwrap(), Output::default());
    assert_eq!(world.stored(), [1, 2]);
    let quarantined = world.objects("quarantine/");
    let line: Value = serde_json::from_slice(&world.s3.get(&quarantined[0]).unwrap()).unwrap();
    assert_eq!((&line["sequence_number"], &line["part"]), (&json!("7"), &json!(1)));
}

#[tokio::test]
async fn a_batch_whose_objects_fail_in_part_names_their_records() {
    let world = World::new();
    let names = ["lesson:a", "product:b"];
    let records: Vec<Value> =
        (0..6).map(|number| record(number, event(number, names[number as usize % 2]).to_string())).collect();
    world.s3.fail("PutObject events/event_type=product", 3, S3Fault::Answer(503, "SlowDown"));
    assert_eq!(failures(&world.handle(records.clone()).await.unwrap()), [1, 3, 5]);
    assert_eq!(world.stored(), [0, 2, 4]);
    // The shard resumes at the lowest of them, with another cut.
    assert_eq!(world.handle(records[1..].to_vec()).await.unwrap(), Output::default());
    assert_eq!(world.stored(), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_batch_of_which_nothing_is_stored_fails_by_name() {
    let world = World::new();
    world.dynamodb.fail("BatchExecuteStatement", 99, Fault::Answer(400, "ProvisionedThroughputExceededException"));
    let error = world.handle(lessons(0..30)).await.unwrap_err();
    assert_eq!(error.name(), "AwsThrottled");
    world.dynamodb.heal();
    assert_eq!(world.handle(lessons(0..30)).await.unwrap(), Output::default());
    assert_eq!(world.stored(), (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_not_made_twice() {
    let world = World::new();
    world.s3.fail("PutObject events", 1, S3Fault::LostAnswer);
    world.dynamodb.fail("BatchExecuteStatement", 1, Fault::LostAnswer);
    assert_eq!(world.handle(lessons(0..10)).await.unwrap(), Output::default());
    assert_eq!(world.stored(), (0..10).collect::<Vec<_>>());
    assert_eq!(world.objects("events/").len(), 1);
}

#[tokio::test]
async fn who_claimed_and_died_is_waited_for_and_then_taken_over() {
    let world = World::new();
    world.s3.fail("PutObject events", 3, S3Fault::Answer(503, "SlowDown"));
    let dead = record_of("shardId-000000000009", 1, event(1, "lesson:a").to_string());
    world.handle(vec![dead.clone()]).await.unwrap_err();
    let other = || vec![record(5, event(1, "lesson:a").to_string()), record(6, event(2, "lesson:a").to_string())];
    assert_eq!(failures(&world.handle(other()).await.unwrap()), [5], "the first one may still be at work");
    assert_eq!(world.stored(), [2]);
    world.seconds.fetch_add(181, Ordering::Relaxed);
    assert_eq!(world.handle(other()).await.unwrap(), Output::default());
    assert_eq!(world.stored(), [1, 2]);
    assert_eq!(world.handle(vec![dead]).await.unwrap(), Output::default());
    assert_eq!(world.stored(), [1, 2], "the first delivery finds its object sealed, and its event stored");
}

#[tokio::test]
async fn a_window_adds_up_over_its_calls() {
    let world = World::new();
    let window = json!({"start": "2025-11-21T00:00:00Z", "end": "2025-11-21T00:05:00Z"});
    let first = json!({"Records": lessons(0..5), "window": window, "state": {}, "shardId": "shardId-000000000000", "isFinalInvokeForWindow": false});
    let state = world.handle_with(first).await.unwrap().state.unwrap();
    let mut records = lessons(5..7);
    records.extend([record(8, event(1, "lesson:started").to_string()), record(9, "bad")]);
    let second = json!({"Records": records, "window": window, "state": state});
    let state = world.handle_with(second).await.unwrap().state.unwrap();
    assert_eq!((state.stored, state.duplicates, state.quarantined), (7, 1, 1));
    let last = json!({"Records": [], "window": window, "state": state, "isFinalInvokeForWindow": true});
    assert_eq!(world.handle_with(last).await.unwrap(), Output { batch_item_failures: Vec::new(), state: Some(state) });
}

#[tokio::test]
async fn the_answer_names_no_record_that_is_not_in_the_batch() {
    let world = World::new();
    world.s3.fail("PutObject events", 1000, S3Fault::Answer(503, "SlowDown"));
    let mut records = lessons(0..5);
    records.push(record(9, "bad"));
    let output = world.handle(records).await.unwrap();
    let failed: BTreeSet<u64> = failures(&output).into_iter().collect();
    assert_eq!(failed, (0..5).collect());
}

#[tokio::test]
async fn a_record_without_a_place_is_invalid_input() {
    let world = World::new();
    for (place, reason) in [
        ("17", "expected a shard and a sequence number"),
        (":1", "expected a shard and the record's sequence number"),
        ("shardId-1:", "expected a shard and the record's sequence number"),
        ("shardId-1:2", "expected a shard and the record's sequence number"),
        ("shard/1:1", "expected a shard and the record's sequence number"),
    ] {
        let mut bad = record(1, "{}");
        bad["eventID"] = json!(place);
        let error = world.handle(vec![bad]).await.unwrap_err();
        let expected = format!("invalid input: {reason}: '{place}' (field `Records.eventID`)");
        assert_eq!((error.name(), error.to_string()), ("InvalidInput", expected));
    }
    let mut bad = record(1, "{}");
    bad["kinesis"]["data"] = json!("e30");
    let error = world.handle(vec![record(0, "{}"), bad]).await.unwrap_err();
    let expected = "invalid input: no Base64, in the record 'shardId-000000000000:1' (field `Records.kinesis.data`)";
    assert_eq!((error.name(), error.to_string().as_str()), ("InvalidInput", expected));
    let error = world.handle_with(json!({"Records": [{"eventID": "shardId-1:1"}]})).await.unwrap_err();
    let expected = "invalid input: missing field `kinesis` at line 1 column 37 (field `Records[0]`)";
    assert_eq!((error.name(), error.to_string().as_str()), ("InvalidInput", expected));
    assert_eq!(world.objects(""), [""; 0], "nothing is stored");
}
