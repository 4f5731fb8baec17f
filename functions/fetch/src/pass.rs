//! One pass over the bytes of an hour: digests, upload and chunk plan.

use aws_client::s3::Upload;
use bytes::Bytes;
use gzip_plan::{PlanError, PlanSettings, PlannedFile, Planner};
use pipeline::version::OutputOptions;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::FetchError;
use crate::body::HourBody;
use crate::digests::{Digested, Digests};

/// The capacity of the channel to the planner, in pieces of the body (some tens of KiB each).
const CAPACITY_PIECES: usize = 16;

pub(crate) struct PassResult {
    pub(crate) digested: Digested,
    pub(crate) planned: PlannedFile,
}

/// Reads `body` to its end, into `upload` if given. The caller completes the upload.
pub(crate) async fn run(
    mut body: HourBody,
    mut upload: Option<&mut Upload>,
    options: &OutputOptions,
    max_bytes: u64,
) -> Result<PassResult, FetchError> {
    let checksums = body.checksums();
    let too_large = |place: &str, bytes| FetchError::ArchiveTooLarge { place: place.to_owned(), bytes, max_bytes };
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
            // The planner rejected the bytes. The checksums decide whether the source sent these bytes.
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
    // A mismatch is a transfer error, which is retried. A file that is corrupt at the source is not.
    if read_to_end {
        checksums.check(body.place(), &digested)?;
    }
    let planned = planned.map_err(|source| FetchError::Archive { place: body.place().to_owned(), source })?;
    Ok(PassResult { digested, planned })
}

type Planning = JoinHandle<Result<PlannedFile, PlanError>>;

/// Starts the planner on its own thread. The receiver is dropped as soon as the file is known to be invalid.
fn start_planning(options: &OutputOptions) -> (mpsc::Sender<Bytes>, Planning) {
    let settings = PlanSettings { chunk_records: options.chunk_records, max_chunk_bytes: options.max_chunk_bytes };
    let (sender, mut receiver) = mpsc::channel::<Bytes>(CAPACITY_PIECES);
    let planning = tokio::task::spawn_blocking(move || {
        let mut planner = Planner::new(settings);
        while let Some(bytes) = receiver.blocking_recv() {
            planner.push(&bytes)?;
        }
        planner.finish()
    });
    (sender, planning)
}
