//! Where an hour came from, kept as user metadata of its landing object; and that it was this function that put it there.
//!
//! Whoever copies the object takes its metadata along. Therefore the mark names the object that was written: on a copy it
//! names another one. The state machine `landed` goes by it too.

use std::collections::HashMap;

use pipeline::ledger::SourceFile;

/// The address of the object that was written with this metadata.
const FETCHED_INTO: &str = "fetched-into";
const URL: &str = "source-url";
const ETAG: &str = "source-etag";
const LAST_MODIFIED: &str = "source-last-modified";

/// S3 takes 2 KB of user metadata in all.
const MAX_BYTES: usize = 512;

/// The metadata to store with the object at `address`. What a header cannot carry is left out.
pub(crate) fn to_metadata(source: &SourceFile, address: &str) -> HashMap<String, String> {
    let facts = [
        (FETCHED_INTO, Some(address.to_owned())),
        (URL, Some(source.url.clone())),
        (ETAG, source.etag.clone()),
        (LAST_MODIFIED, source.last_modified.clone()),
    ];
    let storable = |text: &String| text.len() <= MAX_BYTES && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.filter(storable)?))).collect()
}

/// Whether this function has written the object at `address`, by its metadata.
pub(crate) fn is_ours(metadata: &HashMap<String, String>, address: &str) -> bool {
    metadata.get(FETCHED_INTO).is_some_and(|written| written == address)
}

/// Where the object at `address` came from, if its metadata tell, or else the address itself.
pub(crate) fn of_metadata(metadata: &HashMap<String, String>, address: &str) -> SourceFile {
    let fact = |name| metadata.get(name).cloned();
    match fact(URL) {
        Some(url) => SourceFile { url, etag: fact(ETAG), last_modified: fact(LAST_MODIFIED) },
        None => SourceFile { url: address.to_owned(), etag: None, last_modified: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_back() {
        let source = SourceFile {
            url: "https://data.gharchive.org/2025-11-21-0.json.gz".to_owned(),
            etag: Some("\"abc\"".to_owned()),
            last_modified: None,
        };
        let landing = "s3://lake/landing";
        assert_eq!(of_metadata(&to_metadata(&source, landing), landing), source);
        let odd = SourceFile { etag: Some("ü".to_owned()), last_modified: Some("x".repeat(513)), ..source.clone() };
        let kept = SourceFile { etag: None, ..source };
        assert_eq!(of_metadata(&to_metadata(&odd, landing), landing), kept, "what a header cannot carry");
        let unknown = of_metadata(&HashMap::new(), landing);
        assert_eq!(unknown, SourceFile { url: landing.to_owned(), etag: None, last_modified: None });
    }

    #[test]
    fn a_copy_is_not_taken_for_what_was_written() {
        let source = SourceFile { url: "https://x".to_owned(), etag: None, last_modified: None };
        let metadata = to_metadata(&source, "s3://lake/landing/a");
        for (phrase, metadata, address, ours) in [
            ("as written", metadata.clone(), "s3://lake/landing/a", true),
            ("copied into another bucket", metadata.clone(), "s3://pond/landing/a", false),
            ("copied to another key", metadata, "s3://lake/landing/b", false),
            ("before there was the mark", HashMap::from([(URL.to_owned(), source.url)]), "s3://lake/landing/a", false),
        ] {
            assert_eq!(is_ours(&metadata, address), ours, "{phrase}");
        }
    }
}
