//! Reads one chunk from its range of the gzip file alone.

use std::hash::Hasher;
use std::io::{self, Read};

use thiserror::Error;
use twox_hash::XxHash3_64;

use crate::{
    inflate::{Format, Inflate, Stop, StopAt},
    plan::{AccessPoint, Chunk, Plan},
    window,
};

const BUFFER_BYTES: usize = 64 * 1024;
const TRAILER_BYTES: usize = 8;

/// Why a chunk cannot be read. Reading wraps it in an [`io::Error`]; errors of the source itself come as they are.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChunkError {
    /// The plan has fewer chunks.
    #[error("there is no chunk {chunk}: the plan has {chunks}")]
    NoSuchChunk {
        /// The chunk asked for.
        chunk: u32,
        /// How many there are.
        chunks: usize,
    },
    /// The plan contradicts itself.
    #[error("the plan of chunk {chunk} contradicts itself: {reason}")]
    InvalidPlan {
        /// The chunk asked for.
        chunk: u32,
        /// What cannot be.
        reason: &'static str,
    },
    /// The window is absent, of another length than planned, or damaged.
    #[error("the window of chunk {chunk} is not the planned one: {reason}")]
    WrongWindow {
        /// The chunk asked for.
        chunk: u32,
        /// What is wrong.
        reason: &'static str,
    },
    /// The bytes are no deflate stream.
    #[error("chunk {chunk} does not inflate: {reason}, before byte {offset} of the gzip file")]
    Corrupt {
        /// The chunk asked for.
        chunk: u32,
        /// How far the gzip file was read, in bytes from its start.
        offset: u64,
        /// What is wrong, in zlib's words.
        reason: String,
    },
    /// The bytes end before the chunk does.
    #[error(
        "chunk {chunk} is cut: its bytes end at byte {offset} of the gzip file, and {missing_bytes} bytes of text are missing"
    )]
    Truncated {
        /// The chunk asked for.
        chunk: u32,
        /// Where the bytes ended, from the start of the gzip file.
        offset: u64,
        /// Text that is missing.
        missing_bytes: u64,
    },
    /// The text is another than the one that was planned.
    #[error("chunk {chunk} is not the planned text: its XXH3 is {found}, not {expected}")]
    Mismatch {
        /// The chunk asked for.
        chunk: u32,
        /// The plan's hash.
        expected: String,
        /// The hash of what was read.
        found: String,
    },
}

/// Reads the text of one chunk, exactly, and fails instead of giving its last bytes if the hash of the whole is wrong.
pub struct ChunkReader<R> {
    source: Source<R>,
    inflate: Inflate,
    format: Format,
    /// Where in its first byte the deflate block begins, until that byte is read.
    first_bit: Option<u8>,
    /// Bytes of a member's trailer still to be passed over.
    trailer_bytes: usize,
    /// Text before the chunk still to be passed over.
    skip_bytes: u64,
    /// Text of the chunk still to come.
    remaining_bytes: u64,
    hash: XxHash3_64,
    expected: String,
    chunk: u32,
    failure: Option<ChunkError>,
}

/// The compressed bytes.
struct Source<R> {
    input: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Offset in the gzip file of the byte at `start`.
    offset: u64,
}

impl<R: Read> ChunkReader<R> {
    /// A reader of chunk `chunk` (from 0) of the plan. `compressed` gives the bytes `compressed_start..compressed_end`
    /// of the gzip file; `window` is what the chunk's access point names in the windows object, as stored.
    ///
    /// # Errors
    /// If the plan has no such chunk or the window is not the planned one. Nothing is read before the first `read`.
    pub fn new(compressed: R, plan: &Plan, chunk: u32, window: Option<&[u8]>) -> Result<Self, ChunkError> {
        let chunks = plan.chunks.len();
        let planned = plan.chunks.get(chunk as usize).ok_or(ChunkError::NoSuchChunk { chunk, chunks })?;
        Self::of(compressed, plan, planned, chunk, window)
    }

    /// The same of a chunk that the plan need not have, such as a [`Plan::stretch`]; `chunk` is what errors call it. Without a
    /// hash its text is not checked.
    ///
    /// # Errors
    /// If the plan has no such access point or the window is not the planned one.
    pub fn of(
        compressed: R,
        plan: &Plan,
        planned: &Chunk,
        chunk: u32,
        window: Option<&[u8]>,
    ) -> Result<Self, ChunkError> {
        let invalid = |reason| ChunkError::InvalidPlan { chunk, reason };
        let point = plan.access_points.get(planned.access_point as usize).ok_or(invalid("no such access point"))?;
        let (skip_bytes, remaining_bytes) = distances(planned, point).map_err(invalid)?;
        let mut inflate = Inflate::new(Format::Raw);
        if let Some(text) = window_text(point, window).map_err(|reason| ChunkError::WrongWindow { chunk, reason })? {
            inflate.set_window(&text);
        }
        Ok(Self {
            source: Source::new(compressed, planned.compressed_start),
            inflate,
            format: Format::Raw,
            first_bit: Some((point.compressed_bit % 8) as u8).filter(|bit| *bit > 0),
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
        let most = buffer.len().min(usize::try_from(self.remaining_bytes).unwrap_or(usize::MAX));
        let produced = self.inflate_some(&mut buffer[..most])?;
        self.hash.write(&buffer[..produced]);
        self.remaining_bytes -= produced as u64;
        if self.remaining_bytes == 0 {
            self.check()?;
        }
        Ok(produced)
    }

    /// Passes over the text between the access point and the chunk.
    fn skip(&mut self) -> io::Result<()> {
        let mut passed = vec![0; BUFFER_BYTES];
        while self.skip_bytes > 0 {
            let most = passed.len().min(usize::try_from(self.skip_bytes).unwrap_or(usize::MAX));
            self.skip_bytes -= self.inflate_some(&mut passed[..most])? as u64;
        }
        Ok(())
    }

    /// Inflates at least one byte.
    fn inflate_some(&mut self, output: &mut [u8]) -> io::Result<usize> {
        self.prime()?;
        loop {
            self.pass_trailer()?;
            let step = self.inflate.step(self.source.bytes(), output, StopAt::End);
            self.source.consume(step.consumed);
            match step.stop {
                Stop::Broken(reason) => {
                    let offset = self.source.offset;
                    return Err(self.fail(ChunkError::Corrupt { chunk: self.chunk, offset, reason }));
                }
                Stop::End => self.begin_next_member(),
                Stop::Pause | Stop::Boundary { .. } => {}
            }
            if step.produced > 0 {
                return Ok(step.produced);
            }
            if self.source.bytes().is_empty() {
                self.fill()?;
            }
        }
    }

    /// Gives the inflater the bits of the first byte that belong to the first block.
    fn prime(&mut self) -> io::Result<()> {
        let Some(bit) = self.first_bit else { return Ok(()) };
        self.fill()?;
        let first = self.source.bytes()[0];
        self.source.consume(1);
        self.inflate.prime(8 - bit, first >> bit);
        self.first_bit = None;
        Ok(())
    }

    /// The next member is read with its header and trailer, which a raw stream (the first one) leaves alone.
    fn begin_next_member(&mut self) {
        if let Format::Raw = self.format {
            self.trailer_bytes = TRAILER_BYTES;
        }
        self.format = Format::Gzip;
        self.inflate.reset(Format::Gzip);
    }

    fn pass_trailer(&mut self) -> io::Result<()> {
        while self.trailer_bytes > 0 {
            if self.source.bytes().is_empty() {
                self.fill()?;
            }
            let passed = self.trailer_bytes.min(self.source.bytes().len());
            self.source.consume(passed);
            self.trailer_bytes -= passed;
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

    fn check(&mut self) -> io::Result<()> {
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

impl<R: Read> Source<R> {
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

    /// Reads more once all is consumed; false at the end.
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

/// The lengths of the text from the access point to the chunk, and of the chunk.
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
