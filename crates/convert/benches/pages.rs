//! Compares the crate's own pages with the Parquet crate's `ArrowWriter`: `cargo bench -p convert --bench pages`.
//!
//! Both write the same rows with the same encodings, compression and statistics. `own` begins with parsed events, so it
//! includes the dictionary look-ups. `arrow_writer` begins with complete record batches, so building them is not
//! included.
//!
//! `GHACTIVITY_BENCH` may name a gzip file to take the records from; without it, generated ones are used.

#[path = "support/sample.rs"]
mod sample;

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use convert::bench_stages::ParsedEvents;
use convert::schema;
use criterion::{Criterion, Throughput};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

/// As in the crate's own files.
fn properties() -> Arc<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(20_000))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_column_encoding("source_line".into(), Encoding::DELTA_BINARY_PACKED);
    for column in ["id", "payload", "other", "source_line"] {
        properties = properties.set_column_dictionary_enabled(column.into(), false);
    }
    for column in ["payload", "other"] {
        properties = properties.set_column_statistics_enabled(column.into(), EnabledStatistics::Chunk);
    }
    Arc::new(properties.build())
}

fn batches(file: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).expect("the file was just written");
    let reader = reader.with_batch_size(20_000).build().expect("the file was just written");
    reader.map(|batch| batch.expect("the file was just written")).collect()
}

fn write_with_arrow(batches: &[RecordBatch], properties: &Arc<WriterProperties>) -> Vec<u8> {
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema(), Some((**properties).clone())).expect("the schema is valid");
    for batch in batches {
        writer.write(batch).expect("writing to memory does not fail");
    }
    writer.into_inner().expect("writing to memory does not fail")
}

fn main() {
    let text = sample::text();
    let mut events = ParsedEvents::read(&text);
    let own = events.write();
    let batches = batches(own.clone());
    let properties = properties();
    let by_arrow = write_with_arrow(&batches, &properties);
    println!("own: {} bytes; arrow_writer: {} bytes", own.len(), by_arrow.len());
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("pages");
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    group.throughput(Throughput::Elements(rows as u64));
    group.bench_function("own", |bench| bench.iter(|| black_box(events.write())));
    group.bench_function("arrow_writer", |bench| bench.iter(|| black_box(write_with_arrow(&batches, &properties))));
    group.finish();
}
