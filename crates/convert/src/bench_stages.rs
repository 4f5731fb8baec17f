//! Single stages of a conversion, public for the benchmarks only.

use pipeline::version::Payload;

use crate::canonical_event::CanonicalEvent;
use crate::columns::RowGroupColumns;
use crate::compression::Compression;
use crate::decode;
use crate::parquet_file::ParquetFile;
use crate::records::{RecordBuffers, RecordContent, RecordReader};

/// Splits `text` into records. Returns their number.
pub fn frame(text: &[u8]) -> usize {
    frame_and(text, |_| ())
}

/// Splits `text` into records and decodes the fields of objects. Returns the number of records.
pub fn decode(text: &[u8]) -> usize {
    frame_and(text, |content| {
        if let RecordContent::Object { bytes, object } = content {
            std::hint::black_box(decode::object_fields(bytes, object).is_ok());
        }
    })
}

fn frame_and(text: &[u8], mut process: impl FnMut(&RecordContent<'_>)) -> usize {
    let mut buffers = RecordBuffers::new();
    let mut count = 0;
    let mut records = RecordReader::new(text, 1, 0, &mut buffers).without_canonical();
    let framed = records.for_each(|record| {
        count += 1;
        process(&record.content);
        Ok(())
    });
    framed.expect("reading from memory does not fail");
    count
}

/// Canonical events that were read, and the memory for their rows.
pub struct ParsedEvents {
    events: Vec<(Vec<u8>, CanonicalEvent)>,
    columns: RowGroupColumns,
}

impl ParsedEvents {
    /// Reads the canonical events of `text`.
    pub fn read(text: &[u8]) -> Self {
        let (mut buffers, mut events) = (RecordBuffers::new(), Vec::new());
        let read = RecordReader::new(text, 1, 0, &mut buffers).for_each(|record| {
            if let RecordContent::Canonical { bytes, event } = record.content {
                events.push((bytes.to_vec(), *event));
            }
            Ok(())
        });
        read.expect("reading from memory does not fail");
        Self { events, columns: RowGroupColumns::new() }
    }

    /// Writes the events as a Parquet file. Returns its bytes.
    pub fn write(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        let mut file = ParquetFile::new(&mut output, Payload::Keep, Compression::Snappy, &mut self.columns);
        for (line, (record, event)) in (1..).zip(&self.events) {
            file.push_canonical(event, record, line).expect("writing to memory does not fail");
        }
        file.finish().expect("writing to memory does not fail");
        output
    }
}
