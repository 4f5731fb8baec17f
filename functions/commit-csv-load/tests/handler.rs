//! `commit-csv-load` against S3 and DynamoDB in memory.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use aws_csv::Loads;
use aws_fakes::dynamodb;
use aws_fakes::dynamodb::FakeTables;
use aws_fakes::{Fault, Memory};
use aws_fakes::{MemoryS3, S3Fault};
use commit_csv_load::{CommitCsvLoadError, Context, Input, Load, Output, handle};
use csv_load::plan::{CsvSource, LoadTarget};
use csv_load::receipt::{LoadChunkReceipt, LoadReceipt, RowCounts};
use csv_load::{LoadId, LoadOptions, LoadPlan, PlannerSettings, keys};
use function_runtime::ErrorName;
use serde_json::{Value, json};

const RUNS: &str = "job_run_details";
const ARN: &str = "arn:aws:states:us-east-1:1:execution:my-csv-load:x";

struct World {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    context: Context,
    load_id: LoadId,
}

/// A load of three chunks, all of them loaded.
fn world() -> World {
    let (s3, dynamodb) = (MemoryS3::default(), dynamodb::memory(&[(RUNS, "job_id", Some("job_run_time"))]));
    let load_id: LoadId = "0123456789abcdef".parse().unwrap();
    let settings = PlannerSettings { chunk_rows: 2, chunk_bytes: 1 << 20, seed: 1, added_bytes: 0 };
    let body = b"id\n1\n2\n3\n1\n4\nx,y\n";
    let planned = csv_load::plan_file(&body[..], &LoadOptions::default(), settings).unwrap().planned;
    let (bucket, key, etag) = ("up".to_owned(), "incoming/file.csv".to_owned(), String::new());
    let source = CsvSource { bucket, key, etag, bytes: 5, sha256: String::new(), is_gzip: false };
    let wanted = LoadTarget { table: "csv_items".to_owned(), table_id: None, options: LoadOptions::default() };
    let plan = LoadPlan::new(&planned, source, load_id, wanted, "2026-01-01T00:00:00Z".parse().unwrap());
    s3.put(&keys::plan(load_id), serde_json::to_vec(&plan).unwrap());
    for (chunk, [written, duplicate, rejected]) in (0..).zip([[1, 1, 0], [2, 0, 0], [1, 0, 1]]) {
        let counts = RowCounts { read: 2, written, duplicate, rejected, skipped: 0 };
        let receipt =
            LoadChunkReceipt { load_id, chunk, first_row: u64::from(chunk) * 2, counts, write_units: written };
        s3.put(&keys::chunk_receipt(load_id, chunk), serde_json::to_vec(&receipt).unwrap());
    }
    let loads = Loads::new(dynamodb::client(&dynamodb), RUNS);
    let context = Context { bucket: s3.bucket("up"), loads, now: || "2026-01-01T00:01:00Z".parse().unwrap() };
    World { s3, dynamodb, context, load_id }
}

impl World {
    async fn run(&self, event: Value) -> Result<Output, CommitCsvLoadError> {
        handle(function_runtime::parse::<Input>(event).unwrap(), &self.context).await
    }

    async fn commit(&self) -> Result<Load, CommitCsvLoadError> {
        let done = self.run(json!({"load_id": self.load_id, "execution_arn": ARN})).await?;
        let Output::Load(load) = done else { panic!("{done:?}") };
        Ok(load)
    }

    async fn undo(&self) -> Result<Output, CommitCsvLoadError> {
        self.run(json!({"load_id": self.load_id, "execution_arn": ARN, "undone": 4})).await
    }

    fn failure(&self, name: &str, redrive_count: u32, resumed_redrive: u32) -> Value {
        json!({"execution_arn": ARN, "failed": {
            "error": {"name": name, "message": "columns 2 and 3"}, "started_at": "2026-01-01T00:00:00Z",
            "request": {"bucket": "up", "key": "incoming/file.csv", "table": "csv_items"}, "plan": {},
            "redrive_count": redrive_count, "resumed_redrive": resumed_redrive,
        }})
    }

    /// A chunk's note of its failure, so many seconds after the beginning.
    fn note(&self, chunk: u32, name: &str, execution_arn: &str, second: u32) {
        let note = json!({
            "chunk": chunk, "failure": {"name": name, "message": "table csv_items has it"},
            "execution_arn": execution_arn, "noted_at": format!("2026-01-01T00:00:{second:02}Z"),
        });
        self.s3.put(&keys::chunk_failure(self.load_id, chunk), note.to_string());
    }

    /// Status, load and error of each line of the run history.
    fn lines(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let text = |value: &Value| value["S"].as_str().map(str::to_owned);
        let items = self.dynamodb.with(|tables| tables.raw_items(RUNS));
        let line =
            |item: &Value| (text(&item["status"]).unwrap(), text(&item["load_id"]), text(&item["error"]["M"]["name"]));
        items.iter().map(line).collect()
    }
}

fn line(status: &str, load: Option<&str>, error: Option<&str>) -> (String, Option<String>, Option<String>) {
    (status.to_owned(), load.map(str::to_owned), error.map(str::to_owned))
}

const LOAD: Option<&str> = Some("0123456789abcdef");

#[tokio::test]
async fn chunks_add_up_to_a_receipt_and_a_line_however_often() {
    let world = world();
    let counts = RowCounts { read: 6, written: 4, duplicate: 1, rejected: 1, skipped: 0 };
    for _ in 0..2 {
        let load = world.commit().await.unwrap();
        assert_eq!((load.counts, load.write_units, load.table.as_str()), (counts, 4, "csv_items"));
        assert_eq!(load.quarantine.unwrap(), "s3://up/loads/0123456789abcdef/quarantine.jsonl");
        let receipt: LoadReceipt =
            serde_json::from_slice(&world.s3.get(&keys::receipt(world.load_id)).unwrap()).unwrap();
        assert_eq!((receipt.counts, receipt.chunks.len(), receipt.execution_arn.as_str()), (counts, 3, ARN));
        assert_eq!(world.lines(), [line("loaded", LOAD, None)]);
    }
}

#[tokio::test]
async fn a_load_that_does_not_add_up_is_not_committed() {
    let missing = world();
    missing.s3.remove(&keys::chunk_receipt(missing.load_id, 1));
    assert_eq!(missing.commit().await.unwrap_err().name(), "LoadDoesNotBalance");
    missing.note(1, "ItemExists", ARN, 0);
    let error = missing.commit().await.unwrap_err();
    assert_eq!(error.name(), "ItemExists", "under the name of what the chunk noted");
    assert!(error.to_string().contains("chunk 1 of load 0123456789abcdef: table csv_items has it"), "{error}");
    let wrong = world();
    let counts = json!({"read": 2, "written": 1, "duplicate": 0, "rejected": 0, "skipped": 0});
    let receipt = json!({"load_id": wrong.load_id, "chunk": 1, "first_row": 2, "counts": counts, "write_units": 1});
    wrong.s3.put(&keys::chunk_receipt(wrong.load_id, 1), receipt.to_string());
    assert_eq!(wrong.commit().await.unwrap_err().name(), "LoadDoesNotBalance");
    let counts = json!({"read": 2, "written": 2, "duplicate": 0, "rejected": 0, "skipped": 0});
    let receipt = json!({"load_id": wrong.load_id, "chunk": 1, "first_row": 4, "counts": counts, "write_units": 2});
    wrong.s3.put(&keys::chunk_receipt(wrong.load_id, 1), receipt.to_string());
    assert_eq!(wrong.commit().await.unwrap_err().name(), "LoadDoesNotBalance", "as many rows, but others");
    for world in [missing, wrong] {
        assert!(world.s3.get(&keys::receipt(world.load_id)).is_none() && world.lines().is_empty());
        world.s3.put(&keys::undoing(world.load_id), "{}");
        assert_eq!(world.commit().await.unwrap_err().name(), "LoadIsBeingUndone", "which is why");
    }
}

#[tokio::test]
async fn receipts_are_read_many_at_once() {
    let world = world();
    let rows: String = (0..300).map(|row| format!("{row}\n")).collect();
    let settings = PlannerSettings { chunk_rows: 1, chunk_bytes: 1 << 20, seed: 1, added_bytes: 0 };
    let file = csv_load::plan_file(format!("id\n{rows}").as_bytes(), &LoadOptions::default(), settings).unwrap();
    let mut plan: LoadPlan = serde_json::from_slice(&world.s3.get(&keys::plan(world.load_id)).unwrap()).unwrap();
    (plan.chunks, plan.rows) = (file.planned.chunks, 300);
    world.s3.put(&keys::plan(world.load_id), serde_json::to_vec(&plan).unwrap());
    for chunk in 0..300 {
        let counts = RowCounts { read: 1, written: 1, ..RowCounts::default() };
        let (load_id, first_row) = (world.load_id, u64::from(chunk));
        let receipt = LoadChunkReceipt { load_id, chunk, first_row, counts, write_units: 1 };
        world.s3.put(&keys::chunk_receipt(load_id, chunk), serde_json::to_vec(&receipt).unwrap());
    }
    world.s3.yield_before_calls();
    let load = world.commit().await.unwrap();
    assert_eq!((load.counts.written, load.write_units), (300, 300));
    assert!(world.s3.most_at_once() >= 16, "{}", world.s3.most_at_once());
    let receipt: LoadReceipt = serde_json::from_slice(&world.s3.get(&keys::receipt(world.load_id)).unwrap()).unwrap();
    assert!(receipt.chunks.iter().map(|chunk| chunk.chunk).eq(0..300), "in their order");
}

#[tokio::test]
async fn a_load_fails_as_its_chunk_did_wherever_that_is() {
    const EARLIER: &str = "arn:aws:states:us-east-1:1:execution:my-csv-load:earlier";
    let world = world();
    for chunk in 1..3 {
        world.s3.remove(&keys::chunk_receipt(world.load_id, chunk));
    }
    for (phrase, notes, name) in [
        ("chunks before the one that failed are not loaded either", &[(2, "ItemExists", ARN, 9)][..], "ItemExists"),
        ("the last one tells", &[(1, "ItemExists", ARN, 8), (2, "AwsRefused", ARN, 9)], "AwsRefused"),
        ("what is tried again is no reason", &[(1, "ItemExists", ARN, 8), (2, "AwsThrottled", ARN, 9)], "ItemExists"),
        ("unless there is no other", &[(1, "AwsTimeout", ARN, 8), (2, "AwsThrottled", ARN, 9)], "AwsThrottled"),
        ("another execution's chunk", &[(1, "ItemExists", ARN, 8), (2, "AwsRefused", EARLIER, 9)], "ItemExists"),
        ("a chunk that was loaded since", &[(0, "ItemExists", ARN, 9), (1, "AwsRefused", ARN, 8)], "AwsRefused"),
        ("no note of this execution", &[(1, "ItemExists", EARLIER, 9)], "LoadDoesNotBalance"),
    ] {
        for chunk in 0..3 {
            world.s3.remove(&keys::chunk_failure(world.load_id, chunk));
        }
        notes.iter().for_each(|(chunk, name, arn, second)| world.note(*chunk, name, arn, *second));
        assert_eq!(world.commit().await.unwrap_err().name(), name, "{phrase}");
    }
}

#[tokio::test]
async fn nothing_is_said_of_a_load_before_its_calls_have_ended() {
    let world = world();
    let receipt = world.s3.get(&keys::chunk_receipt(world.load_id, 1)).unwrap();
    world.s3.remove(&keys::chunk_receipt(world.load_id, 1));
    let until = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    let until = until.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i128;
    let running = keys::writer("csv_items", world.load_id, 1, until);
    world.s3.put(&running, "{}");
    let ending = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        world.s3.put(&keys::chunk_receipt(world.load_id, 1), receipt);
        world.s3.remove(&running);
    };
    let (committed, ()) = tokio::join!(world.commit(), ending);
    assert_eq!(committed.unwrap().counts.written, 4, "the call wrote its receipt meanwhile");
}

#[tokio::test]
async fn a_failure_is_recorded_and_answered_by_itself_until_it_is_redriven() {
    let world = world();
    for _ in 0..2 {
        let error = world.run(world.failure("BadHeader", 0, 0)).await.unwrap_err();
        assert_eq!((error.name(), error.to_string().as_str()), ("BadHeader", "columns 2 and 3"));
        assert_eq!(world.lines(), [line("failed", None, Some("BadHeader"))]);
    }
    let redriven = world.run(world.failure("BadHeader", 1, 0)).await.unwrap();
    assert_eq!(redriven, Output::Retrying { resumed_redrive: 1 });
    let again = world.run(world.failure("EmptyFile", 1, 1)).await.unwrap_err();
    assert_eq!(again.name(), "EmptyFile");
    assert_eq!(world.lines(), [line("failed", None, Some("EmptyFile"))], "a line for each execution");
    world.commit().await.unwrap();
    let lines = [line("failed", None, Some("EmptyFile")), line("loaded", LOAD, None)];
    assert_eq!(world.lines(), lines, "the load began in the same millisecond, and has the next one");
}

#[tokio::test]
async fn undoing_that_failed_is_recorded_beside_the_load() {
    let world = world();
    world.commit().await.unwrap();
    let mut failure = world.failure("AwsThrottled", 0, 0);
    failure["failed"]["undoing"] = true.into();
    failure["failed"]["request"] = json!({"load_id": world.load_id});
    for _ in 0..2 {
        assert_eq!(world.run(failure.clone()).await.unwrap_err().name(), "AwsThrottled");
    }
    world.s3.put(&keys::undoing(world.load_id), "{}");
    world.run(json!({"load_id": world.load_id, "execution_arn": ARN, "undone": 3, "gone": 1})).await.unwrap();
    assert_eq!(world.lines(), [line("undone", LOAD, None), line("failed", LOAD, Some("AwsThrottled"))]);
    let items = world.dynamodb.with(|tables| tables.raw_items(RUNS));
    assert_eq!(items[1]["undoing"], json!({"BOOL": true}));
    let receipt: LoadReceipt = serde_json::from_slice(&world.s3.get(&keys::undone(world.load_id)).unwrap()).unwrap();
    assert_eq!((receipt.undone, receipt.gone, receipt.counts.written), (Some(3), 1, 4));
}

#[tokio::test]
async fn a_failure_of_this_very_load_stays_beside_its_completion() {
    let world = world();
    let mut failure = world.failure("ItemExists", 0, 0);
    failure["failed"]["plan"] = json!({"load_id": world.load_id, "rows": 6});
    world.run(failure).await.unwrap_err();
    for _ in 0..2 {
        world.commit().await.unwrap();
        assert_eq!(world.lines(), [line("failed", LOAD, Some("ItemExists")), line("loaded", LOAD, None)]);
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_recorded_as_far_as_it_goes() {
    let world = world();
    let mut failure = world.failure("InvalidInput", 0, 0);
    failure["failed"]["request"] = json!({"bucket": 3, "key": "incoming/x.csv"});
    assert_eq!(world.run(failure).await.unwrap_err().name(), "InvalidInput");
    let [item] = &world.dynamodb.with(|tables| tables.raw_items(RUNS))[..] else { panic!() };
    assert!(item.get("source_file").is_none() && item.get("table").is_none(), "{item}");
}

#[tokio::test]
async fn undoing_keeps_the_receipt_and_nothing_else_however_often() {
    let world = world();
    world.commit().await.unwrap();
    world.s3.put(&keys::undoing(world.load_id), "{}");
    world.s3.put("loads/fedcba9876543210/plan.json", "another's");
    for _ in 0..2 {
        let Output::Load(undone) = world.undo().await.unwrap() else { panic!() };
        assert_eq!((undone.undone, undone.counts.written, undone.quarantine), (Some(4), 4, None));
        assert_eq!(world.s3.keys(), ["loads/fedcba9876543210/plan.json", "undone/0123456789abcdef.json"]);
        assert_eq!(world.lines(), [line("undone", LOAD, None)]);
        world.s3.put(&keys::undoing(world.load_id), "{}");
    }
    assert_eq!(world.commit().await.unwrap_err().name(), "LoadIsBeingUndone", "of an execution that it stopped");
}

#[tokio::test]
async fn calls_that_fail_say_whether_to_try_again_and_those_that_pass_are_passed_over() {
    let passing = world();
    passing.s3.fail("PutObject", 2, S3Fault::Answer(503, "SlowDown"));
    passing.dynamodb.fail("PutItem", 2, Fault::Answer(503, "ServiceUnavailable"));
    passing.commit().await.unwrap();
    for (call, times, status, code, name) in [
        ("PutObject", 3, 503, "SlowDown", "AwsThrottled"),
        ("ListObjectsV2", 3, 500, "InternalError", "AwsUnavailable"),
        ("GetObject", 1, 403, "AccessDenied", "AwsRefused"),
    ] {
        let world = world();
        world.s3.fail(call, times, S3Fault::Answer(status, code));
        assert_eq!(world.commit().await.unwrap_err().name(), name, "{call}");
        world.commit().await.unwrap();
        assert_eq!(world.lines(), [line("loaded", LOAD, None)], "run again, it is committed");
    }
    let lost = world();
    lost.s3.fail("PutObject", 1, S3Fault::LostAnswer);
    lost.commit().await.unwrap();
    assert_eq!(lost.lines(), [line("loaded", LOAD, None)]);
}

#[tokio::test]
async fn an_input_that_makes_no_sense_is_refused_by_name() {
    let world = world();
    let undone_failure = {
        let mut failure = world.failure("BadHeader", 0, 0);
        failure["undone"] = 3.into();
        failure
    };
    for (phrase, event, field) in [
        ("no load", json!({"execution_arn": ARN}), "load_id"),
        ("no load to undo", json!({"execution_arn": ARN, "undone": 3}), "load_id"),
        ("both", undone_failure, "failed"),
        ("an error without a name", world.failure("", 0, 0), "failed.error.name"),
        ("resumed before it was redriven", world.failure("BadHeader", 0, 1), "resumed_redrive"),
    ] {
        let error = world.run(event).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    let unknown = json!({"load_id": "fedcba9876543210", "execution_arn": ARN});
    assert_eq!(world.run(unknown).await.unwrap_err().name(), "PlanNotFound");
    assert!(world.lines().is_empty());
}
