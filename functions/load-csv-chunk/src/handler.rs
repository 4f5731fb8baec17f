//! What the function does.

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
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::ending::Ending;
use crate::pace::Pace;
use crate::rows::Rows;
use crate::stretch::Stretch;
use crate::writer::{Progress, Writer};
use crate::{Context, Input, LoadCsvChunkError, Output, Resume};

/// A chunk's receipt has some hundred bytes.
const MAX_RECEIPT_BYTES: u64 = 1 << 20;
/// So many batches wait for a call.
const WAITING_BATCHES: usize = 4;

/// Loads a chunk, or as much of it as there is time for.
///
/// # Errors
/// See [`LoadCsvChunkError`]. Some of its items may be written then, and the failure is noted for whoever ends the load: the
/// state machine knows only that too many chunks failed.
pub async fn handle(input: Input, context: &Context) -> Result<Output, LoadCsvChunkError> {
    let (begin, throttled) = (Instant::now(), AtomicU64::new(0));
    let outcome = noted(&input, &throttled, context).await;
    Metrics::new()
        .with("CsvThrottledCalls", Unit::Count, throttled.into_inner() as f64)
        .with("CsvChunkSeconds", Unit::Seconds, begin.elapsed().as_secs_f64())
        .about("load_id", input.load_id.to_string())
        .about("chunk", input.chunk)
        .emit();
    outcome
}

/// Loads while there is a note of that, and notes why it failed if it did: before the other note goes, so that whoever waits
/// for that finds this one.
async fn noted(input: &Input, throttled: &AtomicU64, context: &Context) -> Result<Output, LoadCsvChunkError> {
    let bucket = &context.bucket;
    let writing = WriterNote::begin(bucket, &input.table, input.load_id, input.chunk).await?;
    let outcome = run(input, throttled, context).await;
    if let Err(error) = &outcome {
        note_failure(input, error, bucket).await;
    }
    let ended = writing.end(bucket).await;
    let output = outcome?;
    ended?;
    Ok(output)
}

async fn note_failure(input: &Input, error: &LoadCsvChunkError, bucket: &Bucket) {
    // Nothing is kept of a load that is undone: its commit sees that by itself.
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
    let note = ChunkFailure { chunk, failure, execution_arn, noted_at: Timestamp::now() };
    let json = serde_json::to_vec(&note).expect("a note is JSON");
    if let Err(error) = bucket.write(&keys::chunk_failure(load_id, chunk), json, "application/json").await {
        tracing::warn!(%error, "the failure could not be noted");
    }
}

async fn run(input: &Input, throttled: &AtomicU64, context: &Context) -> Result<Output, LoadCsvChunkError> {
    let limits = Limits { ending: Ending::at(Instant::now() + context.work_time), max_wcu: input.max_wcu, throttled };
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
    let Progress { resume, reached_end } = load(&plan, input.chunk, &superseded, from, limits, context).await?;
    if !reached_end {
        tracing::info!(rows = resume.counts.read, of = chunk.rows, "stopped in time");
        return Ok(Output { chunk: input.chunk, done: false, resume: Some(resume) });
    }
    let Resume { counts, write_units, .. } = resume;
    if counts.read != chunk.rows {
        let (address, planned, found) = (plan.source.address(), chunk.rows, counts.read);
        return Err(LoadCsvChunkError::Rows { chunk: input.chunk, address, planned, found });
    }
    let (chunk, first_row) = (input.chunk, chunk.first_row);
    let receipt = LoadChunkReceipt { load_id, chunk, first_row, counts, write_units };
    let json = serde_json::to_vec(&receipt).expect("a receipt is JSON");
    bucket.write(&receipt_key, json, "application/json").await?;
    tracing::info!(written = counts.written, duplicate = counts.duplicate, rejected = counts.rejected, "loaded");
    Ok(done)
}

/// Whoever undoes a load notes that, and then waits for the calls that write its items.
async fn refuse_if_undone(load_id: LoadId, bucket: &Bucket) -> Result<(), LoadCsvChunkError> {
    match bucket.exists(&keys::undoing(load_id)).await? {
        true => Err(LoadCsvChunkError::BeingUndone { load_id }),
        false => Ok(()),
    }
}

/// Ends if the load is undone meanwhile, and not before.
async fn undone(load_id: LoadId, bucket: &Bucket) -> LoadCsvChunkError {
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
        Some(resume) if !is_within(resume) => Err(InvalidInput::new("resume", "it is not within the chunk")),
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

/// What a call may take, and what it could not.
struct Limits<'a> {
    ending: Ending,
    max_wcu: Option<f64>,
    throttled: &'a AtomicU64,
}

async fn load(
    plan: &LoadPlan,
    number: u32,
    superseded: &Bytes,
    from: Resume,
    limits: Limits<'_>,
    context: &Context,
) -> Result<Progress, LoadCsvChunkError> {
    let chunk = plan.chunks[number as usize];
    if from.offset == chunk.end {
        return Ok(Progress { resume: from, reached_end: true });
    }
    let text = from.offset..chunk.end;
    let stretch = if plan.source.is_gzip {
        Some(Stretch::find(plan, number, text.clone(), &context.bucket).await?)
    } else {
        None
    };
    let range = stretch.as_ref().map_or(text, Stretch::range);
    let object = context.bucket.read_range(&plan.source.key, range, Some(&plan.source.etag)).await;
    let object = object.map_err(LoadCsvChunkError::Source)?;
    let (pieces, file) = pipe();
    let text: Box<dyn Read + Send> = match &stretch {
        Some(stretch) => Box::new(stretch.inflate(file, plan, number)?),
        None => Box::new(file),
    };
    let (sender, batches) = mpsc::channel(WAITING_BATCHES);
    let (own_plan, own_bits) = (plan.clone(), superseded.clone());
    // No call takes more than a second's share, but for its last item.
    let max_units = limits.max_wcu.map_or(u64::MAX, |max_wcu| (max_wcu as u64).max(1));
    let parsing = tokio::task::spawn_blocking(move || {
        Rows { plan: &own_plan, superseded: &own_bits, from, max_units }.send(text, &sender)
    });
    let writer = Writer {
        plan,
        items: Items::new(context.dynamodb.clone(), &plan.table),
        pace: Pace::new(limits.max_wcu),
        calls_in_flight: context.calls_in_flight,
        ending: &limits.ending,
        throttled: limits.throttled,
    };
    let mut loading = pin!(async { tokio::join!(pieces.feed(object, |_| {}), writer.write(batches, from)) });
    let (fed, progress) = tokio::select! {
        loaded = &mut loading => loaded,
        undone = undone(plan.load_id, &context.bucket) => {
            limits.ending.end_now();
            // Calls that are under way may still write: the note of this one goes after them.
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
