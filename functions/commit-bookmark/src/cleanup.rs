//! Removing what readers no longer see.

use aws_adapters::AwsError;
use aws_adapters::dynamodb::Ledger;
use aws_adapters::s3::Bucket;
use pipeline::{ArchiveHour, Version, keys};

/// Deletes the objects of the version that the hour's publication replaced, if the ledger, read again, still says so.
/// Doing it once more finds nothing to delete.
pub(crate) async fn replaced_version(hour: ArchiveHour, ledger: &Ledger, bucket: &Bucket) -> Result<(), AwsError> {
    let Some(item) = ledger.get(hour).await? else { return Ok(()) };
    let current = item.publication.map(|publication| publication.version);
    match (item.previous_version, current) {
        (Some(previous), Some(current)) if previous != current => version(hour, previous, bucket).await,
        _ => Ok(()),
    }
}

/// Deletes all objects of one version of an hour. The plan goes last: while it is there, the rest can be found.
pub(crate) async fn version(hour: ArchiveHour, version: Version, bucket: &Bucket) -> Result<(), AwsError> {
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
    bucket.delete_many(&keys).await
}
