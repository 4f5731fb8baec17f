//! `commit-csv-load` against the fakes of S3 and DynamoDB.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use aws_csv::Loads;
use aws_fakes::{
    Fault, Memory, MemoryS3, S3Fault,
    dynamodb::{self, FakeTables},
};
use commit_csv_load::{CommitCsvLoadError, Context, Input, LoadSummary, Output, handle};
use csv_load::plan::{CsvSource, LoadTarget};
use csv_load::receipt::{LoadChunkReceipt, LoadReceipt, RowCounts};
use csv_load::{LoadId, LoadOptions, LoadPlan, PlannerSettings, keys};
use function_runtime::{Clock, ErrorName};
use serde_json::{Value, json};

const RUNS: &str = "job_run_details";
const ARN: &str = "arn:aws:states:us-east-1:1:execution:my-csv-load:x";

struct CommitCsvFixture {
    s3: MemoryS3,
    dynamodb: Memory<FakeTables>,
    context: Context,
    load_id: LoadId,
}

/// A load of three chunks, all of them with receipts.
fn fixture() -> CommitCsvFixture {
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
    let context =
        Context { bucket: s3.bucket("up"), loads, clock: Clock::fixed("2026-01-01T00:01:00Z".parse().unwrap()) };
    CommitCsvFixture { s3, dynamodb, context, load_id }
}

impl CommitCsvFixture {
    async fn run(&self, event: Value) -> Result<Output, CommitCsvLoadError> {
        handle(function_runtime::parse::<Input>(event).unwrap(), &self.context).await
    }

    async fn commit(&self) -> Result<LoadSummary, CommitCsvLoadError> {
        let done = self.run(json!({"load_id": self.load_id, "execution_arn": ARN})).await?;
        let Output::Load(load) = done else { panic!("{done:?}") };
        Ok(load)
    }

    async fn undo(&self) -> Result<Output, CommitCsvLoadError> {
        self.run(json!({"load_id": self.load_id, "execution_arn": ARN, "undone": 4})).await
    }

    fn failure(name: &str, redrive_count: u32, resumed_redrive: u32) -> Value {
        json!({"execution_arn": ARN, "failed": {
            "error": {"name": name, "message": "columns 2 and 3"}, "started_at": "2026-01-01T00:00:00Z",
            "request": {"bucket": "up", "key": "incoming/file.csv", "table": "csv_items"}, "plan": {},
            "redrive_count": redrive_count, "resumed_redrive": resumed_redrive,
        }})
    }

    /// Writes the failure note of a chunk, `second` seconds after the start.
    fn note(&self, chunk: u32, name: &str, execution_arn: &str, second: u32) {
        let note = json!({
            "chunk": chunk, "failure": {"name": name, "message": "table csv_items has it"},
            "execution_arn": execution_arn, "noted_at": format!("2026-01-01T00:00:{second:02}Z"),
        });
        self.s3.put(&keys::chunk_failure(self.load_id, chunk), note.to_string());
    }

    /// Returns status, load and error name of each history item.
    fn items(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let text = |value: &Value| value["S"].as_str().map(str::to_owned);
        let items = self.dynamodb.with(|tables| tables.raw_items(RUNS));
        let summary =
            |item: &Value| (text(&item["status"]).unwrap(), text(&item["load_id"]), text(&item["error"]["M"]["name"]));
        items.iter().map(summary).collect()
    }
}

fn item(status: &str, load: Option<&str>, error: Option<&str>) -> (String, Option<String>, Option<String>) {
    (status.to_owned(), load.map(str::to_owned), error.map(str::to_owned))
}

const LOAD: Option<&str> = Some("0123456789abcdef");

#[tokio::test]
async fn commit_writes_receipt_and_history_item() {
    let fixture = fixture();
    let counts = RowCounts { read: 6, written: 4, duplicate: 1, rejected: 1, skipped: 0 };
    for _ in 0..2 {
        let load = fixture.commit().await.unwrap();
        assert_eq!((load.counts, load.write_units, load.table.as_str()), (counts, 4, "csv_items"));
        assert_eq!(load.quarantine.unwrap(), "s3://up/loads/0123456789abcdef/quarantine.jsonl");
        let receipt: LoadReceipt =
            serde_json::from_slice(&fixture.s3.get(&keys::receipt(fixture.load_id)).unwrap()).unwrap();
        assert_eq!((receipt.counts, receipt.chunks.len(), receipt.execution_arn.as_str()), (counts, 3, ARN));
        assert_eq!(fixture.items(), [item("loaded", LOAD, None)]);
    }
}

#[tokio::test]
async fn unbalanced_load_is_not_committed() {
    let missing = fixture();
    missing.s3.remove(&keys::chunk_receipt(missing.load_id, 1));
    assert_eq!(missing.commit().await.unwrap_err().name(), "LoadDoesNotBalance");
    missing.note(1, "ItemExists", ARN, 0);
    let error = missing.commit().await.unwrap_err();
    assert_eq!(error.name(), "ItemExists", "the error name of the note");
    assert!(error.to_string().contains("chunk 1 of load 0123456789abcdef: table csv_items has it"), "{error}");
    let wrong = fixture();
    let counts = json!({"read": 2, "written": 1, "duplicate": 0, "rejected": 0, "skipped": 0});
    let receipt = json!({"load_id": wrong.load_id, "chunk": 1, "first_row": 2, "counts": counts, "write_units": 1});
    wrong.s3.put(&keys::chunk_receipt(wrong.load_id, 1), receipt.to_string());
    assert_eq!(wrong.commit().await.unwrap_err().name(), "LoadDoesNotBalance");
    let counts = json!({"read": 2, "written": 2, "duplicate": 0, "rejected": 0, "skipped": 0});
    let receipt = json!({"load_id": wrong.load_id, "chunk": 1, "first_row": 4, "counts": counts, "write_units": 2});
    wrong.s3.put(&keys::chunk_receipt(wrong.load_id, 1), receipt.to_string());
    assert_eq!(
        wrong.commit().await.unwrap_err().name(),
        "LoadDoesNotBalance",
        "the same number of rows, but other ones"
    );
    for fixture in [missing, wrong] {
        assert!(fixture.s3.get(&keys::receipt(fixture.load_id)).is_none() && fixture.items().is_empty());
        fixture.s3.put(&keys::undoing(fixture.load_id), "{}");
        assert_eq!(fixture.commit().await.unwrap_err().name(), "LoadIsBeingUndone", "undo in progress");
    }
}

#[tokio::test]
async fn receipts_are_read_concurrently() {
    let fixture = fixture();
    let rows: String = (0..300).map(|row| format!("{row}\n")).collect();
    let settings = PlannerSettings { chunk_rows: 1, chunk_bytes: 1 << 20, seed: 1, added_bytes: 0 };
    let file = csv_load::plan_file(format!("id\n{rows}").as_bytes(), &LoadOptions::default(), settings).unwrap();
    let mut plan: LoadPlan = serde_json::from_slice(&fixture.s3.get(&keys::plan(fixture.load_id)).unwrap()).unwrap();
    (plan.chunks, plan.rows) = (file.planned.chunks, 300);
    fixture.s3.put(&keys::plan(fixture.load_id), serde_json::to_vec(&plan).unwrap());
    for chunk in 0..300 {
        let counts = RowCounts { read: 1, written: 1, ..RowCounts::default() };
        let (load_id, first_row) = (fixture.load_id, u64::from(chunk));
        let receipt = LoadChunkReceipt { load_id, chunk, first_row, counts, write_units: 1 };
        fixture.s3.put(&keys::chunk_receipt(load_id, chunk), serde_json::to_vec(&receipt).unwrap());
    }
    fixture.s3.yield_before_calls();
    let load = fixture.commit().await.unwrap();
    assert_eq!((load.counts.written, load.write_units), (300, 300));
    assert!(fixture.s3.most_at_once() >= 16, "{}", fixture.s3.most_at_once());
    let receipt: LoadReceipt =
        serde_json::from_slice(&fixture.s3.get(&keys::receipt(fixture.load_id)).unwrap()).unwrap();
    assert!(receipt.chunks.iter().map(|chunk| chunk.chunk).eq(0..300), "in order");
}

#[tokio::test]
async fn load_fails_with_error_of_its_chunk() {
    const EARLIER: &str = "arn:aws:states:us-east-1:1:execution:my-csv-load:earlier";
    let fixture = fixture();
    for chunk in 1..3 {
        fixture.s3.remove(&keys::chunk_receipt(fixture.load_id, chunk));
    }
    for (phrase, notes, name) in [
        ("earlier chunks are missing too", &[(2, "ItemExists", ARN, 9)][..], "ItemExists"),
        ("the last note counts", &[(1, "ItemExists", ARN, 8), (2, "AwsRefused", ARN, 9)], "AwsRefused"),
        ("a retried failure does not count", &[(1, "ItemExists", ARN, 8), (2, "AwsThrottled", ARN, 9)], "ItemExists"),
        ("only retried failures", &[(1, "AwsTimeout", ARN, 8), (2, "AwsThrottled", ARN, 9)], "AwsThrottled"),
        ("note of another execution", &[(1, "ItemExists", ARN, 8), (2, "AwsRefused", EARLIER, 9)], "ItemExists"),
        ("chunk loaded since", &[(0, "ItemExists", ARN, 9), (1, "AwsRefused", ARN, 8)], "AwsRefused"),
        ("no note of this execution", &[(1, "ItemExists", EARLIER, 9)], "LoadDoesNotBalance"),
    ] {
        for chunk in 0..3 {
            fixture.s3.remove(&keys::chunk_failure(fixture.load_id, chunk));
        }
        notes.iter().for_each(|(chunk, name, arn, second)| fixture.note(*chunk, name, arn, *second));
        assert_eq!(fixture.commit().await.unwrap_err().name(), name, "{phrase}");
    }
}

#[tokio::test]
async fn commit_waits_for_running_writers() {
    let fixture = fixture();
    let receipt = fixture.s3.get(&keys::chunk_receipt(fixture.load_id, 1)).unwrap();
    fixture.s3.remove(&keys::chunk_receipt(fixture.load_id, 1));
    let until = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    let until = until.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i128;
    let running = keys::writer("csv_items", fixture.load_id, 1, until);
    fixture.s3.put(&running, "{}");
    let ending = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        fixture.s3.put(&keys::chunk_receipt(fixture.load_id, 1), receipt);
        fixture.s3.remove(&running);
    };
    let (committed, ()) = tokio::join!(fixture.commit(), ending);
    assert_eq!(committed.unwrap().counts.written, 4, "the running call wrote its receipt");
}

#[tokio::test]
async fn failure_is_recorded_and_returned() {
    let fixture = fixture();
    for _ in 0..2 {
        let error = fixture.run(CommitCsvFixture::failure("BadHeader", 0, 0)).await.unwrap_err();
        assert_eq!((error.name(), error.to_string().as_str()), ("BadHeader", "columns 2 and 3"));
        assert_eq!(fixture.items(), [item("failed", None, Some("BadHeader"))]);
    }
    let redriven = fixture.run(CommitCsvFixture::failure("BadHeader", 1, 0)).await.unwrap();
    assert_eq!(redriven, Output::Retrying { resumed_redrive: 1 });
    let again = fixture.run(CommitCsvFixture::failure("EmptyFile", 1, 1)).await.unwrap_err();
    assert_eq!(again.name(), "EmptyFile");
    assert_eq!(fixture.items(), [item("failed", None, Some("EmptyFile"))], "one item per execution");
    fixture.commit().await.unwrap();
    let items = [item("failed", None, Some("EmptyFile")), item("loaded", LOAD, None)];
    assert_eq!(fixture.items(), items, "same start, next free sort key");
}

#[tokio::test]
async fn failed_undo_is_recorded_separately() {
    let fixture = fixture();
    fixture.commit().await.unwrap();
    let mut failure = CommitCsvFixture::failure("AwsThrottled", 0, 0);
    failure["failed"]["undoing"] = true.into();
    failure["failed"]["request"] = json!({"load_id": fixture.load_id});
    for _ in 0..2 {
        assert_eq!(fixture.run(failure.clone()).await.unwrap_err().name(), "AwsThrottled");
    }
    fixture.s3.put(&keys::undoing(fixture.load_id), "{}");
    fixture.run(json!({"load_id": fixture.load_id, "execution_arn": ARN, "undone": 3, "gone": 1})).await.unwrap();
    assert_eq!(fixture.items(), [item("undone", LOAD, None), item("failed", LOAD, Some("AwsThrottled"))]);
    let items = fixture.dynamodb.with(|tables| tables.raw_items(RUNS));
    assert_eq!(items[1]["undoing"], json!({"BOOL": true}));
    let receipt: LoadReceipt =
        serde_json::from_slice(&fixture.s3.get(&keys::undone(fixture.load_id)).unwrap()).unwrap();
    assert_eq!((receipt.undone, receipt.gone, receipt.counts.written), (Some(3), 1, 4));
}

#[tokio::test]
async fn failure_item_stays_after_completion() {
    let fixture = fixture();
    let mut failure = CommitCsvFixture::failure("ItemExists", 0, 0);
    failure["failed"]["plan"] = json!({"load_id": fixture.load_id, "rows": 6});
    fixture.run(failure).await.unwrap_err();
    for _ in 0..2 {
        fixture.commit().await.unwrap();
        assert_eq!(fixture.items(), [item("failed", LOAD, Some("ItemExists")), item("loaded", LOAD, None)]);
    }
}

#[tokio::test]
async fn malformed_request_is_recorded() {
    let fixture = fixture();
    let mut failure = CommitCsvFixture::failure("InvalidInput", 0, 0);
    failure["failed"]["request"] = json!({"bucket": 3, "key": "incoming/x.csv"});
    assert_eq!(fixture.run(failure).await.unwrap_err().name(), "InvalidInput");
    let [item] = &fixture.dynamodb.with(|tables| tables.raw_items(RUNS))[..] else { panic!() };
    assert!(item.get("source_file").is_none() && item.get("table").is_none(), "{item}");
}

#[tokio::test]
async fn undo_keeps_only_the_receipt() {
    let fixture = fixture();
    fixture.commit().await.unwrap();
    fixture.s3.put(&keys::undoing(fixture.load_id), "{}");
    fixture.s3.put("loads/fedcba9876543210/plan.json", "another's");
    for _ in 0..2 {
        let Output::Load(undone) = fixture.undo().await.unwrap() else { panic!() };
        assert_eq!((undone.undone, undone.counts.written, undone.quarantine), (Some(4), 4, None));
        assert_eq!(fixture.s3.keys(), ["loads/fedcba9876543210/plan.json", "undone/0123456789abcdef.json"]);
        assert_eq!(fixture.items(), [item("undone", LOAD, None)]);
        fixture.s3.put(&keys::undoing(fixture.load_id), "{}");
    }
    assert_eq!(fixture.commit().await.unwrap_err().name(), "LoadIsBeingUndone", "an execution that undo stopped");
}

#[tokio::test]
async fn failed_calls_are_classified() {
    let passing = fixture();
    passing.s3.fail("PutObject", 2, S3Fault::Error(503, "SlowDown"));
    passing.dynamodb.fail("PutItem", 2, Fault::Error(503, "ServiceUnavailable"));
    passing.commit().await.unwrap();
    for (call, times, status, code, name) in [
        ("PutObject", 3, 503, "SlowDown", "AwsThrottled"),
        ("ListObjectsV2", 3, 500, "InternalError", "AwsUnavailable"),
        ("GetObject", 1, 403, "AccessDenied", "AwsRefused"),
    ] {
        let fixture = fixture();
        fixture.s3.fail(call, times, S3Fault::Error(status, code));
        assert_eq!(fixture.commit().await.unwrap_err().name(), name, "{call}");
        fixture.commit().await.unwrap();
        assert_eq!(fixture.items(), [item("loaded", LOAD, None)], "committed by the second run");
    }
    let lost = fixture();
    lost.s3.fail("PutObject", 1, S3Fault::LostResponse);
    lost.commit().await.unwrap();
    assert_eq!(lost.items(), [item("loaded", LOAD, None)]);
}

#[tokio::test]
async fn invalid_input_names_the_field() {
    let fixture = fixture();
    let undone_failure = {
        let mut failure = CommitCsvFixture::failure("BadHeader", 0, 0);
        failure["undone"] = 3.into();
        failure
    };
    for (phrase, event, field) in [
        ("missing load id", json!({"execution_arn": ARN}), "load_id"),
        ("missing load id of an undo", json!({"execution_arn": ARN, "undone": 3}), "load_id"),
        ("both", undone_failure, "failed"),
        ("an error without a name", CommitCsvFixture::failure("", 0, 0), "failed.error.name"),
        ("resumed before redrive", CommitCsvFixture::failure("BadHeader", 0, 1), "resumed_redrive"),
    ] {
        let error = fixture.run(event).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{phrase}");
        assert!(error.to_string().contains(field), "{phrase}: {error}");
    }
    let unknown = json!({"load_id": "fedcba9876543210", "execution_arn": ARN});
    assert_eq!(fixture.run(unknown).await.unwrap_err().name(), "PlanNotFound");
    assert!(fixture.items().is_empty());
}
