//! `plan-csv` against S3 in memory.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::io::Write;

use aws_fakes::{MemoryS3, S3Fault};
use csv_load::{LoadPlan, MAX_CHUNK_BYTES, PlannerSettings, keys};
use function_runtime::ErrorName;
use plan_csv::{Context, Input, Output, PlanCsvError, Status, handle};
use serde_json::{Value, json};

const KEY: &str = "incoming/file.csv";
const BODY: &[u8] = b"id,n\n1,2\n2,3\n1,4\nx\n5,6\n";

struct World {
    s3: MemoryS3,
    context: Context,
}

fn world(body: &[u8]) -> World {
    let s3 = MemoryS3::default();
    s3.put(KEY, body);
    let settings = PlannerSettings { chunk_rows: 2, chunk_bytes: MAX_CHUNK_BYTES, seed: 1, added_bytes: 0 };
    let context = Context { bucket: s3.bucket("up"), table_prefix: "csv_".to_owned(), settings, concurrency: 8 };
    World { s3, context }
}

fn request(changes: Value) -> Value {
    let mut request = json!({"bucket": "up", "key": KEY, "table": "csv_items"});
    request.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({"request": request, "started_at": "2026-01-01T00:00:00Z"})
}

impl World {
    async fn run(&self, changes: Value) -> Result<Output, PlanCsvError> {
        handle(function_runtime::parse::<Input>(request(changes)).unwrap(), &self.context).await
    }

    fn plan(&self, output: &Output) -> LoadPlan {
        serde_json::from_slice(&self.s3.get(&keys::plan(output.load_id)).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_file_is_planned_and_its_plan_holds_however_often() {
    let world = world(BODY);
    let first = world.run(json!({})).await.unwrap();
    assert_eq!(
        (first.status, first.rows, first.rejected, first.superseded, first.chunks),
        (Status::Planned, 5, 1, 1, 3)
    );
    assert_eq!((first.id_column.as_deref(), first.concurrency, first.chunk_wcu), (Some("id"), 3, None));
    let manifest: Value = serde_json::from_slice(&world.s3.get(&first.manifest.key).unwrap()).unwrap();
    assert_eq!(manifest, json!([{"chunk": 0}, {"chunk": 1}, {"chunk": 2}]));
    let quarantine = String::from_utf8(world.s3.get(&keys::quarantine(first.load_id)).unwrap()).unwrap();
    assert!(quarantine.contains(r#""line":5"#) && quarantine.contains("CellCount"), "{quarantine}");
    let (plan, objects) = (world.plan(&first), world.s3.objects());
    assert_eq!(plan.source.etag, world.s3.etag(KEY).unwrap());
    let mut later = request(json!({}));
    later["started_at"] = json!("2026-01-02T00:00:00Z");
    let second = handle(function_runtime::parse::<Input>(later).unwrap(), &world.context).await.unwrap();
    assert_eq!((second, world.s3.objects()), (first, objects));
}

#[tokio::test]
async fn another_table_or_way_or_content_is_another_load() {
    let world = world(BODY);
    let first = world.run(json!({})).await.unwrap().load_id;
    let skip = world.run(json!({"options": {"on_existing": "skip"}})).await.unwrap().load_id;
    let table = world.run(json!({"table": "csv_other"})).await.unwrap().load_id;
    world.s3.put("incoming/copy.csv", BODY);
    let copy = world.run(json!({"key": "incoming/copy.csv"})).await.unwrap().load_id;
    world.s3.put(KEY, [BODY, b"6,7\n"].concat());
    let content = world.run(json!({})).await.unwrap().load_id;
    assert_eq!(copy, first, "its name is no part of it");
    assert!(skip != first && table != first && content != first && skip != table);
}

#[tokio::test]
async fn what_was_loaded_before_is_recognised_unless_it_is_forced() {
    let world = world(BODY);
    let load_id = world.run(json!({})).await.unwrap().load_id;
    world.s3.put(&keys::receipt(load_id), "{}");
    world.s3.put(&keys::chunk_receipt(load_id, 0), "{}");
    assert_eq!(world.run(json!({})).await.unwrap().status, Status::AlreadyLoaded);
    assert_eq!(world.run(json!({"force": true})).await.unwrap().status, Status::Planned);
    assert!(
        world.s3.get(&keys::receipt(load_id)).is_none() && world.s3.get(&keys::chunk_receipt(load_id, 0)).is_none()
    );
}

#[tokio::test]
async fn a_plan_whose_file_is_gone_is_made_anew_with_its_time() {
    let world = world(BODY);
    let first = world.run(json!({})).await.unwrap();
    world.s3.put("incoming/moved.csv", BODY);
    world.s3.remove(KEY);
    let mut moved = request(json!({"key": "incoming/moved.csv"}));
    moved["started_at"] = json!("2026-01-02T00:00:00Z");
    let second = handle(function_runtime::parse::<Input>(moved).unwrap(), &world.context).await.unwrap();
    let plan = world.plan(&second);
    assert_eq!((second.load_id, plan.source.key.as_str()), (first.load_id, "incoming/moved.csv"));
    assert_eq!(plan.ingestion_timestamp.to_string(), "2026-01-01T00:00:00Z", "items of its chunks may have it");
}

#[tokio::test]
async fn a_plan_keeps_its_chunks_whatever_is_changed_since() {
    let mut world = world(BODY);
    let first = world.run(json!({})).await.unwrap();
    let plan = world.plan(&first);
    world.context.settings.chunk_rows = 3;
    for key in ["incoming/file.csv", "incoming/moved.csv"] {
        world.s3.remove(KEY);
        world.s3.put(key, BODY);
        let second = world.run(json!({"key": key})).await.unwrap();
        assert_eq!((second.chunks, world.plan(&second).chunks), (3, plan.chunks.clone()), "receipts are of these");
        assert_eq!(world.s3.get(&first.manifest.key), world.s3.get(&second.manifest.key));
    }
    let forced = world.run(json!({"key": "incoming/moved.csv", "force": true})).await.unwrap();
    assert_eq!((forced.chunks, world.plan(&forced).chunks.len()), (2, 2), "all of it is loaded anew");
}

#[tokio::test]
async fn a_table_that_was_made_again_is_loaded_again() {
    let world = world(BODY);
    let run = async |table_id: Value| {
        let mut event = request(json!({}));
        event["table_id"] = table_id;
        handle(function_runtime::parse::<Input>(event).unwrap(), &world.context).await.unwrap()
    };
    let load_id = run(json!("first")).await.load_id;
    let loaded = || {
        world.s3.put(&keys::receipt(load_id), "{}");
        world.s3.put(&keys::chunk_receipt(load_id, 0), "{}");
    };
    loaded();
    assert_eq!(run(json!("first")).await.status, Status::AlreadyLoaded);
    assert_eq!(run(Value::Null).await.status, Status::AlreadyLoaded, "nobody looked");
    let again = run(json!("second")).await;
    assert_eq!((again.status, world.plan(&again).table_id.as_deref()), (Status::Planned, Some("second")));
    let kept = world.s3.keys();
    assert!(!kept.contains(&keys::receipt(load_id)) && !kept.contains(&keys::chunk_receipt(load_id, 0)), "{kept:?}");
    loaded();
    assert_eq!(run(json!("second")).await.status, Status::AlreadyLoaded);
    // A load that failed half way has receipts of chunks.
    world.s3.remove(&keys::receipt(load_id));
    assert_eq!(run(json!("third")).await.status, Status::Planned);
    assert!(world.s3.get(&keys::chunk_receipt(load_id, 0)).is_none());
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let world = world(b"id,n,b\n1,1.5,true\n2,2.5,FALSE\n");
    let output = world.run(json!({"dry_run": true, "options": {"infer": true}})).await.unwrap();
    assert_eq!((output.status, output.rows), (Status::DryRun, 2));
    assert_eq!(json!(output.types), json!({"n": "N", "b": "BOOL"}));
    assert_eq!(world.s3.keys(), [KEY]);
}

#[tokio::test]
async fn a_load_that_is_being_undone_is_not_begun_and_what_is_left_of_that_is_no_hindrance() {
    let world = world(BODY);
    let load_id = world.run(json!({})).await.unwrap().load_id;
    world.s3.put(&keys::undoing(load_id), "{}");
    for changes in [json!({}), json!({"force": true})] {
        assert_eq!(world.run(changes).await.unwrap_err().name(), "LoadIsBeingUndone");
    }
    assert_eq!(world.run(json!({"dry_run": true})).await.unwrap().status, Status::DryRun);
    world.s3.remove(&keys::plan(load_id));
    assert_eq!(world.run(json!({})).await.unwrap().status, Status::Planned);
    assert!(world.s3.get(&keys::undoing(load_id)).is_none());
}

#[tokio::test]
async fn a_load_is_planned_once_the_calls_of_others_have_ended() {
    let in_nanos = |millis: u64| {
        let then = std::time::SystemTime::now() + std::time::Duration::from_millis(millis);
        then.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i128
    };
    let world = world(BODY);
    let own = world.run(json!({})).await.unwrap().load_id;
    let other: csv_load::LoadId = "0123456789abcdef".parse().unwrap();
    let waited = async |writer: String, changes: Value| {
        world.s3.put(&writer, "{}");
        let begin = std::time::Instant::now();
        assert!(world.run(changes).await.is_ok());
        world.s3.remove(&writer);
        begin.elapsed().as_millis() >= 1000
    };
    assert!(waited(keys::writer("csv_items", other, 0, in_nanos(1000)), json!({})).await);
    assert!(!waited(keys::writer("csv_other", other, 0, in_nanos(1000)), json!({})).await, "another table");
    assert!(!waited(keys::writer("csv_items", own, 0, in_nanos(1000)), json!({})).await, "they write the same");
    assert!(waited(keys::writer("csv_items", own, 0, in_nanos(1000)), json!({"force": true})).await);
    assert!(!waited(keys::writer("csv_items", other, 0, in_nanos(1000)), json!({"dry_run": true})).await);
}

#[tokio::test]
async fn a_ceiling_is_shared_by_the_chunks_that_run_at_once() {
    let world = world(BODY);
    for (max_wcu, concurrency, chunk_wcu) in [(400, 1, 400.0), (1500, 2, 750.0), (90_000, 3, 30_000.0)] {
        let output = world.run(json!({"max_wcu": max_wcu})).await.unwrap();
        assert_eq!((output.concurrency, output.chunk_wcu), (concurrency, Some(chunk_wcu)));
    }
}

#[tokio::test]
async fn a_bad_file_is_refused_by_name_and_has_no_plan() {
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let packed = gzip(BODY);
    for (phrase, body, name) in [
        ("empty", vec![], "EmptyFile"),
        ("a name twice", b"id,n,n\n1,2,3\n".to_vec(), "BadHeader"),
        ("UTF-16", b"\xff\xfei\0d\0\n\0".to_vec(), "UnsupportedEncoding"),
        ("an open quote", b"id,n\n1,\"2\n".to_vec(), "UnclosedQuote"),
        ("a cut gzip file", packed[..packed.len() - 5].to_vec(), "TruncatedArchive"),
        ("more after its end", [&packed[..], b"x"].concat(), "TrailingBytes"),
    ] {
        let world = world(&body);
        let error = world.run(json!({})).await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}");
        assert!(error.to_string().contains("s3://up/incoming/file.csv"), "{phrase}: {error}");
        assert_eq!(world.s3.keys(), [KEY], "{phrase}");
    }
    let padded = world(&[packed, vec![0; 512]].concat());
    assert_eq!(padded.run(json!({})).await.unwrap().rows, 5, "zeros are no part of it");
}

#[tokio::test]
async fn calls_that_fail_say_whether_to_try_again_and_those_that_pass_are_passed_over() {
    let passing = world(BODY);
    passing.s3.fail("GetObject", 2, S3Fault::Answer(503, "SlowDown"));
    passing.s3.fail("PutObject", 2, S3Fault::Answer(500, "InternalError"));
    assert_eq!(passing.run(json!({})).await.unwrap().status, Status::Planned);
    for (call, fault, name) in [
        ("GetObject", S3Fault::Answer(503, "SlowDown"), "AwsThrottled"),
        ("GetObject", S3Fault::Answer(403, "AccessDenied"), "AwsRefused"),
        ("PutObject", S3Fault::Answer(500, "InternalError"), "AwsUnavailable"),
        ("GetObject incoming", S3Fault::CutBody(9), "AwsUnavailable"),
    ] {
        let world = world(BODY);
        world.s3.fail(call, 3, fault);
        assert_eq!(world.run(json!({})).await.unwrap_err().name(), name, "{call} {fault:?}");
        let mut again = world.run(json!({})).await;
        while again.is_err() {
            again = world.run(json!({})).await;
        }
        assert_eq!(again.unwrap().rows, 5, "run again, it is planned");
    }
    let lost = world(BODY);
    lost.s3.fail("PutObject loads", 9, S3Fault::LostAnswer);
    while lost.run(json!({})).await.is_err() {}
    let output = lost.run(json!({})).await.unwrap();
    assert_eq!(lost.plan(&output).rows, 5);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_by_name() {
    let world = world(BODY);
    for (phrase, changes, field) in [
        ("another bucket", json!({"bucket": "elsewhere"}), "bucket"),
        ("a key of ours", json!({"key": "loads/x/plan.json"}), "key"),
        ("no table of ours", json!({"table": "other"}), "table"),
        ("no name of a table", json!({"table": "csv_ä"}), "table"),
        ("no units", json!({"max_wcu": 0}), "max_wcu"),
    ] {
        let error = world.run(changes).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    for changes in [json!({"options": {"delimiter": "x"}}), json!({"options": {"type": {}}}), json!({"max_wcu": -1})] {
        let error = function_runtime::parse::<Input>(request(changes)).unwrap_err();
        assert_eq!(error.name(), "InvalidInput");
    }
    assert_eq!(world.run(json!({"key": "incoming/absent.csv"})).await.unwrap_err().name(), "SourceNotFound");
    assert_eq!(world.s3.keys(), [KEY]);
}
