//! Removing what readers no longer see, or never saw.

use aws_client::s3::{Bucket, MAX_DELETES};
use pipeline::ledger::{LedgerItem, Publication};
use pipeline::{ArchiveHour, Version, keys};

use crate::turn::Turn;
use crate::{CommitBookmarkError, Context, Input};

/// Deletes all objects of one version of an hour, as long as it is the run's turn; what is then left stays. Doing it once
/// more finds nothing to delete. The plan goes last: while it is there, the rest can be found.
pub(crate) async fn version(
    hour: ArchiveHour,
    version: Version,
    bucket: &Bucket,
    turn: &mut Turn<'_>,
) -> Result<(), CommitBookmarkError> {
    let prefixes = [
        keys::parquet_prefix(hour, version),
        keys::quarantine_prefix(hour, version),
        keys::receipts_prefix(hour, version),
    ];
    let mut keys = list(&prefixes, bucket).await?;
    keys.push(keys::windows(hour, version));
    keys.push(keys::plan(hour, version));
    tracing::info!(%version, objects = keys.len(), "deleting the version that was replaced");
    delete(&keys, bucket, turn).await
}

/// Deletes all objects of versions of an hour that its ledger `item` does not know, as long as it is the run's turn: what
/// runs have left behind that failed. A run that is still at work on one of them makes it again. What has no version is
/// nothing that runs make, and stays.
pub(crate) async fn unknown_versions(
    hour: ArchiveHour,
    item: &LedgerItem,
    bucket: &Bucket,
    turn: &mut Turn<'_>,
) -> Result<(), CommitBookmarkError> {
    let prefixes = [keys::hour_parquet_prefix(hour), keys::hour_quarantine_prefix(hour), keys::hour_plan_prefix(hour)];
    let mut keys = list(&prefixes, bucket).await?;
    keys.retain(|key| keys::version_of(key).is_some_and(|version| item.versions().all(|known| known != version)));
    tracing::info!(objects = keys.len(), "deleting what failed runs have left behind");
    delete(&keys, bucket, turn).await
}

/// Deletes what a run has made that was refused, while readers see what was `published`.
///
/// It takes the hour's lease for the published version: so nobody publishes another one meanwhile. If somebody is about
/// to, that run deletes it.
pub(crate) async fn refused(
    input: &Input,
    published: &Publication,
    context: &Context,
) -> Result<(), CommitBookmarkError> {
    let hour = input.hour;
    let Some(mut turn) = Turn::take(input, published.version, context).await? else {
        tracing::warn!("another version is being published: what was refused is left to that run");
        return Ok(());
    };
    let item = context.tables.ledger.get(hour).await?;
    let location = context.partitions.registered(&hour.partition_values()).await?;
    let shown = |item: &&LedgerItem| {
        let published = item.publication.as_ref().map(|publication| &publication.partition_location);
        published.is_some() && published == location.as_ref()
    };
    match item.as_ref().filter(shown) {
        Some(item) => unknown_versions(hour, item, &context.bucket, &mut turn).await?,
        // A run has ended between registering its version and committing it: readers may see what was refused.
        None => tracing::warn!(location, "readers do not see what the ledger says: what was refused stays"),
    }
    Ok(turn.end().await?)
}

async fn list(prefixes: &[String], bucket: &Bucket) -> Result<Vec<String>, CommitBookmarkError> {
    let mut keys = Vec::new();
    for prefix in prefixes {
        keys.extend(bucket.list(prefix).await?.into_iter().map(|object| object.key));
    }
    Ok(keys)
}

async fn delete(keys: &[String], bucket: &Bucket, turn: &mut Turn<'_>) -> Result<(), CommitBookmarkError> {
    for keys in keys.chunks(MAX_DELETES) {
        if !turn.may_delete().await? {
            tracing::warn!(first = keys[0], "the lease is lost: what is left stays");
            return Ok(());
        }
        bucket.delete_many(keys).await?;
    }
    Ok(())
}
