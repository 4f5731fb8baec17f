//! Whatever happens, an hour is there as a whole or not at all.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{FOLDER, HOUR, PROGRAM, Run, World, clean_hour, gzip, messy_hour, record};

const NAME: &str = "2025-11-21-0.json.gz";

/// Whether the run has a finished chunk in its hidden folder.
fn has_staged_a_chunk(world: &World) -> bool {
    world.names().iter().any(|name| name.starts_with(".ghactivity-") && name.ends_with(".parquet"))
}

#[test]
fn a_signal_midway_leaves_nothing() {
    let file = clean_hour(2000);
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        for threads in ["1", "2"] {
            let world = World::new();
            let arguments = ["-", "--hour", HOUR, "--chunk-records", "100", "--threads", threads];
            let mut command = world.command(&arguments);
            let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // The input stays open, so that the run cannot end by itself.
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&file[..file.len() / 2]).unwrap();
            let begun = Instant::now();
            while !has_staged_a_chunk(&world) {
                assert!(begun.elapsed() < Duration::from_secs(20), "no chunk is converted");
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
            let run = Run::of(child.wait_with_output().unwrap());
            assert_eq!(run.status, Some(status), "{signal}, {threads} threads");
            assert_eq!(run.stderr, "ghactivity: stopped; hours not yet finished left nothing behind\n");
            assert_eq!(fs::read_dir(world.out()).unwrap().count(), 0, "{signal}, {threads} threads");
            drop(stdin);
        }
    }
}

#[test]
fn a_killed_run_leaves_nothing_that_a_reader_sees() {
    let file = clean_hour(2000);
    let world = World::new();
    let mut command = world.command(&["-", "--hour", HOUR, "--chunk-records", "100"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&file[..file.len() / 2]).unwrap();
    while !has_staged_a_chunk(&world) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.names().iter().all(|name| name.starts_with(".ghactivity-")), "{:?}", world.names());
}

#[test]
fn converting_again_leaves_no_file_of_the_earlier_run() {
    let world = World::new();
    world.file(NAME, &messy_hour(500));
    let names = |options: &[&str]| {
        world.convert(&[&[NAME], options].concat()).ok();
        world.names()
    };
    let once = names(&[]);
    let many = names(&["--chunk-records", "50", "--compression", "zstd"]);
    assert!(many.len() > 10 && many.iter().all(|name| !name.ends_with(".snappy.parquet")), "{many:?}");
    assert_eq!(names(&[]), once);
    world.file(NAME, &gzip(b"\n"));
    assert_eq!(names(&[]), Vec::<String>::new(), "an hour without records");
}

#[test]
fn a_failure_leaves_the_earlier_hour_as_it_was() {
    let world = World::new();
    let whole = clean_hour(500);
    world.file(NAME, &whole);
    world.convert(&[NAME]).ok();
    let before = world.written();
    let cases: [(&str, Vec<u8>, &str, &str); 5] = [
        ("cut", whole[..whole.len() - 100].to_vec(), "TruncatedArchive", "truncated gzip file: it ends at byte"),
        ("trailing", [&whole[..], b"x"].concat(), "TrailingBytes", "bytes other than zero follow"),
        ("bzip2", b"BZh91AY".to_vec(), "UnsupportedEncoding", "unsupported encoding bzip2: only gzip can be read"),
        ("zstd", b"\x28\xb5\x2f\xfd".to_vec(), "UnsupportedEncoding", "unsupported encoding zstd"),
        ("empty", Vec::new(), "EmptyArchive", "the file is empty: 0 bytes"),
    ];
    for (case, file, name, message) in cases {
        world.file(NAME, &file);
        for threads in ["1", "3"] {
            let run = world.convert(&[NAME, "--json", "--chunk-records", "50", "--threads", threads]);
            let json = run.json();
            assert_eq!((run.status, &json["files"][0]["error"]["name"]), (Some(2), &name.into()), "{case}");
            assert!(run.stderr.starts_with(&format!("ghactivity: {NAME}: {message}")), "{case}: {}", run.stderr);
            assert!(world.written() == before, "{case}");
        }
    }
}

#[test]
fn the_others_are_converted() {
    let world = World::new();
    for hour in 0..4 {
        world.file(&format!("2025-11-21-{hour}.json.gz"), &gzip(record(hour).as_bytes()));
    }
    world.file("2025-11-21-1.json.gz", b"<?xml version='1.0'?>");
    fs::remove_file(world.path("2025-11-21-2.json.gz")).unwrap();
    fs::create_dir(world.path("2025-11-21-2.json.gz")).unwrap();
    let missing = "2025-11-21-9.json.gz";
    let run = world.convert(&["2025-11-21-*", missing, "--json"]);
    assert_eq!(run.status, Some(2));
    let json = run.json();
    assert_eq!((&json["converted"], &json["failed"]), (&2.into(), &3.into()));
    let errors = |at: usize| json["files"][at]["error"]["name"].as_str().map(str::to_owned);
    let expected = [None, Some("NotGzip"), Some("InputUnreadable"), None, Some("InputUnreadable")];
    assert_eq!([0, 1, 2, 3, 4].map(errors), expected.map(|name| name.map(str::to_owned)));
    assert!(run.stderr.contains("it is a folder; name its files"), "{}", run.stderr);
    assert!(run.stderr.contains(&format!("{missing}: cannot be read: No such file")), "{}", run.stderr);
    assert_eq!(world.names().len(), 2);
}

#[test]
fn a_place_that_is_taken_is_named() {
    // Bad records go elsewhere: they do not get there either.
    for (phrase, file) in [("a clean hour", clean_hour(10)), ("one with bad records", messy_hour(200))] {
        let world = World::new();
        world.file(NAME, &file);
        fs::create_dir_all(world.out().join(FOLDER).parent().unwrap()).unwrap();
        fs::write(world.out().join(FOLDER), "mine").unwrap();
        let run = world.convert(&[NAME]);
        assert_eq!(run.status, Some(2), "{phrase}");
        assert!(run.stderr.contains(&format!("cannot write out/{FOLDER}: it is a file")), "{phrase}: {}", run.stderr);
        assert_eq!(world.names(), [FOLDER], "{phrase}");
    }
}

/// A limit on the size of files stands for a disk that is full: the same call fails, at the same place.
#[test]
fn a_full_disk_is_named_and_nothing_is_left() {
    let world = World::new();
    world.file(NAME, &clean_hour(3000));
    for options in ["--threads 1", "--threads 2", "--threads 1 --chunk-records 300 --single-file"] {
        let script = format!("ulimit -f 200; exec {PROGRAM} convert {NAME} --out out --json {options}");
        let mut command = Command::new("bash");
        let run = Run::of(command.current_dir(world.folder.path()).args(["-c", &script]).output().unwrap());
        assert_eq!(run.status, Some(2), "{options}: {}", run.stderr);
        let json = run.json();
        assert_eq!(json["files"][0]["error"]["name"], "OutputUnwritable", "{options}");
        let expected = format!("ghactivity: {NAME}: cannot write out/.ghactivity-");
        assert!(
            run.stderr.starts_with(&expected) && run.stderr.contains("File too large"),
            "{options}: {}",
            run.stderr
        );
        assert_eq!(fs::read_dir(world.out()).unwrap().count(), 0, "{options}");
    }
}
