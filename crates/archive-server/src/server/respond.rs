//! Builds the response to a request.

use std::error::Error;
use std::ops::Range;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header, response};
use axum::response::Response;
use pipeline::ArchiveHour;

use super::body::body;
use super::catalog::{Catalog, CatalogError};
use super::conditions::{ContentSelection, select};
use super::fault::{FaultKind, FaultQueue};
use super::served_file::ServedFile;

/// The body of a 404, with the exact bytes of the archive's store.
const NO_SUCH_KEY: &str = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";

pub(crate) async fn respond(catalog: &Catalog, faults: &FaultQueue, request: &Parts) -> Response {
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
        Ok(Some(file)) => serve(&with_fault(file, fault.as_ref()), fault.as_ref(), request),
        Ok(None) => not_found(),
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("archive-server: {error}{cause}");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
    }
}

/// The hour of a path. The archive does not pad hours: it has no `/2015-01-01-01.json.gz`.
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

fn with_fault(mut file: ServedFile, fault: Option<&FaultKind>) -> ServedFile {
    match fault {
        Some(FaultKind::Md5) => {
            file.md5[0] ^= 1;
            file.etag = format!("\"{}\"", hex::encode(file.md5));
        }
        Some(FaultKind::Crc) => file.crc32c ^= 1,
        Some(FaultKind::Etag(text)) => file.etag = format!("\"{text}\""),
        _ => {}
    }
    file
}

fn serve(file: &ServedFile, fault: Option<&FaultKind>, request: &Parts) -> Response {
    let length = file.length;
    let mut selection = select(&request.headers, &file.etag, &file.last_modified(), length);
    if matches!(
        (fault, &selection),
        (Some(FaultKind::NoRange), ContentSelection::Part(_) | ContentSelection::Unsatisfiable)
    ) {
        selection = ContentSelection::All;
    }
    let hashes = fault != Some(&FaultKind::NoHash);
    match selection {
        ContentSelection::All => content(file, StatusCode::OK, 0..length, hashes, fault, request),
        ContentSelection::Part(range) => content(file, StatusCode::PARTIAL_CONTENT, range, hashes, fault, request),
        ContentSelection::NotModified => finish(described(file, StatusCode::NOT_MODIFIED, hashes), Body::empty()),
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
    file: &ServedFile,
    status: StatusCode,
    range: Range<u64>,
    hashes: bool,
    fault: Option<&FaultKind>,
    request: &Parts,
) -> Response {
    let mut response = described(file, status, hashes).header(header::CONTENT_LENGTH, range.end - range.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let value = format!("bytes {}-{}/{}", range.start, range.end - 1, file.length);
        response = response.header(header::CONTENT_RANGE, value);
    }
    let body = match request.method {
        Method::HEAD => Body::empty(),
        _ => body(file.file.clone(), range, fault),
    };
    finish(response, body)
}

/// The headers of every response with or about the file.
fn described(file: &ServedFile, status: StatusCode, hashes: bool) -> response::Builder {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CACHE_CONTROL, "public, max-age=3600")
        .header(header::LAST_MODIFIED, file.last_modified());
    if hashes { response.header(header::ETAG, &file.etag).header("x-goog-hash", file.goog_hash()) } else { response }
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
    response.body(body).expect("every header value is printable ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hour_of_accepts_only_file_names_of_the_archive() {
        assert_eq!(NO_SUCH_KEY.len(), 127, "the length of the real body");
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
