//! The one pass over a file: hashed and planned at once.

use std::fs::File;
use std::io::{BufWriter, Write};

use aws_adapters::AwsError;
use aws_adapters::s3::{Object, PipeReader, pipe};
use csv_load::{Options, PlanError, Planned, Planner, PlannerSettings};
use sha2::{Digest, Sha256};

/// What the pass yields.
pub(crate) struct Passed {
    pub(crate) planned: Result<Planned, PlanError>,
    /// The rows that do not fit.
    pub(crate) quarantine: File,
    /// Of the whole file, if it was read to its end.
    pub(crate) sha256: [u8; 32],
}

/// Reads an object to its end, unless its beginning shows that it is no good.
pub(crate) async fn run(
    mut object: Object,
    options: Options,
    settings: PlannerSettings,
) -> Result<Passed, crate::PlanCsvError> {
    let (pieces, text) = pipe();
    let planning = tokio::task::spawn_blocking(move || plan(text, &options, settings));
    let mut hash = Sha256::new();
    let fed: Result<(), AwsError> = async {
        while let Some(piece) = object.next().await? {
            hash.update(&piece);
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        Ok(())
    }
    .await;
    drop(pieces);
    let planned = planning.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    // Whatever the planner makes of a body that broke off, the broken body is the cause.
    fed?;
    let (planned, quarantine) = planned?;
    Ok(Passed { planned, quarantine, sha256: hash.finalize().into() })
}

fn plan(
    text: PipeReader,
    options: &Options,
    settings: PlannerSettings,
) -> std::io::Result<(Result<Planned, PlanError>, File)> {
    let mut quarantine = BufWriter::new(tempfile::tempfile()?);
    let planned = Planner::new(options, settings).plan(text, &mut quarantine);
    quarantine.flush()?;
    Ok((planned, quarantine.into_inner()?))
}
