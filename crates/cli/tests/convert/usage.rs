//! What the program says of itself and of what makes no sense.

use std::process::{Command, Stdio};

use crate::support::{HOUR, PROGRAM, Run, World, clean_hour, gzip, record};

#[test]
fn help_and_version() {
    for (name, arguments) in [("help", &["--help"][..]), ("convert-help", &["convert", "--help"])] {
        let run = Run::of(Command::new(PROGRAM).args(arguments).output().unwrap()).ok();
        insta::assert_snapshot!(name, run.stdout);
        assert_eq!(run.stderr, "");
    }
    let version = Run::of(Command::new(PROGRAM).arg("--version").output().unwrap()).ok();
    assert_eq!(version.stdout, format!("ghactivity {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_command_line_that_makes_no_sense_is_told_so_and_nothing_is_done() {
    let world = World::new();
    world.file("events.json.gz", b"");
    world.file("taken", b"");
    let cases: [(&str, &[&str], &str); 11] = [
        ("no input", &[], "nothing to convert"),
        ("an unknown option", &["--fast"], "unexpected argument '--fast'"),
        ("no codec", &["x", "--compression", "lzo"], "possible values: snappy, zstd, none"),
        ("no thread", &["x", "--threads", "0"], "'--threads <N>'"),
        ("no record", &["x", "--chunk-records", "0"], "'--chunk-records <N>'"),
        ("no hour", &["--hour", "yesterday"], "'yesterday' is not an archive hour"),
        ("no hour in the name", &["events.json.gz"], "'events.json.gz' does not tell its hour"),
        ("standard input without an hour", &["-"], "add --hour, for example --hour 2025-11-21-0"),
        ("one hour for two", &["a", "b", "--hour", HOUR], "--hour is for a single input, but there are 2"),
        ("nothing matches", &["no*.gz"], "no file matches 'no*.gz'"),
        ("no address", &["--hour", HOUR, "--source-url", "x"], "'x' is no http or https address"),
    ];
    for (case, arguments, expected) in cases {
        let run = world.convert(arguments);
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{case}");
        assert!(run.stderr.contains(expected), "{case}: {}", run.stderr);
        assert!(!world.out().exists(), "{case}");
    }
    let mut command = Command::new(PROGRAM);
    command.current_dir(world.folder.path()).args(["convert", "2025-11-21-0", "--out", "taken"]).stdin(Stdio::null());
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.status, Some(1));
    assert_eq!(run.stderr, "ghactivity: cannot write to taken: it is a file, not a folder\n");
}

#[test]
fn the_table_and_the_complaints_are_clean_lines() {
    let world = World::new();
    world.file("2025-11-21-0.json.gz", &clean_hour(100));
    world.file("2025-11-21-1.jsonl", format!("{0}\n{0}\nx\n\n", record(1)).as_bytes());
    world.file("2025-11-21-2.json.gz", b"<html>not found</html>");
    let run = world.convert(&["2025-11-21-*", "2025-11-21-3.json.gz"]);
    assert_eq!(run.status, Some(2));
    let table: Vec<String> = run.stdout.lines().map(without_size).collect();
    let table = table.join("\n").split_once(" in ").unwrap().0.to_owned();
    let complaints: Vec<&str> = { run.stderr.lines().collect::<std::collections::BTreeSet<_>>() }.into_iter().collect();
    insta::assert_snapshot!("table", format!("{table}\n---\n{}\n", complaints.join("\n")));
}

/// A line of the table without the size at its end, which is the converter's affair.
fn without_size(line: &str) -> String {
    let Some(number) = line.strip_suffix("B").and_then(|line| line.rsplit_once(' ')).map(|(number, _)| number) else {
        return line.to_owned();
    };
    format!("{} SIZE", number.trim_end_matches(|digit: char| digit.is_ascii_digit() || digit == '.').trim_end())
}

#[test]
fn the_json_has_every_count() {
    let world = World::new();
    world.file("2025-11-21-1.jsonl", format!("{0}\n{0}\nx\n\n{1}{2}\n", record(1), record(2), record(3)).as_bytes());
    world.file("2025-11-21-2.json.gz", b"\x28\xb5\x2f\xfd");
    let run = world.convert(&["--json", "2025-11-21-1.jsonl", "2025-11-21-2.json.gz"]);
    assert_eq!(run.status, Some(2));
    let mut json = run.json();
    json["seconds"] = 0.into();
    json["threads"] = 0.into();
    json["files"][0]["parquet_bytes"] = 0.into();
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn gzip_and_plain_text_are_told_apart_by_their_first_bytes() {
    let world = World::new();
    let text = format!("{}\n", record(1));
    world.file("2025-11-21-0.json.gz", text.as_bytes());
    world.file("2025-11-21-1.json", &gzip(text.as_bytes()));
    world.file("2025-11-21-2.jsonl", b"garbage first\n{}\n");
    let json = world.convert(&["--json", "2025-11-21-*"]).ok().json();
    let counts = |at: usize| json["files"][at]["rows"].as_u64().zip(json["files"][at]["quarantined"].as_u64());
    assert_eq!([0, 1, 2].map(counts), [Some((1, 0)), Some((1, 0)), Some((0, 2))]);
}
