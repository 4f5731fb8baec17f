//! The handler against a fake S3 that holds the objects of `fetch`.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::collections::BTreeMap;
use std::io::Write;

use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use aws_fakes::{MemoryS3, S3Fault};
use bytes::Bytes;
use convert_chunk::{Context, ConvertChunkError, Input, Output, handle};
use flate2::Compression;
use flate2::write::GzEncoder;
use function_runtime::ErrorName;
use gzip_plan::{PlanSettings, Planner};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::plan::{HourPlan, Landing};
use pipeline::receipt::{ChunkObject, ChunkReceipt, RecordCounts};
use pipeline::version::OutputOptions;
use pipeline::{ArchiveHour, Version, keys};

/// A bucket with a planned hour.
struct PlannedHour {
    s3: MemoryS3,
    context: Context,
    plan: HourPlan,
}

impl PlannedHour {
    fn of(text: &str, chunk_records: u32) -> Self {
        let s3 = MemoryS3::default();
        let context = Context { bucket: s3.bucket("lake") };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        let gzip = encoder.finish().unwrap();
        let options = OutputOptions { chunk_records, ..OutputOptions::default() };
        let mut planner = Planner::new(PlanSettings { chunk_records, max_chunk_bytes: options.max_chunk_bytes });
        planner.push(&gzip).unwrap();
        let planned = planner.finish().unwrap();
        s3.put(&keys::landing(hour()), gzip.clone());
        let etag = s3.etag(&keys::landing(hour())).unwrap();
        let landing = Landing { etag, bytes: gzip.len() as u64, md5: String::new(), sha256: String::new() };
        let plan = HourPlan { hour: hour(), version: version(), options, landing, gzip: planned.plan };
        s3.put(&keys::windows(hour(), version()), planned.windows);
        let hour = Self { s3, context, plan };
        hour.put_plan(&hour.plan);
        hour
    }

    fn put_plan(&self, plan: &HourPlan) {
        self.s3.put(&keys::plan(hour(), version()), serde_json::to_vec(plan).unwrap());
    }

    async fn convert(&self, chunk: u32) -> Result<Output, ConvertChunkError> {
        let input = Input { hour: hour(), version: version(), chunk };
        handle(input, &self.context).await
    }

    fn receipt(&self, chunk: u32) -> Option<ChunkReceipt> {
        let json = self.s3.get(&keys::receipt(hour(), version(), chunk))?;
        Some(serde_json::from_slice(&json).unwrap())
    }

    /// Returns ids and line numbers of the rows of a chunk.
    fn rows(&self, chunk: u32) -> Vec<(String, i64)> {
        let Some(parquet) = self.s3.get(&keys::parquet(hour(), version(), chunk)) else { return Vec::new() };
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(parquet)).unwrap().build().unwrap();
        reader.flat_map(|batch| ids_and_lines(&batch.unwrap())).collect()
    }
}

fn ids_and_lines(batch: &RecordBatch) -> Vec<(String, i64)> {
    let ids = batch.column_by_name("id").unwrap().as_any().downcast_ref::<StringArray>().unwrap();
    let lines = batch.column_by_name("source_line").unwrap().as_any().downcast_ref::<Int64Array>().unwrap();
    (0..ids.len()).map(|row| (ids.value(row).to_owned(), lines.value(row))).collect()
}

fn hour() -> ArchiveHour {
    "2025-11-21-0".parse().unwrap()
}

fn version() -> Version {
    "0123456789ab".parse().unwrap()
}

fn event(id: u32) -> String {
    format!(
        "{{\"id\":\"{id}\",\"type\":\"PushEvent\",\"actor\":{{\"id\":{id},\"login\":\"someone-{id}\"}},\
         \"repo\":{{\"id\":{id},\"name\":\"owner/repo-{id}\"}},\"payload\":{{\"push_id\":{id}}},\"public\":true,\
         \"created_at\":\"2025-11-21T00:00:00Z\"}}\n"
    )
}

fn events(ids: impl IntoIterator<Item = u32>) -> String {
    ids.into_iter().map(event).collect()
}

fn counts(lines: u64, records: u64, rows: u64, duplicates: u64, quarantined: u64) -> RecordCounts {
    RecordCounts { lines, blank_lines: lines - records, records, rows, duplicates, quarantined }
}

#[tokio::test]
async fn chunks_convert_to_their_rows() {
    let at = PlannedHour::of(&events(0..250), 100);
    let mut rows = Vec::new();
    for (chunk, expected) in [(2, 50), (0, 100), (1, 100)] {
        let output = at.convert(chunk).await.unwrap();
        assert_eq!(output, Output { chunk, records: expected, rows: expected, duplicates: 0, quarantined: 0 });
        let parquet = keys::parquet(hour(), version(), chunk);
        let bytes = at.s3.get(&parquet).unwrap().len() as u64;
        let receipt = ChunkReceipt {
            hour: hour(),
            version: version(),
            chunk,
            counts: counts(expected, expected, expected, 0, 0),
            types: BTreeMap::from([("PushEvent".to_owned(), expected)]),
            parquet: Some(ChunkObject { key: parquet, bytes }),
            quarantine: None,
        };
        assert_eq!(at.receipt(chunk), Some(receipt), "chunk {chunk}");
        rows.push((chunk, at.rows(chunk)));
    }
    rows.sort();
    let rows: Vec<_> = rows.into_iter().flat_map(|(_, rows)| rows).collect();
    let expected: Vec<_> = (0..250_u32).map(|id| (id.to_string(), i64::from(id) + 1)).collect();
    assert_eq!(rows, expected, "each row once, with its line in the file");
}

#[tokio::test]
async fn only_bytes_of_the_chunk_are_read() {
    // Text that compresses badly has many deflate blocks, and so access points inside the file.
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}")
    };
    let line = |id: u32, noise: String| event(id).replace("someone", &noise);
    let text: String = (0..20_000).map(|id| line(id, noise() + &noise() + &noise() + &noise())).collect();
    let at = PlannedHour::of(&text, 5_000);
    let chunk = at.plan.gzip.chunks[2].clone();
    assert!(chunk.compressed_start > 0, "the test needs an access point inside the file");
    assert!(at.plan.gzip.access_points[chunk.access_point as usize].window.is_some(), "the test needs a window");

    // Destroy the bytes outside the chunk and put the new ETag into the plan.
    let mut landing = at.s3.get(&keys::landing(hour())).unwrap();
    landing[..chunk.compressed_start as usize].fill(0);
    landing[chunk.compressed_end as usize..].fill(0);
    at.s3.put(&keys::landing(hour()), landing);
    let mut plan = at.plan.clone();
    plan.landing.etag = at.s3.etag(&keys::landing(hour())).unwrap();
    at.put_plan(&plan);
    let output = at.convert(2).await.unwrap();
    assert_eq!(output.rows, 5_000);
    assert_eq!(at.rows(2)[0], ("10000".to_owned(), 10_001));
    assert_eq!(at.convert(0).await.unwrap_err().name(), "ChunkMismatch");
}

#[tokio::test]
async fn duplicates_are_skipped_across_chunks() {
    let text = events([1, 2, 1, 3]) + &events([2, 2, 4, 1]);
    let at = PlannedHour::of(&text, 4);
    let first = at.convert(0).await.unwrap();
    let second = at.convert(1).await.unwrap();
    assert_eq!((first.rows, first.duplicates), (3, 1));
    assert_eq!((second.rows, second.duplicates), (1, 3));
    assert_eq!(at.rows(1), [("4".to_owned(), 7)]);
}

#[tokio::test]
async fn invalid_records_are_quarantined() {
    let text = events([1]) + "{\"id\":\"2\",\"repo\":nul\n" + "\n" + "[1,2]\n" + &events([3]);
    let at = PlannedHour::of(&text, 100);
    let output = at.convert(0).await.unwrap();
    assert_eq!(output, Output { chunk: 0, records: 4, rows: 2, duplicates: 0, quarantined: 2 });
    let receipt = at.receipt(0).unwrap();
    assert_eq!(receipt.counts, counts(5, 4, 2, 0, 2));
    let key = keys::quarantine(hour(), version(), 0);
    let quarantine = String::from_utf8(at.s3.get(&key).unwrap()).unwrap();
    assert_eq!(receipt.quarantine, Some(ChunkObject { key, bytes: quarantine.len() as u64 }));
    let lines: Vec<serde_json::Value> = quarantine.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(lines[0]["offset"], events([1]).len(), "the offset in the text of the file");
}

#[tokio::test]
async fn chunk_without_rows_writes_no_parquet() {
    let at = PlannedHour::of("no json\nnor this\n", 100);
    let output = at.convert(0).await.unwrap();
    assert_eq!((output.rows, output.quarantined), (0, 2));
    assert_eq!(at.receipt(0).unwrap().parquet, None);
    assert_eq!(at.s3.get(&keys::parquet(hour(), version(), 0)), None);
}

#[tokio::test]
async fn receipt_is_last_and_second_run_is_equal() {
    let at = PlannedHour::of(&(events([1, 2]) + "bad\n"), 100);
    at.convert(0).await.unwrap();
    let calls = at.s3.calls();
    assert_eq!(calls.last().unwrap(), &format!("PutObject {}", keys::receipt(hour(), version(), 0)));
    let objects = at.s3.objects();
    let (second, third) = tokio::join!(at.convert(0), at.convert(0));
    assert_eq!(second.unwrap(), third.unwrap());
    assert_eq!(at.s3.objects(), objects);
}

#[tokio::test]
async fn second_run_repairs_any_stopped_run() {
    let text = events([1, 2]) + "bad\n";
    let whole = PlannedHour::of(&text, 100);
    whole.convert(0).await.unwrap();
    // The SDK fails immediately on a refusal, and after three attempts without a response.
    for (phrase, call, times, fault) in [
        ("before the rows", "PutObject raw", 1, S3Fault::Error(403, "AccessDenied")),
        ("before the quarantine", "PutObject quarantine", 1, S3Fault::Error(403, "AccessDenied")),
        ("before the receipt", "PutObject landing", 1, S3Fault::Error(403, "AccessDenied")),
        ("after the rows", "PutObject raw", 3, S3Fault::LostResponse),
        ("after the receipt", "PutObject landing", 3, S3Fault::LostResponse),
    ] {
        let at = PlannedHour::of(&text, 100);
        at.s3.fail(call, times, fault);
        let error = at.convert(0).await.unwrap_err();
        assert!(error.name().starts_with("Aws"), "{phrase}: {error}");
        if let S3Fault::Error(..) = fault {
            assert_eq!(at.receipt(0), None, "{phrase}: no receipt");
        }
        at.convert(0).await.expect(phrase);
        assert_eq!(at.s3.objects(), whole.s3.objects(), "{phrase}");
    }
}

#[tokio::test]
async fn changed_or_missing_landing_object_is_named() {
    let at = PlannedHour::of(&events([1]), 100);
    at.s3.put(&keys::landing(hour()), b"other bytes".as_slice());
    let error = at.convert(0).await.unwrap_err();
    assert_eq!(error.name(), "LandingChanged");
    assert!(error.to_string().contains("s3://lake/landing/ghactivity/2025-11-21-0.json.gz"), "{error}");

    let empty = MemoryS3::default();
    let context = Context { bucket: empty.bucket("lake") };
    let without = PlannedHour { s3: empty, context, ..PlannedHour::of(&events([1]), 100) };
    without.put_plan(&without.plan);
    assert_eq!(without.convert(0).await.unwrap_err().name(), "LandingNotFound");
}

#[tokio::test]
async fn truncated_body_is_transient() {
    let at = PlannedHour::of(&events(0..100), 100);
    at.s3.fail("GetObject landing/ghactivity/2025-11-21-0.json.gz", 1, S3Fault::CutBody(50));
    let error = at.convert(0).await.unwrap_err();
    assert_eq!(error.name(), "AwsUnavailable");
    assert!(error.to_string().contains("after 50 of"), "{error}");
    assert_eq!(at.convert(0).await.unwrap().rows, 100);
}

#[tokio::test]
async fn mismatched_plan_is_named() {
    let at = PlannedHour::of(&events(0..300), 100);
    let changed = |change: fn(&mut HourPlan)| {
        let mut plan = at.plan.clone();
        change(&mut plan);
        serde_json::to_vec(&plan).unwrap()
    };
    for (phrase, plan, name, message) in [
        ("another hash", changed(|plan| plan.gzip.chunks[0].xxh3 = "0".repeat(16)), "ChunkMismatch", "XXH3"),
        (
            "a range that ends too early",
            changed(|plan| plan.gzip.chunks[0].compressed_end = plan.gzip.chunks[0].compressed_start + 30),
            "ChunkMismatch",
            "is truncated",
        ),
        ("no access point", changed(|plan| plan.gzip.chunks[0].access_point = 9), "ChunkMismatch", "access point"),
        (
            "plan of another hour",
            changed(|plan| plan.hour = "2025-11-21-1".parse().unwrap()),
            "PlanNotFound",
            "s3://lake/landing/ghactivity/_plan/2025-11-21-0.0123456789ab.json",
        ),
        ("not a plan", b"{}".to_vec(), "PlanNotFound", "missing field"),
    ] {
        at.s3.put(&keys::plan(hour(), version()), plan);
        let error = at.convert(0).await.unwrap_err();
        let text = function_runtime::diagnostic(&error).error_message;
        assert_eq!(error.name(), name, "{phrase}: {text}");
        assert!(text.contains(message), "{phrase}: {text}");
        assert_eq!(at.receipt(0), None, "{phrase}");
    }
}

#[tokio::test]
async fn missing_chunk_or_plan_is_named() {
    let at = PlannedHour::of(&events(0..300), 100);
    let error = at.convert(3).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert_eq!(error.to_string(), "invalid input: there is no chunk 3: the plan has 3 (field `chunk`)");

    let input = Input { hour: hour(), version: "ffffffffffff".parse().unwrap(), chunk: 0 };
    let error = handle(input, &at.context).await.unwrap_err();
    assert_eq!(error.name(), "PlanNotFound");
    let text = function_runtime::diagnostic(&error).error_message;
    assert!(text.contains("_plan/2025-11-21-0.ffffffffffff.json does not exist"), "{text}");
}

#[test]
fn invalid_input_names_the_field() {
    let input =
        |version: &str, chunk: i64| serde_json::json!({"hour": "2025-11-21-0", "version": version, "chunk": chunk});
    for (phrase, event, part) in [
        ("a negative chunk", input("0123456789ab", -1), "field `chunk`"),
        ("a version that is a path", input("../456789ab1", 0), "field `version`"),
        ("no chunk", serde_json::json!({"hour": "2025-11-21-0", "version": "0123456789ab"}), "missing field `chunk`"),
        ("another unknown field", serde_json::json!({"job_id": "x"}), "unknown field `job_id`"),
    ] {
        let error = function_runtime::parse::<Input>(event).unwrap_err();
        assert!(error.to_string().contains(part), "{phrase}: {error}");
    }
    function_runtime::parse::<Input>(input("0123456789ab", 3)).unwrap();
}
