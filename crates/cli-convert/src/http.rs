//! Downloads an hour over HTTP, and resumes a body that breaks off.
//!
//! The bytes are taken unchanged: no content encoding is requested or decoded. `Content-Length` and the length and checksum of
//! gzip show whether all bytes arrived. `If-Match` with the `ETag` ensures that a resumed body is the same object.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MATCH, RANGE};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the response, and between two reads of its body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Retries for one input.
const TRIES_AGAIN: u32 = 4;
/// Wait before the first retry, doubled before each further one.
const WAIT: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("the source does not have it (HTTP 404)")]
    NotPublished,
    #[error("the source refused the request: {reason}")]
    Refused { reason: String },
    #[error("the source did not respond")]
    Unavailable { source: reqwest::Error },
    #[error("the source is unavailable: {reason}")]
    Busy { reason: String },
    #[error("the body broke off at byte {byte}: {reason}")]
    Interrupted { byte: u64, reason: String },
    #[error("the object changed at the source while it was read, at byte {byte}")]
    Changed { byte: u64 },
    #[error("cannot create an HTTP client")]
    NoClient { source: reqwest::Error },
}

impl HttpError {
    /// The stable name, the same as in the Lambda `fetch`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::NotPublished => "SourceNotPublished",
            Self::Refused { .. } => "SourceRefused",
            Self::Unavailable { .. } | Self::Busy { .. } | Self::NoClient { .. } => "SourceUnavailable",
            Self::Interrupted { .. } => "SourceInterrupted",
            Self::Changed { .. } => "SourceChanged",
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Busy { .. })
    }
}

/// A body that resumes itself.
pub(crate) struct HttpBody {
    client: Client,
    url: String,
    response: Response,
    etag: Option<String>,
    length: Option<u64>,
    /// Bytes that have arrived.
    byte: u64,
    tries: u32,
}

/// Requests `url` and returns its body, and its length if the response has one.
pub(crate) fn open(url: &str) -> Result<(HttpBody, Option<u64>), HttpError> {
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(READ_TIMEOUT)
        .user_agent(concat!("ghactivity/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|source| HttpError::NoClient { source })?;
    let mut tries = 0;
    let response = loop {
        match request(&client, url, None) {
            Err(error) if error.is_transient() && tries < TRIES_AGAIN => wait(&mut tries),
            outcome => break outcome?,
        }
    };
    let etag = text(response.headers(), &ETAG).map(str::to_owned);
    let length = text(response.headers(), &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    Ok((HttpBody { client, url: url.to_owned(), response, etag, length, byte: 0, tries }, length))
}

fn wait(tries: &mut u32) {
    thread::sleep(WAIT * 2_u32.saturating_pow(*tries));
    *tries += 1;
}

/// The rest of an object, from `byte` on.
struct BodyRest<'a> {
    etag: &'a str,
    byte: u64,
}

fn request(client: &Client, url: &str, rest: Option<&BodyRest<'_>>) -> Result<Response, HttpError> {
    let mut request = client.get(url).header(ACCEPT_ENCODING, "identity");
    if let Some(rest) = rest {
        request = request.header(IF_MATCH, rest.etag).header(RANGE, format!("bytes={}-", rest.byte));
    }
    let response = request.send().map_err(|source| HttpError::Unavailable { source: source.without_url() })?;
    let status = response.status();
    let reason = format!("HTTP {}", status.as_u16());
    match (status, rest) {
        (StatusCode::OK, None) => Ok(response),
        (StatusCode::PARTIAL_CONTENT, Some(rest)) => begins_at(response, rest.byte),
        (StatusCode::NOT_FOUND, None) => Err(HttpError::NotPublished),
        (StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::NOT_FOUND, Some(rest)) => {
            Err(HttpError::Changed { byte: rest.byte })
        }
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) => Err(HttpError::Busy { reason }),
        _ if status.is_server_error() => Err(HttpError::Busy { reason }),
        (_, Some(rest)) if status.is_success() => {
            Err(HttpError::Interrupted { byte: rest.byte, reason: "the source ignored the requested range".to_owned() })
        }
        _ => Err(HttpError::Refused { reason }),
    }
}

fn begins_at(response: Response, byte: u64) -> Result<Response, HttpError> {
    let range = text(response.headers(), &CONTENT_RANGE).unwrap_or_default();
    if range.strip_prefix("bytes ").is_some_and(|range| range.starts_with(&format!("{byte}-"))) {
        return Ok(response);
    }
    Err(HttpError::Interrupted { byte, reason: format!("the source sent a different range ('{range}')") })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl HttpBody {
    /// Requests the rest of the same object.
    fn resume(&mut self, reason: &str) -> Result<(), HttpError> {
        let byte = self.byte;
        // Objects with the same weak ETag may have different bytes, so the rest could belong to another object.
        let Some(etag) = self.etag.clone().filter(|etag| etag.starts_with('"')) else {
            let reason = format!("{reason}; without a strong ETag the download cannot resume");
            return Err(HttpError::Interrupted { byte, reason });
        };
        while self.tries < TRIES_AGAIN {
            wait(&mut self.tries);
            match request(&self.client, &self.url, Some(&BodyRest { etag: &etag, byte })) {
                Ok(response) => {
                    self.response = response;
                    return Ok(());
                }
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
        }
        Err(HttpError::Interrupted { byte, reason: format!("{reason}, also in {TRIES_AGAIN} retries") })
    }
}

impl Read for HttpBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let reason = match self.response.read(buffer) {
                Ok(0) if !buffer.is_empty() && self.length.is_some_and(|length| self.byte < length) => {
                    "the connection ended early"
                }
                Ok(length) => {
                    self.byte += length as u64;
                    return Ok(length);
                }
                Err(_) => "the connection broke",
            };
            self.resume(reason).map_err(io::Error::other)?;
        }
    }
}
