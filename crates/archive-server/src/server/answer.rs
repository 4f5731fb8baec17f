//! From a request to its answer.

use std::error::Error;
use std::ops::Range;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header, response};
use axum::response::Response;
use pipeline::ArchiveHour;

use super::body::body;
use super::catalog::{Catalog, CatalogError};
use super::conditions::{ContentSelection, wanted};
use super::document::ServedFile;
use super::fault::{FaultKind, FaultQueue};

/// The body of a 404, byte for byte as the archive's store writes it.
const NO_SUCH_KEY: &str = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";

/// Answers one request.
pub(crate) async fn answer(catalog: &Catalog, faults: &FaultQueue, request: &Parts) -> Response {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed");
    }
    let Some(hour) = hour_of(request.uri.path()) else { return not_found() };
    let fault = faults.take(hour);
    match fault {
        Some(FaultKind::Status(status)) => return injected(status),
        Some(FaultKind::Busy(seconds)) => return busy(seconds),
        _ => {}
    }
    match find(catalog, hour, fault.as_ref()).await {
        Ok(Some(document)) => serve(&spoilt(document, fault.as_ref()), fault.as_ref(), request),
        Ok(None) => not_found(),
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("archive-server: {error}{cause}");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
    }
}

/// The hour a path names. The archive does not pad hours: `/2015-01-01-01.json.gz` is no file of it.
fn hour_of(path: &str) -> Option<ArchiveHour> {
    let name = path.strip_prefix('/')?;
    let hour: ArchiveHour = name.strip_suffix(".json.gz")?.parse().ok()?;
    (hour.file_name() == name).then_some(hour)
}

async fn find(
    catalog: &Catalog,
    hour: ArchiveHour,
    fault: Option<&FaultKind>,
) -> Result<Option<ServedFile>, CatalogError> {
    match fault {
        Some(FaultKind::Body(path)) => catalog.read(path.clone()).await.map(Some),
        _ => catalog.find(hour).await,
    }
}

fn spoilt(mut document: ServedFile, fault: Option<&FaultKind>) -> ServedFile {
    match fault {
        Some(FaultKind::Md5) => {
            document.md5[0] ^= 1;
            let hex: String = document.md5.iter().map(|byte| format!("{byte:02x}")).collect();
            document.etag = format!("\"{hex}\"");
        }
        Some(FaultKind::Crc) => document.crc32c ^= 1,
        Some(FaultKind::Etag(text)) => document.etag = format!("\"{text}\""),
        _ => {}
    }
    document
}

fn serve(document: &ServedFile, fault: Option<&FaultKind>, request: &Parts) -> Response {
    let length = document.length;
    let mut wanted = wanted(&request.headers, &document.etag, &document.last_modified(), length);
    if matches!(
        (fault, &wanted),
        (Some(FaultKind::NoRange), ContentSelection::Part(_) | ContentSelection::Unsatisfiable)
    ) {
        wanted = ContentSelection::All;
    }
    let hashes = fault != Some(&FaultKind::NoHash);
    match wanted {
        ContentSelection::All => content(document, StatusCode::OK, 0..length, hashes, fault, request),
        ContentSelection::Part(range) => content(document, StatusCode::PARTIAL_CONTENT, range, hashes, fault, request),
        ContentSelection::NotModified => finish(described(document, StatusCode::NOT_MODIFIED, hashes), Body::empty()),
        ContentSelection::PreconditionFailed => failure(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        ContentSelection::Unsatisfiable => {
            let mut response = failure(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
            if let Ok(value) = format!("bytes */{length}").parse() {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            response
        }
    }
}

fn content(
    document: &ServedFile,
    status: StatusCode,
    range: Range<u64>,
    hashes: bool,
    fault: Option<&FaultKind>,
    request: &Parts,
) -> Response {
    let mut response = described(document, status, hashes).header(header::CONTENT_LENGTH, range.end - range.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let value = format!("bytes {}-{}/{}", range.start, range.end - 1, document.length);
        response = response.header(header::CONTENT_RANGE, value);
    }
    let body = match request.method {
        Method::HEAD => Body::empty(),
        _ => body(document.file.clone(), range, fault),
    };
    finish(response, body)
}

/// The headers that every answer with or about the document has.
fn described(document: &ServedFile, status: StatusCode, hashes: bool) -> response::Builder {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CACHE_CONTROL, "public, max-age=3600")
        .header(header::LAST_MODIFIED, document.last_modified());
    match hashes {
        true => response.header(header::ETAG, &document.etag).header("x-goog-hash", document.goog_hash()),
        false => response,
    }
}

fn not_found() -> Response {
    let response = Response::builder()
        .status(StatusCode::NOT_FOUND)
        .header(header::CONTENT_TYPE, "application/xml; charset=UTF-8")
        .header(header::CACHE_CONTROL, "private, max-age=0");
    finish(response, Body::from(NO_SUCH_KEY))
}

fn injected(status: u16) -> Response {
    match StatusCode::from_u16(status) {
        Ok(StatusCode::NOT_FOUND) => not_found(),
        Ok(status) => failure(status, "InjectedFault"),
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    }
}

fn busy(seconds: u64) -> Response {
    let mut response = failure(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests");
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

fn failure(status: StatusCode, code: &str) -> Response {
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{}</Message></Error>",
        status.canonical_reason().unwrap_or("failed")
    );
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/xml; charset=UTF-8");
    finish(response, Body::from(body))
}

fn finish(response: response::Builder, body: Body) -> Response {
    response.body(body).expect("every header value is made of printable ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_the_archive_are_hours() {
        assert_eq!(NO_SUCH_KEY.len(), 127, "as long as the real one");
        for (phrase, path, hour) in [
            ("as in the archive", "/2015-01-01-1.json.gz", Some("2015-01-01-1")),
            ("two digits", "/2015-01-01-12.json.gz", Some("2015-01-01-12")),
            ("padded", "/2015-01-01-01.json.gz", None),
            ("hour 24", "/2015-01-01-24.json.gz", None),
            ("not compressed", "/2015-01-01-1.json", None),
            ("in a folder", "/a/2015-01-01-1.json.gz", None),
            ("the root", "/", None),
        ] {
            assert_eq!(hour_of(path).map(|hour| hour.to_string()).as_deref(), hour, "{phrase}");
        }
    }
}
