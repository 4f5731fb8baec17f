//! Real hours of the archive. Set `GHACTIVITY_DATA` to their folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::oracle::{expected_row, micros, source_text, with_other_parsed};
use crate::support::{WHOLE, convert};

fn folder() -> PathBuf {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("GHACTIVITY_DATA").map_or(default, PathBuf::from)
}

/// The names and texts of the hours and samples; empty if the folder does not exist.
fn files() -> Vec<(String, Vec<u8>)> {
    let folder = folder();
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: no real data in {} (GHACTIVITY_DATA)", folder.display());
        return Vec::new();
    };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut text = Vec::new();
        match path.extension().and_then(OsStr::to_str) {
            Some("gz") => drop(MultiGzDecoder::new(&fs::read(&path).unwrap()[..]).read_to_end(&mut text).unwrap()),
            Some("jsonl") => text = fs::read(&path).unwrap(),
            _ => continue,
        }
        files.push((name, text));
    }
    files.sort();
    files
}

#[test]
fn real_records_are_stored_unchanged() {
    for (name, text) in files() {
        let lines: Vec<&str> = std::str::from_utf8(&text).unwrap().lines().collect();
        let conversion = convert(&WHOLE, &text);
        assert_eq!(conversion.converted.counts.quarantined, 0, "{name}");
        let rows = conversion.rows();
        assert_eq!(rows.len(), lines.len(), "{name}");
        for (number, (line, row)) in (1..).zip(lines.iter().zip(rows)) {
            assert_eq!(row["payload"].as_str(), source_text(line, "payload"), "{name} line {number}");
            assert_eq!(with_other_parsed(row), expected_row(line, number), "{name} line {number}");
        }
    }
}

/// Types, distinct actors and repositories, and the first and last instant.
#[derive(Debug, Default, PartialEq)]
struct HourContents {
    types: BTreeMap<String, u64>,
    actors: BTreeSet<String>,
    repos: BTreeSet<String>,
    instants: Option<(i64, i64)>,
}

impl HourContents {
    fn add(&mut self, event_type: &str, actor: Option<&str>, repo: Option<&str>, instant: i64) {
        *self.types.entry(event_type.to_owned()).or_default() += 1;
        self.actors.extend(actor.map(str::to_owned));
        self.repos.extend(repo.map(str::to_owned));
        let (first, last) = self.instants.unwrap_or((instant, instant));
        self.instants = Some((first.min(instant), last.max(instant)));
    }
}

#[test]
fn real_hours_have_contents_of_their_text() {
    for (name, text) in files() {
        let mut raw = HourContents::default();
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).unwrap();
            let repository = &event["repository"];
            let joined = repository["name"].as_str().map(|name| match repository["owner"].as_str() {
                Some(owner) => format!("{owner}/{name}"),
                None => name.to_owned(),
            });
            let actor = event["actor"].as_str().or(event["actor"]["login"].as_str());
            let actor = actor.or(event["actor_attributes"]["login"].as_str());
            let repo = event["repo"]["name"].as_str().or(joined.as_deref());
            raw.add(event["type"].as_str().unwrap(), actor, repo, micros(event["created_at"].as_str().unwrap()));
        }
        let conversion = convert(&WHOLE, &text);
        let mut stored = HourContents::default();
        for row in conversion.rows() {
            let (actor, repo) = (row["actor"]["login"].as_str(), row["repo"]["name"].as_str());
            stored.add(row["type"].as_str().unwrap(), actor, repo, row["created_at"].as_i64().unwrap());
        }
        assert_eq!(stored, raw, "{name}");
        assert_eq!(conversion.converted.types, raw.types, "{name}");
    }
}

#[test]
fn real_rows_do_not_depend_on_chunk_size() {
    for (name, text) in files() {
        if name.starts_with("2011-02-15") || name.starts_with("2012-06-14") || name.starts_with("2014-2021") {
            for lines_per_chunk in [1, 7, 1000] {
                crate::chunks::assert_chunks_add_up(&text, lines_per_chunk);
            }
        }
    }
}

#[test]
fn bulk_request_lines_are_quarantined() {
    let path = folder().join("oddities/quickwit-es-bulk.2015-02-01-0.json.gz");
    let Ok(bytes) = fs::read(&path) else {
        println!("skipped: no {} (GHACTIVITY_DATA)", path.display());
        return;
    };
    let mut text = Vec::new();
    MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    let conversion = convert(&WHOLE, &text);
    let rows = conversion.rows();
    assert_eq!(rows.len(), 100);
    assert_eq!(conversion.reasons(), ["missing-type"; 100]);
    let odd = micros("2015-02-01T00:00:00.00001Z");
    assert!(rows.iter().any(|row| row["created_at"] == odd), "an event with a fraction of a second");
}
