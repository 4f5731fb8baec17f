//! The handler.

use std::io::Read;
use std::pin::pin;
use std::sync::atomic::AtomicU64;

use aws_client::s3::{Bucket, ReadError, pipe};
use aws_csv::{Items, WriterNote, read_plan};
use bytes::Bytes;
use csv_load::CsvChunk;
use csv_load::receipt::{ChunkFailure, LoadChunkReceipt, LoadFailure, RowCounts};
use csv_load::{LoadId, LoadPlan, RecordError, keys};
use function_runtime::{Diagnostic, InvalidInput, Metrics, Unit};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::gzip_range::GzipRange;
use crate::pace::Pace;
use crate::rows::ChunkRows;
use crate::writer::{BatchWriter, WriteProgress};
use crate::{Context, Input, LoadCsvChunkError, Output, Resume};

/// A chunk receipt has a few hundred bytes.
const MAX_RECEIPT_BYTES: u64 = 1 << 20;
/// The capacity of the channel to the writer, in batches.
const CAPACITY_BATCHES: usize = 4;

/// Loads a chunk, or as much of it as the time allows.
///
/// # Errors
/// See [`LoadCsvChunkError`]. Some items may be written. The failure is noted for `commit-csv-load`, because the Distributed Map
/// reports only that too many chunks failed.
pub async fn handle(input: Input, context: &Context) -> Result<Output, LoadCsvChunkError> {
    let (begin, throttled) = (Instant::now(), AtomicU64::new(0));
    let result = load_with_note(&input, &throttled, context).await;
    Metrics::new()
        .with("CsvThrottledCalls", Unit::Count, throttled.into_inner() as f64)
        .with("CsvChunkSeconds", Unit::Seconds, begin.elapsed().as_secs_f64())
        .about("load_id", input.load_id.to_string())
        .about("chunk", input.chunk)
        .emit();
    result
}

/// Loads while a writer note exists. A failure is noted before the writer note is deleted, so that a call that waits for the
/// writer finds it.
async fn load_with_note(input: &Input, throttled: &AtomicU64, context: &Context) -> Result<Output, LoadCsvChunkError> {
    let bucket = &context.bucket;
    let writer_note = WriterNote::begin(bucket, &input.table, input.load_id, input.chunk).await?;
    let result = run(input, throttled, context).await;
    if let Err(error) = &result {
        note_failure(input, error, context).await;
    }
    let ended = writer_note.end(bucket).await;
    let output = result?;
    ended?;
    Ok(output)
}

async fn note_failure(input: &Input, error: &LoadCsvChunkError, context: &Context) {
    // An undone load keeps no notes, and its commit detects the undo itself.
    let is_undone = match error {
        LoadCsvChunkError::BeingUndone { .. } => true,
        LoadCsvChunkError::Plan { source, .. } => source.is_absent(),
        _ => false,
    };
    if is_undone {
        return;
    }
    let Input { load_id, chunk, execution_arn, .. } = input.clone();
    let Diagnostic { error_type, error_message } = function_runtime::diagnostic(error);
    let failure = LoadFailure { name: error_type, message: error_message };
    let note = ChunkFailure { chunk, failure, execution_arn, noted_at: context.clock.now() };
    let json = serde_json::to_vec(&note).expect("a note can be written as JSON");
    if let Err(error) = context.bucket.write(&keys::chunk_failure(load_id, chunk), json, "application/json").await {
        tracing::warn!(%error, "failure not noted");
    }
}

async fn run(input: &Input, throttled: &AtomicU64, context: &Context) -> Result<Output, LoadCsvChunkError> {
    let limits =
        ChunkLimits { deadline: Deadline::at(Instant::now() + context.work_time), max_wcu: input.max_wcu, throttled };
    let bucket = &context.bucket;
    let load_id = input.load_id;
    let plan = read_plan(bucket, load_id).await.map_err(|source| LoadCsvChunkError::Plan { load_id, source })?;
    let chunk = validate(input, &plan)?;
    let done = Output { chunk: input.chunk, done: true, resume: None };
    refuse_if_undone(load_id, bucket).await?;
    let receipt_key = keys::chunk_receipt(load_id, input.chunk);
    let receipt = bucket.document_if_there::<LoadChunkReceipt>(&receipt_key, MAX_RECEIPT_BYTES).await;
    let receipt = receipt.map_err(|source| LoadCsvChunkError::Plan { load_id, source })?;
    if receipt.is_some_and(|receipt| receipt.is_of(load_id, &chunk)) {
        return Ok(done);
    }
    let from = input.resume.unwrap_or(Resume {
        offset: chunk.start,
        line: chunk.first_line,
        counts: RowCounts::default(),
        write_units: 0,
    });
    let superseded = superseded(&plan, &chunk, bucket).await?;
    let WriteProgress { resume, reached_end } = load(&plan, input.chunk, &superseded, from, limits, context).await?;
    if !reached_end {
        tracing::info!(rows = resume.counts.read, of = chunk.rows, "stopped at the time limit");
        return Ok(Output { chunk: input.chunk, done: false, resume: Some(resume) });
    }
    let Resume { counts, write_units, .. } = resume;
    if counts.read != chunk.rows {
        let (address, planned, found) = (plan.source.address(), chunk.rows, counts.read);
        return Err(LoadCsvChunkError::Rows { chunk: input.chunk, address, planned, found });
    }
    let (chunk, first_row) = (input.chunk, chunk.first_row);
    let receipt = LoadChunkReceipt { load_id, chunk, first_row, counts, write_units };
    let json = serde_json::to_vec(&receipt).expect("a receipt can be written as JSON");
    bucket.write(&receipt_key, json, "application/json").await?;
    tracing::info!(written = counts.written, duplicate = counts.duplicate, rejected = counts.rejected, "loaded");
    Ok(done)
}

/// An undo first writes its note and then waits for the calls that write items.
async fn refuse_if_undone(load_id: LoadId, bucket: &Bucket) -> Result<(), LoadCsvChunkError> {
    if bucket.exists(&keys::undoing(load_id)).await? { Err(LoadCsvChunkError::BeingUndone { load_id }) } else { Ok(()) }
}

/// Returns when an undo of the load begins.
async fn wait_for_undo(load_id: LoadId, bucket: &Bucket) -> LoadCsvChunkError {
    loop {
        tokio::time::sleep(csv_load::UNDOING_SEEN_WITHIN).await;
        if let Err(error) = refuse_if_undone(load_id, bucket).await {
            return error;
        }
    }
}

fn validate(input: &Input, plan: &LoadPlan) -> Result<CsvChunk, InvalidInput> {
    let Some(chunk) = plan.chunks.get(input.chunk as usize).copied() else {
        return Err(InvalidInput::new(
            "chunk",
            format!("there is no chunk {}: the plan has {}", input.chunk, plan.chunks.len()),
        ));
    };
    if input.table != plan.table {
        return Err(InvalidInput::new("table", format!("expected {}, as planned", plan.table)));
    }
    if input.max_wcu.is_some_and(|max_wcu| !(max_wcu.is_finite() && max_wcu > 0.0)) {
        return Err(InvalidInput::new("max_wcu", "expected more than 0"));
    }
    let is_within =
        |resume: &Resume| (chunk.start..=chunk.end).contains(&resume.offset) && resume.counts.read <= chunk.rows;
    match &input.resume {
        Some(resume) if !is_within(resume) => Err(InvalidInput::new("resume", "is not within the chunk")),
        _ => Ok(chunk),
    }
}

async fn superseded(plan: &LoadPlan, chunk: &CsvChunk, bucket: &Bucket) -> Result<Bytes, LoadCsvChunkError> {
    let Some(offset) = chunk.superseded_offset else { return Ok(Bytes::new()) };
    let failed = |source: ReadError| LoadCsvChunkError::Plan { load_id: plan.load_id, source: source.into() };
    let range = offset..offset + chunk.superseded_bytes();
    let object = bucket.read_range(&keys::superseded(plan.load_id), range, None).await.map_err(failed)?;
    object.whole(chunk.superseded_bytes()).await.map_err(failed)
}

/// The limits of a call, and its count of throttled calls.
struct ChunkLimits<'a> {
    deadline: Deadline,
    max_wcu: Option<f64>,
    throttled: &'a AtomicU64,
}

async fn load(
    plan: &LoadPlan,
    number: u32,
    superseded: &Bytes,
    from: Resume,
    limits: ChunkLimits<'_>,
    context: &Context,
) -> Result<WriteProgress, LoadCsvChunkError> {
    let chunk = plan.chunks[number as usize];
    if from.offset == chunk.end {
        return Ok(WriteProgress { resume: from, reached_end: true });
    }
    let text = from.offset..chunk.end;
    let gzip_range = if plan.source.is_gzip {
        Some(GzipRange::find(plan, number, text.clone(), &context.bucket).await?)
    } else {
        None
    };
    let range = gzip_range.as_ref().map_or(text, GzipRange::range);
    let object = context.bucket.read_range(&plan.source.key, range, Some(&plan.source.etag)).await;
    let object = object.map_err(LoadCsvChunkError::Source)?;
    let (pieces, file) = pipe();
    let text: Box<dyn Read + Send> = match &gzip_range {
        Some(range) => Box::new(range.inflate(file, plan, number)?),
        None => Box::new(file),
    };
    let (sender, batches) = mpsc::channel(CAPACITY_BATCHES);
    let (own_plan, own_bits) = (plan.clone(), superseded.clone());
    // One batch has at most the units of a second, except for its last item.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "validated as positive; larger values saturate"
    )]
    let max_units = limits.max_wcu.map_or(u64::MAX, |max_wcu| (max_wcu as u64).max(1));
    let parsing = tokio::task::spawn_blocking(move || {
        ChunkRows { plan: &own_plan, superseded: &own_bits, from, max_units }.send(text, &sender)
    });
    let writer = BatchWriter {
        plan,
        items: Items::new(context.dynamodb.clone(), &plan.table),
        pace: Pace::new(limits.max_wcu),
        calls_in_flight: context.calls_in_flight,
        deadline: &limits.deadline,
        throttled: limits.throttled,
    };
    let mut loading = pin!(async { tokio::join!(pieces.feed(object, |_| {}), writer.write(batches, from)) });
    let (fed, progress) = tokio::select! {
        loaded = &mut loading => loaded,
        undone = wait_for_undo(plan.load_id, &context.bucket) => {
            limits.deadline.end_now();
            // Calls in flight may still write, so wait for them before the writer note is deleted.
            loading.await.1.ok();
            return Err(undone);
        }
    };
    let parsed = parsing.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    fed?;
    let progress = progress?;
    let broken =
        |source: RecordError| LoadCsvChunkError::Record { chunk: number, address: plan.source.address(), source };
    parsed.map_err(broken)?;
    Ok(progress)
}
