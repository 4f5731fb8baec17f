//! Parses the bytes of a chunk into batches of items, on a blocking thread.

use std::io::Read;

use aws_csv::PutBatch;
use csv_load::receipt::RowCounts;
use csv_load::{CsvRecordReader, ItemWriter, LoadAttributes, LoadPlan, OnExisting, RecordError, RecordPosition};
use tokio::sync::mpsc;

use crate::Resume;

/// Consecutive rows, and the position after them.
#[derive(Debug)]
pub(crate) struct ItemBatch {
    /// The items to write.
    pub(crate) puts: PutBatch,
    /// The lines of the items; empty with `OnExisting::Overwrite`, which needs none.
    pub(crate) lines: Vec<u64>,
    pub(crate) write_units: u64,
    /// Rows read, duplicates and rejected rows of this batch.
    pub(crate) counts: RowCounts,
    /// The start of the next batch.
    pub(crate) next: RecordPosition,
}

/// The rows of a chunk, starting at a position.
pub(crate) struct ChunkRows<'a> {
    pub(crate) plan: &'a LoadPlan,
    /// One bit per row of the chunk, set for superseded rows; empty if there are none.
    pub(crate) superseded: &'a [u8],
    pub(crate) from: Resume,
    /// A batch with this number of write units is full.
    pub(crate) max_units: u64,
}

impl ChunkRows<'_> {
    /// Sends batches until the text ends or the receiver is dropped.
    pub(crate) fn send(&self, text: impl Read, batches: &mpsc::Sender<ItemBatch>) -> Result<(), RecordError> {
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
        // A dropped receiver is not an error of the rows.
        let _ = batches.blocking_send(batch);
        Ok(())
    }

    fn empty(&self, next: RecordPosition) -> ItemBatch {
        let puts = PutBatch::new(&self.plan.table);
        ItemBatch { puts, lines: Vec::new(), write_units: 0, counts: RowCounts::default(), next }
    }
}

/// A batch has at most this number of rows, with or without items.
const MAX_ROWS: u64 = 10_000;
