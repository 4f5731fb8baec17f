//! The program on the command line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_archive-server");

#[test]
fn server_prints_address_and_stops_on_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut child = Command::new(PROGRAM)
            .args(["--generate-last", "2", "--events", "5", "--fault", "2020-01-01-0=md5"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://127.0.0.1:").expect("the address").to_owned();
        let hour = pipeline::ArchiveHour::containing(jiff::Timestamp::now()).unwrap().minus(1).unwrap();
        let mut socket = TcpStream::connect(format!("127.0.0.1:{address}")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(socket, "HEAD /{} HTTP/1.0\r\n\r\n", hour.file_name()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert!(child.wait().unwrap().success(), "{signal}");
    }
}

#[test]
fn generate_writes_an_hour_and_its_counts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("hour.json.gz");
    let run = Command::new(PROGRAM)
        .args(["generate", "--hour", "2025-11-21-0", "--events", "200", "--bad", "0.1", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(out).unwrap()).read_to_end(&mut text).unwrap();
    assert_eq!(summary["lines"], text.split(|byte| *byte == b'\n').count() - 1);
    assert_eq!(summary["rows"], 200);
    assert!(summary["bad_records"].as_u64().unwrap() > 0);
}

#[test]
fn invalid_arguments_are_an_error() {
    for (phrase, arguments, reason) in [
        ("nothing to serve", vec![], "nothing to serve"),
        ("an invalid hour", vec!["generate", "--hour", "2025-11-21-24", "--out", "x"], "is not an archive hour"),
        (
            "an hour before 2015",
            vec!["generate", "--hour", "2014-11-21-2", "--out", "/dev/null"],
            "from 2015-01-01-0 on",
        ),
        ("no events", vec!["--generate-last", "1", "--events", "0"], "0 is not in 1..=1000000"),
        ("a share above 1", vec!["--generate-last", "1", "--bad", "2"], "is not a share"),
        ("an unknown fault", vec!["--generate-last", "1", "--fault", "*=fire"], "is not a kind of fault"),
        ("a missing folder", vec!["--dir", "/no/such/folder"], "cannot read /no/such/folder"),
    ] {
        let run = Command::new(PROGRAM).args(&arguments).output().unwrap();
        let message = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && message.contains(reason), "{phrase}: {message}");
    }
}
