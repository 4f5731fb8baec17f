//! `plan-csv` against a fake S3.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::io::Write;

use aws_fakes::{MemoryS3, S3Fault};
use csv_load::{LoadPlan, MAX_CHUNK_BYTES, PlannerSettings, keys};
use function_runtime::ErrorName;
use plan_csv::{Context, Input, Output, PlanCsvError, PlanStatus, handle};
use serde_json::{Value, json};

const KEY: &str = "incoming/file.csv";
const BODY: &[u8] = b"id,n\n1,2\n2,3\n1,4\nx\n5,6\n";

struct PlanCsvFixture {
    s3: MemoryS3,
    context: Context,
}

fn fixture(body: &[u8]) -> PlanCsvFixture {
    let s3 = MemoryS3::default();
    s3.put(KEY, body);
    let settings = PlannerSettings { chunk_rows: 2, chunk_bytes: MAX_CHUNK_BYTES, seed: 1, added_bytes: 0 };
    let context = Context { bucket: s3.bucket("up"), table_prefix: "csv_".to_owned(), settings, concurrency: 8 };
    PlanCsvFixture { s3, context }
}

fn request(changes: Value) -> Value {
    let mut request = json!({"bucket": "up", "key": KEY, "table": "csv_items"});
    request.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({"request": request, "started_at": "2026-01-01T00:00:00Z"})
}

impl PlanCsvFixture {
    async fn run(&self, changes: Value) -> Result<Output, PlanCsvError> {
        handle(function_runtime::parse::<Input>(request(changes)).unwrap(), &self.context).await
    }

    fn plan(&self, output: &Output) -> LoadPlan {
        serde_json::from_slice(&self.s3.get(&keys::plan(output.load_id)).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn plan_is_kept_by_later_runs() {
    let fixture = fixture(BODY);
    let first = fixture.run(json!({})).await.unwrap();
    assert_eq!(
        (first.status, first.rows, first.rejected, first.superseded, first.chunks),
        (PlanStatus::Planned, 5, 1, 1, 3)
    );
    assert_eq!((first.id_column.as_deref(), first.concurrency, first.chunk_wcu), (Some("id"), 3, None));
    let manifest: Value = serde_json::from_slice(&fixture.s3.get(&first.manifest.key).unwrap()).unwrap();
    assert_eq!(manifest, json!([{"chunk": 0}, {"chunk": 1}, {"chunk": 2}]));
    let quarantine = String::from_utf8(fixture.s3.get(&keys::quarantine(first.load_id)).unwrap()).unwrap();
    assert!(quarantine.contains(r#""line":5"#) && quarantine.contains("CellCount"), "{quarantine}");
    let (plan, objects) = (fixture.plan(&first), fixture.s3.objects());
    assert_eq!(plan.source.etag, fixture.s3.etag(KEY).unwrap());
    let mut later = request(json!({}));
    later["started_at"] = json!("2026-01-02T00:00:00Z");
    let second = handle(function_runtime::parse::<Input>(later).unwrap(), &fixture.context).await.unwrap();
    assert_eq!((second, fixture.s3.objects()), (first, objects));
}

#[tokio::test]
async fn load_id_depends_on_table_options_and_bytes() {
    let fixture = fixture(BODY);
    let first = fixture.run(json!({})).await.unwrap().load_id;
    let skip = fixture.run(json!({"options": {"on_existing": "skip"}})).await.unwrap().load_id;
    let table = fixture.run(json!({"table": "csv_other"})).await.unwrap().load_id;
    fixture.s3.put("incoming/copy.csv", BODY);
    let copy = fixture.run(json!({"key": "incoming/copy.csv"})).await.unwrap().load_id;
    fixture.s3.put(KEY, [BODY, b"6,7\n"].concat());
    let content = fixture.run(json!({})).await.unwrap().load_id;
    assert_eq!(copy, first, "the key is not part of the id");
    assert!(skip != first && table != first && content != first && skip != table);
}

#[tokio::test]
async fn loaded_file_is_recognised_unless_forced() {
    let fixture = fixture(BODY);
    let load_id = fixture.run(json!({})).await.unwrap().load_id;
    fixture.s3.put(&keys::receipt(load_id), "{}");
    fixture.s3.put(&keys::chunk_receipt(load_id, 0), "{}");
    assert_eq!(fixture.run(json!({})).await.unwrap().status, PlanStatus::AlreadyLoaded);
    assert_eq!(fixture.run(json!({"force": true})).await.unwrap().status, PlanStatus::Planned);
    assert!(
        fixture.s3.get(&keys::receipt(load_id)).is_none() && fixture.s3.get(&keys::chunk_receipt(load_id, 0)).is_none()
    );
}

#[tokio::test]
async fn plan_of_moved_file_keeps_its_time() {
    let fixture = fixture(BODY);
    let first = fixture.run(json!({})).await.unwrap();
    fixture.s3.put("incoming/moved.csv", BODY);
    fixture.s3.remove(KEY);
    let mut moved = request(json!({"key": "incoming/moved.csv"}));
    moved["started_at"] = json!("2026-01-02T00:00:00Z");
    let second = handle(function_runtime::parse::<Input>(moved).unwrap(), &fixture.context).await.unwrap();
    let plan = fixture.plan(&second);
    assert_eq!((second.load_id, plan.source.key.as_str()), (first.load_id, "incoming/moved.csv"));
    assert_eq!(plan.ingestion_timestamp.to_string(), "2026-01-01T00:00:00Z", "items of its chunks may have this time");
}

#[tokio::test]
async fn plan_keeps_its_chunks_unless_forced() {
    let mut fixture = fixture(BODY);
    let first = fixture.run(json!({})).await.unwrap();
    let plan = fixture.plan(&first);
    fixture.context.settings.chunk_rows = 3;
    for key in ["incoming/file.csv", "incoming/moved.csv"] {
        fixture.s3.remove(KEY);
        fixture.s3.put(key, BODY);
        let second = fixture.run(json!({"key": key})).await.unwrap();
        assert_eq!(
            (second.chunks, fixture.plan(&second).chunks),
            (3, plan.chunks.clone()),
            "receipts belong to these chunks"
        );
        assert_eq!(fixture.s3.get(&first.manifest.key), fixture.s3.get(&second.manifest.key));
    }
    let forced = fixture.run(json!({"key": "incoming/moved.csv", "force": true})).await.unwrap();
    assert_eq!((forced.chunks, fixture.plan(&forced).chunks.len()), (2, 2), "everything is loaded again");
}

#[tokio::test]
async fn recreated_table_is_loaded_again() {
    let fixture = fixture(BODY);
    let run = async |table_id: Value| {
        let mut event = request(json!({}));
        event["table_id"] = table_id;
        handle(function_runtime::parse::<Input>(event).unwrap(), &fixture.context).await.unwrap()
    };
    let load_id = run(json!("first")).await.load_id;
    let loaded = || {
        fixture.s3.put(&keys::receipt(load_id), "{}");
        fixture.s3.put(&keys::chunk_receipt(load_id, 0), "{}");
    };
    loaded();
    assert_eq!(run(json!("first")).await.status, PlanStatus::AlreadyLoaded);
    assert_eq!(run(Value::Null).await.status, PlanStatus::AlreadyLoaded, "a request without a table id");
    let again = run(json!("second")).await;
    assert_eq!((again.status, fixture.plan(&again).table_id.as_deref()), (PlanStatus::Planned, Some("second")));
    let kept = fixture.s3.keys();
    assert!(!kept.contains(&keys::receipt(load_id)) && !kept.contains(&keys::chunk_receipt(load_id, 0)), "{kept:?}");
    loaded();
    assert_eq!(run(json!("second")).await.status, PlanStatus::AlreadyLoaded);
    // A load that failed halfway has chunk receipts.
    fixture.s3.remove(&keys::receipt(load_id));
    assert_eq!(run(json!("third")).await.status, PlanStatus::Planned);
    assert!(fixture.s3.get(&keys::chunk_receipt(load_id, 0)).is_none());
}

#[tokio::test]
async fn dry_run_writes_nothing() {
    let fixture = fixture(b"id,n,b\n1,1.5,true\n2,2.5,FALSE\n");
    let output = fixture.run(json!({"dry_run": true, "options": {"infer": true}})).await.unwrap();
    assert_eq!((output.status, output.rows), (PlanStatus::DryRun, 2));
    assert_eq!(json!(output.types), json!({"n": "N", "b": "BOOL"}));
    assert_eq!(fixture.s3.keys(), [KEY]);
}

#[tokio::test]
async fn load_being_undone_is_refused() {
    let fixture = fixture(BODY);
    let load_id = fixture.run(json!({})).await.unwrap().load_id;
    fixture.s3.put(&keys::undoing(load_id), "{}");
    for changes in [json!({}), json!({"force": true})] {
        assert_eq!(fixture.run(changes).await.unwrap_err().name(), "LoadIsBeingUndone");
    }
    assert_eq!(fixture.run(json!({"dry_run": true})).await.unwrap().status, PlanStatus::DryRun);
    fixture.s3.remove(&keys::plan(load_id));
    assert_eq!(fixture.run(json!({})).await.unwrap().status, PlanStatus::Planned);
    assert!(fixture.s3.get(&keys::undoing(load_id)).is_none());
}

#[tokio::test]
async fn plan_waits_for_writers_of_other_loads() {
    let in_nanos = |millis: u64| {
        let then = std::time::SystemTime::now() + std::time::Duration::from_millis(millis);
        then.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i128
    };
    let fixture = fixture(BODY);
    let own = fixture.run(json!({})).await.unwrap().load_id;
    let other: csv_load::LoadId = "0123456789abcdef".parse().unwrap();
    let waited = async |writer: String, changes: Value| {
        fixture.s3.put(&writer, "{}");
        let begin = std::time::Instant::now();
        assert!(fixture.run(changes).await.is_ok());
        fixture.s3.remove(&writer);
        begin.elapsed().as_millis() >= 1000
    };
    assert!(waited(keys::writer("csv_items", other, 0, in_nanos(1000)), json!({})).await);
    assert!(!waited(keys::writer("csv_other", other, 0, in_nanos(1000)), json!({})).await, "another table");
    assert!(!waited(keys::writer("csv_items", own, 0, in_nanos(1000)), json!({})).await, "they write the same items");
    assert!(waited(keys::writer("csv_items", own, 0, in_nanos(1000)), json!({"force": true})).await);
    assert!(!waited(keys::writer("csv_items", other, 0, in_nanos(1000)), json!({"dry_run": true})).await);
}

#[tokio::test]
async fn write_limit_is_shared_by_concurrent_chunks() {
    let fixture = fixture(BODY);
    for (max_wcu, concurrency, chunk_wcu) in [(400, 1, 400.0), (1500, 2, 750.0), (90_000, 3, 30_000.0)] {
        let output = fixture.run(json!({"max_wcu": max_wcu})).await.unwrap();
        assert_eq!((output.concurrency, output.chunk_wcu), (concurrency, Some(chunk_wcu)));
    }
}

#[tokio::test]
async fn invalid_file_is_named_and_has_no_plan() {
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let packed = gzip(BODY);
    for (phrase, body, name) in [
        ("empty", vec![], "EmptyFile"),
        ("duplicate column name", b"id,n,n\n1,2,3\n".to_vec(), "BadHeader"),
        ("UTF-16", b"\xff\xfei\0d\0\n\0".to_vec(), "UnsupportedEncoding"),
        ("an open quote", b"id,n\n1,\"2\n".to_vec(), "UnclosedQuote"),
        ("a cut gzip file", packed[..packed.len() - 5].to_vec(), "TruncatedArchive"),
        ("trailing bytes", [&packed[..], b"x"].concat(), "TrailingBytes"),
    ] {
        let fixture = fixture(&body);
        let error = fixture.run(json!({})).await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}");
        assert!(error.to_string().contains("s3://up/incoming/file.csv"), "{phrase}: {error}");
        assert_eq!(fixture.s3.keys(), [KEY], "{phrase}");
    }
    let padded = fixture(&[packed, vec![0; 512]].concat());
    assert_eq!(padded.run(json!({})).await.unwrap().rows, 5, "zeros after the end are ignored");
}

#[tokio::test]
async fn failed_calls_are_classified() {
    let passing = fixture(BODY);
    passing.s3.fail("GetObject", 2, S3Fault::Error(503, "SlowDown"));
    passing.s3.fail("PutObject", 2, S3Fault::Error(500, "InternalError"));
    assert_eq!(passing.run(json!({})).await.unwrap().status, PlanStatus::Planned);
    for (call, fault, name) in [
        ("GetObject", S3Fault::Error(503, "SlowDown"), "AwsThrottled"),
        ("GetObject", S3Fault::Error(403, "AccessDenied"), "AwsRefused"),
        ("PutObject", S3Fault::Error(500, "InternalError"), "AwsUnavailable"),
        ("GetObject incoming", S3Fault::CutBody(9), "AwsUnavailable"),
    ] {
        let fixture = fixture(BODY);
        fixture.s3.fail(call, 3, fault);
        assert_eq!(fixture.run(json!({})).await.unwrap_err().name(), name, "{call} {fault:?}");
        let mut again = fixture.run(json!({})).await;
        while again.is_err() {
            again = fixture.run(json!({})).await;
        }
        assert_eq!(again.unwrap().rows, 5, "planned by the second run");
    }
    let lost = fixture(BODY);
    lost.s3.fail("PutObject loads", 9, S3Fault::LostResponse);
    while lost.run(json!({})).await.is_err() {}
    let output = lost.run(json!({})).await.unwrap();
    assert_eq!(lost.plan(&output).rows, 5);
}

#[tokio::test]
async fn invalid_request_names_the_field() {
    let fixture = fixture(BODY);
    for (phrase, changes, field) in [
        ("another bucket", json!({"bucket": "elsewhere"}), "bucket"),
        ("key outside the upload prefixes", json!({"key": "loads/x/plan.json"}), "key"),
        ("table without the prefix", json!({"table": "other"}), "table"),
        ("invalid table name", json!({"table": "csv_ä"}), "table"),
        ("zero units", json!({"max_wcu": 0}), "max_wcu"),
    ] {
        let error = fixture.run(changes).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    for changes in [json!({"options": {"delimiter": "x"}}), json!({"options": {"type": {}}}), json!({"max_wcu": -1})] {
        let error = function_runtime::parse::<Input>(request(changes)).unwrap_err();
        assert_eq!(error.name(), "InvalidInput");
    }
    assert_eq!(fixture.run(json!({"key": "incoming/absent.csv"})).await.unwrap_err().name(), "SourceNotFound");
    assert_eq!(fixture.s3.keys(), [KEY]);
}
