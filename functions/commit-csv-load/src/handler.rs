//! What the function does.

use aws_adapters::dynamodb::LoadItem;
use aws_adapters::s3::{Bucket, ReadError};
use csv_load::plan::MAX_PLAN_BYTES;
use csv_load::receipt::{self, BalanceError, ChunkReceipt, Counts, LoadReceipt};
use csv_load::{LoadId, LoadPlan, keys};
use serde::de::DeserializeOwned;

use crate::{CommitCsvLoadError, Context, Input, Output};

/// A load's receipt has one of each of 10,000 chunks, and the options.
const MAX_RECEIPT_BYTES: u64 = 16 << 20;

/// Commits a load, or that it was undone.
///
/// # Errors
/// See [`CommitCsvLoadError`]. The file is then recognised as before.
pub async fn handle(input: Input, context: &Context) -> Result<Output, CommitCsvLoadError> {
    match input.undone {
        None => loaded(input, context).await,
        Some(deleted) => undone(input, deleted, context).await,
    }
}

async fn loaded(input: Input, context: &Context) -> Result<Output, CommitCsvLoadError> {
    let (load_id, bucket) = (input.load_id, &context.bucket);
    let plan: LoadPlan = read(bucket, &keys::plan(load_id), load_id, MAX_PLAN_BYTES).await?;
    let chunks = chunk_receipts(load_id, bucket).await?;
    let counts = match receipt::total(&plan, &chunks) {
        Ok(counts) => counts,
        Err(error @ BalanceError::Missing { chunk, .. }) => {
            return Err(why_missing(load_id, chunk, bucket).await?.unwrap_or(error.into()));
        }
        Err(error) => return Err(error.into()),
    };
    let written = LoadReceipt::new(plan, counts, chunks, (context.now)(), input.execution_arn);
    let json = serde_json::to_vec_pretty(&written).expect("a receipt is JSON");
    let key = keys::receipt(load_id);
    // The line comes first: once there is a receipt, nobody runs this again.
    context.loads.put(&LoadItem::of(&written, bucket.address(&key), "loaded")).await?;
    let receipt = if bucket.write_if_absent(&key, json, "application/json").await? {
        written
    } else {
        let earlier = read(bucket, &key, load_id, MAX_RECEIPT_BYTES).await?;
        context.loads.put(&LoadItem::of(&earlier, bucket.address(&key), "loaded")).await?;
        earlier
    };
    tracing::info!(%load_id, read = counts.read, written = counts.written, rejected = counts.rejected, "committed");
    Ok(output(receipt, &key, bucket))
}

/// Keeps the receipt of a load that was undone, and removes all else of it, the plan last: the same file is a new load then.
async fn undone(input: Input, deleted: u64, context: &Context) -> Result<Output, CommitCsvLoadError> {
    let (load_id, bucket) = (input.load_id, &context.bucket);
    let (plan_key, key) = (keys::plan(load_id), keys::undone(load_id));
    let Some(plan) = read_if_there::<LoadPlan>(bucket, &plan_key, load_id).await? else {
        // An earlier run came to its end.
        return Ok(output(read(bucket, &key, load_id, MAX_RECEIPT_BYTES).await?, &key, bucket));
    };
    // Of an earlier run that removed the load's receipt; or of an earlier load of the same file.
    let kept: Option<LoadReceipt> = read_if_there(bucket, &key, load_id).await?;
    let kept = kept.filter(|kept| kept.ingestion_timestamp == plan.ingestion_timestamp);
    let receipt = match read_if_there(bucket, &keys::receipt(load_id), load_id).await?.or(kept) {
        Some(receipt) => receipt,
        None => LoadReceipt::new(plan, Counts::default(), Vec::new(), (context.now)(), String::new()),
    };
    let receipt = LoadReceipt {
        undone: Some(deleted),
        completed_at: (context.now)(),
        execution_arn: input.execution_arn,
        ..receipt
    };
    let json = serde_json::to_vec_pretty(&receipt).expect("a receipt is JSON");
    bucket.write(&key, json, "application/json").await?;
    context.loads.put(&LoadItem::of(&receipt, bucket.address(&key), "undone")).await?;
    let of_load = bucket.list(&keys::prefix(load_id)).await?.into_iter().map(|listed| listed.key);
    let all_else: Vec<String> = of_load.filter(|key| *key != plan_key).collect();
    bucket.delete_many(&all_else).await?;
    bucket.delete_many(&[plan_key]).await?;
    tracing::info!(%load_id, deleted, "undone");
    Ok(output(LoadReceipt { quarantine: None, ..receipt }, &key, bucket))
}

fn output(receipt: LoadReceipt, key: &str, bucket: &Bucket) -> Output {
    let LoadReceipt { load_id, table, counts, write_units, quarantine, undone, .. } = receipt;
    let quarantine = quarantine.map(|key| bucket.address(&key));
    Output { load_id, table, counts, write_units, receipt: bucket.address(key), undone, quarantine }
}

/// Why a chunk has no receipt, if it noted that.
async fn why_missing(
    load_id: LoadId,
    chunk: u32,
    bucket: &Bucket,
) -> Result<Option<CommitCsvLoadError>, CommitCsvLoadError> {
    let failure = read_if_there(bucket, &keys::chunk_failure(load_id, chunk), load_id).await?;
    Ok(failure.map(|failure| CommitCsvLoadError::Chunk { load_id: load_id.to_string(), chunk, failure }))
}

async fn chunk_receipts(load_id: LoadId, bucket: &Bucket) -> Result<Vec<ChunkReceipt>, CommitCsvLoadError> {
    let mut receipts = Vec::new();
    for listed in bucket.list(&keys::chunk_receipts_prefix(load_id)).await? {
        receipts.push(read(bucket, &listed.key, load_id, MAX_RECEIPT_BYTES).await?);
    }
    Ok(receipts)
}

async fn read<T: DeserializeOwned>(
    bucket: &Bucket,
    key: &str,
    load_id: LoadId,
    max_bytes: u64,
) -> Result<T, CommitCsvLoadError> {
    let json = bucket.read_whole(key, max_bytes).await;
    let json = json.map_err(|source| CommitCsvLoadError::Read { load_id: load_id.to_string(), source })?;
    serde_json::from_slice(&json)
        .map_err(|source| CommitCsvLoadError::NoDocument { address: bucket.address(key), source })
}

async fn read_if_there<T: DeserializeOwned>(
    bucket: &Bucket,
    key: &str,
    load_id: LoadId,
) -> Result<Option<T>, CommitCsvLoadError> {
    match read(bucket, key, load_id, MAX_PLAN_BYTES).await {
        Ok(document) => Ok(Some(document)),
        Err(CommitCsvLoadError::Read { source: ReadError::NotFound { .. }, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
