//! One pass over a file: SHA-256 and plan.

use aws_client::AwsError;
use aws_client::s3::{Object, pipe};
use csv_load::{CsvFileError, FilePlan, LoadOptions, PlannerSettings};
use sha2::{Digest, Sha256};

/// Reads an object, and returns its plan and SHA-256. An invalid file is not read to its end, and its hash is incomplete.
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
    // If the body ended early, that is the cause of any error of the planner.
    fed?;
    Ok((planned, hash.finalize().into()))
}
