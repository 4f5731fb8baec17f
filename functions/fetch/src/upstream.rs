//! The download of an hour over HTTP, resumed after an interruption.

use std::time::Duration;

use bytes::Bytes;
use function_runtime::Clock;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use pipeline::ledger::SourceFile;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MATCH, LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};

use crate::FetchError;
use crate::checksums::Checksums;
use crate::{Context, FetchLimits};

pub(crate) struct Upstream {
    http: reqwest::Client,
    url: String,
    limits: FetchLimits,
    clock: Clock,
    deadline: Instant,
    checksums: Checksums,
    etag: Option<String>,
    last_modified: Option<String>,
    response: Response,
    /// The number of bytes that have arrived.
    byte: u64,
    resumes: u32,
}

/// Why a body ended early.
enum Interruption {
    Failed(reqwest::Error),
    Response(String),
}

impl Upstream {
    /// Requests `url` and waits for the head of the response. The whole body must arrive within `body_timeout`.
    ///
    /// With `may_pause`, a response with `Retry-After` is retried after that time, as often as a body may be resumed.
    pub(crate) async fn open(
        context: &Context,
        url: String,
        body_timeout: Duration,
        may_pause: bool,
    ) -> Result<Self, FetchError> {
        let Context { limits, clock, .. } = context;
        let (limits, deadline) = (FetchLimits { body_timeout, ..*limits }, Instant::now() + body_timeout);
        let mut pauses = if may_pause { limits.resumes } else { 0 };
        let response = loop {
            let request = context.http.get(&url).header(ACCEPT_ENCODING, "identity");
            let response = timeout_at(deadline, request.send()).await.map_err(|_| out_of_time(&url, 0, limits))?;
            let response = response.map_err(|error| request_error(&url, error))?;
            let pause = requested_pause(&response, clock.now(), deadline, limits).filter(|_| pauses > 0);
            let Some(pause) = pause else { break response };
            pauses -= 1;
            tracing::warn!(url, seconds = pause.as_secs(), reason = describe(&response), "pausing");
            sleep(pause).await;
        };
        require_success(&url, &response)?;
        let text = |name| header(response.headers(), &name).map(str::to_owned);
        Ok(Self {
            http: context.http.clone(),
            limits,
            clock: clock.clone(),
            deadline,
            checksums: Checksums::of(response.headers()),
            etag: text(ETAG),
            last_modified: text(LAST_MODIFIED),
            url,
            response,
            byte: 0,
            resumes: 0,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn checksums(&self) -> &Checksums {
        &self.checksums
    }

    pub(crate) fn source(&self) -> SourceFile {
        SourceFile { url: self.url.clone(), etag: self.etag.clone(), last_modified: self.last_modified.clone() }
    }

    /// Returns the next bytes, or `None` at the end. Resumes a body that ends early.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let piece = timeout_at(self.deadline, self.response.chunk()).await;
            match piece.map_err(|_| out_of_time(&self.url, self.byte, self.limits))? {
                Ok(Some(bytes)) => {
                    self.byte += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(None) if self.checksums.length.is_none_or(|length| self.byte >= length) => return Ok(None),
                Ok(None) => self.resume(Interruption::Response("the body ended early".to_owned())).await?,
                Err(error) => self.resume(Interruption::Failed(error)).await?,
            }
        }
    }

    /// Requests the rest of the same object, as often as the limits allow.
    async fn resume(&mut self, mut broken: Interruption) -> Result<(), FetchError> {
        // A weak ETag does not guarantee equal bytes, so the rest could belong to another object.
        let Some(etag) = self.etag.clone().filter(|etag| etag.starts_with('"')) else {
            return Err(self.interrupted(broken, "it cannot be resumed without a strong ETag"));
        };
        let mut pause = None;
        while self.resumes < self.limits.resumes {
            let own_pause = self.limits.resume_wait * 2_u32.saturating_pow(self.resumes);
            let wait = pause.take().map_or(own_pause, |requested| own_pause.max(requested));
            self.resumes += 1;
            tracing::warn!(
                url = self.url,
                byte = self.byte,
                resume = self.resumes,
                reason = broken.reason(),
                "resuming"
            );
            match timeout_at(self.deadline, self.request_rest(&etag, wait)).await {
                Err(_) => return Err(out_of_time(&self.url, self.byte, self.limits)),
                Ok(Ok(response)) if response.status() == StatusCode::PARTIAL_CONTENT => {
                    self.check_rest(&response)?;
                    self.response = response;
                    return Ok(());
                }
                Ok(Ok(response)) => {
                    pause = requested_pause(&response, self.clock.now(), self.deadline, self.limits);
                    broken = self.interpret_other_response(&response)?;
                }
                Ok(Err(error)) => broken = Interruption::Failed(error),
            }
        }
        let reason = format!("it was resumed {} times", self.resumes);
        Err(self.interrupted(broken, &reason))
    }

    async fn request_rest(&self, etag: &str, wait: Duration) -> Result<Response, reqwest::Error> {
        sleep(wait).await;
        let request = self.http.get(&self.url).header(ACCEPT_ENCODING, "identity").header(IF_MATCH, etag);
        request.header(RANGE, format!("bytes={}-", self.byte)).send().await
    }

    /// Interprets a response that is not the rest: an error, or a reason for another attempt.
    fn interpret_other_response(&self, response: &Response) -> Result<Interruption, FetchError> {
        let status = response.status();
        let changed = |reason: &str| FetchError::SourceChanged {
            url: self.url.clone(),
            byte: self.byte,
            reason: format!("{reason} (HTTP {})", status.as_u16()),
        };
        match status {
            StatusCode::PRECONDITION_FAILED => Err(changed("the source has another object now")),
            StatusCode::RANGE_NOT_SATISFIABLE => Err(changed("the source's object is shorter now")),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(changed("the source no longer has the object")),
            status if is_transient(status) => Ok(Interruption::Response(describe(response))),
            status if status.is_success() => {
                Err(self.interrupted(Interruption::Response(describe(response)), "the source does not send ranges"))
            }
            _ => {
                Err(self.interrupted(Interruption::Response(describe(response)), "the source refused to send the rest"))
            }
        }
    }

    fn check_rest(&self, response: &Response) -> Result<(), FetchError> {
        let range = header(response.headers(), &CONTENT_RANGE).unwrap_or_default();
        let (first, total) = range_of(range);
        if first != Some(self.byte) {
            let reason = Interruption::Response(format!("Content-Range '{range}'"));
            return Err(self.interrupted(reason, "the source sent another range"));
        }
        let other_length = total.zip(self.checksums.length).is_some_and(|(total, length)| total != length);
        let other_etag = header(response.headers(), &ETAG).is_some_and(|etag| Some(etag) != self.etag.as_deref());
        if other_length || other_etag {
            let reason = format!("the rest belongs to another object (Content-Range '{range}')");
            return Err(FetchError::SourceChanged { url: self.url.clone(), byte: self.byte, reason });
        }
        Ok(())
    }

    fn interrupted(&self, broken: Interruption, why_not_resumed: &str) -> FetchError {
        let (url, byte) = (self.url.clone(), self.byte);
        let reason = format!("{}; {why_not_resumed}", broken.reason());
        match broken {
            Interruption::Failed(error) if error.is_timeout() => FetchError::SourceTimeout { url, byte, reason },
            Interruption::Failed(error) => FetchError::SourceInterrupted { url, byte, reason, source: Some(error) },
            Interruption::Response(_) => FetchError::SourceInterrupted { url, byte, reason, source: None },
        }
    }
}

impl Interruption {
    fn reason(&self) -> String {
        match self {
            Self::Failed(error) if error.is_timeout() => "the source stopped sending".to_owned(),
            Self::Failed(error) if error.is_connect() => "the source could not be reached again".to_owned(),
            Self::Failed(_) => "the body ended early".to_owned(),
            Self::Response(description) => description.clone(),
        }
    }
}

fn require_success(url: &str, response: &Response) -> Result<(), FetchError> {
    let url = url.to_owned();
    match response.status() {
        StatusCode::OK => Ok(()),
        StatusCode::NOT_FOUND => Err(FetchError::SourceNotPublished { url }),
        status if is_transient(status) => {
            Err(FetchError::SourceUnavailable { url, reason: describe(response), source: None })
        }
        _ => Err(FetchError::SourceRefused { url, reason: describe(response) }),
    }
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// Returns the requested pause (`Retry-After`, in seconds or as a date) if at least half of the body's time remains after it.
///
/// For a longer pause, the function fails and the state machine retries.
fn requested_pause(response: &Response, now: Timestamp, deadline: Instant, limits: FetchLimits) -> Option<Duration> {
    let requested = header(response.headers(), &RETRY_AFTER).filter(|_| is_transient(response.status()))?;
    let seconds = match requested.parse() {
        Ok(seconds) => seconds,
        Err(_) => u64::try_from((rfc2822::parse(requested).ok()?.timestamp() - now).get_seconds()).unwrap_or(0),
    };
    let pause = Duration::from_secs(seconds.max(1));
    let left = deadline.saturating_duration_since(Instant::now());
    (left.checked_sub(pause)? >= limits.body_timeout / 2).then_some(pause)
}

fn request_error(url: &str, error: reqwest::Error) -> FetchError {
    let url = url.to_owned();
    if error.is_redirect() {
        return FetchError::SourceRefused { url, reason: "too many redirects, or a redirect loop".to_owned() };
    }
    if error.is_timeout() && !error.is_connect() {
        return FetchError::SourceTimeout { url, byte: 0, reason: "no response within the time limit".to_owned() };
    }
    let reason = if error.is_connect() { "connection failed" } else { "no response" };
    FetchError::SourceUnavailable { url, reason: reason.to_owned(), source: Some(error) }
}

fn out_of_time(url: &str, byte: u64, limits: FetchLimits) -> FetchError {
    let reason = format!("the download takes longer than {} s", limits.body_timeout.as_secs_f32());
    FetchError::SourceTimeout { url: url.to_owned(), byte, reason }
}

/// Returns the status, and `Retry-After` if present.
fn describe(response: &Response) -> String {
    let status = response.status().as_u16();
    match header(response.headers(), &RETRY_AFTER) {
        Some(after) => format!("HTTP {status}, Retry-After: {after}"),
        None => format!("HTTP {status}"),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns the first byte and the total length of `bytes 5-9/10`; the total may be unknown (`*`).
fn range_of(content_range: &str) -> (Option<u64>, Option<u64>) {
    let range = content_range.strip_prefix("bytes ").unwrap_or_default();
    let first = range.split('-').next().and_then(|first| first.parse().ok());
    let total = range.rsplit('/').next().and_then(|total| total.parse().ok());
    (first, total)
}
