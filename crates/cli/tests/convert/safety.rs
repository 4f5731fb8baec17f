//! After any failure, the output has the whole hour or nothing of it.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{CommandRun, ConvertFolder, FOLDER, HOUR, PROGRAM, clean_hour, gzip, messy_hour, record};

const NAME: &str = "2025-11-21-0.json.gz";

/// Whether the run has a finished chunk in its hidden folder.
fn has_staged_a_chunk(folder: &ConvertFolder) -> bool {
    folder.names().iter().any(|name| name.starts_with(".ghactivity-") && name.ends_with(".parquet"))
}

#[test]
fn signal_midway_leaves_no_files() {
    let file = clean_hour(2000);
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        for threads in ["1", "2"] {
            let folder = ConvertFolder::new();
            let arguments = ["-", "--hour", HOUR, "--chunk-records", "100", "--threads", threads];
            let mut command = folder.command(&arguments);
            let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // The input stays open, so that the run cannot end by itself.
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&file[..file.len() / 2]).unwrap();
            let begun = Instant::now();
            while !has_staged_a_chunk(&folder) {
                assert!(begun.elapsed() < Duration::from_secs(20), "no chunk is converted");
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
            let run = CommandRun::of(child.wait_with_output().unwrap());
            assert_eq!(run.status, Some(status), "{signal}, {threads} threads");
            assert_eq!(run.stderr, "ghactivity: stopped; unfinished hours left no files\n");
            assert_eq!(fs::read_dir(folder.out()).unwrap().count(), 0, "{signal}, {threads} threads");
            drop(stdin);
        }
    }
}

#[test]
fn killed_run_leaves_no_visible_files() {
    let file = clean_hour(2000);
    let folder = ConvertFolder::new();
    let mut command = folder.command(&["-", "--hour", HOUR, "--chunk-records", "100"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&file[..file.len() / 2]).unwrap();
    while !has_staged_a_chunk(&folder) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(folder.names().iter().all(|name| name.starts_with(".ghactivity-")), "{:?}", folder.names());
}

#[test]
fn second_run_replaces_all_files() {
    let folder = ConvertFolder::new();
    folder.file(NAME, &messy_hour(500));
    let names = |options: &[&str]| {
        folder.convert(&[&[NAME], options].concat()).ok();
        folder.names()
    };
    let once = names(&[]);
    let many = names(&["--chunk-records", "50", "--compression", "zstd"]);
    assert!(many.len() > 10 && many.iter().all(|name| !name.ends_with(".snappy.parquet")), "{many:?}");
    assert_eq!(names(&[]), once);
    folder.file(NAME, &gzip(b"\n"));
    assert_eq!(names(&[]), Vec::<String>::new(), "an hour without records");
}

#[test]
fn failure_keeps_the_earlier_hour() {
    let folder = ConvertFolder::new();
    let whole = clean_hour(500);
    folder.file(NAME, &whole);
    folder.convert(&[NAME]).ok();
    let before = folder.written();
    let cases: [(&str, Vec<u8>, &str, &str); 5] = [
        ("cut", whole[..whole.len() - 100].to_vec(), "TruncatedArchive", "truncated gzip file: it ends at byte"),
        ("trailing", [&whole[..], b"x"].concat(), "TrailingBytes", "bytes other than zero follow"),
        ("bzip2", b"BZh91AY".to_vec(), "UnsupportedEncoding", "unsupported encoding bzip2: only gzip can be read"),
        ("zstd", b"\x28\xb5\x2f\xfd".to_vec(), "UnsupportedEncoding", "unsupported encoding zstd"),
        ("empty", Vec::new(), "EmptyArchive", "the file is empty: 0 bytes"),
    ];
    for (case, file, name, message) in cases {
        folder.file(NAME, &file);
        for threads in ["1", "3"] {
            let run = folder.convert(&[NAME, "--json", "--chunk-records", "50", "--threads", threads]);
            let json = run.json();
            assert_eq!((run.status, &json["files"][0]["error"]["name"]), (Some(2), &name.into()), "{case}");
            assert!(run.stderr.starts_with(&format!("ghactivity: {NAME}: {message}")), "{case}: {}", run.stderr);
            assert!(folder.written() == before, "{case}");
        }
    }
}

#[test]
fn other_inputs_are_converted_after_failures() {
    let folder = ConvertFolder::new();
    for hour in 0..4 {
        folder.file(&format!("2025-11-21-{hour}.json.gz"), &gzip(record(hour).as_bytes()));
    }
    folder.file("2025-11-21-1.json.gz", b"<?xml version='1.0'?>");
    fs::remove_file(folder.path("2025-11-21-2.json.gz")).unwrap();
    fs::create_dir(folder.path("2025-11-21-2.json.gz")).unwrap();
    let missing = "2025-11-21-9.json.gz";
    let run = folder.convert(&["2025-11-21-*", missing, "--json"]);
    assert_eq!(run.status, Some(2));
    let json = run.json();
    assert_eq!((&json["converted"], &json["failed"]), (&2.into(), &3.into()));
    let errors = |at: usize| json["files"][at]["error"]["name"].as_str().map(str::to_owned);
    let expected = [None, Some("NotGzip"), Some("InputUnreadable"), None, Some("InputUnreadable")];
    assert_eq!([0, 1, 2, 3, 4].map(errors), expected.map(|name| name.map(str::to_owned)));
    assert!(run.stderr.contains("is a folder; name its files"), "{}", run.stderr);
    assert!(run.stderr.contains(&format!("{missing}: cannot be read: No such file")), "{}", run.stderr);
    assert_eq!(folder.names().len(), 2);
}

#[test]
fn occupied_place_is_named() {
    // Bad records are written to another folder, but this run does not write them either.
    for (phrase, file) in [("a clean hour", clean_hour(10)), ("one with bad records", messy_hour(200))] {
        let folder = ConvertFolder::new();
        folder.file(NAME, &file);
        fs::create_dir_all(folder.out().join(FOLDER).parent().unwrap()).unwrap();
        fs::write(folder.out().join(FOLDER), "mine").unwrap();
        let run = folder.convert(&[NAME]);
        assert_eq!(run.status, Some(2), "{phrase}");
        assert!(run.stderr.contains(&format!("cannot write out/{FOLDER}: is a file")), "{phrase}: {}", run.stderr);
        assert_eq!(folder.names(), [FOLDER], "{phrase}");
    }
}

/// A limit on the size of files simulates a full disk: the same system call fails.
#[test]
fn full_disk_is_named_and_leaves_no_files() {
    let folder = ConvertFolder::new();
    folder.file(NAME, &clean_hour(3000));
    for options in ["--threads 1", "--threads 2", "--threads 1 --chunk-records 300 --single-file"] {
        let script = format!("ulimit -f 200; exec {PROGRAM} convert {NAME} --out out --json {options}");
        let mut command = Command::new("bash");
        let run = CommandRun::of(command.current_dir(folder.folder.path()).args(["-c", &script]).output().unwrap());
        assert_eq!(run.status, Some(2), "{options}: {}", run.stderr);
        let json = run.json();
        assert_eq!(json["files"][0]["error"]["name"], "OutputUnwritable", "{options}");
        let expected = format!("ghactivity: {NAME}: cannot write out/.ghactivity-");
        assert!(
            run.stderr.starts_with(&expected) && run.stderr.contains("File too large"),
            "{options}: {}",
            run.stderr
        );
        assert_eq!(fs::read_dir(folder.out()).unwrap().count(), 0, "{options}");
    }
}
