//! `load-csv-chunk` against S3 and DynamoDB in memory.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::io::Write;
use std::time::Duration;

use aws_fakes::dynamodb;
use aws_fakes::dynamodb::FakeTables;
use aws_fakes::{Fault, Memory};
use aws_fakes::{MemoryS3, S3Fault};
use csv_load::plan::{CsvSource, LoadTarget};
use csv_load::receipt::{ChunkFailure, LoadChunkReceipt};
use csv_load::{LoadId, LoadOptions, LoadPlan, OnExisting, PlannerSettings, keys};
use function_runtime::ErrorName;
use load_csv_chunk::{Context, Input, LoadCsvChunkError, Output, handle};
use serde_json::{Value, json};

const KEY: &str = "incoming/file.csv";
const TABLE: &str = "csv_items";
const ARN: &str = "arn:aws:states:us-east-1:1:execution:my-csv-load:x";

struct World {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    context: Context,
    load_id: LoadId,
}

/// A file that is planned, chunks of 30 rows.
fn world(body: &[u8], options: LoadOptions) -> World {
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
        work_time: Duration::from_secs(60),
        calls_in_flight: 4,
    };
    World { s3, dynamodb, context, load_id }
}

fn rows(count: usize) -> Vec<u8> {
    let row = |number| format!("{number},name {number}\n");
    format!("id,name\n{}", (0..count).map(row).collect::<String>()).into_bytes()
}

impl World {
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
async fn each_chunk_becomes_its_items_and_a_receipt_whatever_the_order() {
    let mut body = rows(70);
    body.extend_from_slice(b"7,later\noops\n");
    let world = world(&body, LoadOptions::default());
    for chunk in [2, 0, 1, 0] {
        assert_eq!(world.chunk(chunk).await.unwrap(), Output { chunk, done: true, resume: None });
    }
    let counts = [0, 1, 2].map(|chunk| world.receipt(chunk).unwrap().counts);
    assert!(counts.iter().all(csv_load::receipt::RowCounts::is_balanced));
    assert_eq!(
        counts.map(|counts| (counts.read, counts.written, counts.duplicate, counts.rejected)),
        [(30, 29, 1, 0), (30, 30, 0, 0), (12, 11, 0, 1)]
    );
    assert_eq!(world.ids(), (0..70).map(|number| number.to_string()).collect::<Vec<_>>());
    let items = world.dynamodb.with(|tables| tables.raw_items(TABLE));
    let seven = items.iter().find(|item| item["id"]["S"] == "7").unwrap();
    assert_eq!((&seven["name"]["S"], &seven["load_id"]["S"]), (&json!("later"), &json!("0123456789abcdef")));
    let batches = world.dynamodb.calls_of("BatchWriteItem");
    assert_eq!(batches.len(), 5, "25 at a time, and no call for a chunk that has a receipt");
}

#[tokio::test]
async fn a_receipt_of_other_rows_is_none_of_the_chunk() {
    let world = world(&rows(70), LoadOptions::default());
    world.chunk(1).await.unwrap();
    let receipt = world.s3.get(&keys::chunk_receipt(world.load_id, 1)).unwrap();
    world.s3.put(&keys::chunk_receipt(world.load_id, 0), receipt);
    assert!(world.chunk(0).await.unwrap().done);
    assert_eq!((world.ids().len(), world.receipt(0).unwrap().first_row), (60, 0));
}

#[tokio::test]
async fn a_gzip_file_is_read_from_its_access_points() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&rows(70)).unwrap();
    let mut body = encoder.finish().unwrap();
    body.extend_from_slice(&[0; 512]);
    let world = world(&body, LoadOptions::default());
    for chunk in 0..3 {
        assert!(world.chunk(chunk).await.unwrap().done);
    }
    assert_eq!(world.ids().len(), 70);
}

#[tokio::test]
async fn a_call_takes_16_mib_and_a_seconds_share_at_most() {
    // In JSON such a character takes six bytes.
    let large: String = (0..9).map(|number| format!("{number},{}\n", "\u{1}".repeat(400_000))).collect();
    let world = world(format!("id,text\n{large}").as_bytes(), LoadOptions::default());
    assert!(world.chunk(0).await.unwrap().done);
    assert_eq!(world.ids().len(), 9);
    let bodies: Vec<usize> =
        world.dynamodb.calls_of("BatchWriteItem").iter().map(|body| body.to_string().len()).collect();
    assert!(bodies.len() == 2 && bodies.iter().all(|bytes| *bytes < 16 << 20), "{bodies:?}");
    let medium: String = (0..9).map(|number| format!("{number},{}\n", "x".repeat(4_500))).collect();
    let paced = self::world(format!("id,text\n{medium}").as_bytes(), LoadOptions::default());
    let event = json!({"load_id": paced.load_id, "chunk": 0, "max_wcu": 15});
    assert!(paced.run(event).await.unwrap().done);
    let items = |body: &Value| body["RequestItems"][TABLE].as_array().unwrap().len();
    assert_eq!(paced.dynamodb.calls_of("BatchWriteItem").iter().map(items).collect::<Vec<_>>(), [3, 3, 3]);
}

#[tokio::test]
async fn what_the_table_leaves_is_put_again_until_it_is_empty() {
    let world = world(&rows(30), LoadOptions::default());
    world.dynamodb.with(|tables| tables.take_puts(7));
    world.dynamodb.fail("BatchWriteItem", 8, Fault::Answer(400, "ProvisionedThroughputExceededException"));
    assert!(world.chunk(0).await.unwrap().done);
    assert_eq!((world.ids().len(), world.receipt(0).unwrap().counts.written), (30, 30));
}

#[tokio::test]
async fn a_call_that_is_refused_for_a_moment_is_made_again_and_a_lost_answer_does_no_harm() {
    for fault in
        [Fault::Answer(503, "ServiceUnavailable"), Fault::Answer(500, "InternalServerError"), Fault::LostAnswer]
    {
        let world = world(&rows(30), LoadOptions::default());
        world.dynamodb.fail("BatchWriteItem", 2, fault);
        world.s3.fail("GetObject", 2, S3Fault::Answer(503, "SlowDown"));
        assert!(world.chunk(0).await.unwrap().done);
        assert_eq!((world.ids().len(), world.receipt(0).unwrap().counts.written), (30, 30), "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_that_goes_on_failing_says_whether_to_try_again_and_notes_it() {
    for (status, code, name) in [
        (503, "ServiceUnavailable", "AwsUnavailable"),
        (400, "AccessDeniedException", "AwsRefused"),
        (400, "ResourceNotFoundException", "AwsRefused"),
    ] {
        let world = world(&rows(30), LoadOptions::default());
        world.dynamodb.fail("BatchWriteItem", 99, Fault::Answer(status, code));
        let error = world.chunk(0).await.unwrap_err();
        let note = world.failure();
        assert_eq!((error.name(), note.failure.name.as_str()), (name, name), "{code}");
        assert_eq!((note.chunk, note.execution_arn.as_deref()), (0, Some(ARN)));
        assert!(world.receipt(0).is_none());
        world.dynamodb.heal();
        assert!(world.chunk(0).await.unwrap().done, "run again, it is loaded");
        assert_eq!(world.ids().len(), 30);
    }
}

#[tokio::test]
async fn without_time_nothing_is_begun() {
    let mut world = world(&rows(30), LoadOptions::default());
    world.context.work_time = Duration::ZERO;
    let none = world.chunk(0).await.unwrap();
    assert!(!none.done && none.resume.unwrap().counts.read == 0);
    assert!(world.ids().is_empty());
}

#[tokio::test]
async fn a_call_goes_on_where_an_earlier_one_stopped() {
    let mut world = world(&rows(30), LoadOptions::default());
    world.context.calls_in_flight = 1;
    world.context.work_time = Duration::from_millis(300);
    let first = world.run(json!({"load_id": world.load_id, "chunk": 0, "max_wcu": 5})).await.unwrap();
    let resume = first.resume.unwrap();
    assert!(!first.done && (1..30).contains(&resume.counts.read), "{resume:?}");
    assert!(world.receipt(0).is_none());
    world.context.work_time = Duration::from_secs(60);
    let event = json!({"load_id": world.load_id, "chunk": 0, "resume": resume});
    assert!(world.run(event).await.unwrap().done);
    assert_eq!((world.ids().len(), world.receipt(0).unwrap().counts.written), (30, 30));
}

#[tokio::test]
async fn items_of_others_are_left_or_end_the_load() {
    let item = |id: &str, load: &str| json!({"id": {"S": id}, "load_id": {"S": load}, "name": {"S": "before"}});
    for (on_existing, written) in [(OnExisting::Skip, Some(29)), (OnExisting::Fail, None)] {
        let world = world(&rows(30), LoadOptions { on_existing, ..LoadOptions::default() });
        world.dynamodb.with(|tables| {
            tables.replace_raw(TABLE, item("3", "another"));
            tables.replace_raw(TABLE, item("4", "0123456789abcdef"));
        });
        match (world.chunk(0).await, written) {
            (Ok(_), Some(written)) => {
                let counts = world.receipt(0).unwrap().counts;
                assert_eq!((counts.written, counts.skipped), (written, 1), "its own item is written again");
            }
            (Err(error), None) => {
                assert_eq!(error.name(), "ItemExists");
                assert!(error.to_string().contains("line 5 of s3://up/incoming/file.csv: 3"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        let items = world.dynamodb.with(|tables| tables.raw_items(TABLE));
        let three = items.iter().find(|item| item["id"]["S"] == "3").unwrap();
        assert_eq!(three["name"]["S"], "before");
    }
}

#[tokio::test]
async fn a_file_that_is_not_the_planned_one_is_not_read() {
    let gone = world(&rows(30), LoadOptions::default());
    gone.s3.remove(KEY);
    assert_eq!(gone.chunk(0).await.unwrap_err().name(), "SourceNotFound");
    let replaced = world(&rows(30), LoadOptions::default());
    replaced.s3.put(KEY, rows(31));
    assert_eq!(replaced.chunk(0).await.unwrap_err().name(), "SourceReplaced");
    assert!(replaced.ids().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_read_again_by_whoever_tries_again() {
    let world = world(&rows(30), LoadOptions::default());
    world.s3.fail(&format!("GetObject {KEY}"), 1, S3Fault::CutBody(40));
    assert_eq!(world.chunk(0).await.unwrap_err().name(), "AwsUnavailable");
    assert!(world.chunk(0).await.unwrap().done);
    assert_eq!(world.ids().len(), 30);
}

#[tokio::test]
async fn wherever_a_body_breaks_off_no_row_is_cut() {
    let id_last: String = (100..130).map(|number| format!("name {number},{number}{number}\n")).collect();
    let no_id: String = (100..130).map(|number| format!("name {number},{number}{number}\n")).collect();
    for (phrase, body) in
        [("the id is last", format!("name,id\n{id_last}")), ("a hash is the id", format!("name,other\n{no_id}"))]
    {
        let items = |world: &World| {
            let mut items = world.dynamodb.with(|tables| tables.raw_items(TABLE));
            items.iter_mut().for_each(|item| item["ingestion_timestamp"] = json!(null));
            items.sort_by_key(|item| item["name"]["S"].to_string());
            items
        };
        let whole = world(body.as_bytes(), LoadOptions::default());
        whole.chunk(0).await.unwrap();
        let expected = items(&whole);
        assert_eq!(expected.len(), 30);
        let length = body.len() - body.find('\n').unwrap() - 1;
        for cut in 0..length {
            let world = world(body.as_bytes(), LoadOptions::default());
            world.s3.fail(&format!("GetObject {KEY}"), 1, S3Fault::CutBody(cut));
            assert_eq!(world.chunk(0).await.unwrap_err().name(), "AwsUnavailable", "{phrase}, {cut}");
            assert!(items(&world).iter().all(|item| expected.contains(item)), "{phrase}: a cut row after {cut} bytes");
            assert!(world.chunk(0).await.unwrap().done);
            assert_eq!(items(&world), expected, "{phrase}, {cut}");
        }
    }
}

#[tokio::test]
async fn a_load_that_is_being_undone_is_not_gone_on_with() {
    let before = world(&rows(30), LoadOptions::default());
    before.s3.put(&keys::undoing(before.load_id), "{}");
    assert_eq!(before.chunk(0).await.unwrap_err().name(), "LoadIsBeingUndone");
    assert!(before.ids().is_empty());
    let meanwhile = world(&rows(30), LoadOptions::default());
    let (s3, note) = (meanwhile.s3.clone(), keys::undoing(meanwhile.load_id));
    meanwhile.dynamodb.before("BatchWriteItem", move |_| s3.put(&note, "{}"));
    // At a unit a second it would take half a minute.
    let event = json!({"load_id": meanwhile.load_id, "chunk": 0, "max_wcu": 1});
    assert_eq!(meanwhile.run(event).await.unwrap_err().name(), "LoadIsBeingUndone");
    assert!(meanwhile.ids().len() < 30 && meanwhile.receipt(0).is_none());
    for world in [before, meanwhile] {
        assert!(
            world.s3.get(&keys::chunk_failure(world.load_id, 0)).is_none(),
            "nothing is left behind that nobody deletes"
        );
    }
}

#[tokio::test]
async fn a_call_is_noted_as_long_as_it_may_write() {
    let world = world(&rows(30), LoadOptions::default());
    let writers = |s3: &MemoryS3| s3.keys().into_iter().filter(|key| key.starts_with("writing/")).collect::<Vec<_>>();
    for fault in [None, Some(Fault::Answer(400, "AccessDeniedException"))] {
        let (s3, (sender, seen)) = (world.s3.clone(), std::sync::mpsc::channel());
        world.dynamodb.before("BatchWriteItem", move |_| sender.send(writers(&s3)).unwrap());
        world.s3.remove(&keys::chunk_receipt(world.load_id, 0));
        if let Some(fault) = fault {
            world.dynamodb.fail("BatchWriteItem", 99, fault);
        }
        assert_eq!(world.chunk(0).await.is_ok(), fault.is_none());
        let [note] = &seen.recv().unwrap()[..] else { panic!("the call is not noted") };
        assert!(note.starts_with(&keys::writers_of_load(TABLE, world.load_id)), "{note}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let left = keys::writer_until(note).unwrap() - now.as_nanos() as i128;
        assert!(left > (csv_load::CALL_ENDS_WITHIN - Duration::from_secs(9)).as_nanos() as i128, "{left}");
        assert!(writers(&world.s3).is_empty());
    }
    let stuck = world.s3.clone();
    stuck.fail("PutObject writing/", 3, S3Fault::Answer(503, "SlowDown"));
    let calls = world.dynamodb.calls().len();
    assert_eq!(world.chunk(0).await.unwrap_err().name(), "AwsThrottled");
    assert_eq!(world.dynamodb.calls().len(), calls, "who cannot say that it writes does not");
}

#[tokio::test]
async fn an_input_that_makes_no_sense_is_refused_by_name() {
    let world = world(&rows(30), LoadOptions::default());
    let counts = json!({"read": 1, "written": 1, "duplicate": 0, "rejected": 0, "skipped": 0});
    let resume = |offset: u64| json!({"offset": offset, "line": 1, "counts": counts, "write_units": 1});
    for (phrase, event, field) in [
        ("no such chunk", json!({"chunk": 1}), "chunk"),
        ("no rate", json!({"chunk": 0, "max_wcu": 0}), "max_wcu"),
        ("a rate below nothing", json!({"chunk": 0, "max_wcu": -1.5}), "max_wcu"),
        ("a place before the chunk", json!({"chunk": 0, "resume": resume(0)}), "resume"),
        ("a place after it", json!({"chunk": 0, "resume": resume(9999)}), "resume"),
    ] {
        let mut event = event;
        event["load_id"] = json!(world.load_id);
        let error = world.run(event).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    let other = json!({"load_id": world.load_id, "table": "csv_other", "chunk": 0});
    let error = handle(function_runtime::parse::<Input>(other).unwrap(), &world.context).await.unwrap_err();
    assert!(error.name() == "InvalidInput" && error.to_string().contains("table"), "{error}");
    let unknown = world.run(json!({"load_id": "fedcba9876543210", "chunk": 0})).await.unwrap_err();
    assert_eq!(unknown.name(), "PlanNotFound");
    assert!(!world.s3.keys().iter().any(|key| key.contains("fedcba9876543210")), "nothing is noted of it");
    world.s3.put(&keys::plan(world.load_id), "no plan");
    assert_eq!(world.chunk(0).await.unwrap_err().name(), "PlanNotFound");
    for event in [json!({"load_id": "x", "chunk": 0}), json!({"load_id": world.load_id}), json!({"chunk": -1})] {
        assert_eq!(function_runtime::parse::<Input>(event).unwrap_err().name(), "InvalidInput");
    }
}
