//! What the function does.

use aws_adapters::dynamodb::LoadItem;
use aws_adapters::s3::Bucket;
use csv_load::plan::MAX_PLAN_BYTES;
use csv_load::receipt::{self, ChunkReceipt, LoadReceipt};
use csv_load::{LoadId, LoadPlan, keys};
use serde::de::DeserializeOwned;

use crate::{CommitCsvLoadError, Context, Input, Output};

/// A load's receipt has one of each of 10,000 chunks, and the options.
const MAX_RECEIPT_BYTES: u64 = 16 << 20;

/// Commits a load.
///
/// # Errors
/// See [`CommitCsvLoadError`]. The file is then not recognised as loaded.
pub async fn handle(input: Input, context: &Context) -> Result<Output, CommitCsvLoadError> {
    let (load_id, bucket) = (input.load_id, &context.bucket);
    let plan: LoadPlan = read(bucket, &keys::plan(load_id), load_id, MAX_PLAN_BYTES).await?;
    let chunks = chunk_receipts(load_id, bucket).await?;
    let counts = receipt::total(&plan, &chunks)?;
    let written = LoadReceipt {
        load_id,
        table: plan.table,
        source: plan.source,
        options: plan.options,
        counts,
        write_units: chunks.iter().map(|chunk| chunk.write_units).sum(),
        chunks,
        quarantine: (counts.rejected > 0).then(|| keys::quarantine(load_id)),
        ingestion_timestamp: plan.ingestion_timestamp,
        completed_at: (context.now)(),
        execution_arn: input.execution_arn,
    };
    let json = serde_json::to_vec_pretty(&written).expect("a receipt is JSON");
    let key = keys::receipt(load_id);
    let receipt = match bucket.write_if_absent(&key, json, "application/json").await? {
        true => written,
        false => read(bucket, &key, load_id, MAX_RECEIPT_BYTES).await?,
    };
    context.loads.put(&LoadItem::of(&receipt, bucket.address(&key))).await?;
    tracing::info!(%load_id, read = counts.read, written = counts.written, rejected = counts.rejected, "committed");
    let quarantine = receipt.quarantine.map(|key| bucket.address(&key));
    let LoadReceipt { table, counts, write_units, .. } = receipt;
    Ok(Output { load_id, table, counts, write_units, receipt: bucket.address(&key), quarantine })
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
