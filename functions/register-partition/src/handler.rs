//! The handler.

use aws_client::s3::ReadError;
use aws_lake::LeaseHolder;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use pipeline::ledger::{Publication, SourceFile};
use pipeline::plan::{HourPlan, MAX_PLAN_BYTES};
use pipeline::receipt::{self, ChunkReceipt};
use pipeline::{ArchiveHour, Version, keys, lease, publish};

use crate::event::PublishTarget;
use crate::{Context, Input, Output, RegisterPartitionError};

const CONCURRENT_READS: usize = 16;

/// A receipt has about 1 KB, but more if a chunk has many unknown event types.
const MAX_RECEIPT_BYTES: u64 = 16 << 20;

/// Checks an hour and makes it visible. The execution then holds the lease of the hour, which `commit-bookmark` gives back.
///
/// # Errors
/// See [`RegisterPartitionError`].
pub async fn handle(input: Input, context: &Context) -> Result<Output, RegisterPartitionError> {
    let hour = input.hour;
    let (version, source) = match input.target()? {
        PublishTarget::Converted { version, source } => (version, source),
        PublishTarget::RollBack(to) => {
            let existing = context.ledger.get(hour).await?;
            publish::roll_back(hour, to, &input.run(), existing.as_ref())?
        }
    };
    let holder = LeaseHolder { hour, version, execution_arn: &input.execution_arn };
    let until = context.leases.take(&holder, context.clock.now()).await?;
    let publication = match check(&input, version, source, context).await {
        Ok(publication) => publication,
        Err(error) => {
            // Nothing was changed. If this call fails too, the lease expires.
            if let Err(error) = context.leases.give_back(&holder, 1).await {
                tracing::warn!(%error, "lease not given back");
            }
            return Err(if input.roll_back_to.is_some() { error.into_rollback_error(hour, version) } else { error });
        }
    };
    register(&holder, until, &publication, context).await?;
    Ok(Output { hour, publication })
}

/// Checks whether the version may be published. The lease keeps other runs from publishing meanwhile.
async fn check(
    input: &Input,
    version: Version,
    source: SourceFile,
    context: &Context,
) -> Result<Publication, RegisterPartitionError> {
    let hour = input.hour;
    let existing = context.ledger.get(hour).await?;
    publish::check_overtaken(hour, version, &input.run(), existing.as_ref())?;
    let plan = read_plan(hour, &keys::plan(hour, version), context).await?;
    if (plan.hour, plan.version) != (hour, version) {
        let reason = format!("it belongs to hour {}, version {}", plan.hour, plan.version);
        return Err(RegisterPartitionError::NotThePlan {
            address: context.bucket.address(&keys::plan(hour, version)),
            reason,
        });
    }
    let receipts = read_receipts(&plan, context).await?;
    let totals = receipt::total(&plan, &receipts)?;
    let listed = context.bucket.list(&keys::parquet_prefix(hour, version)).await?;
    publish::check_objects(hour, &receipts, &listed.into_iter().map(|object| (object.key, object.bytes)).collect())?;
    let publication = publish::publication(&plan, totals, source, context.bucket.name());
    match publish::check_shrink(hour, &publication, existing.as_ref()) {
        Err(error) if input.force || input.roll_back_to.is_some() => tracing::warn!(%error, "shrinking as requested"),
        checked => checked?,
    }
    Ok(publication)
}

async fn read_plan(hour: ArchiveHour, key: &str, context: &Context) -> Result<HourPlan, RegisterPartitionError> {
    let bytes = match context.bucket.read_whole(key, MAX_PLAN_BYTES).await {
        Err(ReadError::NotFound { address }) => return Err(RegisterPartitionError::PlanNotFound { address }),
        read => read?,
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let reason = format!("hour {hour}: {error}");
        RegisterPartitionError::NotThePlan { address: context.bucket.address(key), reason }
    })
}

/// Reads the receipts of all chunks, in order.
async fn read_receipts(plan: &HourPlan, context: &Context) -> Result<Vec<ChunkReceipt>, RegisterPartitionError> {
    let chunks = (0..).zip(&plan.gzip.chunks).map(|(chunk, _)| chunk);
    let reads = futures::stream::iter(chunks.map(|chunk| read_receipt(plan, chunk, context)));
    reads.buffered(CONCURRENT_READS).try_collect().await
}

async fn read_receipt(plan: &HourPlan, chunk: u32, context: &Context) -> Result<ChunkReceipt, RegisterPartitionError> {
    let key = keys::receipt(plan.hour, plan.version, chunk);
    let bytes = match context.bucket.read_whole(&key, MAX_RECEIPT_BYTES).await {
        Err(ReadError::NotFound { address }) => return Err(RegisterPartitionError::ReceiptNotFound { chunk, address }),
        read => read?,
    };
    let address = context.bucket.address(&key);
    serde_json::from_slice(&bytes).map_err(|source| RegisterPartitionError::NotAReceipt { chunk, address, source })
}

/// Points the partition of the hour at the publication.
async fn register(
    holder: &LeaseHolder<'_>,
    until: Timestamp,
    publication: &Publication,
    context: &Context,
) -> Result<(), RegisterPartitionError> {
    let (partitions, values) = (&context.partitions, holder.hour.partition_values());
    let mut storage = partitions.storage().await?;
    storage.location = Some(publication.partition_location.clone());
    let until = keep_lease(holder, until, context).await?;
    if partitions.create(&values, &storage).await? {
        return Ok(());
    }
    let location = partitions.location(&values).await?;
    if location.as_deref() == Some(&publication.partition_location) {
        return Ok(());
    }
    tracing::info!(from = location, to = publication.partition_location, "partition moves to another version");
    keep_lease(holder, until, context).await?;
    Ok(partitions.update(&values, &storage).await?)
}

/// Renews the lease if it could end before the next call takes effect. Returns its end.
async fn keep_lease(
    holder: &LeaseHolder<'_>,
    until: Timestamp,
    context: &Context,
) -> Result<Timestamp, RegisterPartitionError> {
    let now = context.clock.now();
    if lease::is_safe(until, now) {
        return Ok(until);
    }
    let renewed = context.leases.renew(holder, now).await?;
    renewed.ok_or(RegisterPartitionError::LeaseLost { hour: holder.hour })
}
