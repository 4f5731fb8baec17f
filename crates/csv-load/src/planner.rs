//! The one pass over a file that makes its plan.

use std::io::{self, Read, Write};

use serde::Serialize;

use crate::head::{self, HEAD_BYTES, HeadError};
use crate::header::{self, HeaderError};
use crate::plan::{CsvChunk, MAX_CHUNKS};
use crate::records::{CsvRecord, CsvRecordReader, RecordError, RecordPosition};
use crate::rules::{LoadOptions, LoadRules, RowRejectReason};
use crate::superseded::{self, DuplicateIdFinder};
use crate::types::TypeInference;

/// How chunks are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerSettings {
    /// A chunk ends after so many rows.
    pub chunk_rows: u64,
    /// A chunk ends with the row that makes it as long.
    pub chunk_bytes: u64,
    /// Tells ids apart; see [`DuplicateIdFinder`].
    pub seed: u64,
    /// What the load adds to each item; see [`LoadAttributes::bytes_of`](crate::LoadAttributes::bytes_of).
    pub added_bytes: u64,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum CsvPlanError {
    /// The file's beginning is not that of a CSV file.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// Its columns cannot be named.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It cannot be read to its end.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It has too many chunks.
    #[error("more than {MAX_CHUNKS} chunks of {chunk_rows} rows: raise CsvChunkRows")]
    TooManyChunks {
        /// A chunk's rows.
        chunk_rows: u64,
    },
    /// What is kept outside of memory cannot be written or read.
    #[error("cannot keep rows in a temporary file")]
    Spool(#[source] io::Error),
}

/// What the pass found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCsv {
    /// What becomes of rows.
    pub rules: LoadRules,
    /// The chunks.
    pub chunks: Vec<CsvChunk>,
    /// All rows.
    pub rows: u64,
    /// Rows that do not fit.
    pub rejected: u64,
    /// Rows whose id a later row has.
    pub superseded: u64,
    /// The bits of those, for chunks that have any.
    pub superseded_bits: Vec<u8>,
    /// Write units of the rows that become items.
    pub write_units: u64,
}

/// A row that does not fit, as the quarantine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedRow<'a> {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its number in the file, from 0; the header is none.
    pub row: u64,
    /// Offset of its first byte in the text.
    pub offset: u64,
    /// Its length, without the end of the line.
    pub bytes: usize,
    /// The reason's stable name.
    pub reason: &'static str,
    /// The reason.
    pub message: String,
    /// The row as it stands in the file; what is not UTF-8 in it is replaced.
    pub record: std::borrow::Cow<'a, str>,
}

/// Plans a file.
pub struct CsvPlanner<'a> {
    options: &'a LoadOptions,
    settings: PlannerSettings,
}

impl<'a> CsvPlanner<'a> {
    /// A planner for a file.
    pub fn new(options: &'a LoadOptions, settings: PlannerSettings) -> Self {
        Self { options, settings }
    }

    /// Reads a text from its beginning to its end; `quarantine` gets the rows that do not fit, a JSON object a line.
    ///
    /// # Errors
    /// See [`CsvPlanError`].
    pub fn plan(&self, mut text: impl Read, quarantine: &mut impl Write) -> Result<PlannedCsv, CsvPlanError> {
        let mut start = Vec::new();
        let read = text.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut start);
        read.map_err(|source| RecordError::Read { offset: start.len() as u64, source })?;
        let head = head::look(&start, start.len() < HEAD_BYTES)?;
        let delimiter = self.options.delimiter.unwrap_or(head.delimiter);
        let text = start[head.mark_bytes..].chain(text);
        let place = RecordPosition { offset: head.mark_bytes as u64, line: 1 };
        let mut records = CsvRecordReader::new(text, delimiter.byte(), place);
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
            let next = records.next_place()?;
            if pass.is_full() {
                pass.close(next)?;
            }
            match records.next_record()? {
                Some(record) => pass.see(&record, quarantine)?,
                None => return pass.finish(next),
            }
        }
    }

    /// A pass with these columns, which has seen the first row if that is one.
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
            pass.see(first, quarantine)?;
        }
        Ok(pass)
    }
}

/// What is known of the rows so far.
struct PlanningPass {
    rules: LoadRules,
    settings: PlannerSettings,
    /// What the columns could be whose types are not given, if they are to be inferred.
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
        let inferred = rules.columns.iter().map(|name| is_open(name).then_some(TypeInference::NOTHING)).collect();
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

    fn see(&mut self, record: &CsvRecord<'_>, quarantine: &mut impl Write) -> Result<(), CsvPlanError> {
        let (row, place) = (self.rows, record.place);
        let open = self.open.get_or_insert(CsvChunk {
            start: place.offset,
            end: place.offset,
            first_line: place.line,
            first_row: row,
            rows: 0,
            rejected: 0,
            superseded: 0,
            superseded_offset: None,
        });
        open.rows += 1;
        open.end = place.offset + record.raw.len() as u64;
        self.rows += 1;
        match self.rules.judge(record) {
            Ok(judged) => {
                let write_units = judged.write_units(self.settings.added_bytes);
                self.write_units += write_units;
                for (inferred, cell) in self.inferred.iter_mut().zip(record.cells()) {
                    if let Some(inferred) = inferred.as_mut().filter(|_| !cell.is_empty()) {
                        inferred.see(cell);
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
            let mut own = vec![0; chunk.superseded_bytes() as usize];
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
        line: record.place.line,
        row,
        offset: record.place.offset,
        bytes: record.raw.len(),
        reason: reason.name(),
        message: reason.to_string(),
        record: String::from_utf8_lossy(record.raw),
    };
    serde_json::to_writer(&mut *quarantine, &rejected)?;
    quarantine.write_all(b"\n")
}
