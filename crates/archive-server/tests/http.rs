//! Raw requests over a socket; every byte of the responses is checked.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use archive_server::generator::{HourSettings, generate};
use archive_server::server::{GeneratedHours, HourFolder, RunningServer, ServerSettings, start};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use tokio::runtime::Runtime;

const HOUR: &str = "/2025-11-21-3.json.gz";

struct RawResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl RawResponse {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Sends one request and reads until the server closes the connection.
fn ask(url: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> RawResponse {
    let mut socket = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut request = Vec::new();
    write!(request, "{method} {path} HTTP/1.1\r\nHost: archive\r\nConnection: close\r\n").unwrap();
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    socket.write_all(&[&request[..], b"\r\n"].concat()).unwrap();
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{method} {path}: {error}"),
    }
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the headers");
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.into()));
    RawResponse { status, headers: headers.collect(), body: bytes[head_end + 4..].to_vec() }
}

/// A server with the hours 2025-11-21-0 to 2025-11-21-5, and the bytes of [`HOUR`].
fn server(faults: &[&str]) -> (Runtime, RunningServer, Vec<u8>) {
    let settings = HourSettings { events: 1000, ..HourSettings::default() };
    let mut bytes = Vec::new();
    generate("2025-11-21-3".parse().unwrap(), &settings, &mut bytes).unwrap();
    let generated = GeneratedHours { hours: "2025-11-21-0..2025-11-21-5".parse().unwrap(), settings };
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let (runtime, server) = run(ServerSettings { generated: Some(generated), faults, ..ServerSettings::default() });
    (runtime, server, bytes)
}

fn run(settings: ServerSettings) -> (Runtime, RunningServer) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(start(settings)).unwrap();
    (runtime, server)
}

fn quoted_md5(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(bytes)))
}

fn goog_hash(bytes: &[u8]) -> String {
    let crc = STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes());
    format!("crc32c={crc},md5={}", STANDARD.encode(Md5::digest(bytes)))
}

#[test]
fn get_and_head_respond_like_the_archive() {
    let (_runtime, server, bytes) = server(&[]);
    let length = bytes.len().to_string();
    for (method, body) in [("GET", bytes.as_slice()), ("HEAD", &[])] {
        let response = ask(&server.url(), method, HOUR, &[]);
        assert_eq!(response.status, 200, "{method}");
        assert!(response.body == body, "{method}: {} bytes", response.body.len());
        for (name, expected) in [
            ("content-length", length.as_str()),
            ("content-type", "application/json"),
            ("accept-ranges", "bytes"),
            ("cache-control", "public, max-age=3600"),
            ("etag", &quoted_md5(&bytes)),
            ("x-goog-hash", &goog_hash(&bytes)),
            ("last-modified", "Fri, 21 Nov 2025 04:05:03 GMT"),
        ] {
            assert_eq!(response.header(name), Some(expected), "{method} {name}");
        }
        assert_eq!(response.header("content-encoding"), None, "{method}");
    }
}

#[test]
fn missing_hour_returns_404_with_the_real_body() {
    let (_runtime, server, _) = server(&[]);
    for (phrase, path) in [
        ("after the last hour", "/2025-11-21-6.json.gz"),
        ("before the first hour", "/2025-11-20-23.json.gz"),
        ("a padded hour", "/2025-11-21-03.json.gz"),
        ("no hour", "/index.html"),
        ("out of the folder", "/../2025-11-21-3.json.gz"),
    ] {
        let response = ask(&server.url(), "GET", path, &[]);
        assert_eq!(response.status, 404, "{phrase}");
        assert_eq!(response.header("content-type"), Some("application/xml; charset=UTF-8"), "{phrase}");
        assert_eq!(response.body.len(), 127, "{phrase}");
        assert!(
            response.body.starts_with(b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey<"),
            "{phrase}"
        );
    }
    assert_eq!(ask(&server.url(), "HEAD", "/2025-11-21-6.json.gz", &[]).status, 404);
    assert_eq!(ask(&server.url(), "PUT", HOUR, &[]).status, 405);
}

#[test]
fn ranges_and_conditions_are_supported() {
    let (_runtime, server, bytes) = server(&[]);
    let (etag, length) = (quoted_md5(&bytes), bytes.len());
    let last = format!("bytes=-{length}");
    let first_after = format!("bytes={length}-");
    for (phrase, headers, status, range) in [
        ("the beginning", vec![("Range", "bytes=0-9")], 206, Some(0..10)),
        ("the rest", vec![("Range", "bytes=1000-"), ("If-Match", &etag)], 206, Some(1000..length)),
        ("the end", vec![("Range", &last)], 206, Some(0..length)),
        ("after the end", vec![("Range", &first_after)], 416, None),
        ("of another version", vec![("Range", "bytes=1000-"), ("If-Match", "\"other\"")], 412, None),
        ("if it is another version", vec![("If-None-Match", &etag)], 304, None),
        ("a part of another version", vec![("Range", "bytes=0-9"), ("If-Range", "\"other\"")], 200, Some(0..length)),
    ] {
        let response = ask(&server.url(), "GET", HOUR, &headers);
        assert_eq!(response.status, status, "{phrase}");
        let content_range = response.header("content-range").map(str::to_owned);
        match (status, range) {
            (206, Some(range)) => {
                assert!(response.body == bytes[range.clone()], "{phrase}");
                assert_eq!(
                    content_range,
                    Some(format!("bytes {}-{}/{length}", range.start, range.end - 1)),
                    "{phrase}"
                );
            }
            (416, _) => assert_eq!(content_range, Some(format!("bytes */{length}")), "{phrase}"),
            (_, Some(range)) => assert!(response.body == bytes[range], "{phrase}"),
            (304, None) => assert!(response.body.is_empty(), "{phrase}"),
            _ => assert!(!response.body.starts_with(&[0x1f, 0x8b]), "{phrase}"),
        }
    }
    let requests = server.requests();
    assert_eq!(requests[1].range.as_deref(), Some("bytes=1000-"));
    assert_eq!((requests[1].if_match.as_deref(), requests[1].status), (Some(etag.as_str()), 206));
}

#[test]
fn cut_sends_the_given_number_of_bytes() {
    let (_runtime, server, bytes) = server(&["2025-11-21-3=cut:70000x1", "2025-11-21-3=cut:0x1"]);
    let first = ask(&server.url(), "GET", HOUR, &[]);
    assert_eq!(first.header("content-length"), Some(bytes.len().to_string().as_str()));
    assert!(first.body == bytes[..70_000], "{} bytes came", first.body.len());
    let second = ask(&server.url(), "GET", HOUR, &[("Range", "bytes=70000-")]);
    assert_eq!((second.status, second.body.len()), (206, 0));
    let third = ask(&server.url(), "GET", HOUR, &[("Range", "bytes=70000-")]);
    assert!(third.body == bytes[70_000..], "the fault is used up");
}

#[test]
fn each_fault_changes_only_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    std::fs::write(&page, "<html>").unwrap();
    let body = format!("2025-11-21-3=body:{}x1", page.display());
    let (_runtime, server, bytes) = server(&[
        "2025-11-21-3=status:503x1",
        "2025-11-21-3=busy:120x1",
        "2025-11-21-3=md5x1",
        "2025-11-21-3=crcx1",
        "2025-11-21-3=nohashx1",
        "2025-11-21-3=etag:otherx1",
        &body,
        "2025-11-21-3=norangex1",
    ]);
    let ask = || ask(&server.url(), "GET", HOUR, &[]);
    let (etag, hash) = (quoted_md5(&bytes), goog_hash(&bytes));
    let (crc, md5) = hash.split_once(',').unwrap();
    assert_eq!(ask().status, 503);
    let busy = ask();
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("120")));

    let wrong_md5 = ask();
    assert!(wrong_md5.body == bytes && wrong_md5.header("etag") != Some(&etag));
    let found = wrong_md5.header("x-goog-hash").unwrap();
    assert!(found.starts_with(crc) && !found.ends_with(md5), "{found}");

    let wrong_crc = ask();
    assert!(wrong_crc.body == bytes && wrong_crc.header("etag") == Some(&etag));
    let found = wrong_crc.header("x-goog-hash").unwrap();
    assert!(!found.starts_with(crc) && found.ends_with(md5), "{found}");

    let none = ask();
    assert!(none.body == bytes && none.header("etag").is_none() && none.header("x-goog-hash").is_none());
    let other = ask();
    assert_eq!((other.header("etag"), other.header("x-goog-hash")), (Some("\"other\""), Some(hash.as_str())));
    let replaced = ask();
    assert_eq!((replaced.body.as_slice(), replaced.header("etag")), (&b"<html>"[..], Some(&*quoted_md5(b"<html>"))));
    let whole = self::ask(&server.url(), "GET", HOUR, &[("Range", "bytes=5-9")]);
    assert_eq!((whole.status, whole.body.len()), (200, bytes.len()));
    assert_eq!(ask().status, 200, "every fault is used up");
    assert_eq!(self::ask(&server.url(), "GET", "/2025-11-21-4.json.gz", &[]).status, 200, "another hour");
}

#[test]
fn slow_and_stall_delay_the_body() {
    let (_runtime, server, bytes) = server(&["2025-11-21-3=slow:100x1", "2025-11-21-3=stall:10"]);
    let blocks = u32::try_from(bytes.len().div_ceil(64 << 10)).unwrap();
    let begun = Instant::now();
    assert!(ask(&server.url(), "GET", HOUR, &[]).body == bytes);
    assert!(begun.elapsed() >= blocks * Duration::from_millis(100), "{:?}", begun.elapsed());

    let mut socket = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    write!(socket, "GET {HOUR} HTTP/1.1\r\nHost: archive\r\n\r\n").unwrap();
    let mut got = Vec::new();
    let error = socket.read_to_end(&mut got).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!(got.ends_with(&bytes[..10]));
}

#[test]
fn folder_takes_precedence_and_is_reread() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("2025-11-21-3.republished-2026-01.json.gz");
    std::fs::write(&file, "first").unwrap();
    let generated = GeneratedHours {
        hours: "2025-11-21-0..2025-11-21-5".parse().unwrap(),
        settings: HourSettings { events: 10, ..HourSettings::default() },
    };
    let path = folder.path().to_owned();
    let (_runtime, server) = run(ServerSettings {
        folder: Some(HourFolder { path }),
        generated: Some(generated),
        ..ServerSettings::default()
    });
    let first = ask(&server.url(), "GET", HOUR, &[]);
    assert_eq!((first.body.as_slice(), first.header("etag")), (&b"first"[..], Some(&*quoted_md5(b"first"))));
    std::fs::write(&file, "the second").unwrap();
    let second = ask(&server.url(), "GET", HOUR, &[]);
    assert_eq!(second.body, b"the second");
    assert_eq!(second.header("etag"), Some(&*quoted_md5(b"the second")));
    assert_eq!(ask(&server.url(), "GET", "/2025-11-21-4.json.gz", &[]).status, 200, "a generated hour");
}

#[test]
fn parallel_clients_get_the_same_hour() {
    let (_runtime, server, bytes) = server(&[]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(ask(&server.url(), "GET", HOUR, &[]).body == bytes));
        }
    });
}

#[test]
fn start_with_missing_folder_is_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = Some(HourFolder { path: Path::new("/no/such/folder").to_owned() });
    let error = runtime.block_on(start(ServerSettings { folder, ..ServerSettings::default() })).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /no/such/folder");
}
