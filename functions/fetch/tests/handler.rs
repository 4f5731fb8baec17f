//! The handler against a scripted source and the fake S3.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::io::Read;
use std::time::{Duration, Instant};

use aws_fakes::S3Fault;
use fetch::{BytesFrom, Input, Output};
use function_runtime::ErrorName;
use gzip_plan::ChunkReader;
use pipeline::keys;
use pipeline::plan::HourPlan;

#[path = "handler/setup.rs"]
mod setup;
#[path = "handler/source.rs"]
mod source;

use setup::{FetchFixture, LANDING, gzip, hour, large_gzip, lines};
use source::{ScriptedSource, SourceResponse, etag};

/// Returns the plan of an output.
fn plan_of(fetch: &FetchFixture, output: &Output) -> HourPlan {
    let json = fetch.s3.get(&keys::plan(output.hour, output.version)).expect("the plan exists");
    serde_json::from_slice(&json).unwrap()
}

/// Returns the text of all chunks, each read independently by means of the plan.
fn text_of(fetch: &FetchFixture, output: &Output) -> String {
    let plan = plan_of(fetch, output);
    let landing = fetch.s3.get(LANDING).unwrap();
    let windows = fetch.s3.get(&keys::windows(output.hour, output.version)).unwrap_or_default();
    let mut text = String::new();
    for (number, chunk) in (0..).zip(&plan.gzip.chunks) {
        let bytes = &landing[chunk.compressed_start as usize..chunk.compressed_end as usize];
        let window = plan.gzip.access_points[chunk.access_point as usize].window;
        let window = window.map(|window| &windows[window.offset as usize..][..window.length as usize]);
        ChunkReader::new(bytes, &plan.gzip, number, window).unwrap().read_to_string(&mut text).unwrap();
    }
    text
}

#[tokio::test]
async fn hour_lands_unchanged_with_plan() {
    let body = gzip(lines(1000));
    let source = ScriptedSource::start([SourceResponse::whole(&body)]).await;
    let fetch = FetchFixture::from(&source.url);
    let output = fetch.call(BytesFrom::Upstream).await.unwrap();

    assert_eq!((output.hour, output.chunks, output.lines), (hour(), 10, 1000));
    assert_eq!(output.landing_bytes, body.len() as u64);
    assert_eq!(output.source.url, format!("{}/2025-11-21-0.json.gz", source.url));
    assert_eq!(output.source.etag, Some(etag(&body)));
    assert_eq!(output.source.last_modified.as_deref(), Some("Fri, 21 Nov 2025 01:05:03 GMT"));
    assert!(source.requests()[0].starts_with("get /2025-11-21-0.json.gz http/1.1\r\n"));
    assert!(source.requests()[0].contains("\r\naccept-encoding: identity\r\n"), "no content encoding is requested");

    assert_eq!(fetch.s3.get(LANDING).unwrap(), body);
    let plan = plan_of(&fetch, &output);
    assert_eq!((plan.hour, plan.version, plan.options), (hour(), output.version, fetch.context.options));
    assert_eq!(Some(plan.landing.etag), fetch.s3.etag(LANDING));
    assert_eq!(format!("\"{}\"", plan.landing.md5), etag(&body));
    assert_eq!(plan.gzip.duplicate_lines, 20);
    assert_eq!(text_of(&fetch, &output), lines(1000));
    let last_call = fetch.s3.calls().pop().unwrap();
    assert_eq!(last_call, format!("PutObject {}", keys::plan(hour(), output.version)), "the plan is written last");
}

#[tokio::test]
async fn replaced_landing_object_is_copied() {
    let (first, second) = (gzip(lines(300)), gzip(lines(200)));
    let source = ScriptedSource::start([
        SourceResponse::whole(&first),
        SourceResponse::whole(&first),
        SourceResponse::whole(&second),
    ])
    .await;
    let fetch = FetchFixture::from(&source.url);
    for _ in 0..2 {
        fetch.call(BytesFrom::Upstream).await.unwrap();
        assert!(fetch.s3.keys().iter().all(|key| !key.contains("_replaced")), "the same file is not copied");
    }
    let kept = keys::replaced_landing(hour(), &fetch.s3.etag(LANDING).unwrap());
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!(fetch.s3.get(LANDING).unwrap(), second);
    assert_eq!(fetch.s3.get(&kept).unwrap(), first, "{kept}");
    assert_eq!(fetch.s3.metadata(&kept)["source-etag"], etag(&first), "the source is kept");

    // A foreign object is copied even if its metadata name the same source, because its bytes were never compared.
    let source = ScriptedSource::start([SourceResponse::whole(&second)]).await;
    let fetch = FetchFixture::from(&source.url);
    let entries = [("source-url", format!("{}/2025-11-21-0.json.gz", source.url)), ("source-etag", etag(&second))];
    let metadata = entries.map(|(name, value)| (name.to_owned(), value)).into();
    let mut upload = fetch.context.bucket.upload(LANDING, "application/gzip", metadata);
    upload.push(&first).await.unwrap();
    upload.complete().await.unwrap();
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!((fetch.s3.get(LANDING).unwrap(), fetch.s3.get(&kept).unwrap()), (second.clone(), first.clone()));

    // A foreign object without metadata is copied too. If it changes before the copy, the new object is copied.
    let source = ScriptedSource::start([SourceResponse::whole(&second)]).await;
    let fetch = FetchFixture::from(&source.url);
    fetch.s3.put(LANDING, first.clone());
    fetch.s3.fail("CopyObject", 1, S3Fault::Error(412, "PreconditionFailed"));
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!((fetch.s3.get(LANDING).unwrap(), fetch.s3.get(&kept).unwrap()), (second, first));
    assert!(!kept.ends_with(".json.gz"), "the copy does not look like an hour");
}

#[tokio::test]
async fn unusual_gzip_files_are_fetched() {
    for (phrase, body, lines, chunks) in [
        ("two members", [gzip("a\nb\n"), gzip("c\n")].concat(), 3, 1),
        ("empty text", gzip(""), 0, 0),
        ("zeros after the last member", [gzip("a\n"), vec![0; 512]].concat(), 1, 1),
        ("no line feed at the end", gzip("a\nb"), 2, 1),
    ] {
        let source = ScriptedSource::start([SourceResponse::whole(&body)]).await;
        let fetch = FetchFixture::from(&source.url);
        let output = fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!((output.lines, output.chunks), (lines, chunks), "{phrase}");
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
    }
}

#[tokio::test]
async fn missing_source_headers_are_accepted() {
    let body = gzip(lines(300));
    for (phrase, response) in [
        ("no headers", SourceResponse::bare(&body)),
        ("no length", SourceResponse::whole(&body).without("content-length")),
        ("an ETag that is not an MD5", SourceResponse::whole(&body).with("etag", "\"v1\"")),
        ("a content encoding", SourceResponse::whole(&body).with("content-encoding", "gzip")),
        ("another type", SourceResponse::whole(&body).with("content-type", "application/json")),
    ] {
        let source = ScriptedSource::start([response]).await;
        let fetch = FetchFixture::from(&source.url);
        fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
    }
}

#[tokio::test]
async fn next_source_serves_hour_when_first_fails() {
    let body = gzip(lines(300));
    let elsewhere = gzip(lines(200));
    for (phrase, preferred) in [
        ("404", SourceResponse::status(404)),
        ("down", SourceResponse::status(503)),
        ("forbidden", SourceResponse::status(403)),
        ("an error page", SourceResponse::whole(b"<html>")),
        ("a truncated file", SourceResponse::whole(&elsewhere[..elsewhere.len() - 20])),
        ("other bytes than announced", SourceResponse::whole(&elsewhere).with("etag", &etag(&body))),
        ("cut off", SourceResponse::whole(&elsewhere).cut(100)),
    ] {
        let (first, second) =
            (ScriptedSource::start([preferred]).await, ScriptedSource::start([SourceResponse::whole(&body)]).await);
        let fetch = FetchFixture::from(&format!("{},{}", first.url, second.url));
        let output = fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!(output.source.url, format!("{}/2025-11-21-0.json.gz", second.url), "{phrase}");
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
        assert_eq!(fetch.s3.open_uploads(), 0, "{phrase}");
    }
    let (first, second) =
        (ScriptedSource::start([SourceResponse::whole(&body)]).await, ScriptedSource::start([]).await);
    let fetch = FetchFixture::from(&format!("{},{}", first.url, second.url));
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert!(second.requests().is_empty(), "the first source has the hour");
}

#[tokio::test]
async fn hour_is_not_published_if_all_sources_return_404() {
    for (phrase, first, second, name) in [
        ("404, 404", SourceResponse::status(404), SourceResponse::status(404), "SourceNotPublished"),
        ("404, 503", SourceResponse::status(404), SourceResponse::status(503), "SourceUnavailable"),
        ("down, forbidden", SourceResponse::status(503), SourceResponse::status(403), "SourceUnavailable"),
        ("503, 404", SourceResponse::status(503), SourceResponse::status(404), "SourceUnavailable"),
        ("an error page, 404", SourceResponse::whole(b"<html>"), SourceResponse::status(404), "NotGzip"),
    ] {
        let sources = [ScriptedSource::start([first]).await, ScriptedSource::start([second]).await];
        let fetch = FetchFixture::from(&sources.each_ref().map(|source| source.url.as_str()).join(","));
        assert_eq!(fetch.failure(phrase).await.0, name, "{phrase}");
    }
}

#[tokio::test]
async fn redirect_is_followed() {
    let body = gzip("a\n");
    let redirect = SourceResponse::status(302).with("location", "/elsewhere");
    let source = ScriptedSource::start([redirect.clone(), SourceResponse::whole(&body)]).await;
    let fetch = FetchFixture::from(&source.url);
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert!(source.requests()[1].starts_with("get /elsewhere "));

    let circle = ScriptedSource::start(vec![redirect; 50]).await;
    let (name, _) = FetchFixture::from(&circle.url).failure("a circle").await;
    assert_eq!((name.as_str(), circle.requests().len()), ("SourceRefused", 6));
}

#[tokio::test]
async fn source_status_is_mapped_to_error() {
    for (phrase, response, name, message) in [
        ("no such hour", SourceResponse::status(404), "SourceNotPublished", "returned 404"),
        ("forbidden", SourceResponse::status(403), "SourceRefused", "HTTP 403"),
        ("gone", SourceResponse::status(410), "SourceRefused", "HTTP 410"),
        ("a range that was not requested", SourceResponse::rest(&gzip("a\n"), 0), "SourceRefused", "HTTP 206"),
        (
            "too many",
            SourceResponse::status(429).with("retry-after", "400"),
            "SourceUnavailable",
            "HTTP 429, Retry-After: 400",
        ),
        (
            "unavailable without Retry-After",
            SourceResponse::status(503).with("retry-after", "soon"),
            "SourceUnavailable",
            "HTTP 503",
        ),
        ("down", SourceResponse::status(503), "SourceUnavailable", "HTTP 503"),
        ("broken", SourceResponse::status(500), "SourceUnavailable", "HTTP 500"),
    ] {
        let source = ScriptedSource::start([response]).await;
        let (error, text) = FetchFixture::from(&source.url).failure(phrase).await;
        assert_eq!(error, name, "{phrase}: {text}");
        assert!(text.contains(message) && text.contains(&source.url), "{phrase}: {text}");
        assert_eq!(source.requests().len(), 1, "{phrase}: the state machine retries, not the function");
    }
}

#[tokio::test]
async fn short_retry_after_is_honored() {
    let body = gzip(lines(300));
    let busy = |status, after| SourceResponse::status(status).with("retry-after", after);
    let cut = [SourceResponse::whole(&body).cut(100), busy(503, "1"), SourceResponse::rest(&body, 100)];
    for (phrase, responses) in [
        ("seconds", vec![busy(429, "1"), SourceResponse::whole(&body)]),
        ("a time", vec![busy(503, "Fri, 21 Nov 2025 01:00:01 GMT"), SourceResponse::whole(&body)]),
        ("a date in the past", vec![busy(503, "Fri, 21 Nov 2025 00:59:00 GMT"), SourceResponse::whole(&body)]),
        ("during the body", cut.to_vec()),
    ] {
        let (source, begin) = (ScriptedSource::start(responses).await, Instant::now());
        let fetch = FetchFixture::from(&source.url);
        fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert!((1..5).contains(&begin.elapsed().as_secs()), "{phrase}: {:?}", begin.elapsed());
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
    }

    let source = ScriptedSource::start(vec![busy(429, "1"); 9]).await;
    let fetch = FetchFixture::from(&source.url).limited(|limits| limits.resumes = 1);
    let (name, text) = fetch.failure("repeated pauses").await;
    assert_eq!((name.as_str(), source.requests().len()), ("SourceUnavailable", 2), "{text}");
    assert!(text.contains("HTTP 429, Retry-After: 1"), "{text}");

    let source = ScriptedSource::start([busy(429, "2")]).await;
    let fetch = FetchFixture::from(&source.url).limited(|limits| limits.body_timeout = Duration::from_secs(3));
    assert_eq!(fetch.failure("more than half of the time").await.0, "SourceUnavailable");

    let (first, second) =
        (ScriptedSource::start([busy(429, "9")]).await, ScriptedSource::start([SourceResponse::whole(&body)]).await);
    let output = FetchFixture::from(&format!("{},{}", first.url, second.url)).call(BytesFrom::Upstream).await.unwrap();
    assert!(output.source.url.starts_with(&second.url), "no pause while another source has the hour");
    assert_eq!(first.requests().len(), 1);
}

#[tokio::test]
async fn unreachable_or_slow_source_is_named() {
    let (name, text) = FetchFixture::from("http://127.0.0.1:9").failure("no listener").await;
    assert_eq!(name, "SourceUnavailable", "{text}");
    assert!(text.to_lowercase().contains("connection refused"), "the cause is part of the message: {text}");

    let body = gzip(lines(300));
    let soon = std::time::Duration::from_millis(100);
    let stalls =
        [vec![SourceResponse::whole(&body).stall(50)], vec![SourceResponse::rest(&body, 50).stall(0); 9]].concat();
    let source = ScriptedSource::start(stalls).await;
    let (name, text) =
        FetchFixture::from(&source.url).limited(|limits| limits.read_timeout = soon).failure("stalls").await;
    assert_eq!(name, "SourceTimeout", "{text}");
    assert!(text.contains("at byte 50: the source stopped sending; it was resumed 4 times"), "{text}");
    let source = ScriptedSource::start(vec![SourceResponse::whole(&body).stall(50); 9]).await;
    let (name, text) =
        FetchFixture::from(&source.url).limited(|limits| limits.body_timeout = soon).failure("too slow").await;
    assert_eq!(name, "SourceTimeout", "{text}");
    assert!(text.contains("at byte 50") && text.contains("0.1 s"), "{text}");

    let (slow, quick) = (
        ScriptedSource::start(vec![SourceResponse::whole(&body).stall(50); 9]).await,
        ScriptedSource::start([SourceResponse::whole(&body)]).await,
    );
    let fetch = FetchFixture::from(&format!("{},{}", slow.url, quick.url));
    let output = fetch.limited(|limits| limits.body_timeout = soon * 10).call(BytesFrom::Upstream).await.unwrap();
    assert!(output.source.url.starts_with(&quick.url), "a slow source leaves time for the next one");
}

#[tokio::test]
async fn invalid_file_never_lands() {
    let sound = gzip(lines(300));
    let mut wrong_crc = sound.clone();
    let at = wrong_crc.len() - 8;
    wrong_crc[at] ^= 1;
    for (phrase, body, name, message) in [
        ("nothing", vec![], "EmptyArchive", "0 bytes"),
        ("XML", b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>".to_vec(), "NotGzip", "XML"),
        ("HTML", b"<!DOCTYPE html><html></html>".to_vec(), "NotGzip", "HTML"),
        ("JSON", b"{\"id\":\"1\"}\n".to_vec(), "NotGzip", "JSON"),
        ("zstd", vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0], "UnsupportedEncoding", "zstd"),
        ("a wrong CRC", wrong_crc, "CorruptArchive", "at byte"),
        ("cut at the source", sound[..sound.len() - 9].to_vec(), "TruncatedArchive", "at byte"),
        ("bytes after the end", [sound.as_slice(), b"garbage"].concat(), "TrailingBytes", "from byte"),
    ] {
        let source = ScriptedSource::start([SourceResponse::whole(&body)]).await;
        let (error, text) = FetchFixture::from(&source.url).failure(phrase).await;
        assert_eq!(error, name, "{phrase}: {text}");
        assert!(text.contains(message) && text.contains(&source.url), "{phrase}: {text}");
    }
}

#[tokio::test]
async fn file_over_size_limit_never_lands() {
    let body = gzip(lines(300));
    for (phrase, response) in
        [("announced", SourceResponse::whole(&body)), ("not announced", SourceResponse::bare(&body))]
    {
        let source = ScriptedSource::start([response]).await;
        let fetch = FetchFixture::from(&source.url).limited(|limits| limits.max_landing_bytes = 100);
        let (name, text) = fetch.failure(phrase).await;
        assert_eq!(name, "ArchiveTooLarge", "{phrase}");
        assert!(text.contains("over the limit of 100"), "{phrase}: {text}");
    }
}

#[tokio::test]
async fn transfer_error_differs_from_corrupt_file() {
    let body = gzip(lines(300));
    let mut damaged = body.clone();
    damaged[40] ^= 0x10;
    let announced = |name, value: &str| SourceResponse::whole(&body).without("etag").with(name, value);
    for (phrase, response, what) in [
        ("damaged in transfer", SourceResponse::whole(&damaged).with("etag", &etag(&body)), "its ETag"),
        ("a valid file with another MD5", announced("etag", &etag(b"other")), "its ETag"),
        ("another MD5", announced("x-goog-hash", "md5=1B2M2Y8AsgTpgAmY7PhCfg=="), "x-goog-hash md5"),
        ("another CRC", announced("x-goog-hash", "crc32c=AAAAAA=="), "x-goog-hash crc32c"),
    ] {
        let source = ScriptedSource::start([response]).await;
        let (name, text) = FetchFixture::from(&source.url).failure(phrase).await;
        assert_eq!(name, "ChecksumMismatch", "{phrase}: {text}");
        assert!(text.contains(what), "{phrase}: {text}");
    }
}

#[tokio::test]
async fn interrupted_body_is_resumed() {
    let body = gzip(lines(1000));
    let responses = [
        SourceResponse::whole(&body).cut(100),
        SourceResponse::status(503),
        SourceResponse::rest(&body, 100).cut(200),
        SourceResponse::rest(&body, 300),
    ];
    let source = ScriptedSource::start(responses).await;
    let fetch = FetchFixture::from(&source.url);
    let output = fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!(fetch.s3.get(LANDING).unwrap(), body);
    assert_eq!(text_of(&fetch, &output), lines(1000));
    let requests = source.requests();
    assert_eq!(requests.len(), 4);
    for (request, range) in requests[1..].iter().zip(["bytes=100-", "bytes=100-", "bytes=300-"]) {
        assert!(request.contains(&format!("\r\nrange: {range}\r\n")), "{request}");
        assert!(request.contains(&format!("\r\nif-match: {}\r\n", etag(&body))), "{request}");
    }
}

#[tokio::test]
async fn unresumable_body_is_named() {
    let body = gzip(lines(1000));
    let broken = SourceResponse::whole(&body).cut(100);
    let five = |response: SourceResponse| [vec![broken.clone()], vec![response; 9]].concat();
    let other_total = format!("bytes 100-{}/{}", body.len() - 1, body.len() + 1);
    for (phrase, responses, name, requests) in [
        ("another object", vec![broken.clone(), SourceResponse::status(412)], "SourceChanged", 2),
        ("object deleted", vec![broken.clone(), SourceResponse::status(404)], "SourceChanged", 2),
        ("a shorter object", vec![broken.clone(), SourceResponse::status(416)], "SourceChanged", 2),
        (
            "another ETag",
            vec![broken.clone(), SourceResponse::rest(&body, 100).with("etag", "\"v2\"")],
            "SourceChanged",
            2,
        ),
        (
            "another length",
            vec![broken.clone(), SourceResponse::rest(&body, 100).with("content-range", &other_total)],
            "SourceChanged",
            2,
        ),
        ("the range is ignored", vec![broken.clone(), SourceResponse::whole(&body)], "SourceInterrupted", 2),
        ("another range", vec![broken.clone(), SourceResponse::rest(&body, 90)], "SourceInterrupted", 2),
        ("refused", vec![broken.clone(), SourceResponse::status(403)], "SourceInterrupted", 2),
        ("no ETag", vec![broken.clone().without("etag")], "SourceInterrupted", 1),
        ("a weak ETag", vec![broken.clone().with("etag", "W/\"v1\"")], "SourceInterrupted", 1),
        ("always unavailable", five(SourceResponse::status(503)), "SourceInterrupted", 5),
        ("always interrupted", five(SourceResponse::rest(&body, 100).cut(0)), "SourceInterrupted", 5),
    ] {
        let source = ScriptedSource::start(responses).await;
        let (error, text) = FetchFixture::from(&source.url).failure(phrase).await;
        assert_eq!(error, name, "{phrase}: {text}");
        assert!(text.contains("at byte 100"), "{phrase}: {text}");
        assert_eq!(source.requests().len(), requests, "{phrase}: {text}");
    }
}

#[tokio::test]
async fn large_hour_is_uploaded_in_parts() {
    let body = large_gzip();
    let source = ScriptedSource::start([SourceResponse::whole(&body)]).await;
    let fetch = FetchFixture::from(&source.url);
    let output = fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!(fetch.s3.get(LANDING).unwrap(), body);
    assert_eq!(fetch.s3.metadata(LANDING)["source-etag"], etag(&body));
    assert!(plan_of(&fetch, &output).landing.etag.ends_with("-3\""), "in three parts");

    let wrong = ScriptedSource::start([SourceResponse::whole(&body).with("etag", &etag(b"other"))]).await;
    let fetch = FetchFixture::from(&wrong.url);
    assert_eq!(fetch.failure("a wrong MD5").await.0, "ChecksumMismatch");
    assert!(fetch.s3.calls().contains(&format!("UploadPart {LANDING}")), "parts were sent");

    let whole = ScriptedSource::start([SourceResponse::whole(&body)]).await;
    let fetch = FetchFixture::from(&whole.url);
    fetch.s3.fail("UploadPart", 99, S3Fault::Error(503, "SlowDown"));
    assert_eq!(fetch.failure("S3 rejects parts").await.0, "AwsThrottled");
}

#[tokio::test]
async fn second_run_writes_same_objects() {
    let body = gzip(lines(1000));
    let source = ScriptedSource::start(vec![SourceResponse::whole(&body); 3]).await;
    let fetch = FetchFixture::from(&source.url);
    let first = fetch.call(BytesFrom::Upstream).await.unwrap();
    let objects = fetch.s3.objects();
    let (second, third) = tokio::join!(fetch.call(BytesFrom::Upstream), fetch.call(BytesFrom::Upstream));
    assert_eq!((second.unwrap(), third.unwrap()), (first.clone(), first));
    assert_eq!(fetch.s3.objects(), objects);
}

#[tokio::test]
async fn landed_hour_is_planned_without_download() {
    let body = gzip(lines(1000));
    let source = ScriptedSource::start([SourceResponse::whole(&body)]).await;
    let fetch = FetchFixture::from(&source.url);
    let first = fetch.call(BytesFrom::Upstream).await.unwrap();
    let objects = fetch.s3.objects();
    let calls = fetch.s3.calls().len();
    let again = fetch.call(BytesFrom::Landing).await.unwrap();
    assert_eq!(again, first, "the same version and source");
    assert_eq!(fetch.s3.objects(), objects, "the same plan");
    assert_eq!(source.requests().len(), 1);
    assert!(!fetch.s3.calls()[calls..].contains(&format!("PutObject {LANDING}")));

    let mut fetch = fetch;
    fetch.context.options.chunk_records = 500;
    let coarser = fetch.call(BytesFrom::Landing).await.unwrap();
    assert_eq!((coarser.chunks, coarser.lines), (2, 1000));
    assert_ne!(coarser.version, first.version, "other options lead to another version");
}

#[tokio::test]
async fn landing_object_absent_invalid_or_foreign() {
    let fetch = FetchFixture::from("http://127.0.0.1:9");
    let error = fetch.call(BytesFrom::Landing).await.unwrap_err();
    assert_eq!(error.name(), "LandingNotFound");
    assert_eq!(error.to_string(), format!("s3://lake/{LANDING} does not exist"));

    fetch.s3.put(LANDING, gzip("a\n"));
    let output = fetch.call(BytesFrom::Landing).await.unwrap();
    assert_eq!(output.source.url, format!("s3://lake/{LANDING}"), "no other source is known");

    fetch.s3.put(LANDING, b"<html>".as_slice());
    let error = fetch.call(BytesFrom::Landing).await.unwrap_err();
    assert_eq!(error.name(), "NotGzip");
    assert!(error.to_string().contains(LANDING), "{error}");

    fetch.s3.put(LANDING, gzip(lines(100)));
    fetch.s3.fail("GetObject", 1, S3Fault::CutBody(20));
    assert_eq!(fetch.call(BytesFrom::Landing).await.unwrap_err().name(), "AwsUnavailable");
}

#[tokio::test]
async fn second_run_repairs_failed_s3_call() {
    let body = gzip(lines(1000));
    for (phrase, call) in [
        ("the landing object", "PutObject landing/ghactivity/2025"),
        ("the plan or its windows", "PutObject landing/ghactivity/_plan"),
    ] {
        let source = ScriptedSource::start(vec![SourceResponse::whole(&body); 2]).await;
        let fetch = FetchFixture::from(&source.url);
        fetch.s3.fail(call, 1, S3Fault::Error(403, "AccessDenied"));
        let error = fetch.call(BytesFrom::Upstream).await.unwrap_err();
        assert_eq!(error.name(), "AwsRefused", "{phrase}");
        assert!(error.to_string().contains("s3://lake/landing"), "{phrase}: {error}");
        let output = fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!(text_of(&fetch, &output), lines(1000), "{phrase}");
    }
}

#[tokio::test]
async fn hour_not_over_is_not_requested() {
    let source = ScriptedSource::start([]).await;
    let fetch = FetchFixture::from(&source.url);
    for (hour, over) in [("2025-11-21-0", true), ("2025-11-21-1", false), ("2030-01-01-0", false)] {
        let input = Input { hour: hour.parse().unwrap(), source: BytesFrom::Upstream };
        let error = fetch::handle(input, &fetch.context).await.unwrap_err();
        let refused = error.name() == "InvalidInput" && error.to_string().contains("field `hour`");
        assert_eq!(refused, !over, "{hour}: {error}");
    }
    assert_eq!(source.requests().len(), 1, "only the hour that is over is requested");
}

#[tokio::test]
async fn real_hours_are_fetched() {
    let folder = std::env::var("GHACTIVITY_DATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").to_owned());
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: there is no folder {folder}");
        return;
    };
    let hours = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "gz"));
    for path in hours {
        let body = std::fs::read(&path).unwrap();
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
        let source = ScriptedSource::start([SourceResponse::whole(&body)]).await;
        let fetch = FetchFixture::from(&source.url);
        let output = fetch.call(BytesFrom::Upstream).await.unwrap();
        assert_eq!(output.lines, text.lines().count() as u64, "{}", path.display());
        assert!(text_of(&fetch, &output) == text, "{}", path.display());
    }
}

#[test]
fn invalid_input_names_the_field() {
    for (phrase, event, part) in [
        ("hour 24", serde_json::json!({"hour": "2025-11-21-24"}), "field `hour`"),
        ("missing hour", serde_json::json!({}), "missing field `hour`"),
        ("another source", serde_json::json!({"hour": "2025-11-21-0", "source": "s3"}), "field `source`"),
        ("an unknown field", serde_json::json!({"hour": "2025-11-21-0", "force": true}), "unknown field `force`"),
    ] {
        let error = function_runtime::parse::<Input>(event).unwrap_err();
        assert!(error.to_string().contains(part), "{phrase}: {error}");
    }
    let input = function_runtime::parse::<Input>(serde_json::json!({"hour": "2025-11-21-0"})).unwrap();
    assert_eq!(input, Input { hour: hour(), source: BytesFrom::Upstream }, "`upstream` is the default");
}

#[tokio::test]
async fn hour_with_too_many_chunks_never_lands() {
    let body = gzip(lines(1001));
    let source = ScriptedSource::start([SourceResponse::whole(&body), SourceResponse::whole(&body)]).await;
    let mut fetch = FetchFixture::from(&source.url);
    fetch.context.options.chunk_records = 1;
    let (name, message) = fetch.failure("1,001 chunks").await;
    assert_eq!(name, "PlanTooLarge");
    assert!(message.contains("1001 chunks of 1 records") && message.contains("raise ChunkRecords"), "{message}");
    fetch.context.options.chunk_records = 2;
    assert_eq!(fetch.call(BytesFrom::Upstream).await.unwrap().chunks, 501);
}
