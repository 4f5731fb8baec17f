//! The archives that serve the hours. Several archives have the same files, in order of preference.

use std::fmt;
use std::str::FromStr;

use crate::ArchiveHour;

/// The addresses of 1 to [`SourceUrls::MAX`] archives, the preferred one first.
///
/// Written as text with commas between. An address begins with `http://` or `https://` and has a host, but no query and no
/// fragment. A trailing slash is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceUrls(Vec<String>);

/// A text that is not a list of archives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceUrlsError {
    #[error("'{url}' is not a source: expected http(s)://host/path")]
    Malformed { url: String },
    #[error("{count} sources: expected at most {}", SourceUrls::MAX)]
    TooMany { count: usize },
}

impl SourceUrls {
    /// The largest number of archives.
    pub const MAX: usize = 8;

    /// The addresses of an hour's file, the preferred one first.
    pub fn of(&self, hour: ArchiveHour) -> impl Iterator<Item = String> {
        self.0.iter().map(move |url| format!("{url}/{}", hour.file_name()))
    }
}

impl FromStr for SourceUrls {
    type Err = SourceUrlsError;

    fn from_str(text: &str) -> Result<Self, SourceUrlsError> {
        let urls: Vec<_> = text.split(',').map(|url| parse(url.trim())).collect::<Result<_, _>>()?;
        if urls.len() > Self::MAX {
            return Err(SourceUrlsError::TooMany { count: urls.len() });
        }
        Ok(Self(urls))
    }
}

impl fmt::Display for SourceUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

fn parse(url: &str) -> Result<String, SourceUrlsError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let odd = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'?' | b'#' | b'\\' | b'@');
    if rest.is_empty() || rest.starts_with(['/', ':']) || rest.bytes().any(odd) {
        return Err(SourceUrlsError::Malformed { url: url.to_owned() });
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_hour_of(text: &str) -> Result<Vec<String>, SourceUrlsError> {
        Ok(text.parse::<SourceUrls>()?.of(ArchiveHour::FIRST).collect())
    }

    #[test]
    fn source_urls_keep_the_order_of_preference() {
        for (phrase, text, addresses) in [
            ("one", "https://data.gharchive.org", vec!["https://data.gharchive.org/2011-02-12-0.json.gz"]),
            ("a trailing slash", "http://127.0.0.1:8000/", vec!["http://127.0.0.1:8000/2011-02-12-0.json.gz"]),
            (
                "two, with a space between",
                "https://data.gharchive.org, https://mirror.example/gh",
                vec![
                    "https://data.gharchive.org/2011-02-12-0.json.gz",
                    "https://mirror.example/gh/2011-02-12-0.json.gz",
                ],
            ),
        ] {
            assert_eq!(first_hour_of(text).unwrap(), addresses, "{phrase}");
        }
    }

    #[test]
    fn source_urls_of_bad_text_are_an_error() {
        for (phrase, text) in [
            ("nothing", ""),
            ("nothing after the comma", "https://data.gharchive.org,"),
            ("no scheme", "data.gharchive.org"),
            ("another scheme", "ftp://data.gharchive.org"),
            ("no host", "https://"),
            ("no host but a path", "https:///x"),
            ("a query", "https://data.gharchive.org/?a=b"),
            ("a fragment", "https://data.gharchive.org/#a"),
            ("a password", "https://a:b@data.gharchive.org"),
            ("a space", "https://data .gharchive.org"),
        ] {
            assert!(matches!(first_hour_of(text), Err(SourceUrlsError::Malformed { .. })), "{phrase}");
        }
        let nine = ["http://a"; 9].join(",");
        assert_eq!(first_hour_of(&nine), Err(SourceUrlsError::TooMany { count: 9 }));
    }
}
