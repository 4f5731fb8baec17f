//! The pass over a file's text that makes its plan.

use std::io::{self, Read, Write};

use serde::Serialize;

use crate::chunk::{CsvChunk, MAX_CHUNKS};
use crate::head::{self, HEAD_BYTES, HeadError};
use crate::header::{self, HeaderError};
use crate::records::{CsvRecord, CsvRecordReader, RecordError, RecordPosition};
use crate::rules::{LoadOptions, LoadRules, RowRejectReason};
use crate::superseded::{self, DuplicateIdFinder};
use crate::types::TypeInference;

/// The size of chunks, and the constants of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerSettings {
    /// A chunk ends after this many rows.
    pub chunk_rows: u64,
    /// A chunk ends with the row that makes it at least this long.
    pub chunk_bytes: u64,
    /// The seed of [`DuplicateIdFinder`].
    pub seed: u64,
    /// The size of what the load adds to each item: [`LoadAttributes::bytes_of`](crate::LoadAttributes::bytes_of).
    pub added_bytes: u64,
}

/// The text cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum CsvPlanError {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("more than {MAX_CHUNKS} chunks of {chunk_rows} rows: raise CsvChunkRows")]
    TooManyChunks { chunk_rows: u64 },
    #[error("cannot write rows to a temporary file")]
    Spool(#[source] io::Error),
}

/// The result of the pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCsv {
    pub rules: LoadRules,
    pub chunks: Vec<CsvChunk>,
    pub rows: u64,
    /// Rows that are not valid.
    pub rejected: u64,
    /// Valid rows whose id occurs again later in the file.
    pub superseded: u64,
    /// The bits of superseded rows, for the chunks that have such rows.
    pub superseded_bits: Vec<u8>,
    /// The write units of the rows that become items.
    pub write_units: u64,
}

/// A rejected row, as it is written to the quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedRow<'a> {
    /// The number of its first line, from 1.
    pub line: u64,
    /// Its number in the file, from 0. The header is not a row.
    pub row: u64,
    /// The offset of its first byte in the text.
    pub offset: u64,
    /// Its length without the line end.
    pub bytes: usize,
    /// [`RowRejectReason::name`].
    pub reason: &'static str,
    pub message: String,
    /// The row as in the file. Bytes that are not UTF-8 are replaced.
    pub record: std::borrow::Cow<'a, str>,
}

/// Plans a text.
pub struct CsvPlanner<'a> {
    options: &'a LoadOptions,
    settings: PlannerSettings,
}

impl<'a> CsvPlanner<'a> {
    pub fn new(options: &'a LoadOptions, settings: PlannerSettings) -> Self {
        Self { options, settings }
    }

    /// Reads a text to its end. Writes rejected rows to `quarantine`, one JSON object per line.
    pub fn plan(&self, mut text: impl Read, quarantine: &mut impl Write) -> Result<PlannedCsv, CsvPlanError> {
        let mut start = Vec::new();
        let read = text.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut start);
        read.map_err(|source| RecordError::Read { offset: start.len() as u64, source })?;
        let head = head::inspect(&start, start.len() < HEAD_BYTES)?;
        let delimiter = self.options.delimiter.unwrap_or(head.delimiter);
        let text = start[head.mark_bytes..].chain(text);
        let position = RecordPosition { offset: head.mark_bytes as u64, line: 1 };
        let mut records = CsvRecordReader::new(text, delimiter.byte(), position);
        let Some(first) = records.next_record()? else { return Err(HeadError::Empty.into()) };
        let mut pass = match (&self.options.columns, self.options.header) {
            (Some(columns), _) => self.pass(delimiter, columns.clone(), Some(&first), quarantine)?,
            (None, true) => self.pass(delimiter, header::names(&first)?, None, quarantine)?,
            (None, false) => {
                let columns = (1..=first.len()).map(|number| format!("column_{number}")).collect();
                self.pass(delimiter, columns, Some(&first), quarantine)?
            }
        };
        loop {
            let next = records.next_position()?;
            if pass.is_full() {
                pass.close(next)?;
            }
            match records.next_record()? {
                Some(record) => pass.add(&record, quarantine)?,
                None => return pass.finish(next),
            }
        }
    }

    /// Starts a pass. `first` is the first record if it is a row.
    fn pass(
        &self,
        delimiter: crate::Delimiter,
        columns: Vec<String>,
        first: Option<&CsvRecord<'_>>,
        quarantine: &mut impl Write,
    ) -> Result<PlanningPass, CsvPlanError> {
        let rules = LoadRules::new(self.options, delimiter, columns)?;
        let mut pass = PlanningPass::new(rules, self.options, self.settings);
        if let Some(first) = first {
            pass.add(first, quarantine)?;
        }
        Ok(pass)
    }
}

/// The state of the pass.
struct PlanningPass {
    rules: LoadRules,
    settings: PlannerSettings,
    /// For each column without a given type, the types that fit so far; all `None` if types are not inferred.
    inferred: Vec<Option<TypeInference>>,
    superseded: DuplicateIdFinder,
    form: Vec<u8>,
    chunks: Vec<CsvChunk>,
    open: Option<CsvChunk>,
    rows: u64,
    rejected: u64,
    write_units: u64,
}

impl PlanningPass {
    fn new(rules: LoadRules, options: &LoadOptions, settings: PlannerSettings) -> Self {
        let is_open = |name: &String| options.infer && name != "id" && !options.types.contains_key(name);
        let inferred = rules.columns.iter().map(|name| is_open(name).then_some(TypeInference::START)).collect();
        Self {
            rules,
            settings,
            inferred,
            superseded: DuplicateIdFinder::new(settings.seed),
            form: Vec::new(),
            chunks: Vec::new(),
            open: None,
            rows: 0,
            rejected: 0,
            write_units: 0,
        }
    }

    fn add(&mut self, record: &CsvRecord<'_>, quarantine: &mut impl Write) -> Result<(), CsvPlanError> {
        let (row, position) = (self.rows, record.position);
        let open = self.open.get_or_insert(CsvChunk {
            start: position.offset,
            end: position.offset,
            first_line: position.line,
            first_row: row,
            rows: 0,
            rejected: 0,
            superseded: 0,
            superseded_offset: None,
        });
        open.rows += 1;
        open.end = position.offset + record.raw.len() as u64;
        self.rows += 1;
        match self.rules.judge(record) {
            Ok(size) => {
                let write_units = size.write_units(self.settings.added_bytes);
                self.write_units += write_units;
                for (inferred, cell) in self.inferred.iter_mut().zip(record.cells()) {
                    if let Some(inferred) = inferred.as_mut().filter(|_| !cell.is_empty()) {
                        inferred.add(cell);
                    }
                }
                let identity = self.rules.identity(record, &mut self.form);
                self.superseded.add(row, write_units, identity).map_err(CsvPlanError::Spool)
            }
            Err(reason) => {
                open.rejected += 1;
                self.rejected += 1;
                write_rejected(record, row, &reason, quarantine).map_err(CsvPlanError::Spool)
            }
        }
    }

    fn is_full(&self) -> bool {
        let PlannerSettings { chunk_rows, chunk_bytes, .. } = self.settings;
        self.open.is_some_and(|open| open.rows >= chunk_rows || open.end - open.start >= chunk_bytes)
    }

    fn close(&mut self, next: RecordPosition) -> Result<(), CsvPlanError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if self.chunks.len() == MAX_CHUNKS {
            return Err(CsvPlanError::TooManyChunks { chunk_rows: self.settings.chunk_rows });
        }
        self.chunks.push(CsvChunk { end: next.offset, ..open });
        Ok(())
    }

    fn finish(mut self, end: RecordPosition) -> Result<PlannedCsv, CsvPlanError> {
        self.close(end)?;
        let all = self.superseded.finish().map_err(CsvPlanError::Spool)?;
        let mut bits = Vec::new();
        let mut superseded = 0;
        for chunk in &mut self.chunks {
            let rows = chunk.first_row..chunk.first_row + chunk.rows;
            let bytes = usize::try_from(chunk.superseded_bytes()).expect("the bits of a chunk fit into memory");
            let mut own = vec![0; bytes];
            for row in rows.filter(|row| superseded::is_set(&all.bits, *row)) {
                superseded::set(&mut own, row - chunk.first_row);
                chunk.superseded += 1;
            }
            if chunk.superseded > 0 {
                chunk.superseded_offset = Some(bits.len() as u64);
                bits.extend_from_slice(&own);
            }
            superseded += chunk.superseded;
        }
        let mut rules = self.rules;
        for (column_type, inferred) in rules.types.iter_mut().zip(&self.inferred) {
            *column_type = inferred.map_or(*column_type, TypeInference::column_type);
        }
        Ok(PlannedCsv {
            rules,
            chunks: self.chunks,
            rows: self.rows,
            rejected: self.rejected,
            superseded,
            superseded_bits: bits,
            write_units: self.write_units - all.write_units,
        })
    }
}

fn write_rejected(
    record: &CsvRecord<'_>,
    row: u64,
    reason: &RowRejectReason,
    quarantine: &mut impl Write,
) -> io::Result<()> {
    let rejected = QuarantinedRow {
        line: record.position.line,
        row,
        offset: record.position.offset,
        bytes: record.raw.len(),
        reason: reason.name(),
        message: reason.to_string(),
        record: String::from_utf8_lossy(record.raw),
    };
    serde_json::to_writer(&mut *quarantine, &rejected)?;
    quarantine.write_all(b"\n")
}
