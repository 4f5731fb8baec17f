//! Single stages of a conversion: `cargo bench -p convert --bench stages`. `frame` and `decode` read every record by
//! the general path.
//!
//! `GHACTIVITY_BENCH` may name a gzip file to take the records from; without it, generated ones are used.

#[path = "support/sample.rs"]
mod sample;

use std::hint::black_box;
use std::io;

use convert::{ChunkSpec, Compression, bench_stages, convert_chunk};
use criterion::{Criterion, Throughput};
use pipeline::version::Payload;

fn main() {
    let text = sample::text();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("chunk");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("frame", |bench| bench.iter(|| bench_stages::frame(black_box(&text))));
    group.bench_function("decode", |bench| bench.iter(|| bench_stages::decode(black_box(&text))));
    for (name, payload, compression) in [
        ("drop, uncompressed", Payload::Drop, Compression::Uncompressed),
        ("drop, snappy", Payload::Drop, Compression::Snappy),
        ("keep, uncompressed", Payload::Keep, Compression::Uncompressed),
        ("keep, snappy", Payload::Keep, Compression::Snappy),
    ] {
        let spec = ChunkSpec { payload, compression, ..ChunkSpec::default() };
        group.bench_function(name, |bench| {
            bench.iter(|| convert_chunk(&spec, black_box(&text[..]), io::sink(), io::sink()));
        });
    }
    group.finish();
}
