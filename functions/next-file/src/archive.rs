//! `HEAD` requests to the sources: whether they have an hour, and whether they replaced it.

use std::time::Duration;

use futures::StreamExt;
use pipeline::ArchiveHour;
use pipeline::due::ProbeResult;
use pipeline::ledger::SourceFile;
use pipeline::sources::SourceUrls;
use reqwest::header::{ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use reqwest::{Client, StatusCode};

const CONCURRENT_REQUESTS: usize = 8;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For the whole response, which has no body.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The sources of the archive, in order of preference.
#[derive(Clone, Debug)]
pub struct SourceArchive {
    client: Client,
    sources: SourceUrls,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot be reached: no HTTP client")]
pub struct HttpClientError(#[from] reqwest::Error);

/// A source did not report whether it has an hour.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Another status than 200 or 404.
    #[error("HEAD {url} returned status {status}")]
    Status {
        url: String,
        status: u16,
        /// Whether a retry would get the same status.
        refused: bool,
    },
    #[error("HEAD {url} got no response")]
    NoResponse { url: String, source: reqwest::Error },
}

/// The file of an hour at a source.
struct HeadResponse {
    url: String,
    headers: HeaderMap,
    /// Whether every more preferred source returned 404.
    is_absent_before: bool,
}

impl SourceArchive {
    pub fn new(sources: SourceUrls) -> Result<Self, HttpClientError> {
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(RESPONSE_TIMEOUT).build()?;
        Ok(Self { client, sources })
    }

    /// Requests the hours in order, up to the first failed request; returns the probes and that failure.
    ///
    /// Probes after a failure would be useless, so a source that is down costs the time of one request only.
    pub async fn probe(&self, hours: Vec<ArchiveHour>) -> (Vec<(ArchiveHour, ProbeResult)>, Option<SourceError>) {
        let requests = hours.into_iter().map(|hour| async move { (hour, self.probe_hour(hour).await) });
        let mut responses = std::pin::pin!(futures::stream::iter(requests).buffered(CONCURRENT_REQUESTS));
        let mut probes = Vec::new();
        while let Some((hour, response)) = responses.next().await {
            match response {
                Ok(probe) => probes.push((hour, probe)),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "source failed");
                    probes.push((hour, ProbeResult::Unknown));
                    return (probes, Some(error));
                }
            }
        }
        (probes, None)
    }

    /// Returns the hours whose file at the source differs from the fetched one, in order, up to the first failed request, and
    /// that failure. Hours that the source no longer has, or refuses, are omitted.
    pub async fn replaced(&self, hours: Vec<(ArchiveHour, SourceFile)>) -> (Vec<ArchiveHour>, Option<SourceError>) {
        let requests = hours.into_iter().map(|(hour, known)| async move {
            let newest = self.newest(hour, &known).await;
            (hour, known, newest)
        });
        let mut responses = std::pin::pin!(futures::stream::iter(requests).buffered(CONCURRENT_REQUESTS));
        let mut replaced = Vec::new();
        while let Some((hour, known, response)) = responses.next().await {
            match response {
                Ok(Some(now)) if differs(&known, &now) => replaced.push(hour),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "source failed");
                    if !matches!(error, SourceError::Status { refused: true, .. }) {
                        return (replaced, Some(error));
                    }
                }
            }
        }
        (replaced, None)
    }

    async fn probe_hour(&self, hour: ArchiveHour) -> Result<ProbeResult, SourceError> {
        Ok(if self.preferred(hour).await?.is_some() { ProbeResult::Published } else { ProbeResult::NotPublished })
    }

    /// Returns the headers of the hour's file at the most preferred source that has it.
    ///
    /// If a more preferred source failed, they count only if the known file came from the same source: headers of different
    /// sources cannot be compared.
    async fn newest(&self, hour: ArchiveHour, known: &SourceFile) -> Result<Option<HeaderMap>, SourceError> {
        let found = self.preferred(hour).await?;
        let comparable = found.filter(|found| found.is_absent_before || found.url == known.url);
        Ok(comparable.map(|found| found.headers))
    }

    /// Returns the file at the most preferred source that has the hour, or `None` if all sources return 404.
    ///
    /// A failed source is an error only if no source has the hour.
    async fn preferred(&self, hour: ArchiveHour) -> Result<Option<HeadResponse>, SourceError> {
        let mut failure = None;
        for url in self.sources.of(hour) {
            match self.head(url.clone()).await {
                Ok(Some(headers)) => {
                    return Ok(Some(HeadResponse { url, headers, is_absent_before: failure.is_none() }));
                }
                Ok(None) => {}
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// Returns the headers of the file at `url`, or `None` if the source returns 404.
    async fn head(&self, url: String) -> Result<Option<HeaderMap>, SourceError> {
        let response = match self.client.head(&url).send().await {
            Ok(response) => response,
            Err(source) => return Err(SourceError::NoResponse { url, source: source.without_url() }),
        };
        let status = response.status();
        let is_transient = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
        match status {
            status if status.is_success() => Ok(Some(response.headers().clone())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(SourceError::Status { url, status: status.as_u16(), refused: !is_transient }),
        }
    }
}

/// Returns whether the headers belong to another file.
///
/// Compares the ETags if both sides have one, and otherwise `Last-Modified` if both sides have it. If neither can be
/// compared, the file counts as the same. A weak ETag equals the strong one.
fn differs(known: &SourceFile, now: &HeaderMap) -> bool {
    let of = |name: HeaderName| now.get(name).and_then(|value| value.to_str().ok());
    match (known.etag.as_deref(), of(ETAG)) {
        (Some(known), Some(now)) => strong(known) != strong(now),
        _ => match (known.last_modified.as_deref(), of(LAST_MODIFIED)) {
            (Some(known), Some(now)) => known != now,
            _ => false,
        },
    }
}

/// Removes the mark of a weak ETag.
fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}
