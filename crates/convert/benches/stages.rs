//! Stages of a conversion by themselves: `cargo bench -p convert`. Framing, checking and reading are those of records that
//! are not spelled as usual.
//!
//! `GHACTIVITY_BENCH` may name a gzip file to take the records from; without it, a few made ones are repeated.

use std::hint::black_box;
use std::io::{self, Read};

use convert::{ChunkSpec, Compression, convert_chunk, stages};
use criterion::{Criterion, Throughput};
use pipeline::version::Payload;

const RECORDS: usize = 10_000;

/// The text of one chunk.
fn text() -> Vec<u8> {
    let Some(path) = std::env::var_os("GHACTIVITY_BENCH") else { return (0..RECORDS).flat_map(made).collect() };
    let file = std::fs::File::open(path).expect("GHACTIVITY_BENCH names a file");
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(file).take(64 << 20).read_to_end(&mut text).expect("a gzip file");
    let end = memchr::memchr_iter(b'\n', &text).take(RECORDS).last().map_or(text.len(), |last| last + 1);
    text.truncate(end);
    text
}

/// A record: one of few people in one of few repositories.
fn made(number: usize) -> Vec<u8> {
    let (person, second) = (number * 7919 % 3000, number / 170 % 60);
    let (users, head) = ("https://api.github.com/users", number * 2_654_435_761);
    format!(
        r#"{{"id":"{}","type":"PushEvent","actor":{{"id":{person},"login":"user-{person}","display_login":"user-{person}","gravatar_id":"","url":"{users}/user-{person}","avatar_url":"https://avatars.githubusercontent.com/u/{person}?"}},"repo":{{"id":{},"name":"user-{person}/project","url":"https://api.github.com/repos/user-{person}/project"}},"payload":{{"repository_id":{person},"push_id":{head},"ref":"refs/heads/main","head":"{head:040x}","before":"{:040x}"}},"public":true,"created_at":"2026-06-01T15:00:{second:02}Z"}}
"#,
        11_000_000_000_usize + number, person + 5, head + 1
    )
    .into_bytes()
}

fn stages(criterion: &mut Criterion) {
    let text = text();
    let mut group = criterion.benchmark_group("chunk");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("frame", |bench| bench.iter(|| stages::frame(black_box(&text))));
    group.bench_function("check", |bench| bench.iter(|| stages::check(black_box(&text))));
    group.bench_function("read", |bench| bench.iter(|| stages::read(black_box(&text))));
    for (name, payload, compression) in [
        ("drop, uncompressed", Payload::Drop, Compression::Uncompressed),
        ("drop, snappy", Payload::Drop, Compression::Snappy),
        ("keep, uncompressed", Payload::Keep, Compression::Uncompressed),
        ("keep, snappy", Payload::Keep, Compression::Snappy),
    ] {
        let spec = ChunkSpec { payload, compression, ..ChunkSpec::default() };
        group.bench_function(name, |bench| {
            bench.iter(|| convert_chunk(&spec, black_box(&text[..]), io::sink(), io::sink()))
        });
    }
    group.finish();
}

fn main() {
    stages(&mut Criterion::default().configure_from_args());
}
