//! A stored file: text, or gzip of a text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use flate2::bufread::GzDecoder;
use gzip_plan::{PlanSettings, PlannedFile};

use crate::{CsvPlanError, CsvPlanner, HeadError, LoadOptions, PlannedCsv, PlannerSettings, RecordError};

/// A chunk ends with the row that makes it at least this long, so that its load takes minutes.
pub const MAX_CHUNK_BYTES: u64 = 64 << 20;

const GZIP: &[u8] = b"\x1f\x8b";

/// The result of one pass over a file.
#[derive(Debug)]
pub struct FilePlan {
    pub planned: PlannedCsv,
    /// The access points of a gzip file; `None` for plain text.
    pub gzip: Option<PlannedFile>,
    /// The rejected rows as JSON lines, positioned at the start.
    pub quarantine: File,
}

/// The file cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CsvFileError {
    #[error(transparent)]
    Text(#[from] CsvPlanError),
    /// The gzip file is damaged.
    #[error(transparent)]
    Archive(#[from] gzip_plan::PlanError),
    #[error("cannot write rows to a temporary file")]
    Disk(#[from] io::Error),
}

impl CsvFileError {
    /// The error name of the state machine.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Archive(error) => error.name(),
            Self::Text(CsvPlanError::Head(HeadError::Empty)) => "EmptyFile",
            Self::Text(CsvPlanError::Head(HeadError::Encoding { .. })) => "UnsupportedEncoding",
            Self::Text(CsvPlanError::Head(HeadError::NotCsv { .. })) => "NotCsv",
            Self::Text(CsvPlanError::Header(_)) => "BadHeader",
            Self::Text(CsvPlanError::Record(RecordError::UnclosedQuote { .. })) => "UnclosedQuote",
            Self::Text(CsvPlanError::Record(RecordError::TooLong { .. })) => "RecordTooLong",
            Self::Text(CsvPlanError::Record(RecordError::Read { .. })) => "CorruptArchive",
            Self::Text(CsvPlanError::TooManyChunks { .. }) => "TooManyChunks",
            Self::Text(CsvPlanError::Spool(_)) | Self::Disk(_) => "DiskFull",
        }
    }
}

/// Plans a file. Gzip is recognized by its first bytes and inflated. The file is read to its end, unless its head or its
/// header is not valid.
///
/// # Errors
/// See [`CsvFileError`]. An error of the gzip file takes precedence over a read error of its text.
pub fn plan_file(
    mut file: impl Read,
    options: &LoadOptions,
    settings: PlannerSettings,
) -> Result<FilePlan, CsvFileError> {
    let mut quarantine = BufWriter::new(tempfile::tempfile()?);
    let mut magic = Vec::new();
    file.by_ref().take(GZIP.len() as u64).read_to_end(&mut magic)?;
    let is_gzip = magic == GZIP;
    let mut file =
        PlanningReader { input: magic.as_slice().chain(file), planner: is_gzip.then(|| Box::new(gzip_planner())) };
    let planner = CsvPlanner::new(options, settings);
    let (planned, gzip) = if is_gzip {
        let planned = planner.plan(GzipText::new(BufReader::new(&mut file)), &mut quarantine);
        // Reads what follows the last byte of text, so that a wrapper that hashes the file sees all bytes.
        let rest = if planned.is_ok() { io::copy(&mut file, &mut io::sink()) } else { Ok(0) };
        let gzip = file.planner.map(|planner| planner.finish()).transpose();
        match planned {
            // The file was not read to its end, so the gzip planner would report it as truncated.
            Err(error) if !matches!(error, CsvPlanError::Record(RecordError::Read { .. })) => return Err(error.into()),
            planned => {
                let gzip = gzip?;
                rest?;
                (planned?, gzip)
            }
        }
    } else {
        (planner.plan(file, &mut quarantine)?, None)
    };
    quarantine.flush()?;
    let mut quarantine = quarantine.into_inner().map_err(io::IntoInnerError::into_error)?;
    io::Seek::rewind(&mut quarantine)?;
    Ok(FilePlan { planned, gzip, quarantine })
}

/// Makes an access point for each 8 MiB of text.
fn gzip_planner() -> gzip_plan::Planner {
    gzip_plan::Planner::for_stretches(PlanSettings { chunk_records: u32::MAX, max_chunk_bytes: 8 << 20 })
}

/// A reader that passes all bytes to the gzip planner.
struct PlanningReader<R> {
    input: R,
    planner: Option<Box<gzip_plan::Planner>>,
}

impl<R: Read> Read for PlanningReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let Some(planner) = &mut self.planner {
            planner.push(&buffer[..read]).map_err(io::Error::other)?;
        }
        Ok(read)
    }
}

/// The text of all members of a gzip file. Zeros after the last member are ignored, like gzip does: tapes and some uploads
/// pad files with zeros.
struct GzipText<R: BufRead> {
    decoder: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipText<R> {
    fn new(file: R) -> Self {
        Self { decoder: Some(GzDecoder::new(file)) }
    }
}

impl<R: BufRead> Read for GzipText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let ended = self.decoder.take().expect("the loop has a decoder");
            let mut rest = ended.into_inner();
            if !skip_zeros(&mut rest)? {
                self.decoder = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}

/// Skips zeros and returns whether the file ends there. If other bytes follow, the planner returns an error for them.
fn skip_zeros(file: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = file.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros < bytes.len() || bytes.is_empty() {
            return Ok(bytes.is_empty());
        }
        file.consume(zeros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"id,n\n1,2\n2,3\nx\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Text that gzip hardly compresses.
    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + state.to_be_bytes()[0] % 26
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }

    fn plan(file: &[u8]) -> Result<FilePlan, CsvFileError> {
        let settings = PlannerSettings { chunk_rows: 2, chunk_bytes: MAX_CHUNK_BYTES, seed: 1, added_bytes: 0 };
        plan_file(file, &LoadOptions::default(), settings)
    }

    #[test]
    fn gzip_file_has_the_plan_of_its_text() {
        let (first, rest) = TEXT.split_at(7);
        let plain = plan(TEXT).unwrap();
        assert!(plain.gzip.is_none());
        let zeros = vec![0; 100_000];
        for (phrase, file) in [
            ("one member", gzip(TEXT)),
            ("two members", [gzip(first), gzip(rest)].concat()),
            ("zeros after the last member", [gzip(TEXT), zeros.clone()].concat()),
            ("one zero", [gzip(TEXT), vec![0]].concat()),
        ] {
            let mut found = plan(&file).unwrap();
            assert_eq!(found.planned, plain.planned, "{phrase}");
            let gzip = found.gzip.unwrap().plan;
            assert_eq!((gzip.compressed_bytes, gzip.uncompressed_bytes), (file.len() as u64, TEXT.len() as u64));
            let mut quarantine = String::new();
            found.quarantine.read_to_string(&mut quarantine).unwrap();
            assert!(quarantine.contains(r#""line":4"#), "{phrase}: {quarantine}");
        }
    }

    #[test]
    fn damaged_gzip_file_has_an_error_name() {
        let whole = gzip(TEXT);
        for (phrase, file, name) in [
            ("truncated", whole[..whole.len() - 9].to_vec(), "TruncatedArchive"),
            ("bytes after zeros", [whole.clone(), vec![0, 0, 7]].concat(), "TrailingBytes"),
            ("bytes after the end", [whole.clone(), b"more".to_vec()].concat(), "TrailingBytes"),
            ("an empty text", gzip(b""), "EmptyFile"),
            ("a bad header of a long text", gzip(&[b"id,id\n".as_slice(), &noise(1 << 20)].concat()), "BadHeader"),
        ] {
            assert_eq!(plan(&file).unwrap_err().name(), name, "{phrase}");
        }
    }
}
