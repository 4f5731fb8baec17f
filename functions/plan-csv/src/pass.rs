//! The one pass over a file: hashed and planned at once.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use aws_adapters::AwsError;
use aws_adapters::s3::{Object, PipeReader, pipe};
use csv_load::{Options, PlanError, Planned, Planner, PlannerSettings};
use flate2::read::MultiGzDecoder;
use gzip_plan::{PlanSettings, PlannedFile};
use sha2::{Digest, Sha256};

/// What the pass yields.
pub(crate) struct Passed {
    pub(crate) of_text: OfText,
    /// Of the whole file, if it was read to its end.
    pub(crate) sha256: [u8; 32],
}

/// What the text yields.
pub(crate) struct OfText {
    pub(crate) planned: Result<Planned, PlanError>,
    /// Where a gzip file can be inflated from.
    pub(crate) gzip: Option<Result<PlannedFile, gzip_plan::PlanError>>,
    /// The rows that do not fit.
    pub(crate) quarantine: File,
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
    Ok(Passed { of_text: planned?, sha256: hash.finalize().into() })
}

/// Plans a text, which is inflated first if it is compressed by gzip.
fn plan(mut file: PipeReader, options: &Options, settings: PlannerSettings) -> io::Result<OfText> {
    let mut quarantine = BufWriter::new(tempfile::tempfile()?);
    let mut magic = Vec::new();
    file.by_ref().take(GZIP.len() as u64).read_to_end(&mut magic)?;
    let is_gzip = magic == GZIP;
    let mut file = Seen { input: magic.as_slice().chain(file), planner: is_gzip.then(|| Box::new(stretches())) };
    let planner = Planner::new(options, settings);
    let (planned, gzip) = if is_gzip {
        let planned = planner.plan(MultiGzDecoder::new(&mut file), &mut quarantine);
        // What follows the last byte of text: it is hashed, and checked, too.
        if planned.is_ok() {
            io::copy(&mut file, &mut io::sink())?;
        }
        (planned, file.planner.map(|planner| planner.finish()))
    } else {
        (planner.plan(file, &mut quarantine), None)
    };
    quarantine.flush()?;
    Ok(OfText { planned, gzip, quarantine: quarantine.into_inner()? })
}

const GZIP: &[u8] = b"\x1f\x8b";

/// A place to begin inflating every 8 MiB of text.
fn stretches() -> gzip_plan::Planner {
    gzip_plan::Planner::for_stretches(PlanSettings { chunk_records: u32::MAX, max_chunk_bytes: 8 << 20 })
}

/// A file that the planner of its gzip members sees while it is read.
struct Seen<R> {
    input: R,
    planner: Option<Box<gzip_plan::Planner>>,
}

impl<R: Read> Read for Seen<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let Some(planner) = &mut self.planner {
            planner.push(&buffer[..read]).map_err(io::Error::other)?;
        }
        Ok(read)
    }
}
