//! A chunk's text in, Parquet and quarantine out.
//!
//! Invariant: this crate knows no AWS, clock or network, and what it writes depends on the text and the [`ChunkSpec`]
//! alone: never on how the text arrives in reads, nor on the chunk that came before. It inflates nothing either; the
//! caller hands it text.
//!
//! The modules read as a record's way through the crate: `records` cuts the text into records. `usual_event` reads those
//! that are spelled as GitHub does; over any other `scan` passes once, and `decode` says whether it is acceptable.
//! `plain_event` reads records of today's shape, `shape` any of the three historic ones, to one `row`. `columns` collects
//! rows as the columns of a row group, `pages` encodes them and `parquet_file` puts the file together. What is no event goes
//! to `quarantine` instead, byte for byte. `proof` reads files back and works out what must be in them.

mod columns;
mod compression;
mod decode;
mod error;
mod pages;
mod parquet_file;
mod plain_event;
pub mod proof;
mod quarantine;
mod records;
mod row;
mod scan;
mod shape;
#[doc(hidden)]
pub mod stages;
mod timestamp;
mod usual;
mod usual_event;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};

use foldhash::fast::RandomState;
use pipeline::receipt::{MAX_TYPE_NAME_BYTES, OTHER_TYPES, RecordCounts};
use pipeline::version::Payload;

pub use columns::schema;
pub use compression::Compression;
pub use error::{ConvertError, Output};

use columns::Columns;
use decode::{Fields, acceptable};
use parquet_file::ParquetFile;
use plain_event::{Instants, PlainEvent};
use quarantine::{Quarantine, Reason, Refusal};
use records::{Framed, Framing, Record, Records};
use scan::Scanner;
use usual_event::UsualEvent;

/// Which chunk of which file the text is, and what to do with it.
#[derive(Clone, Copy, Debug)]
pub struct ChunkSpec<'a> {
    /// Number of the text's first line in the file, from 1.
    pub first_line: u64,
    /// Offset of the text's first byte in the file's text.
    pub first_offset: u64,
    /// Lines that are equal to an earlier one, as line numbers in the file, in ascending order: their records are
    /// counted and skipped.
    pub duplicate_lines: &'a [u64],
    /// What becomes of the payload column.
    pub payload: Payload,
    /// How the pages of the Parquet file are compressed.
    pub compression: Compression,
}

impl Default for ChunkSpec<'_> {
    /// A whole file without equal lines, its payload kept, in Snappy.
    fn default() -> Self {
        Self {
            first_line: 1,
            first_offset: 0,
            duplicate_lines: &[],
            payload: Payload::Keep,
            compression: Compression::Snappy,
        }
    }
}

/// What the text became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Lines and records; they balance.
    pub counts: RecordCounts,
    /// Rows by event type; those with a name longer than [`MAX_TYPE_NAME_BYTES`] together under [`OTHER_TYPES`].
    pub types: BTreeMap<String, u64>,
    /// Whether there is a row, and so a Parquet file.
    pub wrote_parquet: bool,
    /// Whether there is a bad record, and so a quarantine file.
    pub wrote_quarantine: bool,
}

/// Converts chunk after chunk, and keeps the memory that it took for the next one.
pub struct ChunkConverter {
    framing: Framing,
    /// For the objects within records.
    scanner: Scanner,
    instants: Instants,
    columns: Columns,
}

impl Default for ChunkConverter {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkConverter {
    /// A converter that holds nothing yet.
    pub fn new() -> Self {
        Self {
            framing: Framing::new(),
            scanner: Scanner::new(),
            instants: Instants::default(),
            columns: Columns::new(),
        }
    }

    /// Converts the chunk `spec`, whose text is `text`: rows go to `parquet`, bad records to `quarantine`, in their order.
    ///
    /// Events are read where they lie in the memory of `text`, which best has some hundred KiB at hand at a time. Bad records
    /// never fail a chunk. Nothing is written to `parquet` if there is no row, nothing to `quarantine` if there
    /// is no bad record. Memory is bounded whatever the text: a record of more than 16 MiB is refused, not held.
    ///
    /// # Errors
    ///
    /// [`ConvertError::Read`] if `text` fails, [`ConvertError::Write`] if one of the outputs does. What was written by then
    /// is no complete file.
    pub fn convert(
        &mut self,
        spec: &ChunkSpec<'_>,
        text: impl BufRead,
        parquet: impl Write + Send,
        quarantine: impl Write,
    ) -> Result<Converted, ConvertError> {
        let Self { framing, scanner, instants, columns } = self;
        let mut converted = Converted::default();
        let counts = &mut converted.counts;
        let mut records = Records::new(text, spec.first_line, spec.first_offset, framing);
        let mut rows = ParquetFile::new(parquet, spec.payload, spec.compression, columns);
        let mut bad = Quarantine::new(quarantine);
        let mut take = |record: &Record<'_>, event: Option<&UsualEvent>| {
            counts.records += 1;
            if spec.duplicate_lines.binary_search(&record.line).is_ok() {
                counts.duplicates += 1;
                return Ok(());
            }
            match store(record, event, &mut rows, scanner, instants)? {
                Ok(()) => counts.rows += 1,
                Err(refusal) => {
                    counts.quarantined += 1;
                    bad.push(record, &refusal)?;
                }
            }
            Ok(())
        };
        loop {
            records.usual_events(|record, event| take(record, Some(event)))?;
            let Some(record) = records.next()? else { break };
            take(&record, None)?;
        }
        counts.lines = records.lines();
        counts.blank_lines = records.blank_lines();
        let types;
        (converted.wrote_parquet, types) = rows.finish()?;
        converted.types = types.0.into_iter().collect();
        converted.wrote_quarantine = bad.finish()?;
        Ok(converted)
    }
}

/// Converts one chunk; see [`ChunkConverter::convert`].
///
/// # Errors
///
/// Those of [`ChunkConverter::convert`].
pub fn convert_chunk(
    spec: &ChunkSpec<'_>,
    text: impl BufRead,
    parquet: impl Write + Send,
    quarantine: impl Write,
) -> Result<Converted, ConvertError> {
    ChunkConverter::new().convert(spec, text, parquet, quarantine)
}

/// Stores the event that a record is, or answers why it is none; `event` is it if it was read as one already.
fn store<W: Write + Send>(
    record: &Record<'_>,
    event: Option<&UsualEvent>,
    rows: &mut ParquetFile<'_, W>,
    scanner: &mut Scanner,
    instants: &mut Instants,
) -> Result<Result<(), Refusal>, ConvertError> {
    let bytes = match &record.framed {
        Framed::Value(bytes) => bytes,
        Framed::Broken { detail, .. } => return Ok(Err(Refusal::new(Reason::InvalidJson, detail))),
        Framed::Oversized { length, .. } => return Ok(Err(Refusal::oversized(*length))),
    };
    if let Some(event) = event {
        if decode::text(event.unchecked.of(bytes)).is_err()
            && let Err(refusal) = decode::text(bytes)
        {
            return Ok(Err(refusal));
        }
        rows.push_usual(event, bytes, record.line)?;
        return Ok(Ok(()));
    }
    let (text, object) = match acceptable(bytes, record.object) {
        Ok(acceptable) => acceptable,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(event) = PlainEvent::of(text, object, instants)
        && rows.push_plain(&event, record.line, scanner)?
    {
        return Ok(Ok(()));
    }
    match shape::to_row(&Fields::new(text, object), scanner) {
        Ok(row) => {
            rows.push(&row, record.line)?;
            Ok(Ok(()))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Rows by event type.
#[derive(Default)]
struct Types(HashMap<String, u64, RandomState>);

impl Types {
    /// Counts rows under their type, whatever that is: garbage must not make receipt or ledger large.
    fn count(&mut self, event_type: &str, rows: u64) {
        let name = if event_type.len() <= MAX_TYPE_NAME_BYTES { event_type } else { OTHER_TYPES };
        match self.0.get_mut(name) {
            Some(counted) => *counted += rows,
            None => drop(self.0.insert(name.to_owned(), rows)),
        }
    }
}
