//! The source of an hour, and the mark that this function wrote it, as user metadata of the landing object.
//!
//! A copy of the object keeps its metadata. Therefore the mark names the address of the original object, which differs from the
//! address of a copy. The state machine `landed` reads the mark too.

use std::collections::HashMap;

use pipeline::ledger::SourceFile;

/// The address that the object was written to.
const FETCHED_INTO: &str = "fetched-into";
const URL: &str = "source-url";
const ETAG: &str = "source-etag";
const LAST_MODIFIED: &str = "source-last-modified";

/// The limit of one value; S3 accepts 2 KB of user metadata per object.
const MAX_BYTES: usize = 512;

/// Returns the metadata of the object at `address`. Values that a header cannot carry are omitted.
pub(crate) fn to_metadata(source: &SourceFile, address: &str) -> HashMap<String, String> {
    let entries = [
        (FETCHED_INTO, Some(address.to_owned())),
        (URL, Some(source.url.clone())),
        (ETAG, source.etag.clone()),
        (LAST_MODIFIED, source.last_modified.clone()),
    ];
    let storable = |text: &String| text.len() <= MAX_BYTES && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.filter(storable)?))).collect()
}

/// Returns whether this function wrote the object at `address`.
pub(crate) fn is_ours(metadata: &HashMap<String, String>, address: &str) -> bool {
    metadata.get(FETCHED_INTO).is_some_and(|written| written == address)
}

/// Returns the source in the metadata, or `address` itself if there is none.
pub(crate) fn from_metadata(metadata: &HashMap<String, String>, address: &str) -> SourceFile {
    let entry = |name| metadata.get(name).cloned();
    match entry(URL) {
        Some(url) => SourceFile { url, etag: entry(ETAG), last_modified: entry(LAST_MODIFIED) },
        None => SourceFile { url: address.to_owned(), etag: None, last_modified: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provenance_roundtrip() {
        let source = SourceFile {
            url: "https://data.gharchive.org/2025-11-21-0.json.gz".to_owned(),
            etag: Some("\"abc\"".to_owned()),
            last_modified: None,
        };
        let landing = "s3://lake/landing";
        assert_eq!(from_metadata(&to_metadata(&source, landing), landing), source);
        let odd = SourceFile { etag: Some("ü".to_owned()), last_modified: Some("x".repeat(513)), ..source.clone() };
        let kept = SourceFile { etag: None, ..source };
        assert_eq!(from_metadata(&to_metadata(&odd, landing), landing), kept, "values that a header cannot carry");
        let unknown = from_metadata(&HashMap::new(), landing);
        assert_eq!(unknown, SourceFile { url: landing.to_owned(), etag: None, last_modified: None });
    }

    #[test]
    fn provenance_copy_is_not_ours() {
        let source = SourceFile { url: "https://x".to_owned(), etag: None, last_modified: None };
        let metadata = to_metadata(&source, "s3://lake/landing/a");
        for (phrase, metadata, address, ours) in [
            ("as written", metadata.clone(), "s3://lake/landing/a", true),
            ("copied into another bucket", metadata.clone(), "s3://pond/landing/a", false),
            ("copied to another key", metadata, "s3://lake/landing/b", false),
            (
                "written before the mark existed",
                HashMap::from([(URL.to_owned(), source.url)]),
                "s3://lake/landing/a",
                false,
            ),
        ] {
            assert_eq!(is_ours(&metadata, address), ours, "{phrase}");
        }
    }
}
