//! The source, over HTTP: one body, resumed where it broke off.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use pipeline::ledger::SourceFile;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MATCH, LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};

use crate::checksums::Checksums;
use crate::context::{Context, Limits};
use crate::error::Error;

/// An hour that is being downloaded.
pub(crate) struct Upstream {
    http: reqwest::Client,
    url: String,
    limits: Limits,
    now: fn() -> Timestamp,
    deadline: Instant,
    checksums: Checksums,
    etag: Option<String>,
    last_modified: Option<String>,
    response: Response,
    /// How many bytes have arrived.
    byte: u64,
    resumes: u32,
}

/// Why a body ended before its end.
enum Break {
    Failed(reqwest::Error),
    Answered(String),
}

impl Upstream {
    /// Asks for `url` and waits for the head of the answer; the whole body must be there in `body_timeout`. If the source asks for a pause (`Retry-After`) and it `may_pause`,
    /// it is asked again after that, as often as a body may be resumed.
    pub(crate) async fn open(
        context: &Context,
        url: String,
        body_timeout: Duration,
        may_pause: bool,
    ) -> Result<Self, Error> {
        let Context { limits, now, .. } = *context;
        let (limits, deadline) = (Limits { body_timeout, ..limits }, Instant::now() + body_timeout);
        let mut pauses = if may_pause { limits.resumes } else { 0 };
        let response = loop {
            let request = context.http.get(&url).header(ACCEPT_ENCODING, "identity");
            let answer = timeout_at(deadline, request.send()).await.map_err(|_| out_of_time(&url, 0, limits))?;
            let response = answer.map_err(|error| unanswered(&url, error))?;
            let pause = pause_asked_for(&response, now(), deadline, limits).filter(|_| pauses > 0);
            let Some(pause) = pause else { break response };
            pauses -= 1;
            tracing::warn!(url, seconds = pause.as_secs(), reason = describe(&response), "pausing");
            sleep(pause).await;
        };
        refuse_all_but_success(&url, &response)?;
        let text = |name| header(response.headers(), &name).map(str::to_owned);
        Ok(Self {
            http: context.http.clone(),
            limits,
            now,
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

    /// Where the bytes come from.
    pub(crate) fn source(&self) -> SourceFile {
        SourceFile { url: self.url.clone(), etag: self.etag.clone(), last_modified: self.last_modified.clone() }
    }

    /// The next bytes, or nothing at the end. A body that breaks off is resumed where it stopped.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let piece = timeout_at(self.deadline, self.response.chunk()).await;
            match piece.map_err(|_| out_of_time(&self.url, self.byte, self.limits))? {
                Ok(Some(bytes)) => {
                    self.byte += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(None) if self.checksums.length.is_none_or(|length| self.byte >= length) => return Ok(None),
                Ok(None) => self.resume(Break::Answered("the body ended early".to_owned())).await?,
                Err(error) => self.resume(Break::Failed(error)).await?,
            }
        }
    }

    /// Asks for the rest of the very same object, as often as the limits allow.
    async fn resume(&mut self, mut broken: Break) -> Result<(), Error> {
        // A weak ETag promises no equal bytes, so nothing would say that the rest belongs to the same object.
        let Some(etag) = self.etag.clone().filter(|etag| etag.starts_with('"')) else {
            return Err(self.interrupted(broken, "it cannot be resumed without a strong ETag"));
        };
        let mut pause = None;
        while self.resumes < self.limits.resumes {
            let own_pause = self.limits.resume_wait * 2_u32.saturating_pow(self.resumes);
            let wait = pause.take().map_or(own_pause, |asked_for| own_pause.max(asked_for));
            self.resumes += 1;
            tracing::warn!(
                url = self.url,
                byte = self.byte,
                resume = self.resumes,
                reason = broken.reason(),
                "resuming"
            );
            match timeout_at(self.deadline, self.ask_for_rest(&etag, wait)).await {
                Err(_) => return Err(out_of_time(&self.url, self.byte, self.limits)),
                Ok(Ok(response)) if response.status() == StatusCode::PARTIAL_CONTENT => {
                    self.check_rest(&response)?;
                    self.response = response;
                    return Ok(());
                }
                Ok(Ok(response)) => {
                    pause = pause_asked_for(&response, (self.now)(), self.deadline, self.limits);
                    broken = self.not_the_rest(&response)?;
                }
                Ok(Err(error)) => broken = Break::Failed(error),
            }
        }
        let reason = format!("it was resumed {} times", self.resumes);
        Err(self.interrupted(broken, &reason))
    }

    async fn ask_for_rest(&self, etag: &str, wait: Duration) -> Result<Response, reqwest::Error> {
        sleep(wait).await;
        let request = self.http.get(&self.url).header(ACCEPT_ENCODING, "identity").header(IF_MATCH, etag);
        request.header(RANGE, format!("bytes={}-", self.byte)).send().await
    }

    /// What an answer means that is not the rest: the end, or another try.
    fn not_the_rest(&self, response: &Response) -> Result<Break, Error> {
        let status = response.status();
        let changed = |reason: &str| Error::SourceChanged {
            url: self.url.clone(),
            byte: self.byte,
            reason: format!("{reason} (HTTP {})", status.as_u16()),
        };
        match status {
            StatusCode::PRECONDITION_FAILED => Err(changed("the source has another object now")),
            StatusCode::RANGE_NOT_SATISFIABLE => Err(changed("the source's object is shorter now")),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(changed("the source has no such object any more")),
            status if comes_back(status) => Ok(Break::Answered(describe(response))),
            status if status.is_success() => {
                Err(self.interrupted(Break::Answered(describe(response)), "the source does not send ranges"))
            }
            _ => Err(self.interrupted(Break::Answered(describe(response)), "the source refused to send the rest")),
        }
    }

    fn check_rest(&self, response: &Response) -> Result<(), Error> {
        let range = header(response.headers(), &CONTENT_RANGE).unwrap_or_default();
        let (first, total) = range_of(range);
        if first != Some(self.byte) {
            let answered = Break::Answered(format!("Content-Range '{range}'"));
            return Err(self.interrupted(answered, "the source sent another range than the rest"));
        }
        let other_length = total.zip(self.checksums.length).is_some_and(|(total, length)| total != length);
        let other_etag = header(response.headers(), &ETAG).is_some_and(|etag| Some(etag) != self.etag.as_deref());
        if other_length || other_etag {
            let reason = format!("the rest belongs to another object (Content-Range '{range}')");
            return Err(Error::SourceChanged { url: self.url.clone(), byte: self.byte, reason });
        }
        Ok(())
    }

    fn interrupted(&self, broken: Break, why_not_resumed: &str) -> Error {
        let (url, byte) = (self.url.clone(), self.byte);
        let reason = format!("{}; {why_not_resumed}", broken.reason());
        match broken {
            Break::Failed(error) if error.is_timeout() => Error::SourceTimeout { url, byte, reason },
            Break::Failed(error) => Error::SourceInterrupted { url, byte, reason, source: Some(error) },
            Break::Answered(_) => Error::SourceInterrupted { url, byte, reason, source: None },
        }
    }
}

impl Break {
    fn reason(&self) -> String {
        match self {
            Self::Failed(error) if error.is_timeout() => "the source stopped sending".to_owned(),
            Self::Failed(error) if error.is_connect() => "the source could not be reached again".to_owned(),
            Self::Failed(_) => "the body broke off".to_owned(),
            Self::Answered(answer) => answer.clone(),
        }
    }
}

fn refuse_all_but_success(url: &str, response: &Response) -> Result<(), Error> {
    let url = url.to_owned();
    match response.status() {
        StatusCode::OK => Ok(()),
        StatusCode::NOT_FOUND => Err(Error::SourceNotPublished { url }),
        status if comes_back(status) => Err(Error::SourceUnavailable { url, reason: describe(response), source: None }),
        _ => Err(Error::SourceRefused { url, reason: describe(response) }),
    }
}

/// Whether another try may be answered otherwise.
fn comes_back(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// How long the source asks to wait (`Retry-After`, in seconds or as a date), if at least half of the time for the body is left
/// after that. A longer pause is the state machine's matter.
fn pause_asked_for(response: &Response, now: Timestamp, deadline: Instant, limits: Limits) -> Option<Duration> {
    let asked_for = header(response.headers(), &RETRY_AFTER).filter(|_| comes_back(response.status()))?;
    let seconds = match asked_for.parse() {
        Ok(seconds) => seconds,
        Err(_) => u64::try_from((rfc2822::parse(asked_for).ok()?.timestamp() - now).get_seconds()).unwrap_or(0),
    };
    let pause = Duration::from_secs(seconds.max(1));
    let left = deadline.saturating_duration_since(Instant::now());
    (left.checked_sub(pause)? >= limits.body_timeout / 2).then_some(pause)
}

fn unanswered(url: &str, error: reqwest::Error) -> Error {
    let url = url.to_owned();
    if error.is_redirect() {
        return Error::SourceRefused { url, reason: "it redirects too often, or in a circle".to_owned() };
    }
    if error.is_timeout() && !error.is_connect() {
        return Error::SourceTimeout { url, byte: 0, reason: "no answer began in time".to_owned() };
    }
    let reason = if error.is_connect() { "it cannot be reached" } else { "it did not answer" };
    Error::SourceUnavailable { url, reason: reason.to_owned(), source: Some(error) }
}

fn out_of_time(url: &str, byte: u64, limits: Limits) -> Error {
    let reason = format!("the whole body takes longer than {} s", limits.body_timeout.as_secs_f32());
    Error::SourceTimeout { url: url.to_owned(), byte, reason }
}

/// The status, and when to come back if the source says so.
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

/// First byte and total length of `bytes 5-9/10`; a total may be unknown (`*`).
fn range_of(content_range: &str) -> (Option<u64>, Option<u64>) {
    let range = content_range.strip_prefix("bytes ").unwrap_or_default();
    let first = range.split('-').next().and_then(|first| first.parse().ok());
    let total = range.rsplit('/').next().and_then(|total| total.parse().ok());
    (first, total)
}
