//! Shared by the tests: a context with a fake bucket, and hours.

use std::io::Write;
use std::time::Duration;

use aws_client::s3::PART_BYTES;
use aws_fakes::MemoryS3;
use fetch::FetchError;
use fetch::{BytesFrom, Input, Output};
use fetch::{Context, FetchLimits, http_client};
use flate2::Compression;
use flate2::write::GzEncoder;
use function_runtime::{Clock, ErrorName};
use pipeline::ArchiveHour;
use pipeline::version::OutputOptions;

pub(crate) const LANDING: &str = "landing/ghactivity/2025-11-21-0.json.gz";

pub(crate) struct FetchFixture {
    pub(crate) s3: MemoryS3,
    pub(crate) context: Context,
}

impl FetchFixture {
    /// An empty bucket; chunks have 100 records.
    pub(crate) fn from(sources: &str) -> Self {
        let s3 = MemoryS3::default();
        let limits = FetchLimits { resume_wait: Duration::from_millis(1), ..FetchLimits::default() };
        let context = Context {
            bucket: s3.bucket("lake"),
            sources: sources.parse().unwrap(),
            http: http_client(&limits).unwrap(),
            options: OutputOptions { chunk_records: 100, ..OutputOptions::default() },
            part_bytes: PART_BYTES,
            limits,
            clock: Clock::fixed("2025-11-21T01:00:00Z".parse().unwrap()),
        };
        Self { s3, context }
    }

    pub(crate) fn limited(mut self, change: impl FnOnce(&mut FetchLimits)) -> Self {
        change(&mut self.context.limits);
        self.context.http = http_client(&self.context.limits).unwrap();
        self
    }

    pub(crate) async fn call(&self, source: BytesFrom) -> Result<Output, FetchError> {
        fetch::handle(Input { hour: hour(), source }, &self.context).await
    }

    /// Downloads the hour, which must fail; returns the name of the error and its message with all causes.
    ///
    /// Asserts that no object of the hour exists.
    pub(crate) async fn failure(&self, phrase: &str) -> (String, String) {
        let error = self.call(BytesFrom::Upstream).await.expect_err(phrase);
        assert_eq!(self.s3.keys(), [""; 0], "{phrase}: nothing of a bad file lands");
        assert_eq!(self.s3.open_uploads(), 0, "{phrase}: nor is it left half uploaded");
        (error.name().to_owned(), function_runtime::diagnostic(&error).error_message)
    }
}

pub(crate) fn hour() -> ArchiveHour {
    "2025-11-21-0".parse().unwrap()
}

/// Returns `count` lines, some of them equal.
pub(crate) fn lines(count: usize) -> String {
    let line =
        |number: usize| format!("{{\"id\":\"{}\",\"type\":\"PushEvent\"}}\n", number - usize::from(number % 50 == 49));
    (0..count).map(line).collect()
}

pub(crate) fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    gzip_with(text, Compression::best())
}

pub(crate) fn gzip_with(text: impl AsRef<[u8]>, level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A gzip file that is slightly longer than two parts of an upload.
pub(crate) fn large_gzip() -> Vec<u8> {
    let mut state = 1_u64;
    let mut line = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{{\"id\":\"{state:0200}\"}}\n")
    };
    let mut text = String::new();
    while text.len() < 17 << 20 {
        text.push_str(&line());
    }
    gzip_with(text, Compression::none())
}
