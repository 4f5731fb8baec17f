//! The handler against the fakes of DynamoDB and S3: outputs, written objects and number of calls.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_events::Claims;
use aws_fakes::{
    Fault, Memory, MemoryS3, S3Fault,
    dynamodb::{self, FakeTables},
};
use base64_simd::STANDARD;
use bytes::Bytes;
use event_stream::protocol::StoreSettings;
use event_stream::{ObjectFormat, kpl};
use function_runtime::{Clock, ErrorName};
use jiff::Timestamp;
use process_events::{Context, ItemFailure, Output, ProcessEventsError, handle};
use serde_json::{Value, json};

const NOW_SECS: i64 = 1_763_683_205;

struct ProcessEventsFixture {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    seconds: Arc<AtomicI64>,
    context: Context,
}

impl ProcessEventsFixture {
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
            clock: Clock::from_fn(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap()),
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

    /// Returns the numbers in the UUIDs of all rows.
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
async fn batch_needs_few_calls() {
    let fixture = ProcessEventsFixture::new();
    let records: Vec<Value> = (0..1000)
        .map(|number| {
            record(number, event(number, ["lesson:started", "product:viewed", "x:y"][number as usize % 3]).to_string())
        })
        .collect();
    assert_eq!(fixture.handle(records).await.unwrap(), Output::default());
    let puts = fixture.s3.calls();
    assert_eq!(puts.len(), 3, "one put for each pair of type and date: {puts:?}");
    assert_eq!(fixture.dynamodb.calls().len(), 1000 / 25 + 1, "25 claims per call, and one call for the notes");
    assert_eq!(fixture.stored(), (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn invalid_records_are_quarantined() {
    let fixture = ProcessEventsFixture::new();
    let big = format!("{{\"event_uuid\":\"{}\"}}", "x".repeat(1 << 20));
    let mut records = lessons(0..3);
    records.extend([
        record(3, "no event"),
        record(4, &big),
        record(5, b"\xf3\x89\x9a\xc2damaged, and long enough for its digest"),
    ]);
    records.extend(lessons(6..8));
    assert_eq!(fixture.handle(records.clone()).await.unwrap(), Output::default());
    assert_eq!(fixture.stored(), [0, 1, 2, 6, 7]);
    let [key] = &fixture.objects("quarantine/events/shardId-000000000000/")[..] else { panic!("one object") };
    let lines = String::from_utf8(fixture.s3.get(key).unwrap()).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let facts: Vec<_> = lines
        .iter()
        .map(|line| (line["sequence_number"].as_str().unwrap(), line["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(facts, [("3", "not_json"), ("4", "too_large"), ("5", "bad_aggregate")]);
    assert_eq!(
        STANDARD.decode_to_vec(lines[1]["data_base64"].as_str().unwrap()).unwrap(),
        big.as_bytes(),
        "all bytes are kept"
    );
    assert_eq!(fixture.handle(records).await.unwrap(), Output::default());
    assert_eq!(fixture.objects("quarantine/").len(), 1, "a second delivery writes the same object");
}

#[tokio::test]
async fn failed_quarantine_is_delivered_again() {
    let fixture = ProcessEventsFixture::new();
    let mut records = lessons(0..2);
    records.push(record(2, "no event"));
    fixture.s3.fail("PutObject quarantine", 9, S3Fault::Error(403, "AccessDenied"));
    assert_eq!(failures(&fixture.handle(records).await.unwrap()), [2]);
    assert_eq!(fixture.stored(), [0, 1]);
}

#[tokio::test]
async fn aggregated_record_is_split() {
    let fixture = ProcessEventsFixture::new();
    let parts = [event(1, "lesson:a").to_string(), "bad".to_owned(), event(2, "product:b").to_string()];
    let aggregate = kpl::aggregate("key", parts.map(Bytes::from));
    let records = vec![record(7, aggregate), record(8, event(1, "lesson:a").to_string())];
    assert_eq!(fixture.handle(records).await.unwrap(), Output::default());
    assert_eq!(fixture.stored(), [1, 2]);
    let quarantined = fixture.objects("quarantine/");
    let line: Value = serde_json::from_slice(&fixture.s3.get(&quarantined[0]).unwrap()).unwrap();
    assert_eq!((&line["sequence_number"], &line["part"]), (&json!("7"), &json!(1)));
}

#[tokio::test]
async fn partial_failure_names_the_records() {
    let fixture = ProcessEventsFixture::new();
    let names = ["lesson:a", "product:b"];
    let records: Vec<Value> =
        (0..6).map(|number| record(number, event(number, names[number as usize % 2]).to_string())).collect();
    fixture.s3.fail("PutObject events/event_type=product", 3, S3Fault::Error(503, "SlowDown"));
    assert_eq!(failures(&fixture.handle(records.clone()).await.unwrap()), [1, 3, 5]);
    assert_eq!(fixture.stored(), [0, 2, 4]);
    // The shard resumes at the lowest failed record, in another batch.
    assert_eq!(fixture.handle(records[1..].to_vec()).await.unwrap(), Output::default());
    assert_eq!(fixture.stored(), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn batch_without_stored_events_fails_by_name() {
    let fixture = ProcessEventsFixture::new();
    fixture.dynamodb.fail("BatchExecuteStatement", 99, Fault::Error(400, "ProvisionedThroughputExceededException"));
    let error = fixture.handle(lessons(0..30)).await.unwrap_err();
    assert_eq!(error.name(), "AwsThrottled");
    fixture.dynamodb.heal();
    assert_eq!(fixture.handle(lessons(0..30)).await.unwrap(), Output::default());
    assert_eq!(fixture.stored(), (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn lost_put_response_writes_once() {
    let fixture = ProcessEventsFixture::new();
    fixture.s3.fail("PutObject events", 1, S3Fault::LostResponse);
    fixture.dynamodb.fail("BatchExecuteStatement", 1, Fault::LostResponse);
    assert_eq!(fixture.handle(lessons(0..10)).await.unwrap(), Output::default());
    assert_eq!(fixture.stored(), (0..10).collect::<Vec<_>>());
    assert_eq!(fixture.objects("events/").len(), 1);
}

#[tokio::test]
async fn expired_claim_is_taken_over() {
    let fixture = ProcessEventsFixture::new();
    fixture.s3.fail("PutObject events", 3, S3Fault::Error(503, "SlowDown"));
    let dead = record_of("shardId-000000000009", 1, event(1, "lesson:a").to_string());
    fixture.handle(vec![dead.clone()]).await.unwrap_err();
    let other = || vec![record(5, event(1, "lesson:a").to_string()), record(6, event(2, "lesson:a").to_string())];
    assert_eq!(failures(&fixture.handle(other()).await.unwrap()), [5], "the claim is still valid");
    assert_eq!(fixture.stored(), [2]);
    fixture.seconds.fetch_add(181, Ordering::Relaxed);
    assert_eq!(fixture.handle(other()).await.unwrap(), Output::default());
    assert_eq!(fixture.stored(), [1, 2]);
    assert_eq!(fixture.handle(vec![dead]).await.unwrap(), Output::default());
    assert_eq!(fixture.stored(), [1, 2], "the first delivery finds its object sealed and its event stored");
}

#[tokio::test]
async fn window_counts_add_up_over_calls() {
    let fixture = ProcessEventsFixture::new();
    let window = json!({"start": "2025-11-21T00:00:00Z", "end": "2025-11-21T00:05:00Z"});
    let first = json!({"Records": lessons(0..5), "window": window, "state": {}, "shardId": "shardId-000000000000", "isFinalInvokeForWindow": false});
    let state = fixture.handle_with(first).await.unwrap().state.unwrap();
    let mut records = lessons(5..7);
    records.extend([record(8, event(1, "lesson:started").to_string()), record(9, "bad")]);
    let second = json!({"Records": records, "window": window, "state": state});
    let state = fixture.handle_with(second).await.unwrap().state.unwrap();
    assert_eq!((state.stored, state.duplicates, state.quarantined), (7, 1, 1));
    let last = json!({"Records": [], "window": window, "state": state, "isFinalInvokeForWindow": true});
    assert_eq!(
        fixture.handle_with(last).await.unwrap(),
        Output { batch_item_failures: Vec::new(), state: Some(state) }
    );
}

#[tokio::test]
async fn output_names_only_records_of_the_batch() {
    let fixture = ProcessEventsFixture::new();
    fixture.s3.fail("PutObject events", 1000, S3Fault::Error(503, "SlowDown"));
    let mut records = lessons(0..5);
    records.push(record(9, "bad"));
    let output = fixture.handle(records).await.unwrap();
    let failed: BTreeSet<u64> = failures(&output).into_iter().collect();
    assert_eq!(failed, (0..5).collect());
}

#[tokio::test]
async fn record_without_valid_id_is_invalid_input() {
    let fixture = ProcessEventsFixture::new();
    for (place, reason) in [
        ("17", "expected a shard and a sequence number"),
        (":1", "expected a shard and the record's sequence number"),
        ("shardId-1:", "expected a shard and the record's sequence number"),
        ("shardId-1:2", "expected a shard and the record's sequence number"),
        ("shard/1:1", "expected a shard and the record's sequence number"),
    ] {
        let mut bad = record(1, "{}");
        bad["eventID"] = json!(place);
        let error = fixture.handle(vec![bad]).await.unwrap_err();
        let expected = format!("invalid input: {reason}: '{place}' (field `Records.eventID`)");
        assert_eq!((error.name(), error.to_string()), ("InvalidInput", expected));
    }
    let mut bad = record(1, "{}");
    bad["kinesis"]["data"] = json!("e30");
    let error = fixture.handle(vec![record(0, "{}"), bad]).await.unwrap_err();
    let expected =
        "invalid input: invalid Base64 in the record 'shardId-000000000000:1' (field `Records.kinesis.data`)";
    assert_eq!((error.name(), error.to_string().as_str()), ("InvalidInput", expected));
    let error = fixture.handle_with(json!({"Records": [{"eventID": "shardId-1:1"}]})).await.unwrap_err();
    let expected = "invalid input: missing field `kinesis` at line 1 column 37 (field `Records[0]`)";
    assert_eq!((error.name(), error.to_string().as_str()), ("InvalidInput", expected));
    assert_eq!(fixture.objects(""), [""; 0], "no objects");
}
