//! Removing what readers no longer see.

use aws_adapters::s3::{Bucket, MAX_DELETES};
use pipeline::{ArchiveHour, Version, keys};

use crate::CommitBookmarkError;
use crate::turn::Turn;

/// Deletes all objects of one version of an hour, as long as it is the run's turn; what is then left stays. Doing it once
/// more finds nothing to delete. The plan goes last: while it is there, the rest can be found.
pub(crate) async fn version(
    hour: ArchiveHour,
    version: Version,
    bucket: &Bucket,
    turn: &mut Turn<'_>,
) -> Result<(), CommitBookmarkError> {
    let mut keys = Vec::new();
    for prefix in [
        keys::parquet_prefix(hour, version),
        keys::quarantine_prefix(hour, version),
        keys::receipts_prefix(hour, version),
    ] {
        keys.extend(bucket.list(&prefix).await?.into_iter().map(|object| object.key));
    }
    keys.push(keys::windows(hour, version));
    keys.push(keys::plan(hour, version));
    tracing::info!(%version, objects = keys.len(), "deleting the version that was replaced");
    for keys in keys.chunks(MAX_DELETES) {
        if !turn.may_delete().await? {
            tracing::warn!(%version, "the lease is lost: the version stays");
            return Ok(());
        }
        bucket.delete_many(keys).await?;
    }
    Ok(())
}
