//! Peak memory of a process that fetches one hour of 150 MB.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use function_runtime::Clock;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use aws_client::s3::PART_BYTES;
use aws_fakes::MemoryS3;
use fetch::{BytesFrom, Input};
use fetch::{Context, FetchLimits, http_client};
use flate2::Compression;
use flate2::write::GzEncoder;
use pipeline::version::OutputOptions;

const GZIP_BYTES: u64 = 150 << 20;
const MAX_PEAK_KIB: u64 = 128 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_hour_needs_bounded_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source_url = format!("http://{}", listener.local_addr().unwrap());
    let source = std::thread::spawn(move || serve(listener.accept().unwrap().0).unwrap());
    let s3 = MemoryS3::default();
    s3.forget_parts();
    let limits = FetchLimits::default();
    let context = Context {
        bucket: s3.bucket("lake"),
        sources: source_url.parse().unwrap(),
        http: http_client(&limits).unwrap(),
        options: OutputOptions::default(),
        part_bytes: PART_BYTES,
        limits,
        clock: Clock::fixed("2025-11-21T01:00:00Z".parse().unwrap()),
    };
    let input = Input { hour: "2025-11-21-0".parse().unwrap(), source: BytesFrom::Upstream };
    let output = fetch::handle(input, &context).await.unwrap();
    assert_eq!(output.lines, source.join().unwrap());
    assert!(output.landing_bytes >= GZIP_BYTES && output.chunks > 10, "{output:?}");
    let Some(peak_kib) = peak_kib() else {
        println!("skipped: this system does not tell a process's peak of memory");
        return;
    };
    println!("peak: {} MiB for an hour of {} MiB", peak_kib >> 10, output.landing_bytes >> 20);
    assert!(peak_kib < MAX_PEAK_KIB, "{peak_kib} KiB");
}

/// Sends an hour while generating it; returns its number of lines.
fn serve(stream: TcpStream) -> io::Result<u64> {
    let mut request = BufReader::new(stream.try_clone()?).lines();
    while request.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut sent = Counted { stream, bytes: 0 };
    sent.stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
    let mut encoder = GzEncoder::new(&mut sent, Compression::fast());
    let (mut state, mut lines) = (1_u64, 0);
    while encoder.get_ref().bytes < GZIP_BYTES {
        let mut line = format!("{{\"id\":\"{lines}\",\"type\":\"PushEvent\",\"payload\":\"");
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            line.push_str(&format!("{state:016x} the same words in every line "));
        }
        line.push_str("\"}\n");
        encoder.write_all(line.as_bytes())?;
        lines += 1;
    }
    encoder.finish()?;
    Ok(lines)
}

struct Counted {
    stream: TcpStream,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Returns the largest resident set so far, from `VmHWM` in `/proc/self/status`.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
