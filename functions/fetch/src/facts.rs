//! Where an hour came from, kept as user metadata of its landing object.

use std::collections::HashMap;

use pipeline::ledger::Source;

const URL: &str = "source-url";
const ETAG: &str = "source-etag";
const LAST_MODIFIED: &str = "source-last-modified";

/// S3 takes 2 KB of user metadata in all.
const MAX_BYTES: usize = 512;

/// The metadata to store. What a header cannot carry is left out.
pub(crate) fn to_metadata(source: &Source) -> HashMap<String, String> {
    let url = Some(source.url.clone());
    let facts = [(URL, url), (ETAG, source.etag.clone()), (LAST_MODIFIED, source.last_modified.clone())];
    let storable = |text: &String| text.len() <= MAX_BYTES && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.filter(storable)?))).collect()
}

/// Where the object at `address` came from, if its metadata tell, or else the address itself.
pub(crate) fn of_metadata(metadata: &HashMap<String, String>, address: &str) -> Source {
    let fact = |name| metadata.get(name).cloned();
    match fact(URL) {
        Some(url) => Source { url, etag: fact(ETAG), last_modified: fact(LAST_MODIFIED) },
        None => Source { url: address.to_owned(), etag: None, last_modified: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_back() {
        let source = Source {
            url: "https://data.gharchive.org/2025-11-21-0.json.gz".to_owned(),
            etag: Some("\"abc\"".to_owned()),
            last_modified: None,
        };
        assert_eq!(of_metadata(&to_metadata(&source), "s3://lake/landing"), source);
        let odd = Source { etag: Some("ü".to_owned()), last_modified: Some("x".repeat(513)), ..source.clone() };
        let kept = Source { etag: None, ..source };
        assert_eq!(of_metadata(&to_metadata(&odd), "s3://lake/landing"), kept, "what a header cannot carry");
        let unknown = of_metadata(&HashMap::new(), "s3://lake/landing");
        assert_eq!(unknown, Source { url: "s3://lake/landing".to_owned(), etag: None, last_modified: None });
    }
}
