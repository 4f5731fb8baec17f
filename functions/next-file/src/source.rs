//! Asking the archive whether it has an hour.

use std::time::Duration;

use futures::StreamExt;
use pipeline::ArchiveHour;
use pipeline::due::Probe;
use reqwest::{Client, StatusCode, Url};

/// How many questions are asked at once.
const CONCURRENT_QUESTIONS: usize = 8;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For the whole answer, which has no body.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The archive.
#[derive(Clone, Debug)]
pub struct Archive {
    client: Client,
    url: String,
}

/// `SOURCE_URL` is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadSource {
    /// It is no address.
    #[error("is '{url}': expected an http or https address")]
    NoAddress {
        /// The text as given.
        url: String,
    },
    /// The HTTP client could not be set up.
    #[error("could not be prepared for")]
    Client(#[from] reqwest::Error),
}

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

impl Archive {
    /// The archive at `url`.
    pub fn new(url: &str) -> Result<Self, BadSource> {
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        Url::parse(url).ok().filter(is_http).ok_or_else(|| BadSource::NoAddress { url: url.to_owned() })?;
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT).build()?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    /// Asks about hours; answers in the same order for each up to the first that the source does not tell, and why not.
    ///
    /// What comes after that one would be of no use: it is not asked, so that a source that is down costs one answer's time.
    pub async fn probe(&self, hours: Vec<ArchiveHour>) -> (Vec<(ArchiveHour, Probe)>, Option<SourceError>) {
        let questions = hours.into_iter().map(|hour| async move { (hour, self.ask(hour).await) });
        let mut answers = std::pin::pin!(futures::stream::iter(questions).buffered(CONCURRENT_QUESTIONS));
        let mut probes = Vec::new();
        while let Some((hour, answer)) = answers.next().await {
            match answer {
                Ok(probe) => probes.push((hour, probe)),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the source did not say");
                    probes.push((hour, Probe::Unknown));
                    return (probes, Some(error));
                }
            }
        }
        (probes, None)
    }

    async fn ask(&self, hour: ArchiveHour) -> Result<Probe, SourceError> {
        let url = format!("{}/{}", self.url, hour.file_name());
        let status = match self.client.head(&url).send().await {
            Ok(answer) => answer.status(),
            Err(source) => return Err(SourceError::NoAnswer { url, source: source.without_url() }),
        };
        let may_pass = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
        match status {
            status if status.is_success() => Ok(Probe::Published),
            StatusCode::NOT_FOUND => Ok(Probe::NotPublished),
            status => Err(SourceError::Status { url, status: status.as_u16(), refused: !may_pass }),
        }
    }
}
