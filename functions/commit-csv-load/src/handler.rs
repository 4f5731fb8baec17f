//! The handler.

use aws_client::AwsError;
use aws_client::s3::{Bucket, DocumentError};
use aws_csv::{FailedLoadItem, LoadItem, read_plan, wait_for_writers};
use csv_load::plan::MAX_PLAN_BYTES;
use csv_load::receipt::{self, ChunkFailure, LoadBalanceError, LoadChunkReceipt, LoadReceipt, RowCounts};
use csv_load::{LoadId, LoadPlan, keys};
use function_runtime::{Metrics, Unit};
use futures::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use crate::{CommitCsvLoadError, Context, FailedExecution, Input, LoadSummary, Output};

/// The receipt of a load has one entry for each of up to 10,000 chunks.
const MAX_RECEIPT_BYTES: u64 = 16 << 20;
/// 10,000 receipts at 50 ms each take 16 s.
const CONCURRENT_READS: usize = 32;

/// Records that a load is complete, undone or failed.
///
/// # Errors
/// See [`CommitCsvLoadError`]. The load then has no new receipt. A recorded failure is returned as an error.
pub async fn handle(mut input: Input, context: &Context) -> Result<Output, CommitCsvLoadError> {
    if let Some(failure) = input.failed.take() {
        failure.validate(&input)?;
        return record_failure(input, failure, context).await;
    }
    let load_id = input.require_load_id()?;
    match input.undone {
        None => loaded(load_id, input.execution_arn, context).await.map(Output::Load),
        Some(deleted) => {
            let counted = (deleted, input.gone);
            undone(load_id, input.execution_arn, counted, context).await.map(Output::Load)
        }
    }
}

/// Records a failure and returns it as an error, unless the execution was redriven since.
async fn record_failure(
    input: Input,
    failed: FailedExecution,
    context: &Context,
) -> Result<Output, CommitCsvLoadError> {
    let FailedExecution { undoing, error, request, plan, started_at, redrive_count, resumed_redrive } = failed;
    if redrive_count > resumed_redrive {
        return Ok(Output::Retrying { resumed_redrive: redrive_count });
    }
    let text_of = |name: &str| request.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let source_file = text_of("bucket").zip(text_of("key")).map(|(bucket, key)| format!("s3://{bucket}/{key}"));
    let load_id = plan.load_id.as_ref().map(LoadId::to_string).or_else(|| text_of("load_id"));
    tracing::error!(load_id, undoing, name = error.name, message = error.message, "failed");
    let item = FailedLoadItem {
        undoing,
        load_id,
        table: text_of("table"),
        source_file,
        error: error.clone(),
        execution_arn: input.execution_arn,
        redrive_count,
        started_at,
        ended_at: context.clock.now(),
    };
    context.loads.put_failed(&item).await?;
    Err(CommitCsvLoadError::Failed(error))
}

async fn loaded(load_id: LoadId, execution_arn: String, context: &Context) -> Result<LoadSummary, CommitCsvLoadError> {
    use CommitCsvLoadError::{Balance, Chunk, Read, Undone};
    match commit_load(load_id, execution_arn, context).await {
        // An undo in progress explains the missing parts.
        Err(Balance(_) | Chunk { .. } | Read { .. }) if is_undone(load_id, &context.bucket).await? => {
            Err(Undone { load_id })
        }
        outcome => outcome,
    }
}

/// Returns whether the load is being undone or was undone. Undo deletes the plan last.
async fn is_undone(load_id: LoadId, bucket: &Bucket) -> Result<bool, AwsError> {
    Ok(bucket.exists(&keys::undoing(load_id)).await?
        || (!bucket.exists(&keys::plan(load_id)).await? && bucket.exists(&keys::undone(load_id)).await?))
}

async fn commit_load(
    load_id: LoadId,
    execution_arn: String,
    context: &Context,
) -> Result<LoadSummary, CommitCsvLoadError> {
    let bucket = &context.bucket;
    let cannot_read = |source| CommitCsvLoadError::Read { load_id, source };
    let plan = read_plan(bucket, load_id).await.map_err(cannot_read)?;
    let mut chunks = chunk_receipts(load_id, bucket).await?;
    if receipt::total(&plan, &chunks).is_err() {
        // A chunk failed, but calls for other chunks may still run. Wait for them before the load is reported as failed.
        wait_for_writers(bucket, &keys::writers_of_load(&plan.table, load_id), None).await?;
        chunks = chunk_receipts(load_id, bucket).await?;
    }
    let counts = match receipt::total(&plan, &chunks) {
        Ok(counts) => counts,
        Err(error @ LoadBalanceError::Missing { .. }) => {
            return Err(noted_failure(load_id, &chunks, &execution_arn, bucket).await?.unwrap_or(error.into()));
        }
        Err(error) => return Err(error.into()),
    };
    let written = LoadReceipt::new(plan, counts, chunks, context.clock.now(), execution_arn);
    let json = serde_json::to_vec_pretty(&written).expect("a receipt is JSON");
    let key = keys::receipt(load_id);
    // The history item is written first: once the receipt exists, no run repeats this.
    context.loads.put(&LoadItem::new(&written, bucket.address(&key), "loaded")).await?;
    let receipt = if bucket.write_if_absent(&key, json, "application/json").await? {
        load_metrics(&written).emit();
        written
    } else {
        let earlier = bucket.document(&key, MAX_RECEIPT_BYTES).await.map_err(cannot_read)?;
        context.loads.put(&LoadItem::new(&earlier, bucket.address(&key), "loaded")).await?;
        earlier
    };
    tracing::info!(%load_id, read = counts.read, written = counts.written, rejected = counts.rejected, "committed");
    Ok(summary(receipt, &key, bucket))
}

/// The metrics of a load. They are emitted once, by the run that writes the receipt.
fn load_metrics(receipt: &LoadReceipt) -> Metrics {
    let RowCounts { read, written, duplicate, rejected, skipped } = receipt.counts;
    let rejected_percent = if read == 0 { 0.0 } else { 100.0 * rejected as f64 / read as f64 };
    let seconds = receipt.completed_at.duration_since(receipt.ingestion_timestamp).as_secs_f64();
    Metrics::new()
        .with("CsvRowsRead", Unit::Count, read as f64)
        .with("CsvRowsWritten", Unit::Count, written as f64)
        .with("CsvRowsDuplicate", Unit::Count, duplicate as f64)
        .with("CsvRowsRejected", Unit::Count, rejected as f64)
        .with("CsvRowsSkipped", Unit::Count, skipped as f64)
        .with("CsvRejectedPercent", Unit::Percent, rejected_percent)
        .with("CsvLoadSeconds", Unit::Seconds, seconds)
        .about("load_id", receipt.load_id.to_string())
        .about("table", receipt.table.clone())
}

/// Keeps the receipt of an undone load and deletes all its other objects.
///
/// Deletes the plan second to last and the undo note last. After that, the same file is a new load.
async fn undone(
    load_id: LoadId,
    execution_arn: String,
    (deleted, gone): (u64, u64),
    context: &Context,
) -> Result<LoadSummary, CommitCsvLoadError> {
    let bucket = &context.bucket;
    let (plan_key, note_key, key) = (keys::plan(load_id), keys::undoing(load_id), keys::undone(load_id));
    let cannot_read = |source: DocumentError| CommitCsvLoadError::Read { load_id, source };
    let plan: Option<LoadPlan> = bucket.document_if_there(&plan_key, MAX_PLAN_BYTES).await.map_err(cannot_read)?;
    let Some(plan) = plan else {
        // An earlier run deleted the plan.
        let receipt = bucket.document(&key, MAX_RECEIPT_BYTES).await.map_err(cannot_read)?;
        bucket.delete_many(&[note_key]).await?;
        return Ok(summary(receipt, &key, bucket));
    };
    // Written by an earlier run that deleted the receipt of the load, or by an earlier load of the same file.
    let kept: Option<LoadReceipt> = bucket.document_if_there(&key, MAX_RECEIPT_BYTES).await.map_err(cannot_read)?;
    let kept = kept.filter(|kept| kept.ingestion_timestamp == plan.ingestion_timestamp);
    let receipt = bucket.document_if_there(&keys::receipt(load_id), MAX_RECEIPT_BYTES).await.map_err(cannot_read)?;
    let receipt = match receipt.or(kept) {
        Some(receipt) => receipt,
        None => LoadReceipt::new(plan, RowCounts::default(), Vec::new(), context.clock.now(), String::new()),
    };
    // The rejected rows are deleted too.
    let (undone, quarantine) = (Some(deleted), None);
    let receipt = LoadReceipt { undone, gone, quarantine, completed_at: context.clock.now(), execution_arn, ..receipt };
    let json = serde_json::to_vec_pretty(&receipt).expect("a receipt is JSON");
    bucket.write(&key, json, "application/json").await?;
    context.loads.put(&LoadItem::new(&receipt, bucket.address(&key), "undone")).await?;
    let of_load = bucket.list(&keys::prefix(load_id)).await?.into_iter().map(|listed| listed.key);
    let others: Vec<String> = of_load.filter(|key| *key != plan_key && *key != note_key).collect();
    bucket.delete_many(&others).await?;
    bucket.delete_many(&[plan_key]).await?;
    bucket.delete_many(&[note_key]).await?;
    tracing::info!(%load_id, deleted, gone, "undone");
    Ok(summary(receipt, &key, bucket))
}

fn summary(receipt: LoadReceipt, key: &str, bucket: &Bucket) -> LoadSummary {
    let LoadReceipt { load_id, table, counts, write_units, quarantine, undone, gone, .. } = receipt;
    let quarantine = quarantine.map(|key| bucket.address(&key));
    LoadSummary { load_id, table, counts, write_units, receipt: bucket.address(key), undone, gone, quarantine }
}

/// Returns the failure that explains missing receipts, if a chunk noted one for this execution.
///
/// It is the last note, with permanent failures before those that are retried.
async fn noted_failure(
    load_id: LoadId,
    receipts: &[LoadChunkReceipt],
    execution_arn: &str,
    bucket: &Bucket,
) -> Result<Option<CommitCsvLoadError>, CommitCsvLoadError> {
    let is_loaded = |chunk| receipts.iter().any(|receipt| receipt.chunk == chunk);
    let notes: Vec<ChunkFailure> = documents(load_id, &keys::chunk_failures_prefix(load_id), bucket).await?;
    let of_this = |note: &ChunkFailure| note.execution_arn.as_deref() == Some(execution_arn) && !is_loaded(note.chunk);
    let last = notes.into_iter().filter(of_this).max_by_key(|note| (!note.failure.is_retried(), note.noted_at));
    Ok(last.map(|ChunkFailure { chunk, failure, .. }| CommitCsvLoadError::Chunk { load_id, chunk, failure }))
}

async fn chunk_receipts(load_id: LoadId, bucket: &Bucket) -> Result<Vec<LoadChunkReceipt>, CommitCsvLoadError> {
    documents(load_id, &keys::chunk_receipts_prefix(load_id), bucket).await
}

/// Reads all documents under a prefix, ordered by key.
async fn documents<T: DeserializeOwned>(
    load_id: LoadId,
    prefix: &str,
    bucket: &Bucket,
) -> Result<Vec<T>, CommitCsvLoadError> {
    let listed = bucket.list(prefix).await?;
    let read = async |key: String| bucket.document(&key, MAX_RECEIPT_BYTES).await;
    let documents = stream::iter(listed).map(|listed| read(listed.key)).buffered(CONCURRENT_READS);
    documents.try_collect().await.map_err(|source| CommitCsvLoadError::Read { load_id, source })
}
