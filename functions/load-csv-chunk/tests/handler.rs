//! `load-csv-chunk` against the fakes of S3 and DynamoDB.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::io::Write;
use std::time::Duration;

use aws_fakes::{
    Fault, Memory, MemoryS3, S3Fault,
    dynamodb::{self, FakeTables},
};
use csv_load::plan::{CsvSource, LoadTarget};
use csv_load::receipt::{ChunkFailure, LoadChunkReceipt};
use csv_load::{LoadId, LoadOptions, LoadPlan, OnExisting, PlannerSettings, keys};
use function_runtime::{Clock, ErrorName};
use load_csv_chunk::{Context, Input, LoadCsvChunkError, Output, handle};
use serde_json::{Value, json};

const KEY: &str = "incoming/file.csv";
const TABLE: &str = "csv_items";
const ARN: &str = "arn:aws:states:us-east-1:1:execution:my-csv-load:x";

struct LoadChunkFixture {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    context: Context,
    load_id: LoadId,
}

/// A planned file with chunks of 30 rows.
fn fixture(body: &[u8], options: LoadOptions) -> LoadChunkFixture {
    let (s3, dynamodb) = (MemoryS3::default(), dynamodb::memory(&[(TABLE, "id", None)]));
    s3.put(KEY, body);
    let settings = PlannerSettings { chunk_rows: 30, chunk_bytes: 16 << 20, seed: 1, added_bytes: 0 };
    let file = csv_load::plan_file(body, &options, settings).unwrap();
    let load_id: LoadId = "0123456789abcdef".parse().unwrap();
    let source = CsvSource {
        bucket: "up".to_owned(),
        key: KEY.to_owned(),
        etag: s3.etag(KEY).unwrap(),
        bytes: body.len() as u64,
        sha256: String::new(),
        is_gzip: file.gzip.is_some(),
    };
    let wanted = LoadTarget { table: TABLE.to_owned(), table_id: None, options };
    let plan = LoadPlan::new(&file.planned, source, load_id, wanted, "2026-01-01T00:00:00Z".parse().unwrap());
    s3.put(&keys::plan(load_id), serde_json::to_vec(&plan).unwrap());
    s3.put(&keys::superseded(load_id), file.planned.superseded_bits);
    if let Some(gzip) = file.gzip {
        s3.put(&keys::gzip_plan(load_id), serde_json::to_vec(&gzip.plan).unwrap());
        s3.put(&keys::gzip_windows(load_id), gzip.windows);
    }
    let context = Context {
        bucket: s3.bucket("up"),
        dynamodb: dynamodb::client(&dynamodb),
        work_time: Duration::from_mins(1),
        calls_in_flight: 4,
        clock: Clock::system(),
    };
    LoadChunkFixture { s3, dynamodb, context, load_id }
}

fn rows(count: usize) -> Vec<u8> {
    let row = |number| format!("{number},name {number}\n");
    format!("id,name\n{}", (0..count).map(row).collect::<String>()).into_bytes()
}

impl LoadChunkFixture {
    async fn run(&self, event: Value) -> Result<Output, LoadCsvChunkError> {
        let mut event = event;
        event["table"] = json!(TABLE);
        event["execution_arn"] = json!(ARN);
        handle(function_runtime::parse::<Input>(event).unwrap(), &self.context).await
    }

    async fn chunk(&self, chunk: u32) -> Result<Output, LoadCsvChunkError> {
        self.run(json!({"load_id": self.load_id, "chunk": chunk})).await
    }

    fn receipt(&self, chunk: u32) -> Option<LoadChunkReceipt> {
        let json = self.s3.get(&keys::chunk_receipt(self.load_id, chunk))?;
        Some(serde_json::from_slice(&json).unwrap())
    }

    fn failure(&self) -> ChunkFailure {
        serde_json::from_slice(&self.s3.get(&keys::chunk_failure(self.load_id, 0)).unwrap()).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let items = self.dynamodb.with(|tables| tables.raw_items(TABLE));
        let mut ids: Vec<String> = items.iter().map(|item| item["id"]["S"].as_str().unwrap().to_owned()).collect();
        ids.sort_by_key(|id| id.parse::<u32>().ok());
        ids
    }
}

#[tokio::test]
async fn chunks_load_in_any_order() {
    let mut body = rows(70);
    body.extend_from_slice(b"7,later\noops\n");
    let fixture = fixture(&body, LoadOptions::default());
    for chunk in [2, 0, 1, 0] {
        assert_eq!(fixture.chunk(chunk).await.unwrap(), Output { chunk, done: true, resume: None });
    }
    let counts = [0, 1, 2].map(|chunk| fixture.receipt(chunk).unwrap().counts);
    assert!(counts.iter().all(csv_load::receipt::RowCounts::is_balanced));
    assert_eq!(
        counts.map(|counts| (counts.read, counts.written, counts.duplicate, counts.rejected)),
        [(30, 29, 1, 0), (30, 30, 0, 0), (12, 11, 0, 1)]
    );
    assert_eq!(fixture.ids(), (0..70).map(|number| number.to_string()).collect::<Vec<_>>());
    let items = fixture.dynamodb.with(|tables| tables.raw_items(TABLE));
    let seven = items.iter().find(|item| item["id"]["S"] == "7").unwrap();
    assert_eq!((&seven["name"]["S"], &seven["load_id"]["S"]), (&json!("later"), &json!("0123456789abcdef")));
    let batches = fixture.dynamodb.calls_of("BatchWriteItem");
    assert_eq!(batches.len(), 5, "25 items per call, no call for a chunk with a receipt");
}

#[tokio::test]
async fn receipt_of_other_rows_is_ignored() {
    let fixture = fixture(&rows(70), LoadOptions::default());
    fixture.chunk(1).await.unwrap();
    let receipt = fixture.s3.get(&keys::chunk_receipt(fixture.load_id, 1)).unwrap();
    fixture.s3.put(&keys::chunk_receipt(fixture.load_id, 0), receipt);
    assert!(fixture.chunk(0).await.unwrap().done);
    assert_eq!((fixture.ids().len(), fixture.receipt(0).unwrap().first_row), (60, 0));
}

#[tokio::test]
async fn gzip_file_is_read_from_access_points() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&rows(70)).unwrap();
    let mut body = encoder.finish().unwrap();
    body.extend_from_slice(&[0; 512]);
    let fixture = fixture(&body, LoadOptions::default());
    for chunk in 0..3 {
        assert!(fixture.chunk(chunk).await.unwrap().done);
    }
    assert_eq!(fixture.ids().len(), 70);
}

#[tokio::test]
async fn batch_is_limited_by_bytes_and_rate() {
    // Such a character takes six bytes in JSON.
    let large: String = (0..9).map(|number| format!("{number},{}\n", "\u{1}".repeat(400_000))).collect();
    let fixture = fixture(format!("id,text\n{large}").as_bytes(), LoadOptions::default());
    assert!(fixture.chunk(0).await.unwrap().done);
    assert_eq!(fixture.ids().len(), 9);
    let bodies: Vec<usize> =
        fixture.dynamodb.calls_of("BatchWriteItem").iter().map(|body| body.to_string().len()).collect();
    assert!(bodies.len() == 2 && bodies.iter().all(|bytes| *bytes < 16 << 20), "{bodies:?}");
    let medium: String = (0..9).map(|number| format!("{number},{}\n", "x".repeat(4_500))).collect();
    let paced = self::fixture(format!("id,text\n{medium}").as_bytes(), LoadOptions::default());
    let event = json!({"load_id": paced.load_id, "chunk": 0, "max_wcu": 15});
    assert!(paced.run(event).await.unwrap().done);
    let items = |body: &Value| body["RequestItems"][TABLE].as_array().unwrap().len();
    assert_eq!(paced.dynamodb.calls_of("BatchWriteItem").iter().map(items).collect::<Vec<_>>(), [3, 3, 3]);
}

#[tokio::test]
async fn unprocessed_items_are_written_again() {
    let fixture = fixture(&rows(30), LoadOptions::default());
    fixture.dynamodb.with(|tables| tables.take_puts(7));
    fixture.dynamodb.fail("BatchWriteItem", 8, Fault::Error(400, "ProvisionedThroughputExceededException"));
    assert!(fixture.chunk(0).await.unwrap().done);
    assert_eq!((fixture.ids().len(), fixture.receipt(0).unwrap().counts.written), (30, 30));
}

#[tokio::test]
async fn transient_errors_are_retried() {
    for fault in
        [Fault::Error(503, "ServiceUnavailable"), Fault::Error(500, "InternalServerError"), Fault::LostResponse]
    {
        let fixture = fixture(&rows(30), LoadOptions::default());
        fixture.dynamodb.fail("BatchWriteItem", 2, fault);
        fixture.s3.fail("GetObject", 2, S3Fault::Error(503, "SlowDown"));
        assert!(fixture.chunk(0).await.unwrap().done);
        assert_eq!((fixture.ids().len(), fixture.receipt(0).unwrap().counts.written), (30, 30), "{fault:?}");
    }
}

#[tokio::test]
async fn persistent_error_is_classified_and_noted() {
    for (status, code, name) in [
        (503, "ServiceUnavailable", "AwsUnavailable"),
        (400, "AccessDeniedException", "AwsRefused"),
        (400, "ResourceNotFoundException", "AwsRefused"),
    ] {
        let fixture = fixture(&rows(30), LoadOptions::default());
        fixture.dynamodb.fail("BatchWriteItem", 99, Fault::Error(status, code));
        let error = fixture.chunk(0).await.unwrap_err();
        let note = fixture.failure();
        assert_eq!((error.name(), note.failure.name.as_str()), (name, name), "{code}");
        assert_eq!((note.chunk, note.execution_arn.as_deref()), (0, Some(ARN)));
        assert!(fixture.receipt(0).is_none());
        fixture.dynamodb.heal();
        assert!(fixture.chunk(0).await.unwrap().done, "loaded by the second run");
        assert_eq!(fixture.ids().len(), 30);
    }
}

#[tokio::test]
async fn no_work_time_starts_nothing() {
    let mut fixture = fixture(&rows(30), LoadOptions::default());
    fixture.context.work_time = Duration::ZERO;
    let none = fixture.chunk(0).await.unwrap();
    assert!(!none.done && none.resume.unwrap().counts.read == 0);
    assert!(fixture.ids().is_empty());
}

#[tokio::test]
async fn call_resumes_where_earlier_one_stopped() {
    let mut fixture = fixture(&rows(30), LoadOptions::default());
    fixture.context.calls_in_flight = 1;
    fixture.context.work_time = Duration::from_millis(300);
    let first = fixture.run(json!({"load_id": fixture.load_id, "chunk": 0, "max_wcu": 5})).await.unwrap();
    let resume = first.resume.unwrap();
    assert!(!first.done && (1..30).contains(&resume.counts.read), "{resume:?}");
    assert!(fixture.receipt(0).is_none());
    fixture.context.work_time = Duration::from_mins(1);
    let event = json!({"load_id": fixture.load_id, "chunk": 0, "resume": resume});
    assert!(fixture.run(event).await.unwrap().done);
    assert_eq!((fixture.ids().len(), fixture.receipt(0).unwrap().counts.written), (30, 30));
}

#[tokio::test]
async fn on_existing_skips_or_fails() {
    let item = |id: &str, load: &str| json!({"id": {"S": id}, "load_id": {"S": load}, "name": {"S": "before"}});
    for (on_existing, written) in [(OnExisting::Skip, Some(29)), (OnExisting::Fail, None)] {
        let fixture = fixture(&rows(30), LoadOptions { on_existing, ..LoadOptions::default() });
        fixture.dynamodb.with(|tables| {
            tables.replace_raw(TABLE, item("3", "another"));
            tables.replace_raw(TABLE, item("4", "0123456789abcdef"));
        });
        match (fixture.chunk(0).await, written) {
            (Ok(_), Some(written)) => {
                let counts = fixture.receipt(0).unwrap().counts;
                assert_eq!((counts.written, counts.skipped), (written, 1), "its own item is overwritten");
            }
            (Err(error), None) => {
                assert_eq!(error.name(), "ItemExists");
                assert!(error.to_string().contains("line 5 of s3://up/incoming/file.csv: 3"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        let items = fixture.dynamodb.with(|tables| tables.raw_items(TABLE));
        let three = items.iter().find(|item| item["id"]["S"] == "3").unwrap();
        assert_eq!(three["name"]["S"], "before");
    }
}

#[tokio::test]
async fn changed_file_is_not_read() {
    let gone = fixture(&rows(30), LoadOptions::default());
    gone.s3.remove(KEY);
    assert_eq!(gone.chunk(0).await.unwrap_err().name(), "SourceNotFound");
    let replaced = fixture(&rows(30), LoadOptions::default());
    replaced.s3.put(KEY, rows(31));
    assert_eq!(replaced.chunk(0).await.unwrap_err().name(), "SourceReplaced");
    assert!(replaced.ids().is_empty());
}

#[tokio::test]
async fn truncated_body_is_transient() {
    let fixture = fixture(&rows(30), LoadOptions::default());
    fixture.s3.fail(&format!("GetObject {KEY}"), 1, S3Fault::CutBody(40));
    assert_eq!(fixture.chunk(0).await.unwrap_err().name(), "AwsUnavailable");
    assert!(fixture.chunk(0).await.unwrap().done);
    assert_eq!(fixture.ids().len(), 30);
}

#[tokio::test]
async fn truncated_body_never_cuts_a_row() {
    let id_last: String = (100..130).map(|number| format!("name {number},{number}{number}\n")).collect();
    let no_id: String = (100..130).map(|number| format!("name {number},{number}{number}\n")).collect();
    for (phrase, body) in
        [("id in the last column", format!("name,id\n{id_last}")), ("hash as id", format!("name,other\n{no_id}"))]
    {
        let items = |fixture: &LoadChunkFixture| {
            let mut items = fixture.dynamodb.with(|tables| tables.raw_items(TABLE));
            items.iter_mut().for_each(|item| item["ingestion_timestamp"] = json!(null));
            items.sort_by_key(|item| item["name"]["S"].to_string());
            items
        };
        let whole = fixture(body.as_bytes(), LoadOptions::default());
        whole.chunk(0).await.unwrap();
        let expected = items(&whole);
        assert_eq!(expected.len(), 30);
        let length = body.len() - body.find('\n').unwrap() - 1;
        for cut in 0..length {
            let fixture = fixture(body.as_bytes(), LoadOptions::default());
            fixture.s3.fail(&format!("GetObject {KEY}"), 1, S3Fault::CutBody(cut));
            assert_eq!(fixture.chunk(0).await.unwrap_err().name(), "AwsUnavailable", "{phrase}, {cut}");
            assert!(
                items(&fixture).iter().all(|item| expected.contains(item)),
                "{phrase}: a cut row after {cut} bytes"
            );
            assert!(fixture.chunk(0).await.unwrap().done);
            assert_eq!(items(&fixture), expected, "{phrase}, {cut}");
        }
    }
}

#[tokio::test]
async fn load_being_undone_is_refused() {
    let before = fixture(&rows(30), LoadOptions::default());
    before.s3.put(&keys::undoing(before.load_id), "{}");
    assert_eq!(before.chunk(0).await.unwrap_err().name(), "LoadIsBeingUndone");
    assert!(before.ids().is_empty());
    let meanwhile = fixture(&rows(30), LoadOptions::default());
    let (s3, note) = (meanwhile.s3.clone(), keys::undoing(meanwhile.load_id));
    meanwhile.dynamodb.before("BatchWriteItem", move |_| s3.put(&note, "{}"));
    // One unit per second would take half a minute.
    let event = json!({"load_id": meanwhile.load_id, "chunk": 0, "max_wcu": 1});
    assert_eq!(meanwhile.run(event).await.unwrap_err().name(), "LoadIsBeingUndone");
    assert!(meanwhile.ids().len() < 30 && meanwhile.receipt(0).is_none());
    for fixture in [before, meanwhile] {
        assert!(fixture.s3.get(&keys::chunk_failure(fixture.load_id, 0)).is_none(), "no notes are left");
    }
}

#[tokio::test]
async fn writer_note_exists_while_call_writes() {
    let fixture = fixture(&rows(30), LoadOptions::default());
    let writers = |s3: &MemoryS3| s3.keys().into_iter().filter(|key| key.starts_with("writing/")).collect::<Vec<_>>();
    for fault in [None, Some(Fault::Error(400, "AccessDeniedException"))] {
        let (s3, (sender, seen)) = (fixture.s3.clone(), std::sync::mpsc::channel());
        fixture.dynamodb.before("BatchWriteItem", move |_| sender.send(writers(&s3)).unwrap());
        fixture.s3.remove(&keys::chunk_receipt(fixture.load_id, 0));
        if let Some(fault) = fault {
            fixture.dynamodb.fail("BatchWriteItem", 99, fault);
        }
        assert_eq!(fixture.chunk(0).await.is_ok(), fault.is_none());
        let [note] = &seen.recv().unwrap()[..] else { panic!("no writer note") };
        assert!(note.starts_with(&keys::writers_of_load(TABLE, fixture.load_id)), "{note}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let left = keys::writer_until(note).unwrap() - now.as_nanos() as i128;
        assert!(
            left > csv_load::CALL_ENDS_WITHIN.checked_sub(Duration::from_secs(9)).unwrap().as_nanos() as i128,
            "{left}"
        );
        assert!(writers(&fixture.s3).is_empty());
    }
    let stuck = fixture.s3.clone();
    stuck.fail("PutObject writing/", 3, S3Fault::Error(503, "SlowDown"));
    let calls = fixture.dynamodb.calls().len();
    assert_eq!(fixture.chunk(0).await.unwrap_err().name(), "AwsThrottled");
    assert_eq!(fixture.dynamodb.calls().len(), calls, "no writes without a note");
}

#[tokio::test]
async fn invalid_input_names_the_field() {
    let fixture = fixture(&rows(30), LoadOptions::default());
    let counts = json!({"read": 1, "written": 1, "duplicate": 0, "rejected": 0, "skipped": 0});
    let resume = |offset: u64| json!({"offset": offset, "line": 1, "counts": counts, "write_units": 1});
    for (phrase, event, field) in [
        ("no such chunk", json!({"chunk": 1}), "chunk"),
        ("zero rate", json!({"chunk": 0, "max_wcu": 0}), "max_wcu"),
        ("negative rate", json!({"chunk": 0, "max_wcu": -1.5}), "max_wcu"),
        ("place before the chunk", json!({"chunk": 0, "resume": resume(0)}), "resume"),
        ("place after the chunk", json!({"chunk": 0, "resume": resume(9999)}), "resume"),
    ] {
        let mut event = event;
        event["load_id"] = json!(fixture.load_id);
        let error = fixture.run(event).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    let other = json!({"load_id": fixture.load_id, "table": "csv_other", "chunk": 0});
    let error = handle(function_runtime::parse::<Input>(other).unwrap(), &fixture.context).await.unwrap_err();
    assert!(error.name() == "InvalidInput" && error.to_string().contains("table"), "{error}");
    let unknown = fixture.run(json!({"load_id": "fedcba9876543210", "chunk": 0})).await.unwrap_err();
    assert_eq!(unknown.name(), "PlanNotFound");
    assert!(!fixture.s3.keys().iter().any(|key| key.contains("fedcba9876543210")), "no notes for an unknown load");
    fixture.s3.put(&keys::plan(fixture.load_id), "no plan");
    assert_eq!(fixture.chunk(0).await.unwrap_err().name(), "PlanNotFound");
    for event in [json!({"load_id": "x", "chunk": 0}), json!({"load_id": fixture.load_id}), json!({"chunk": -1})] {
        assert_eq!(function_runtime::parse::<Input>(event).unwrap_err().name(), "InvalidInput");
    }
}
