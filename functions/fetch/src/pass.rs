//! The one pass over an hour's bytes: digested, uploaded and planned at once.

use aws_client::s3::Upload;
use bytes::Bytes;
use gzip_plan::{PlanError, PlanSettings, PlannedFile, Planner};
use pipeline::version::OutputOptions;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::body::Body;
use crate::digests::{Digested, Digests};
use crate::error::Error;

/// How many pieces of a body (some tens of KiB each) may wait for the planner.
const WAITING_PIECES: usize = 16;

/// What the pass yields.
pub(crate) struct Passed {
    pub(crate) digested: Digested,
    pub(crate) planned: PlannedFile,
}

/// Reads `body` to its end, into `upload` if there is one. The upload is not completed here.
pub(crate) async fn run(
    mut body: Body,
    mut upload: Option<&mut Upload>,
    options: &OutputOptions,
    max_bytes: u64,
) -> Result<Passed, Error> {
    let checksums = body.checksums();
    let too_large = |place: &str, bytes| Error::ArchiveTooLarge { place: place.to_owned(), bytes, max_bytes };
    if let Some(length) = checksums.length.filter(|length| *length > max_bytes) {
        return Err(too_large(body.place(), length));
    }
    let mut digests = Digests::default();
    let (pieces, planning) = start_planning(options);
    let mut pieces = Some(pieces);
    while let Some(bytes) = body.next().await? {
        digests.update(&bytes);
        if digests.bytes() > max_bytes {
            return Err(too_large(body.place(), digests.bytes()));
        }
        let Some(planner) = &pieces else { continue };
        if planner.send(bytes.clone()).await.is_err() {
            // The planner has seen enough. Whether it was shown what the source sent, only the checksums can tell.
            pieces = None;
            if !checksums.any_hash() {
                break;
            }
        } else if let Some(upload) = &mut upload {
            upload.push(&bytes).await?;
        }
    }
    let read_to_end = pieces.take().is_some() || checksums.any_hash();
    let digested = digests.finish();
    let planned = planning.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    // A file that was damaged on its way is fetched again; one that is broken at the source is not.
    if read_to_end {
        checksums.check(body.place(), &digested)?;
    }
    let planned = planned.map_err(|source| Error::Archive { place: body.place().to_owned(), source })?;
    Ok(Passed { digested, planned })
}

type Planning = JoinHandle<Result<PlannedFile, PlanError>>;

/// Starts the planner on a thread of its own. It takes no more pieces once it knows that the file is bad.
fn start_planning(options: &OutputOptions) -> (mpsc::Sender<Bytes>, Planning) {
    let settings = PlanSettings { chunk_records: options.chunk_records, max_chunk_bytes: options.max_chunk_bytes };
    let (sender, mut receiver) = mpsc::channel::<Bytes>(WAITING_PIECES);
    let planning = tokio::task::spawn_blocking(move || {
        let mut planner = Planner::new(settings);
        while let Some(bytes) = receiver.blocking_recv() {
            planner.push(&bytes)?;
        }
        planner.finish()
    });
    (sender, planning)
}
