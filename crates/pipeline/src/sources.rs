//! Where hours are fetched from: one archive, or several that have the same files, in order of preference.

use std::fmt;
use std::str::FromStr;

use crate::ArchiveHour;

/// Addresses of archives, the preferred one first; at least one, at most [`SourceUrls::MAX`].
///
/// As text they are separated by commas. Each begins with `http://` or `https://`, names a host, and has neither query nor
/// fragment; a slash at its end means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceUrls(Vec<String>);

/// Why a text names no archives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceUrlsError {
    /// One of them is no such address.
    #[error("'{url}' is no source: expected http(s)://host/path")]
    Malformed {
        /// The address as given.
        url: String,
    },
    /// There are more than anybody needs: each is asked in turn.
    #[error("{count} sources: expected {} at most", SourceUrls::MAX)]
    TooMany {
        /// How many.
        count: usize,
    },
}

impl SourceUrls {
    /// The most that there may be.
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
    fn the_preferred_source_comes_first() {
        for (phrase, text, addresses) in [
            ("one", "https://data.gharchive.org", vec!["https://data.gharchive.org/2011-02-12-0.json.gz"]),
            ("a slash at its end", "http://127.0.0.1:8000/", vec!["http://127.0.0.1:8000/2011-02-12-0.json.gz"]),
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
    fn what_is_no_address_is_refused() {
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
