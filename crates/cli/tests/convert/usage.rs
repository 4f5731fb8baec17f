//! Help, version, usage errors and results.

use std::process::{Command, Stdio};

use crate::support::{CommandRun, ConvertFolder, HOUR, PROGRAM, clean_hour, gzip, record};

#[test]
fn help_and_version() {
    for (name, arguments) in [("help", &["--help"][..]), ("convert-help", &["convert", "--help"])] {
        let run = CommandRun::of(Command::new(PROGRAM).args(arguments).output().unwrap()).ok();
        insta::assert_snapshot!(name, run.stdout);
        assert_eq!(run.stderr, "");
    }
    let version = CommandRun::of(Command::new(PROGRAM).arg("--version").output().unwrap()).ok();
    assert_eq!(version.stdout, format!("ghactivity {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn usage_errors_do_nothing() {
    let folder = ConvertFolder::new();
    folder.file("events.json.gz", b"");
    folder.file("taken", b"");
    let cases: [(&str, &[&str], &str); 11] = [
        ("no input", &[], "nothing to convert"),
        ("an unknown option", &["--fast"], "unexpected argument '--fast'"),
        ("no codec", &["x", "--compression", "lzo"], "possible values: snappy, zstd, none"),
        ("no thread", &["x", "--threads", "0"], "'--threads <N>'"),
        ("no record", &["x", "--chunk-records", "0"], "'--chunk-records <N>'"),
        ("no hour", &["--hour", "yesterday"], "'yesterday' is not an archive hour"),
        ("no hour in the name", &["events.json.gz"], "the hour of 'events.json.gz' is unknown"),
        ("standard input without an hour", &["-"], "add --hour, for example --hour 2025-11-21-0"),
        ("one hour for two", &["a", "b", "--hour", HOUR], "--hour is for a single input, but there are 2"),
        ("nothing matches", &["no*.gz"], "no file matches 'no*.gz'"),
        ("no address", &["--hour", HOUR, "--source-url", "x"], "'x' is not an http or https address"),
    ];
    for (case, arguments, expected) in cases {
        let run = folder.convert(arguments);
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{case}");
        assert!(run.stderr.contains(expected), "{case}: {}", run.stderr);
        assert!(!folder.out().exists(), "{case}");
    }
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder.folder.path()).args(["convert", "2025-11-21-0", "--out", "taken"]).stdin(Stdio::null());
    let run = CommandRun::of(command.output().unwrap());
    assert_eq!(run.status, Some(1));
    assert_eq!(run.stderr, "ghactivity: cannot write to taken: is a file, not a folder\n");
}

#[test]
fn table_and_errors_are_clean_lines() {
    let folder = ConvertFolder::new();
    folder.file("2025-11-21-0.json.gz", &clean_hour(100));
    folder.file("2025-11-21-1.jsonl", format!("{0}\n{0}\nx\n\n", record(1)).as_bytes());
    folder.file("2025-11-21-2.json.gz", b"<html>not found</html>");
    let run = folder.convert(&["2025-11-21-*", "2025-11-21-3.json.gz"]);
    assert_eq!(run.status, Some(2));
    let table: Vec<String> = run.stdout.lines().map(without_size).collect();
    let table = table.join("\n").split_once(" in ").unwrap().0.to_owned();
    let complaints: Vec<&str> = { run.stderr.lines().collect::<std::collections::BTreeSet<_>>() }.into_iter().collect();
    insta::assert_snapshot!("table", format!("{table}\n---\n{}\n", complaints.join("\n")));
}

/// A line of the table without the size at its end, because the size depends on the converter.
fn without_size(line: &str) -> String {
    let Some(number) = line.strip_suffix("B").and_then(|line| line.rsplit_once(' ')).map(|(number, _)| number) else {
        return line.to_owned();
    };
    format!("{} SIZE", number.trim_end_matches(|digit: char| digit.is_ascii_digit() || digit == '.').trim_end())
}

#[test]
fn json_has_every_count() {
    let folder = ConvertFolder::new();
    folder.file("2025-11-21-1.jsonl", format!("{0}\n{0}\nx\n\n{1}{2}\n", record(1), record(2), record(3)).as_bytes());
    folder.file("2025-11-21-2.json.gz", b"\x28\xb5\x2f\xfd");
    let run = folder.convert(&["--json", "2025-11-21-1.jsonl", "2025-11-21-2.json.gz"]);
    assert_eq!(run.status, Some(2));
    let mut json = run.json();
    json["seconds"] = 0.into();
    json["threads"] = 0.into();
    json["files"][0]["parquet_bytes"] = 0.into();
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn gzip_and_text_differ_in_their_first_bytes() {
    let folder = ConvertFolder::new();
    let text = format!("{}\n", record(1));
    folder.file("2025-11-21-0.json.gz", text.as_bytes());
    folder.file("2025-11-21-1.json", &gzip(text.as_bytes()));
    folder.file("2025-11-21-2.jsonl", b"garbage first\n{}\n");
    let json = folder.convert(&["--json", "2025-11-21-*"]).ok().json();
    let counts = |at: usize| json["files"][at]["rows"].as_u64().zip(json["files"][at]["quarantined"].as_u64());
    assert_eq!([0, 1, 2].map(counts), [Some((1, 0)), Some((1, 0)), Some((0, 2))]);
}
