//! From a chunk's bytes to batches of items, on a thread of its own.

use std::io::Read;

use aws_csv::PutBatch;
use csv_load::receipt::RowCounts;
use csv_load::{CsvRecordReader, ItemWriter, LoadAttributes, LoadPlan, OnExisting, RecordError, RecordPosition};
use tokio::sync::mpsc;

use crate::Resume;

/// Some rows in order, and where they end.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The items of those that are to be written.
    pub(crate) puts: PutBatch,
    /// Their lines, where the table may have such items: otherwise nobody asks for them.
    pub(crate) lines: Vec<u64>,
    /// Write units of the items.
    pub(crate) write_units: u64,
    /// Rows, duplicates and rejected ones of this batch.
    pub(crate) counts: RowCounts,
    /// Where the next batch begins.
    pub(crate) next: RecordPosition,
}

/// The rows of a chunk from a place on.
pub(crate) struct Rows<'a> {
    pub(crate) plan: &'a LoadPlan,
    /// A bit for each row of the chunk that is superseded; none if no row is.
    pub(crate) superseded: &'a [u8],
    pub(crate) from: Resume,
    /// A call takes no further item once it has so many write units.
    pub(crate) max_units: u64,
}

impl Rows<'_> {
    /// Sends batches until the text ends or nobody wants any more.
    pub(crate) fn send(&self, text: impl Read, batches: &mpsc::Sender<Batch>) -> Result<(), RecordError> {
        let Self { plan, .. } = self;
        let (ingestion_timestamp, load_id) = (plan.ingestion_timestamp.to_string(), plan.load_id.to_string());
        let source_file = plan.source.address();
        let added =
            LoadAttributes { ingestion_timestamp: &ingestion_timestamp, source_file: &source_file, load_id: &load_id };
        let added_bytes = LoadAttributes::bytes_of(added.ingestion_timestamp, added.source_file);
        let mut writer = ItemWriter::new(&plan.rules, &added);
        let place = RecordPosition { offset: self.from.offset, line: self.from.line };
        let mut records = CsvRecordReader::new(text, plan.rules.delimiter.byte(), place);
        let mut row = self.from.counts.read;
        let mut batch = self.empty(place);
        while let Some(record) = records.next_record()? {
            batch.counts.read += 1;
            match plan.rules.judge(&record) {
                Err(_) => batch.counts.rejected += 1,
                Ok(_) if csv_load::is_set(self.superseded, row) => batch.counts.duplicate += 1,
                Ok(judged) => {
                    batch.write_units += judged.write_units(added_bytes);
                    batch.puts.push(|body| writer.write(&record, body));
                    if plan.rules.on_existing != OnExisting::Overwrite {
                        batch.lines.push(record.position.line);
                    }
                }
            }
            row += 1;
            if batch.puts.is_full() || batch.write_units >= self.max_units || batch.counts.read == MAX_ROWS {
                batch.next = records.next_position()?;
                let full = std::mem::replace(&mut batch, self.empty(place));
                if batches.blocking_send(full).is_err() {
                    return Ok(());
                }
            }
        }
        batch.next = records.next_position()?;
        // Nobody left to take it is no failure of the rows.
        let _ = batches.blocking_send(batch);
        Ok(())
    }

    fn empty(&self, next: RecordPosition) -> Batch {
        let puts = PutBatch::new(&self.plan.table);
        Batch { puts, lines: Vec::new(), write_units: 0, counts: RowCounts::default(), next }
    }
}

/// A stretch of rows without items ends a batch too.
const MAX_ROWS: u64 = 10_000;
