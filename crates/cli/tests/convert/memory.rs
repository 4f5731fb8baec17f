//! Memory depends neither on the size of the input nor on the size of its chunks.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use archive_server::generator::HourSettings;

use crate::support::{ConvertFolder, generated, gzip, record};

/// The peak memory of a run in bytes, polled until shortly before its end.
fn peak_bytes(folder: &ConvertFolder, arguments: &[&str]) -> u64 {
    let mut child = folder.command(arguments).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let facts = fs::read_to_string(&status).unwrap_or_default();
        let line = facts.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or_default() * 1024);
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}

#[test]
fn memory_is_bounded() {
    if !fs::exists("/proc/self/status").unwrap_or_default() {
        println!("skipped: no /proc");
        return;
    }
    let folder = ConvertFolder::new();
    // Records of 3.5 KB: a chunk has 35 MB of text.
    let settings = HourSettings { events: 25_000, ..HourSettings::default() };
    folder.file("2025-09-15-15.json.gz", &generated("2025-09-15-15", &settings));
    for (payload, threads, limit) in [("drop", "1", 64 << 20), ("keep", "1", 128 << 20), ("keep", "2", 128 << 20)] {
        let peak = peak_bytes(&folder, &["2025-09-15-15.json.gz", "--payload", payload, "--threads", threads]);
        assert!(peak > 0 && peak < limit, "payload {payload}, {threads} threads: {peak} bytes");
    }
    // A few records of 2 MiB each, which hardly compress.
    folder.file("2025-09-15-16.json.gz", &gzip(&large_records(60)));
    let peak = peak_bytes(&folder, &["2025-09-15-16.json.gz", "--payload", "keep", "--threads", "1"]);
    assert!(peak > 0 && peak < 128 << 20, "large records: {peak} bytes");
}

fn large_records(count: u64) -> Vec<u8> {
    let mut state = 1_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state >> 58) as usize])
    };
    let large = |id| {
        let body: String = (0..2 << 20).map(|_| letter()).collect();
        record(id).replace("started", &body) + "\n"
    };
    (0..count).map(large).collect::<String>().into_bytes()
}
