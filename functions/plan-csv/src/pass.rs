//! The one pass over a file: hashed and planned at once.

use aws_client::AwsError;
use aws_client::s3::{Object, pipe};
use csv_load::{CsvFileError, FilePlan, LoadOptions, PlannerSettings};
use sha2::{Digest, Sha256};

/// Reads an object to its end, unless its beginning shows that it is no good; answers what its text is, and the SHA-256 of
/// its bytes if it was read to its end.
pub(crate) async fn run(
    object: Object,
    options: LoadOptions,
    settings: PlannerSettings,
) -> Result<(Result<FilePlan, CsvFileError>, [u8; 32]), AwsError> {
    let (pieces, file) = pipe();
    let planning = tokio::task::spawn_blocking(move || csv_load::plan_file(file, &options, settings));
    let mut hash = Sha256::new();
    let fed = pieces.feed(object, |piece| hash.update(piece)).await;
    let planned = planning.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    // Whatever the planner makes of a body that broke off, the broken body is the cause.
    fed?;
    Ok((planned, hash.finalize().into()))
}
