//! Configuration and clients, created once at cold start.

use std::time::Duration;

use aws_client::s3::{Bucket, PART_BYTES};
use function_runtime::{Clock, Env, InvalidConfiguration};
use pipeline::sources::SourceUrls;
use pipeline::version::{OutputOptions, Payload};
use reqwest::redirect::Policy;

const MAX_REDIRECTS: usize = 5;

pub struct Context {
    pub bucket: Bucket,
    /// In order of preference.
    pub sources: SourceUrls,
    pub http: reqwest::Client,
    pub options: OutputOptions,
    /// The length of a part of the multipart upload.
    pub part_bytes: usize,
    pub limits: FetchLimits,
    pub clock: Clock,
}

#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    pub max_landing_bytes: u64,
    pub connect_timeout: Duration,
    /// Between two pieces of the body.
    pub read_timeout: Duration,
    /// For the whole body including resumptions. Several sources share it: each has an equal share of the remaining time.
    pub body_timeout: Duration,
    /// The most resumptions of a body, and the most retries after a pause that the source asked for.
    pub resumes: u32,
    /// The wait before the first resumption; it doubles for each further one.
    pub resume_wait: Duration,
}

impl Default for FetchLimits {
    /// 2 GiB is over ten times the largest known hour.
    fn default() -> Self {
        Self {
            max_landing_bytes: 2 << 30,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_mins(10),
            resumes: 4,
            resume_wait: Duration::from_millis(500),
        }
    }
}

impl Context {
    /// Reads the environment:
    ///
    /// | variable | meaning | default |
    /// | --- | --- | --- |
    /// | `SOURCE_URLS` | comma-separated addresses of archives (`http` or `https`), in order of preference | none |
    /// | `DATA_BUCKET` | name of the bucket | none |
    /// | `CHUNK_RECORDS` | records per chunk, at least 1 | 10000 |
    /// | `PAYLOAD` | `keep` or `drop` the text of the payload column | `keep` |
    /// | `FETCH_TIMEOUT_SECS` | seconds for the whole body, at least 1 | 600 |
    /// | `UPLOAD_PART_BYTES` | bytes of a part of the multipart upload; S3 accepts at least 5 MiB | 8 MiB |
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let settings = FetchSettings::read(&Env::of_process())?;
        let config = aws_client::config::load().await;
        Ok(Self {
            bucket: Bucket::new(aws_client::config::s3(&config), settings.bucket),
            http: http_client(&settings.limits)?,
            sources: settings.sources,
            options: settings.options,
            part_bytes: settings.part_bytes,
            limits: settings.limits,
            clock: Clock::system(),
        })
    }
}

/// The HTTP client for the sources. It requests no content encoding and decodes none.
///
/// # Errors
/// If the certificate of the source cannot be verified.
pub fn http_client(limits: &FetchLimits) -> Result<reqwest::Client, InvalidConfiguration> {
    let client = reqwest::Client::builder()
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.read_timeout)
        .redirect(Policy::limited(MAX_REDIRECTS))
        .user_agent(concat!("ghactivity/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        InvalidConfiguration::new(SOURCE_URLS, format!("cannot be reached: no HTTP client: {reason}"))
    })
}

const SOURCE_URLS: &str = "SOURCE_URLS";

#[derive(Debug)]
struct FetchSettings {
    sources: SourceUrls,
    bucket: String,
    options: OutputOptions,
    part_bytes: usize,
    limits: FetchLimits,
}

impl FetchSettings {
    fn read(env: &Env) -> Result<Self, InvalidConfiguration> {
        let defaults = OutputOptions::default();
        let payload =
            env.choice_or("PAYLOAD", &[("keep", Payload::Keep), ("drop", Payload::Drop)], defaults.payload)?;
        let chunk_records = at_least_one(env, "CHUNK_RECORDS", defaults.chunk_records)?;
        let body_secs = at_least_one(env, "FETCH_TIMEOUT_SECS", 600)?;
        let part_bytes = at_least_one(env, "UPLOAD_PART_BYTES", u32::try_from(PART_BYTES).expect("8 MiB fit u32"))?;
        Ok(Self {
            sources: env.value(SOURCE_URLS)?,
            bucket: env.text("DATA_BUCKET")?,
            options: OutputOptions { chunk_records, payload, ..defaults },
            part_bytes: part_bytes as usize,
            limits: FetchLimits { body_timeout: Duration::from_secs(body_secs.into()), ..FetchLimits::default() },
        })
    }
}

fn at_least_one(env: &Env, variable: &str, default: u32) -> Result<u32, InvalidConfiguration> {
    let value = env.value_or(variable, default)?;
    if value == 0 {
        return Err(InvalidConfiguration::new(variable, "is 0: expected 1 or more"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_documented_defaults() {
        let needed = [("SOURCE_URLS", "https://data.gharchive.org/"), ("DATA_BUCKET", "lake")];
        let settings = FetchSettings::read(&Env::of(&needed)).unwrap();
        assert_eq!(settings.sources.to_string(), "https://data.gharchive.org");
        assert_eq!(settings.bucket, "lake");
        assert_eq!(settings.options, OutputOptions::default());
        assert_eq!((settings.limits.body_timeout, settings.part_bytes), (Duration::from_mins(10), PART_BYTES));

        let chosen =
            [("CHUNK_RECORDS", "7"), ("PAYLOAD", "drop"), ("FETCH_TIMEOUT_SECS", "5"), ("UPLOAD_PART_BYTES", "9")];
        let settings = FetchSettings::read(&Env::of(&[needed.as_slice(), &chosen].concat())).unwrap();
        assert_eq!((settings.options.chunk_records, settings.options.payload), (7, Payload::Drop));
        assert_eq!((settings.limits.body_timeout, settings.part_bytes), (Duration::from_secs(5), 9));
    }

    #[test]
    fn settings_invalid_variable_is_named() {
        for (phrase, variable, value) in [
            ("not an address", "SOURCE_URLS", "data.gharchive.org"),
            ("one of two is invalid", "SOURCE_URLS", "https://data.gharchive.org,ftp://mirror"),
            ("absent", "DATA_BUCKET", ""),
            ("zero records", "CHUNK_RECORDS", "0"),
            ("negative", "CHUNK_RECORDS", "-1"),
            ("not a choice", "PAYLOAD", "Keep"),
            ("zero seconds", "FETCH_TIMEOUT_SECS", "0"),
            ("zero bytes", "UPLOAD_PART_BYTES", "0"),
        ] {
            let mut variables = vec![("SOURCE_URLS", "https://data.gharchive.org"), ("DATA_BUCKET", "lake")];
            variables.retain(|(name, _)| *name != variable);
            variables.push((variable, value));
            assert_eq!(FetchSettings::read(&Env::of(&variables)).unwrap_err().variable, variable, "{phrase}");
        }
    }
}
