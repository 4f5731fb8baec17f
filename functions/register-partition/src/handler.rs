//! What the function does.

use aws_client::s3::ReadError;
use aws_lake::Holder;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use pipeline::ledger::{Publication, SourceFile};
use pipeline::plan::{HourPlan, MAX_PLAN_BYTES};
use pipeline::receipt::{self, ChunkReceipt};
use pipeline::{ArchiveHour, Version, keys, lease, publish};

use crate::event::Target;
use crate::{Context, Input, Output, RegisterError};

/// How many receipts are read at once.
const CONCURRENT_READS: usize = 16;

/// A receipt has about 1 KB; only a chunk of nothing but invented event types makes it long.
const MAX_RECEIPT_BYTES: u64 = 16 << 20;

/// Checks an hour and makes it visible.
///
/// The execution then holds the hour's lease: commit-bookmark gives it back.
pub async fn handle(input: Input, context: &Context) -> Result<Output, RegisterError> {
    let hour = input.hour;
    let (version, source) = match input.target()? {
        Target::Converted { version, source } => (version, source),
        Target::RollBack(to) => {
            let existing = context.ledger.get(hour).await?;
            publish::roll_back(hour, to, &input.run(), existing.as_ref())?
        }
    };
    let holder = Holder { hour, version, execution_arn: &input.execution_arn };
    let until = context.leases.take(&holder, (context.now)()).await?;
    let publication = match check(&input, version, source, context).await {
        Ok(publication) => publication,
        Err(error) => {
            // Nothing was touched. If this fails too, the lease ends by itself.
            if let Err(kept) = context.leases.give_back(&holder, 1).await {
                tracing::warn!(error = %kept, "the lease was not given back");
            }
            return Err(if input.roll_back_to.is_some() { error.of_a_rollback(hour, version) } else { error });
        }
    };
    register(&holder, until, &publication, context).await?;
    Ok(Output { hour, publication })
}

/// What is to be published, if it may be. Others publish nothing meanwhile, so it stays so.
async fn check(
    input: &Input,
    version: Version,
    source: SourceFile,
    context: &Context,
) -> Result<Publication, RegisterError> {
    let hour = input.hour;
    let existing = context.ledger.get(hour).await?;
    publish::check_overtaken(hour, version, &input.run(), existing.as_ref())?;
    let plan = read_plan(hour, &keys::plan(hour, version), context).await?;
    if (plan.hour, plan.version) != (hour, version) {
        let reason = format!("it is of hour {}, version {}", plan.hour, plan.version);
        return Err(RegisterError::NotThePlan { address: context.bucket.address(&keys::plan(hour, version)), reason });
    }
    let receipts = read_receipts(&plan, context).await?;
    let totals = receipt::total(&plan, &receipts)?;
    let listed = context.bucket.list(&keys::parquet_prefix(hour, version)).await?;
    publish::check_objects(hour, &receipts, &listed.into_iter().map(|object| (object.key, object.bytes)).collect())?;
    let publication = publish::publication(&plan, totals, source, context.bucket.name());
    match publish::check_shrink(hour, &publication, existing.as_ref()) {
        Err(error) if input.force || input.roll_back_to.is_some() => tracing::warn!(%error, "wanted"),
        checked => checked?,
    }
    Ok(publication)
}

async fn read_plan(hour: ArchiveHour, key: &str, context: &Context) -> Result<HourPlan, RegisterError> {
    let bytes = match context.bucket.read_whole(key, MAX_PLAN_BYTES).await {
        Err(ReadError::NotFound { address }) => return Err(RegisterError::PlanNotFound { address }),
        read => read?,
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let reason = format!("hour {hour}: {error}");
        RegisterError::NotThePlan { address: context.bucket.address(key), reason }
    })
}

/// The receipts of all chunks, in the plan's order.
async fn read_receipts(plan: &HourPlan, context: &Context) -> Result<Vec<ChunkReceipt>, RegisterError> {
    let chunks = (0..).zip(&plan.gzip.chunks).map(|(chunk, _)| chunk);
    let reads = futures::stream::iter(chunks.map(|chunk| read_receipt(plan, chunk, context)));
    reads.buffered(CONCURRENT_READS).try_collect().await
}

async fn read_receipt(plan: &HourPlan, chunk: u32, context: &Context) -> Result<ChunkReceipt, RegisterError> {
    let key = keys::receipt(plan.hour, plan.version, chunk);
    let bytes = match context.bucket.read_whole(&key, MAX_RECEIPT_BYTES).await {
        Err(ReadError::NotFound { address }) => return Err(RegisterError::ReceiptNotFound { chunk, address }),
        read => read?,
    };
    let address = context.bucket.address(&key);
    serde_json::from_slice(&bytes).map_err(|source| RegisterError::NotAReceipt { chunk, address, source })
}

/// Points the hour's partition at the publication.
async fn register(
    holder: &Holder<'_>,
    until: Timestamp,
    publication: &Publication,
    context: &Context,
) -> Result<(), RegisterError> {
    let (partitions, values) = (&context.partitions, holder.hour.partition_values());
    let mut storage = partitions.storage().await?;
    storage.location = Some(publication.partition_location.clone());
    let until = still_held(holder, until, context).await?;
    if partitions.create(&values, &storage).await? {
        return Ok(());
    }
    let location = partitions.location(&values).await?;
    if location.as_deref() == Some(&publication.partition_location) {
        return Ok(());
    }
    tracing::info!(from = location, to = publication.partition_location, "the partition moves to another version");
    still_held(holder, until, context).await?;
    Ok(partitions.update(&values, &storage).await?)
}

/// Makes sure that the next call takes effect, if it does, while the lease is held. Answers until when it is.
async fn still_held(holder: &Holder<'_>, until: Timestamp, context: &Context) -> Result<Timestamp, RegisterError> {
    let now = (context.now)();
    if lease::is_safe(until, now) {
        return Ok(until);
    }
    let renewed = context.leases.renew(holder, now).await?;
    renewed.ok_or(RegisterError::LeaseLost { hour: holder.hour })
}
