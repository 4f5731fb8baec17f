//! The function against a scripted source and an S3 in memory.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use std::io::Read;
use std::time::{Duration, Instant};

use aws_fakes::S3Fault;
use fetch::event::{BytesFrom, Input, Output};
use function_runtime::ErrorName;
use gzip_plan::ChunkReader;
use pipeline::keys;
use pipeline::plan::HourPlan;

#[path = "handler/setup.rs"]
mod setup;
#[path = "handler/source.rs"]
mod source;

use setup::{Fetch, LANDING, gzip, hour, large_gzip, lines};
use source::{Answer, Source, etag};

/// The plan that an output names.
fn plan_of(fetch: &Fetch, output: &Output) -> HourPlan {
    let json = fetch.s3.get(&keys::plan(output.hour, output.version)).expect("the plan is there");
    serde_json::from_slice(&json).unwrap()
}

/// The text of all chunks, each read with what the plan and the bucket say alone.
fn text_of(fetch: &Fetch, output: &Output) -> String {
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
async fn an_hour_lands_unchanged_and_with_its_plan() {
    let body = gzip(lines(1000));
    let source = Source::start([Answer::whole(&body)]).await;
    let fetch = Fetch::from(&source.url);
    let output = fetch.call(BytesFrom::Upstream).await.unwrap();

    assert_eq!((output.hour, output.chunks, output.lines), (hour(), 10, 1000));
    assert_eq!(output.landing_bytes, body.len() as u64);
    assert_eq!(output.source.url, format!("{}/2025-11-21-0.json.gz", source.url));
    assert_eq!(output.source.etag, Some(etag(&body)));
    assert_eq!(output.source.last_modified.as_deref(), Some("Fri, 21 Nov 2025 01:05:03 GMT"));
    assert!(source.requests()[0].starts_with("get /2025-11-21-0.json.gz http/1.1\r\n"));
    assert!(source.requests()[0].contains("\r\naccept-encoding: identity\r\n"), "the bytes are asked for as they are");

    assert_eq!(fetch.s3.get(LANDING).unwrap(), body);
    let plan = plan_of(&fetch, &output);
    assert_eq!((plan.hour, plan.version, plan.options), (hour(), output.version, fetch.context.options));
    assert_eq!(Some(plan.landing.etag), fetch.s3.etag(LANDING));
    assert_eq!(format!("\"{}\"", plan.landing.md5), etag(&body));
    assert_eq!(plan.gzip.duplicate_lines, 20);
    assert_eq!(text_of(&fetch, &output), lines(1000));
    let last_call = fetch.s3.calls().pop().unwrap();
    assert_eq!(
        last_call,
        format!("PutObject {}", keys::plan(hour(), output.version)),
        "the plan says that all is there"
    );
}

#[tokio::test]
async fn a_file_that_another_one_takes_the_place_of_is_kept() {
    let (first, second) = (gzip(lines(300)), gzip(lines(200)));
    let source = Source::start([Answer::whole(&first), Answer::whole(&first), Answer::whole(&second)]).await;
    let fetch = Fetch::from(&source.url);
    for _ in 0..2 {
        fetch.call(BytesFrom::Upstream).await.unwrap();
        assert!(fetch.s3.keys().iter().all(|key| !key.contains("_replaced")), "the same file replaces nothing");
    }
    let kept = keys::replaced_landing(hour(), &fetch.s3.etag(LANDING).unwrap());
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!(fetch.s3.get(LANDING).unwrap(), second);
    assert_eq!(fetch.s3.get(&kept).unwrap(), first, "{kept}");
    assert_eq!(fetch.s3.metadata(&kept)["source-etag"], etag(&first), "and where it came from");

    // A file of others is kept also if it says that it is the source's: nobody here has compared the bytes.
    let source = Source::start([Answer::whole(&second)]).await;
    let fetch = Fetch::from(&source.url);
    let facts = [("source-url", format!("{}/2025-11-21-0.json.gz", source.url)), ("source-etag", etag(&second))];
    let metadata = facts.map(|(name, value)| (name.to_owned(), value)).into();
    let mut upload = fetch.context.bucket.upload(LANDING, "application/gzip", metadata);
    upload.push(&first).await.unwrap();
    upload.complete().await.unwrap();
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!((fetch.s3.get(LANDING).unwrap(), fetch.s3.get(&kept).unwrap()), (second.clone(), first.clone()));

    // What others have put there has no source; it is kept too. A file that changes on the way is kept as it is then.
    let source = Source::start([Answer::whole(&second)]).await;
    let fetch = Fetch::from(&source.url);
    fetch.s3.put(LANDING, first.clone());
    fetch.s3.fail("CopyObject", 1, S3Fault::Answer(412, "PreconditionFailed"));
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!((fetch.s3.get(LANDING).unwrap(), fetch.s3.get(&kept).unwrap()), (second, first));
    assert!(!kept.ends_with(".json.gz"), "it is not taken for an hour's file");
}

#[tokio::test]
async fn what_is_legal_gzip_is_fetched() {
    for (phrase, body, lines, chunks) in [
        ("two members", [gzip("a\nb\n"), gzip("c\n")].concat(), 3, 1),
        ("a text without a byte", gzip(""), 0, 0),
        ("zeros after the last member", [gzip("a\n"), vec![0; 512]].concat(), 1, 1),
        ("no line feed at the end", gzip("a\nb"), 2, 1),
    ] {
        let source = Source::start([Answer::whole(&body)]).await;
        let fetch = Fetch::from(&source.url);
        let output = fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!((output.lines, output.chunks), (lines, chunks), "{phrase}");
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
    }
}

#[tokio::test]
async fn what_the_source_says_of_its_bytes_need_not_be_there() {
    let body = gzip(lines(300));
    for (phrase, answer) in [
        ("nothing but bytes", Answer::bare(&body)),
        ("no length", Answer::whole(&body).without("content-length")),
        ("an ETag that is no MD5", Answer::whole(&body).with("etag", "\"v1\"")),
        ("an encoding that would be undone", Answer::whole(&body).with("content-encoding", "gzip")),
        ("another type", Answer::whole(&body).with("content-type", "application/json")),
    ] {
        let source = Source::start([answer]).await;
        let fetch = Fetch::from(&source.url);
        fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
    }
}

#[tokio::test]
async fn the_next_source_serves_what_the_preferred_one_does_not() {
    let body = gzip(lines(300));
    let elsewhere = gzip(lines(200));
    for (phrase, preferred) in [
        ("not there", Answer::status(404)),
        ("down", Answer::status(503)),
        ("forbidden", Answer::status(403)),
        ("an error page", Answer::whole(b"<html>")),
        ("a damaged file", Answer::whole(&elsewhere[..elsewhere.len() - 20])),
        ("other bytes than announced", Answer::whole(&elsewhere).with("etag", &etag(&body))),
        ("cut off", Answer::whole(&elsewhere).cut(100)),
    ] {
        let (first, second) = (Source::start([preferred]).await, Source::start([Answer::whole(&body)]).await);
        let fetch = Fetch::from(&format!("{},{}", first.url, second.url));
        let output = fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!(output.source.url, format!("{}/2025-11-21-0.json.gz", second.url), "{phrase}");
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
        assert_eq!(fetch.s3.open_uploads(), 0, "{phrase}");
    }
    let (first, second) = (Source::start([Answer::whole(&body)]).await, Source::start([]).await);
    let fetch = Fetch::from(&format!("{},{}", first.url, second.url));
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert!(second.requests().is_empty(), "the preferred source has it");
}

#[tokio::test]
async fn an_hour_is_not_published_only_if_no_source_has_it() {
    for (phrase, first, second, name) in [
        ("not there, not there", Answer::status(404), Answer::status(404), "SourceNotPublished"),
        ("not there, down", Answer::status(404), Answer::status(503), "SourceUnavailable"),
        ("down, forbidden", Answer::status(503), Answer::status(403), "SourceUnavailable"),
        ("down, not there", Answer::status(503), Answer::status(404), "SourceUnavailable"),
        ("an error page, not there", Answer::whole(b"<html>"), Answer::status(404), "NotGzip"),
    ] {
        let sources = [Source::start([first]).await, Source::start([second]).await];
        let fetch = Fetch::from(&sources.each_ref().map(|source| source.url.as_str()).join(","));
        assert_eq!(fetch.failure(phrase).await.0, name, "{phrase}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed() {
    let body = gzip("a\n");
    let redirect = Answer::status(302).with("location", "/elsewhere");
    let source = Source::start([redirect.clone(), Answer::whole(&body)]).await;
    let fetch = Fetch::from(&source.url);
    fetch.call(BytesFrom::Upstream).await.unwrap();
    assert!(source.requests()[1].starts_with("get /elsewhere "));

    let circle = Source::start(vec![redirect; 50]).await;
    let (name, _) = Fetch::from(&circle.url).failure("a circle").await;
    assert_eq!((name.as_str(), circle.requests().len()), ("SourceRefused", 6));
}

#[tokio::test]
async fn what_the_source_refuses_has_a_name() {
    for (phrase, answer, name, message) in [
        ("no such hour", Answer::status(404), "SourceNotPublished", "answered 404"),
        ("not allowed", Answer::status(403), "SourceRefused", "HTTP 403"),
        ("gone", Answer::status(410), "SourceRefused", "HTTP 410"),
        ("a part that was not asked for", Answer::rest(&gzip("a\n"), 0), "SourceRefused", "HTTP 206"),
        ("too many", Answer::status(429).with("retry-after", "400"), "SourceUnavailable", "HTTP 429, Retry-After: 400"),
        (
            "down until nobody knows when",
            Answer::status(503).with("retry-after", "soon"),
            "SourceUnavailable",
            "HTTP 503",
        ),
        ("down", Answer::status(503), "SourceUnavailable", "HTTP 503"),
        ("broken", Answer::status(500), "SourceUnavailable", "HTTP 500"),
    ] {
        let source = Source::start([answer]).await;
        let (error, text) = Fetch::from(&source.url).failure(phrase).await;
        assert_eq!(error, name, "{phrase}: {text}");
        assert!(text.contains(message) && text.contains(&source.url), "{phrase}: {text}");
        assert_eq!(source.requests().len(), 1, "{phrase}: the state machine tries again, not the function");
    }
}

#[tokio::test]
async fn a_short_pause_that_the_source_asks_for_is_made() {
    let body = gzip(lines(300));
    let busy = |status, after| Answer::status(status).with("retry-after", after);
    let cut = [Answer::whole(&body).cut(100), busy(503, "1"), Answer::rest(&body, 100)];
    for (phrase, answers) in [
        ("seconds", vec![busy(429, "1"), Answer::whole(&body)]),
        ("a time", vec![busy(503, "Fri, 21 Nov 2025 01:00:01 GMT"), Answer::whole(&body)]),
        ("a time that is over", vec![busy(503, "Fri, 21 Nov 2025 00:59:00 GMT"), Answer::whole(&body)]),
        ("in the middle", cut.to_vec()),
    ] {
        let (source, begin) = (Source::start(answers).await, Instant::now());
        let fetch = Fetch::from(&source.url);
        fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert!((1..5).contains(&begin.elapsed().as_secs()), "{phrase}: {:?}", begin.elapsed());
        assert_eq!(fetch.s3.get(LANDING).unwrap(), body, "{phrase}");
    }

    let source = Source::start(vec![busy(429, "1"); 9]).await;
    let fetch = Fetch::from(&source.url).limited(|limits| limits.resumes = 1);
    let (name, text) = fetch.failure("again and again").await;
    assert_eq!((name.as_str(), source.requests().len()), ("SourceUnavailable", 2), "{text}");
    assert!(text.contains("HTTP 429, Retry-After: 1"), "{text}");

    let source = Source::start([busy(429, "2")]).await;
    let fetch = Fetch::from(&source.url).limited(|limits| limits.body_timeout = Duration::from_secs(3));
    assert_eq!(fetch.failure("more than half of the time").await.0, "SourceUnavailable");

    let (first, second) = (Source::start([busy(429, "9")]).await, Source::start([Answer::whole(&body)]).await);
    let output = Fetch::from(&format!("{},{}", first.url, second.url)).call(BytesFrom::Upstream).await.unwrap();
    assert!(output.source.url.starts_with(&second.url), "nobody waits while another source has the hour");
    assert_eq!(first.requests().len(), 1);
}

#[tokio::test]
async fn a_source_that_is_not_there_or_too_slow_has_a_name() {
    let (name, text) = Fetch::from("http://127.0.0.1:9").failure("nobody listens").await;
    assert_eq!(name, "SourceUnavailable", "{text}");
    assert!(text.to_lowercase().contains("connection refused"), "the cause is told: {text}");

    let body = gzip(lines(300));
    let soon = std::time::Duration::from_millis(100);
    let stalls = [vec![Answer::whole(&body).stall(50)], vec![Answer::rest(&body, 50).stall(0); 9]].concat();
    let source = Source::start(stalls).await;
    let (name, text) = Fetch::from(&source.url).limited(|limits| limits.read_timeout = soon).failure("stalls").await;
    assert_eq!(name, "SourceTimeout", "{text}");
    assert!(text.contains("at byte 50: the source stopped sending; it was resumed 4 times"), "{text}");
    let source = Source::start(vec![Answer::whole(&body).stall(50); 9]).await;
    let (name, text) = Fetch::from(&source.url).limited(|limits| limits.body_timeout = soon).failure("too slow").await;
    assert_eq!(name, "SourceTimeout", "{text}");
    assert!(text.contains("at byte 50") && text.contains("0.1 s"), "{text}");

    let (slow, quick) =
        (Source::start(vec![Answer::whole(&body).stall(50); 9]).await, Source::start([Answer::whole(&body)]).await);
    let fetch = Fetch::from(&format!("{},{}", slow.url, quick.url));
    let output = fetch.limited(|limits| limits.body_timeout = soon * 10).call(BytesFrom::Upstream).await.unwrap();
    assert!(output.source.url.starts_with(&quick.url), "a slow source leaves the next one its share of the time");
}

#[tokio::test]
async fn what_is_no_sound_hour_never_lands() {
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
        let source = Source::start([Answer::whole(&body)]).await;
        let (error, text) = Fetch::from(&source.url).failure(phrase).await;
        assert_eq!(error, name, "{phrase}: {text}");
        assert!(text.contains(message) && text.contains(&source.url), "{phrase}: {text}");
    }
}

#[tokio::test]
async fn an_hour_that_is_too_long_never_lands() {
    let body = gzip(lines(300));
    for (phrase, answer) in [("announced", Answer::whole(&body)), ("not announced", Answer::bare(&body))] {
        let source = Source::start([answer]).await;
        let fetch = Fetch::from(&source.url).limited(|limits| limits.max_landing_bytes = 100);
        let (name, text) = fetch.failure(phrase).await;
        assert_eq!(name, "ArchiveTooLarge", "{phrase}");
        assert!(text.contains("over the limit of 100"), "{phrase}: {text}");
    }
}

#[tokio::test]
async fn bytes_that_were_damaged_on_their_way_are_told_from_a_bad_file() {
    let body = gzip(lines(300));
    let mut damaged = body.clone();
    damaged[40] ^= 0x10;
    let announced = |name, value: &str| Answer::whole(&body).without("etag").with(name, value);
    for (phrase, answer, what) in [
        ("damaged inside, and so no sound gzip", Answer::whole(&damaged).with("etag", &etag(&body)), "its ETag"),
        ("sound, but another file", announced("etag", &etag(b"other")), "its ETag"),
        ("another MD5", announced("x-goog-hash", "md5=1B2M2Y8AsgTpgAmY7PhCfg=="), "x-goog-hash md5"),
        ("another CRC", announced("x-goog-hash", "crc32c=AAAAAA=="), "x-goog-hash crc32c"),
    ] {
        let source = Source::start([answer]).await;
        let (name, text) = Fetch::from(&source.url).failure(phrase).await;
        assert_eq!(name, "ChecksumMismatch", "{phrase}: {text}");
        assert!(text.contains(what), "{phrase}: {text}");
    }
}

#[tokio::test]
async fn a_broken_body_is_resumed_where_it_stopped() {
    let body = gzip(lines(1000));
    let answers = [
        Answer::whole(&body).cut(100),
        Answer::status(503),
        Answer::rest(&body, 100).cut(200),
        Answer::rest(&body, 300),
    ];
    let source = Source::start(answers).await;
    let fetch = Fetch::from(&source.url);
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
async fn a_body_that_cannot_be_resumed_is_a_typed_failure() {
    let body = gzip(lines(1000));
    let broken = Answer::whole(&body).cut(100);
    let five = |answer: Answer| [vec![broken.clone()], vec![answer; 9]].concat();
    let other_total = format!("bytes 100-{}/{}", body.len() - 1, body.len() + 1);
    for (phrase, answers, name, requests) in [
        ("another object", vec![broken.clone(), Answer::status(412)], "SourceChanged", 2),
        ("no object any more", vec![broken.clone(), Answer::status(404)], "SourceChanged", 2),
        ("a shorter object", vec![broken.clone(), Answer::status(416)], "SourceChanged", 2),
        (
            "another ETag than asked for",
            vec![broken.clone(), Answer::rest(&body, 100).with("etag", "\"v2\"")],
            "SourceChanged",
            2,
        ),
        (
            "another length",
            vec![broken.clone(), Answer::rest(&body, 100).with("content-range", &other_total)],
            "SourceChanged",
            2,
        ),
        ("the range is ignored", vec![broken.clone(), Answer::whole(&body)], "SourceInterrupted", 2),
        ("another range", vec![broken.clone(), Answer::rest(&body, 90)], "SourceInterrupted", 2),
        ("refused", vec![broken.clone(), Answer::status(403)], "SourceInterrupted", 2),
        ("no ETag", vec![broken.clone().without("etag")], "SourceInterrupted", 1),
        ("a weak ETag", vec![broken.clone().with("etag", "W/\"v1\"")], "SourceInterrupted", 1),
        ("down for good", five(Answer::status(503)), "SourceInterrupted", 5),
        ("broken for good", five(Answer::rest(&body, 100).cut(0)), "SourceInterrupted", 5),
    ] {
        let source = Source::start(answers).await;
        let (error, text) = Fetch::from(&source.url).failure(phrase).await;
        assert_eq!(error, name, "{phrase}: {text}");
        assert!(text.contains("at byte 100"), "{phrase}: {text}");
        assert_eq!(source.requests().len(), requests, "{phrase}: {text}");
    }
}

#[tokio::test]
async fn a_large_hour_goes_up_in_parts_or_not_at_all() {
    let body = large_gzip();
    let source = Source::start([Answer::whole(&body)]).await;
    let fetch = Fetch::from(&source.url);
    let output = fetch.call(BytesFrom::Upstream).await.unwrap();
    assert_eq!(fetch.s3.get(LANDING).unwrap(), body);
    assert_eq!(fetch.s3.metadata(LANDING)["source-etag"], etag(&body));
    assert!(plan_of(&fetch, &output).landing.etag.ends_with("-3\""), "in three parts");

    let wrong = Source::start([Answer::whole(&body).with("etag", &etag(b"other"))]).await;
    let fetch = Fetch::from(&wrong.url);
    assert_eq!(fetch.failure("a wrong MD5").await.0, "ChecksumMismatch");
    assert!(fetch.s3.calls().contains(&format!("UploadPart {LANDING}")), "parts were sent");

    let whole = Source::start([Answer::whole(&body)]).await;
    let fetch = Fetch::from(&whole.url);
    fetch.s3.fail("UploadPart", 99, S3Fault::Answer(503, "SlowDown"));
    assert_eq!(fetch.failure("S3 takes no part").await.0, "AwsThrottled");
}

#[tokio::test]
async fn a_second_run_writes_the_same_again() {
    let body = gzip(lines(1000));
    let source = Source::start(vec![Answer::whole(&body); 3]).await;
    let fetch = Fetch::from(&source.url);
    let first = fetch.call(BytesFrom::Upstream).await.unwrap();
    let objects = fetch.s3.objects();
    let (second, third) = tokio::join!(fetch.call(BytesFrom::Upstream), fetch.call(BytesFrom::Upstream));
    assert_eq!((second.unwrap(), third.unwrap()), (first.clone(), first));
    assert_eq!(fetch.s3.objects(), objects);
}

#[tokio::test]
async fn a_landed_hour_is_planned_again_without_a_download() {
    let body = gzip(lines(1000));
    let source = Source::start([Answer::whole(&body)]).await;
    let fetch = Fetch::from(&source.url);
    let first = fetch.call(BytesFrom::Upstream).await.unwrap();
    let objects = fetch.s3.objects();
    let calls = fetch.s3.calls().len();
    let again = fetch.call(BytesFrom::Landing).await.unwrap();
    assert_eq!(again, first, "the same version, and the facts of the download");
    assert_eq!(fetch.s3.objects(), objects, "the same plan");
    assert_eq!(source.requests().len(), 1);
    assert!(!fetch.s3.calls()[calls..].contains(&format!("PutObject {LANDING}")));

    let mut fetch = fetch;
    fetch.context.options.chunk_records = 500;
    let coarser = fetch.call(BytesFrom::Landing).await.unwrap();
    assert_eq!((coarser.chunks, coarser.lines), (2, 1000));
    assert_ne!(coarser.version, first.version, "other options are another version");
}

#[tokio::test]
async fn a_landed_hour_may_be_absent_or_bad_or_from_elsewhere() {
    let fetch = Fetch::from("http://127.0.0.1:9");
    let error = fetch.call(BytesFrom::Landing).await.unwrap_err();
    assert_eq!(error.name(), "LandingNotFound");
    assert_eq!(error.to_string(), format!("s3://lake/{LANDING} does not exist"));

    fetch.s3.put(LANDING, gzip("a\n"));
    let output = fetch.call(BytesFrom::Landing).await.unwrap();
    assert_eq!(output.source.url, format!("s3://lake/{LANDING}"), "nothing else is known of it");

    fetch.s3.put(LANDING, b"<html>".as_slice());
    let error = fetch.call(BytesFrom::Landing).await.unwrap_err();
    assert_eq!(error.name(), "NotGzip");
    assert!(error.to_string().contains(LANDING), "{error}");

    fetch.s3.put(LANDING, gzip(lines(100)));
    fetch.s3.fail("GetObject", 1, S3Fault::CutBody(20));
    assert_eq!(fetch.call(BytesFrom::Landing).await.unwrap_err().name(), "AwsUnavailable");
}

#[tokio::test]
async fn a_failed_call_to_s3_fails_the_run_and_another_run_mends_it() {
    let body = gzip(lines(1000));
    for (phrase, call) in [
        ("the landing", "PutObject landing/ghactivity/2025"),
        ("the plan or its windows", "PutObject landing/ghactivity/_plan"),
    ] {
        let source = Source::start(vec![Answer::whole(&body); 2]).await;
        let fetch = Fetch::from(&source.url);
        fetch.s3.fail(call, 1, S3Fault::Answer(403, "AccessDenied"));
        let error = fetch.call(BytesFrom::Upstream).await.unwrap_err();
        assert_eq!(error.name(), "AwsRefused", "{phrase}");
        assert!(error.to_string().contains("s3://lake/landing"), "{phrase}: {error}");
        let output = fetch.call(BytesFrom::Upstream).await.expect(phrase);
        assert_eq!(text_of(&fetch, &output), lines(1000), "{phrase}");
    }
}

#[tokio::test]
async fn an_hour_that_is_not_over_is_not_asked_for() {
    let source = Source::start([]).await;
    let fetch = Fetch::from(&source.url);
    for (hour, over) in [("2025-11-21-0", true), ("2025-11-21-1", false), ("2030-01-01-0", false)] {
        let input = Input { hour: hour.parse().unwrap(), source: BytesFrom::Upstream };
        let error = fetch::handler::handle(input, &fetch.context).await.unwrap_err();
        let refused = error.name() == "InvalidInput" && error.to_string().contains("field `hour`");
        assert_eq!(refused, !over, "{hour}: {error}");
    }
    assert_eq!(source.requests().len(), 1, "only the hour that is over was asked for");
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
        let source = Source::start([Answer::whole(&body)]).await;
        let fetch = Fetch::from(&source.url);
        let output = fetch.call(BytesFrom::Upstream).await.unwrap();
        assert_eq!(output.lines, text.lines().count() as u64, "{}", path.display());
        assert!(text_of(&fetch, &output) == text, "{}", path.display());
    }
}

#[test]
fn an_input_is_parsed_before_anything_is_done() {
    for (phrase, event, part) in [
        ("hour 24", serde_json::json!({"hour": "2025-11-21-24"}), "field `hour`"),
        ("no hour", serde_json::json!({}), "missing field `hour`"),
        ("another source", serde_json::json!({"hour": "2025-11-21-0", "source": "s3"}), "field `source`"),
        ("an unknown field", serde_json::json!({"hour": "2025-11-21-0", "force": true}), "unknown field `force`"),
    ] {
        let error = function_runtime::parse::<Input>(event).unwrap_err();
        assert!(error.to_string().contains(part), "{phrase}: {error}");
    }
    let input = function_runtime::parse::<Input>(serde_json::json!({"hour": "2025-11-21-0"})).unwrap();
    assert_eq!(input, Input { hour: hour(), source: BytesFrom::Upstream }, "the source is the default");
}

#[tokio::test]
async fn an_hour_of_more_chunks_than_an_execution_converts_is_refused_before_it_lands() {
    let body = gzip(lines(1001));
    let source = Source::start([Answer::whole(&body), Answer::whole(&body)]).await;
    let mut fetch = Fetch::from(&source.url);
    fetch.context.options.chunk_records = 1;
    let (name, message) = fetch.failure("1,001 chunks").await;
    assert_eq!(name, "PlanTooLarge");
    assert!(message.contains("1001 chunks of 1 records") && message.contains("raise ChunkRecords"), "{message}");
    fetch.context.options.chunk_records = 2;
    assert_eq!(fetch.call(BytesFrom::Upstream).await.unwrap().chunks, 501);
}
