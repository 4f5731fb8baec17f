//! Asking the archive whether it has an hour.

use std::time::Duration;

use futures::StreamExt;
use pipeline::ArchiveHour;
use pipeline::due::ProbeResult;
use pipeline::ledger::SourceFile;
use pipeline::sources::SourceUrls;
use reqwest::header::{ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use reqwest::{Client, StatusCode};

/// How many questions are asked at once.
const CONCURRENT_QUESTIONS: usize = 8;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For the whole answer, which has no body.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The archive, wherever it is to be had.
#[derive(Clone, Debug)]
pub struct Archive {
    client: Client,
    sources: SourceUrls,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("could not be prepared for")]
pub struct NoClient(#[from] reqwest::Error);

/// The source did not say whether it has an hour.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It answered with another status than 200 or 404.
    #[error("HEAD {url} was answered with status {status}")]
    Status {
        /// The address of the hour.
        url: String,
        /// The status.
        status: u16,
        /// Whether it would say so again.
        refused: bool,
    },
    /// It did not answer, or not in time.
    #[error("HEAD {url} was not answered")]
    NoAnswer {
        /// The address of the hour.
        url: String,
        /// Why not.
        source: reqwest::Error,
    },
}

/// A file that a source has.
struct Found {
    url: String,
    headers: HeaderMap,
    /// Whether each source before this one has said that it does not have the hour.
    all_before_say_no: bool,
}

impl Archive {
    /// The archive at these addresses.
    pub fn new(sources: SourceUrls) -> Result<Self, NoClient> {
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT).build()?;
        Ok(Self { client, sources })
    }

    /// Asks about hours; answers in the same order for each up to the first that the source does not tell, and why not.
    ///
    /// What comes after that one would be of no use: it is not asked, so that a source that is down costs one answer's time.
    pub async fn probe(&self, hours: Vec<ArchiveHour>) -> (Vec<(ArchiveHour, ProbeResult)>, Option<SourceError>) {
        let questions = hours.into_iter().map(|hour| async move { (hour, self.ask(hour).await) });
        let mut answers = std::pin::pin!(futures::stream::iter(questions).buffered(CONCURRENT_QUESTIONS));
        let mut probes = Vec::new();
        while let Some((hour, answer)) = answers.next().await {
            match answer {
                Ok(probe) => probes.push((hour, probe)),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the source did not say");
                    probes.push((hour, ProbeResult::Unknown));
                    return (probes, Some(error));
                }
            }
        }
        (probes, None)
    }

    /// Those of the hours whose file at the source is another one than the one that they came from, in their order, up to
    /// the first question that the source does not answer, and why not. An hour that the source does not have any more, or
    /// refuses, is none of them.
    pub async fn replaced(&self, hours: Vec<(ArchiveHour, SourceFile)>) -> (Vec<ArchiveHour>, Option<SourceError>) {
        let questions = hours.into_iter().map(|(hour, known)| async move {
            let newest = self.newest(hour, &known).await;
            (hour, known, newest)
        });
        let mut answers = std::pin::pin!(futures::stream::iter(questions).buffered(CONCURRENT_QUESTIONS));
        let mut replaced = Vec::new();
        while let Some((hour, known, answer)) = answers.next().await {
            match answer {
                Ok(Some(now)) if differs(&known, &now) => replaced.push(hour),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the source did not say");
                    if !matches!(error, SourceError::Status { refused: true, .. }) {
                        return (replaced, Some(error));
                    }
                }
            }
        }
        (replaced, None)
    }

    /// Whether one of the sources has the hour.
    async fn ask(&self, hour: ArchiveHour) -> Result<ProbeResult, SourceError> {
        Ok(if self.preferred(hour).await?.is_some() { ProbeResult::Published } else { ProbeResult::NotPublished })
    }

    /// The headers of the hour's file at the preferred source that has it; none if no source does. While a source before
    /// that one does not say, the answer counts only if it is of the source that the known file came from: those of others
    /// cannot be held against it.
    async fn newest(&self, hour: ArchiveHour, known: &SourceFile) -> Result<Option<HeaderMap>, SourceError> {
        let found = self.preferred(hour).await?;
        let comparable = found.filter(|found| found.all_before_say_no || found.url == known.url);
        Ok(comparable.map(|found| found.headers))
    }

    /// The file at the preferred source that has the hour; none if no source does. A source that does not say counts only if
    /// none has it, and then more than those that say no.
    async fn preferred(&self, hour: ArchiveHour) -> Result<Option<Found>, SourceError> {
        let mut silent = None;
        for url in self.sources.of(hour) {
            match self.head(url.clone()).await {
                Ok(Some(headers)) => return Ok(Some(Found { url, headers, all_before_say_no: silent.is_none() })),
                Ok(None) => {}
                Err(error) => drop(silent.get_or_insert(error)),
            }
        }
        silent.map_or(Ok(None), Err)
    }

    /// The headers of the file at `url`; none if the source does not have it.
    async fn head(&self, url: String) -> Result<Option<HeaderMap>, SourceError> {
        let answer = match self.client.head(&url).send().await {
            Ok(answer) => answer,
            Err(source) => return Err(SourceError::NoAnswer { url, source: source.without_url() }),
        };
        let status = answer.status();
        let may_pass = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
        match status {
            status if status.is_success() => Ok(Some(answer.headers().clone())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(SourceError::Status { url, status: status.as_u16(), refused: !may_pass }),
        }
    }
}

/// Whether a file with these headers is another one than that which came with those: by their tags, or else their times.
/// Without either on both sides nobody can tell, and it counts as the same. A tag is the same if it is weak on one side.
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

/// The tag without the mark of a weak one.
fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}
