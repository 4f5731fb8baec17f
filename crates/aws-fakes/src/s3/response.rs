//! Responses of the fake S3.

use std::fmt::Write;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::primitives::SdkBody;
use md5::{Digest, Md5};

use super::{BucketState, MultipartUpload, S3Request};

pub(super) struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn error(status: u16, code: &str) -> Self {
        Self::new(status, format!("<Error><Code>{code}</Code><Message>from the fake</Message></Error>"))
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A body that is cut keeps its announced length.
    pub(super) fn into_response(self, body_ends_after: Option<usize>) -> HttpResponse {
        let length = self.body.len();
        let mut body = self.body;
        body.truncate(body_ends_after.unwrap_or(length));
        let status = self.status.try_into().expect("a status is valid");
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        response.headers_mut().insert("content-length", length.to_string());
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

pub(super) fn respond(state: &mut BucketState, request: &S3Request) -> Response {
    let key = request.key.as_str();
    match request.operation() {
        "GetObject" => get(state, request),
        "HeadObject" if state.objects.contains_key(key) => Response { body: Vec::new(), ..get(state, request) },
        "HeadObject" => Response::new(404, ""),
        "PutObject" if !state.condition_holds(request) => Response::error(412, "PreconditionFailed"),
        "PutObject" => {
            let etag = state.put(key, request.body.clone(), request.metadata());
            Response::new(200, "").header("etag", &etag)
        }
        "CopyObject" => copy(state, request),
        "ListObjectsV2" => list(state, request),
        "DeleteObjects" => {
            for key in elements(&request.body, "Key") {
                state.objects.remove(&key);
            }
            Response::new(200, "<DeleteResult></DeleteResult>")
        }
        "CreateMultipartUpload" => {
            state.begun_uploads += 1;
            let id = format!("upload-{}", state.begun_uploads);
            let checksum = request.headers.get("x-amz-checksum-algorithm").cloned();
            state.uploads.insert(
                id.clone(),
                MultipartUpload { metadata: request.metadata(), checksum, ..MultipartUpload::default() },
            );
            Response::new(
                200,
                format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"),
            )
        }
        "UploadPart" => upload_part(state, request),
        "CompleteMultipartUpload" => complete(state, request),
        "AbortMultipartUpload" => match state.uploads.remove(&request.query["uploadId"]) {
            Some(_) => Response::new(204, ""),
            None => Response::error(404, "NoSuchUpload"),
        },
        _ => Response::error(501, "NotImplemented"),
    }
}

pub(super) fn delete_all_but_last(state: &mut BucketState, request: &S3Request, code: &str) -> Response {
    let mut keys = elements(&request.body, "Key");
    let kept = keys.pop().unwrap_or_default();
    for key in keys {
        state.objects.remove(&key);
    }
    let error = format!("<Error><Key>{kept}</Key><Code>{code}</Code><Message>kept</Message></Error>");
    Response::new(200, format!("<DeleteResult>{error}</DeleteResult>"))
}

fn get(state: &BucketState, request: &S3Request) -> Response {
    let Some(stored) = state.objects.get(&request.key) else { return Response::error(404, "NoSuchKey") };
    if request.headers.get("if-match").is_some_and(|etag| *etag != stored.etag) {
        return Response::error(412, "PreconditionFailed");
    }
    let mut response = Response::new(200, stored.bytes.clone()).header("etag", &stored.etag);
    for (name, value) in &stored.metadata {
        response = response.header(&format!("x-amz-meta-{name}"), value);
    }
    let Some(range) = request.headers.get("range") else { return response };
    let (first, last) = range.trim_start_matches("bytes=").split_once('-').expect("the range has two ends");
    let first: usize = first.parse().expect("the range begins with a number");
    let end = last.parse::<usize>().expect("the range ends with a number").saturating_add(1).min(stored.bytes.len());
    if first >= end {
        return Response::error(416, "InvalidRange");
    }
    let total = stored.bytes.len();
    let response = response.header("content-range", &format!("bytes {first}-{}/{total}", end - 1));
    Response { status: 206, body: stored.bytes[first..end].to_vec(), ..response }
}

fn copy(state: &mut BucketState, request: &S3Request) -> Response {
    let source = request.headers["x-amz-copy-source"].split_once('/').map_or("", |(_bucket, key)| key);
    let Some(stored) = state.objects.get(source).cloned() else { return Response::error(404, "NoSuchKey") };
    if request.headers.get("x-amz-copy-source-if-match").is_some_and(|etag| *etag != stored.etag) {
        return Response::error(412, "PreconditionFailed");
    }
    let etag = state.put(&request.key, stored.bytes, stored.metadata);
    Response::new(200, format!("<CopyObjectResult><ETag>{}</ETag></CopyObjectResult>", etag.replace('"', "&quot;")))
}

fn list(state: &BucketState, request: &S3Request) -> Response {
    let prefix = request.query.get("prefix").map_or("", String::as_str);
    let after = request.query.get("continuation-token").cloned().unwrap_or_default();
    let page_keys = state.page_keys.unwrap_or(1000);
    let mut below = state.objects.iter().filter(|(key, _)| key.starts_with(prefix) && **key > after);
    let page: Vec<_> = below.by_ref().take(page_keys).collect();
    let mut body = String::from("<ListBucketResult>");
    for (key, stored) in &page {
        let _ = write!(body, "<Contents><Key>{key}</Key><Size>{}</Size></Contents>", stored.bytes.len());
    }
    if let Some((last, _)) = page.last()
        && below.next().is_some()
    {
        let _ = write!(body, "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>");
    }
    Response::new(200, body + "</ListBucketResult>")
}

fn upload_part(state: &mut BucketState, request: &S3Request) -> Response {
    let number = request.query["partNumber"].parse().expect("the part number is an integer");
    let Some(pending) = state.uploads.get_mut(&request.query["uploadId"]) else {
        return Response::error(404, "NoSuchUpload");
    };
    // Like S3: the checksum algorithm of a part must be the one that CreateMultipartUpload announced.
    let sent = request.headers.contains_key("x-amz-checksum-crc32").then_some("CRC32");
    if sent != pending.checksum.as_deref() {
        return Response::error(400, "InvalidRequest");
    }
    let kept = if state.forgets_parts { Vec::new() } else { request.body.clone() };
    pending.parts.insert(number, kept);
    let response = Response::new(200, "").header("etag", &etag(&[&request.body]));
    match request.headers.get("x-amz-checksum-crc32") {
        Some(checksum) => response.header("x-amz-checksum-crc32", checksum),
        None => response,
    }
}

fn complete(state: &mut BucketState, request: &S3Request) -> Response {
    let Some(pending) = state.uploads.remove(&request.query["uploadId"]) else {
        return Response::error(404, "NoSuchUpload");
    };
    let numbers: Vec<u32> =
        elements(&request.body, "PartNumber").iter().map(|number| number.parse().expect("a number")).collect();
    if !numbers.iter().copied().eq(pending.parts.keys().copied()) {
        return Response::error(400, "InvalidPart");
    }
    if pending.checksum.is_some() && elements(&request.body, "ChecksumCRC32").len() != numbers.len() {
        return Response::error(400, "InvalidPart");
    }
    let etag = etag(&pending.parts.values().map(Vec::as_slice).collect::<Vec<_>>());
    let bytes = pending.parts.into_values().flatten().collect();
    let key = request.key.as_str();
    state.put(key, bytes, pending.metadata);
    state.objects.get_mut(key).expect("it was put").etag.clone_from(&etag);
    let quoted = etag.replace('"', "&quot;");
    Response::new(200, format!("<CompleteMultipartUploadResult><ETag>{quoted}</ETag></CompleteMultipartUploadResult>"))
}

/// One part: its MD5. More parts: the MD5 of their MD5s, and their number.
pub(super) fn etag(parts: &[&[u8]]) -> String {
    match parts {
        [part] => format!("\"{}\"", hex::encode(Md5::digest(part))),
        parts => {
            let digests: Vec<u8> = parts.iter().flat_map(Md5::digest).collect();
            format!("\"{}-{}\"", hex::encode(Md5::digest(digests)), parts.len())
        }
    }
}

fn elements(xml: &[u8], name: &str) -> Vec<String> {
    let xml = String::from_utf8_lossy(xml);
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inside = |rest: &str| rest.split_once(close.as_str()).map(|(value, _)| value.to_owned());
    xml.split(open.as_str()).skip(1).filter_map(inside).collect()
}
