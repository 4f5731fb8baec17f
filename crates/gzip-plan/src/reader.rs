//! Reads one chunk from its range of the gzip file.

use std::hash::Hasher;
use std::io::{self, Read};

use thiserror::Error;
use twox_hash::XxHash3_64;

use crate::{
    inflate::{Inflate, StepEnd, StopAt, StreamFormat},
    plan::{AccessPoint, Chunk, GzipPlan},
    window,
};

const BUFFER_BYTES: usize = 64 * 1024;
const TRAILER_BYTES: usize = 8;

/// A chunk cannot be read. [`Read`] returns it within an [`io::Error`]; errors of the source are returned unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChunkError {
    #[error("chunk {chunk} does not exist: the plan has {chunks} chunks")]
    NoSuchChunk { chunk: u32, chunks: usize },
    /// The plan contradicts itself.
    #[error("the plan of chunk {chunk} contradicts itself: {reason}")]
    InvalidPlan { chunk: u32, reason: &'static str },
    /// The window is absent, of another length than planned, or damaged.
    #[error("the window of chunk {chunk} is not the planned one: {reason}")]
    WrongWindow { chunk: u32, reason: &'static str },
    /// The bytes are not a deflate stream.
    #[error("chunk {chunk} does not inflate: {reason}, before byte {offset} of the gzip file")]
    Corrupt {
        chunk: u32,
        /// How far the gzip file was read, in bytes from its start.
        offset: u64,
        /// zlib's message.
        reason: String,
    },
    /// The bytes end before the chunk.
    #[error(
        "chunk {chunk} is truncated: its bytes end at byte {offset} of the gzip file, and {missing_bytes} bytes of text are missing"
    )]
    Truncated {
        chunk: u32,
        /// Where the bytes end, from the start of the gzip file.
        offset: u64,
        missing_bytes: u64,
    },
    /// The text differs from the planned one.
    #[error("chunk {chunk} is not the planned text: its XXH3 is {found}, not {expected}")]
    Mismatch { chunk: u32, expected: String, found: String },
}

/// Reads the text of one chunk. If the hash of the whole text is wrong, it fails before it returns the last bytes.
pub struct ChunkReader<R> {
    source: CompressedSource<R>,
    inflate: Inflate,
    format: StreamFormat,
    /// The bit of the first byte where the deflate block begins, until that byte is read.
    first_bit: Option<u8>,
    /// The bytes of a member's trailer that are still to be skipped.
    trailer_bytes: usize,
    /// The text before the chunk that is still to be skipped.
    skip_bytes: u64,
    /// The text of the chunk that is still to be read.
    remaining_bytes: u64,
    hash: XxHash3_64,
    expected: String,
    chunk: u32,
    failure: Option<ChunkError>,
}

/// The compressed bytes.
struct CompressedSource<R> {
    input: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The offset in the gzip file of the byte at `start`.
    offset: u64,
}

impl<R: Read> ChunkReader<R> {
    /// Reads chunk `chunk` (from 0) of the plan. `compressed` returns the bytes `compressed_start..compressed_end` of
    /// the gzip file. `window` is the range of the windows object that the chunk's access point names. Nothing is read
    /// before the first `read`.
    ///
    /// # Errors
    ///
    /// If the plan has no such chunk, or the window is not the planned one.
    pub fn new(compressed: R, plan: &GzipPlan, chunk: u32, window: Option<&[u8]>) -> Result<Self, ChunkError> {
        let chunks = plan.chunks.len();
        let planned = plan.chunks.get(chunk as usize).ok_or(ChunkError::NoSuchChunk { chunk, chunks })?;
        Self::of(compressed, plan, planned, chunk, window)
    }

    /// Reads a chunk that need not be in the plan, such as a [`GzipPlan::stretch`]. Errors name it `chunk`. Without a
    /// hash its text is not verified.
    ///
    /// # Errors
    ///
    /// If the plan has no such access point, or the window is not the planned one.
    pub fn of(
        compressed: R,
        plan: &GzipPlan,
        planned: &Chunk,
        chunk: u32,
        window: Option<&[u8]>,
    ) -> Result<Self, ChunkError> {
        let invalid = |reason| ChunkError::InvalidPlan { chunk, reason };
        let point = plan.access_points.get(planned.access_point as usize).ok_or(invalid("no such access point"))?;
        let (skip_bytes, remaining_bytes) = distances(planned, point).map_err(invalid)?;
        let mut inflate = Inflate::new(StreamFormat::Raw);
        if let Some(text) = window_text(point, window).map_err(|reason| ChunkError::WrongWindow { chunk, reason })? {
            inflate.set_window(&text);
        }
        Ok(Self {
            source: CompressedSource::new(compressed, planned.compressed_start),
            inflate,
            format: StreamFormat::Raw,
            first_bit: u8::try_from(point.compressed_bit % 8).ok().filter(|bit| *bit > 0),
            trailer_bytes: 0,
            skip_bytes,
            remaining_bytes,
            hash: XxHash3_64::new(),
            expected: planned.xxh3.clone(),
            chunk,
            failure: None,
        })
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.skip_bytes > 0 {
            self.skip()?;
        }
        let limit = buffer.len().min(usize::try_from(self.remaining_bytes).unwrap_or(usize::MAX));
        let produced = self.inflate_some(&mut buffer[..limit])?;
        self.hash.write(&buffer[..produced]);
        self.remaining_bytes -= produced as u64;
        if self.remaining_bytes == 0 {
            self.verify_hash()?;
        }
        Ok(produced)
    }

    /// Skips the text between the access point and the chunk.
    fn skip(&mut self) -> io::Result<()> {
        let mut skipped = vec![0; BUFFER_BYTES];
        while self.skip_bytes > 0 {
            let limit = skipped.len().min(usize::try_from(self.skip_bytes).unwrap_or(usize::MAX));
            self.skip_bytes -= self.inflate_some(&mut skipped[..limit])? as u64;
        }
        Ok(())
    }

    /// Inflates at least one byte.
    fn inflate_some(&mut self, output: &mut [u8]) -> io::Result<usize> {
        self.prime()?;
        loop {
            self.skip_trailer()?;
            let step = self.inflate.step(self.source.bytes(), output, StopAt::End);
            self.source.consume(step.consumed);
            match step.end {
                StepEnd::Broken(reason) => {
                    let offset = self.source.offset;
                    return Err(self.fail(ChunkError::Corrupt { chunk: self.chunk, offset, reason }));
                }
                StepEnd::StreamEnd => self.begin_next_member(),
                StepEnd::Pause | StepEnd::BlockEnd { .. } => {}
            }
            if step.produced > 0 {
                return Ok(step.produced);
            }
            if self.source.bytes().is_empty() {
                self.fill()?;
            }
        }
    }

    /// Passes the bits of the first byte that belong to the first block to the inflater.
    fn prime(&mut self) -> io::Result<()> {
        let Some(bit) = self.first_bit else { return Ok(()) };
        self.fill()?;
        let first = self.source.bytes()[0];
        self.source.consume(1);
        self.inflate.prime(8 - bit, first >> bit);
        self.first_bit = None;
        Ok(())
    }

    /// Begins the next member, whose header and trailer the inflater reads. The first member is a raw stream, so its
    /// trailer is skipped.
    fn begin_next_member(&mut self) {
        if let StreamFormat::Raw = self.format {
            self.trailer_bytes = TRAILER_BYTES;
        }
        self.format = StreamFormat::Gzip;
        self.inflate.reset(StreamFormat::Gzip);
    }

    fn skip_trailer(&mut self) -> io::Result<()> {
        while self.trailer_bytes > 0 {
            if self.source.bytes().is_empty() {
                self.fill()?;
            }
            let skipped = self.trailer_bytes.min(self.source.bytes().len());
            self.source.consume(skipped);
            self.trailer_bytes -= skipped;
        }
        Ok(())
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.source.fill()? {
            return Ok(());
        }
        let missing_bytes = self.skip_bytes + self.remaining_bytes;
        Err(self.fail(ChunkError::Truncated { chunk: self.chunk, offset: self.source.offset, missing_bytes }))
    }

    fn verify_hash(&mut self) -> io::Result<()> {
        let found = format!("{:016x}", self.hash.finish());
        if found == self.expected || self.expected.is_empty() {
            return Ok(());
        }
        let expected = self.expected.clone();
        Err(self.fail(ChunkError::Mismatch { chunk: self.chunk, expected, found }))
    }

    fn fail(&mut self, error: ChunkError) -> io::Error {
        self.failure = Some(error.clone());
        error.into()
    }
}

impl<R: Read> Read for ChunkReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        if buffer.is_empty() || self.remaining_bytes == 0 {
            return Ok(0);
        }
        self.read_some(buffer)
    }
}

impl From<ChunkError> for io::Error {
    fn from(error: ChunkError) -> Self {
        let kind = match error {
            ChunkError::NoSuchChunk { .. } | ChunkError::InvalidPlan { .. } => io::ErrorKind::InvalidInput,
            ChunkError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            ChunkError::WrongWindow { .. } | ChunkError::Corrupt { .. } | ChunkError::Mismatch { .. } => {
                io::ErrorKind::InvalidData
            }
        };
        io::Error::new(kind, error)
    }
}

impl<R: Read> CompressedSource<R> {
    fn new(input: R, offset: u64) -> Self {
        Self { input, buffer: vec![0; BUFFER_BYTES].into(), start: 0, end: 0, offset }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Reads more bytes. All before must be consumed. Returns false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            match self.input.read(&mut self.buffer) {
                Ok(read) => {
                    (self.start, self.end) = (0, read);
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The length of the text from the access point to the chunk, and the length of the chunk.
fn distances(chunk: &Chunk, point: &AccessPoint) -> Result<(u64, u64), &'static str> {
    if chunk.compressed_start != point.compressed_bit / 8 {
        return Err("its bytes do not begin at its access point");
    }
    let skip = chunk.uncompressed_start.checked_sub(point.uncompressed_offset);
    let length = chunk.uncompressed_end.checked_sub(chunk.uncompressed_start).filter(|length| *length > 0);
    Ok((skip.ok_or("its access point comes after its text")?, length.ok_or("its text ends before it begins")?))
}

fn window_text(point: &AccessPoint, stored: Option<&[u8]>) -> Result<Option<Vec<u8>>, &'static str> {
    match (&point.window, stored) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("its access point needs none"),
        (Some(_), None) => Err("it is absent"),
        (Some(planned), Some(stored)) if planned.length as usize != stored.len() => Err("it has another length"),
        (Some(_), Some(stored)) => window::inflate(stored).map(Some).ok_or("it is damaged"),
    }
}
