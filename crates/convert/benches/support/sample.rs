//! The records of the benchmarks.

use std::io::Read;

const RECORDS: usize = 10_000;

/// The text of one chunk: records of the gzip file `GHACTIVITY_BENCH`, or generated ones.
pub(crate) fn text() -> Vec<u8> {
    let Some(path) = std::env::var_os("GHACTIVITY_BENCH") else { return (0..RECORDS).flat_map(generated).collect() };
    let file = std::fs::File::open(path).expect("GHACTIVITY_BENCH names a file");
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(file).take(64 << 20).read_to_end(&mut text).expect("a gzip file");
    let end = memchr::memchr_iter(b'\n', &text).take(RECORDS).last().map_or(text.len(), |last| last + 1);
    text.truncate(end);
    text
}

/// A push by one of 3,000 people to their repository.
fn generated(number: usize) -> Vec<u8> {
    let (person, second) = (number * 7919 % 3000, number / 170 % 60);
    let (users, head) = ("https://api.github.com/users", number * 2_654_435_761);
    format!(
        r#"{{"id":"{}","type":"PushEvent","actor":{{"id":{person},"login":"user-{person}","display_login":"user-{person}","gravatar_id":"","url":"{users}/user-{person}","avatar_url":"https://avatars.githubusercontent.com/u/{person}?"}},"repo":{{"id":{},"name":"user-{person}/project","url":"https://api.github.com/repos/user-{person}/project"}},"payload":{{"repository_id":{person},"push_id":{head},"ref":"refs/heads/main","head":"{head:040x}","before":"{:040x}"}},"public":true,"created_at":"2026-06-01T15:00:{second:02}Z"}}
"#,
        11_000_000_000_usize + number, person + 5, head + 1
    )
    .into_bytes()
}
