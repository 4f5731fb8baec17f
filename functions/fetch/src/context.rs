//! What is the same for every invocation: configuration and clients.

use std::time::Duration;

use aws_client::s3::{Bucket, PART_BYTES};
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;
use pipeline::sources::SourceUrls;
use pipeline::version::{OutputOptions, Payload};
use reqwest::redirect::Policy;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// Configuration and clients.
pub struct Context {
    /// The bucket.
    pub bucket: Bucket,
    /// The sources.
    pub sources: SourceUrls,
    /// The client that reaches them.
    pub http: reqwest::Client,
    /// How the hour is cut and converted.
    pub options: OutputOptions,
    /// Length of the parts that a longer file is landed in.
    pub part_bytes: usize,
    /// When to give up.
    pub limits: Limits,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// When to give up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest landing object.
    pub max_landing_bytes: u64,
    /// Until the source is reached.
    pub connect_timeout: Duration,
    /// Between two pieces of the answer.
    pub read_timeout: Duration,
    /// For the whole body, every resumption included. Several sources share it: each has as much of what is left as those after it.
    pub body_timeout: Duration,
    /// How often a broken body is resumed, and how often a source that asks for a pause is asked again.
    pub resumes: u32,
    /// How long to wait before the first resumption; twice as long before each one after it.
    pub resume_wait: Duration,
}

impl Default for Limits {
    /// 2 GiB (over ten times the largest hour known), 10 s, 30 s, 600 s, four times, half a second.
    fn default() -> Self {
        Self {
            max_landing_bytes: 2 << 30,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(600),
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
    /// | `SOURCE_URLS` | addresses of archives, `http` or `https`, separated by commas, the preferred one first | none |
    /// | `DATA_BUCKET` | name of the bucket | none |
    /// | `CHUNK_RECORDS` | records per chunk, from 1 on | 10000 |
    /// | `PAYLOAD` | `keep` or `drop` the payload column's text | `keep` |
    /// | `FETCH_TIMEOUT_SECS` | seconds for the whole body, from 1 on | 600 |
    /// | `UPLOAD_PART_BYTES` | bytes of the parts that a longer file is landed in; S3 takes none under 5 MiB | 8 MiB |
    ///
    /// # Errors
    /// If a variable is absent or holds what it must not.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let settings = Settings::read(&Env::of_process())?;
        let config = aws_client::config::load().await;
        Ok(Self {
            bucket: Bucket::new(aws_client::config::s3(&config), settings.bucket),
            http: http_client(&settings.limits)?,
            sources: settings.sources,
            options: settings.options,
            part_bytes: settings.part_bytes,
            limits: settings.limits,
            now: Timestamp::now,
        })
    }
}

/// A client for the source. It takes the bytes as they are: it asks for no encoding and undoes none.
///
/// # Errors
/// If there is no way to verify the source's certificate.
pub fn http_client(limits: &Limits) -> Result<reqwest::Client, InvalidConfiguration> {
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
struct Settings {
    sources: SourceUrls,
    bucket: String,
    options: OutputOptions,
    part_bytes: usize,
    limits: Limits,
}

impl Settings {
    fn read(env: &Env) -> Result<Self, InvalidConfiguration> {
        let defaults = OutputOptions::default();
        let payload =
            env.choice_or("PAYLOAD", &[("keep", Payload::Keep), ("drop", Payload::Drop)], defaults.payload)?;
        let chunk_records = at_least_one(env, "CHUNK_RECORDS", defaults.chunk_records)?;
        let body_secs = at_least_one(env, "FETCH_TIMEOUT_SECS", 600)?;
        let part_bytes = at_least_one(env, "UPLOAD_PART_BYTES", PART_BYTES as u32)?;
        Ok(Self {
            sources: env.value(SOURCE_URLS)?,
            bucket: env.text("DATA_BUCKET")?,
            options: OutputOptions { chunk_records, payload, ..defaults },
            part_bytes: part_bytes as usize,
            limits: Limits { body_timeout: Duration::from_secs(body_secs.into()), ..Limits::default() },
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
    fn the_environment_is_read_with_its_defaults() {
        let needed = [("SOURCE_URLS", "https://data.gharchive.org/"), ("DATA_BUCKET", "lake")];
        let settings = Settings::read(&Env::of(&needed)).unwrap();
        assert_eq!(settings.sources.to_string(), "https://data.gharchive.org");
        assert_eq!(settings.bucket, "lake");
        assert_eq!(settings.options, OutputOptions::default());
        assert_eq!((settings.limits.body_timeout, settings.part_bytes), (Duration::from_secs(600), PART_BYTES));

        let chosen =
            [("CHUNK_RECORDS", "7"), ("PAYLOAD", "drop"), ("FETCH_TIMEOUT_SECS", "5"), ("UPLOAD_PART_BYTES", "9")];
        let settings = Settings::read(&Env::of(&[needed.as_slice(), &chosen].concat())).unwrap();
        assert_eq!((settings.options.chunk_records, settings.options.payload), (7, Payload::Drop));
        assert_eq!((settings.limits.body_timeout, settings.part_bytes), (Duration::from_secs(5), 9));
    }

    #[test]
    fn a_bad_variable_is_named() {
        for (phrase, variable, value) in [
            ("no address", "SOURCE_URLS", "data.gharchive.org"),
            ("one of two is none", "SOURCE_URLS", "https://data.gharchive.org,ftp://mirror"),
            ("absent", "DATA_BUCKET", ""),
            ("no records", "CHUNK_RECORDS", "0"),
            ("negative", "CHUNK_RECORDS", "-1"),
            ("no choice", "PAYLOAD", "Keep"),
            ("no time", "FETCH_TIMEOUT_SECS", "0"),
            ("parts of nothing", "UPLOAD_PART_BYTES", "0"),
        ] {
            let mut variables = vec![("SOURCE_URLS", "https://data.gharchive.org"), ("DATA_BUCKET", "lake")];
            variables.retain(|(name, _)| *name != variable);
            variables.push((variable, value));
            assert_eq!(Settings::read(&Env::of(&variables)).unwrap_err().variable, variable, "{phrase}");
        }
    }
}
