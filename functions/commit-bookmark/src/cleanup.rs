//! Deletion of objects that readers no longer see, or never saw.

use aws_client::s3::{Bucket, MAX_DELETES};
use pipeline::ledger::{LedgerItem, Publication};
use pipeline::{ArchiveHour, Version, keys};

use crate::lease_guard::LeaseGuard;
use crate::{CommitBookmarkError, Context, Input};

/// Deletes all objects of one version of an hour while the run holds the lease. A second call finds nothing to delete.
///
/// The plan is deleted last, because it leads to the other objects.
pub(crate) async fn delete_version(
    hour: ArchiveHour,
    version: Version,
    bucket: &Bucket,
    guard: &mut LeaseGuard<'_>,
) -> Result<(), CommitBookmarkError> {
    let prefixes = [
        keys::parquet_prefix(hour, version),
        keys::quarantine_prefix(hour, version),
        keys::receipts_prefix(hour, version),
    ];
    let mut keys = list_keys(&prefixes, bucket).await?;
    keys.push(keys::windows(hour, version));
    keys.push(keys::plan(hour, version));
    tracing::info!(%version, objects = keys.len(), "deleting replaced version");
    delete_keys(&keys, bucket, guard).await
}

/// Deletes the objects of versions that the ledger `item` does not name, while the run holds the lease.
///
/// Failed runs left them behind. A run that is still working on such a version writes its objects again. Keys without a version
/// are not written by runs and stay.
pub(crate) async fn delete_unknown_versions(
    hour: ArchiveHour,
    item: &LedgerItem,
    bucket: &Bucket,
    guard: &mut LeaseGuard<'_>,
) -> Result<(), CommitBookmarkError> {
    let prefixes = [keys::hour_parquet_prefix(hour), keys::hour_quarantine_prefix(hour), keys::hour_plan_prefix(hour)];
    let mut keys = list_keys(&prefixes, bucket).await?;
    keys.retain(|key| keys::version_of(key).is_some_and(|version| item.versions().all(|known| known != version)));
    tracing::info!(objects = keys.len(), "deleting leftovers of failed runs");
    delete_keys(&keys, bucket, guard).await
}

/// Deletes the objects of a refused run while readers see the `published` version.
///
/// It takes the lease for the published version, so that no other version is published meanwhile. If another run holds the
/// lease, that run deletes the objects.
pub(crate) async fn delete_refused(
    input: &Input,
    published: &Publication,
    context: &Context,
) -> Result<(), CommitBookmarkError> {
    let hour = input.hour;
    let Some(mut guard) = LeaseGuard::take(input, published.version, context).await? else {
        tracing::warn!("another version is being published: that run deletes the refused objects");
        return Ok(());
    };
    let item = context.tables.ledger.get(hour).await?;
    let location = context.partitions.registered(&hour.partition_values()).await?;
    let is_visible = |item: &&LedgerItem| {
        let published = item.publication.as_ref().map(|publication| &publication.partition_location);
        published.is_some() && published == location.as_ref()
    };
    if let Some(item) = item.as_ref().filter(is_visible) {
        delete_unknown_versions(hour, item, &context.bucket, &mut guard).await?;
    } else {
        // A run ended between registering its version and committing it, so readers may see the refused version.
        tracing::warn!(location, "partition differs from the ledger: keeping the refused objects");
    }
    Ok(guard.give_back().await?)
}

async fn list_keys(prefixes: &[String], bucket: &Bucket) -> Result<Vec<String>, CommitBookmarkError> {
    let mut keys = Vec::new();
    for prefix in prefixes {
        keys.extend(bucket.list(prefix).await?.into_iter().map(|object| object.key));
    }
    Ok(keys)
}

async fn delete_keys(keys: &[String], bucket: &Bucket, guard: &mut LeaseGuard<'_>) -> Result<(), CommitBookmarkError> {
    for keys in keys.chunks(MAX_DELETES) {
        if !guard.may_delete().await? {
            tracing::warn!(first = keys[0], "lease lost: keeping the remaining objects");
            return Ok(());
        }
        bucket.delete_many(keys).await?;
    }
    Ok(())
}
