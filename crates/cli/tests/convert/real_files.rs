//! Converts real hours and samples with known oddities, if their folders exist.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::support::{ConvertFolder, FOLDER, HOUR, real_data};

/// The number of records, and of events by type, according to `serde_json`.
fn counted(path: &Path) -> (u64, BTreeMap<String, u64>) {
    let bytes = fs::read(path).unwrap();
    let mut text = Vec::new();
    if MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).is_err() {
        text = bytes;
    }
    let mut types = BTreeMap::new();
    let mut records = 0;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        records += 1;
        let value: Value = serde_json::from_slice(line).unwrap();
        if let Some(event) = value["type"].as_str() {
            *types.entry(event.to_owned()).or_default() += 1;
        }
    }
    (records, types)
}

#[test]
fn real_files_have_the_counts_of_serde_json() {
    let Some(data) = real_data() else { return };
    let folder = ConvertFolder::new();
    let mut files: Vec<_> = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file() && path.extension().is_some_and(|end| end == "gz" || end == "jsonl"));
    files.sort();
    for path in files {
        let name = path.to_str().unwrap();
        let json = folder.convert(&[name, "--hour", HOUR, "--json", "--payload", "drop"]).ok().json();
        let file = &json["files"][0];
        let (records, types) = counted(&path);
        assert_eq!(file["records"], records, "{name}");
        assert_eq!(file["rows"], records, "{name}");
        assert_eq!(file["types"], serde_json::to_value(types).unwrap(), "{name}");
        assert_eq!((&file["blank"], &file["duplicates"]), (&0.into(), &0.into()), "{name}");
        let parts = folder.names();
        assert_eq!(parts.len() as u64, records.div_ceil(10_000), "{name}: {parts:?}");
        assert!(parts.iter().all(|part| part.starts_with(FOLDER)), "{name}: {parts:?}");
    }
}

#[test]
fn real_oddities_are_named() {
    let Some(data) = real_data() else { return };
    let folder = ConvertFolder::new();
    for (name, error) in [
        ("http404-gcs-nosuchkey.2022-06-05-08.json.gz", "not a gzip file but XML"),
        ("http404-html-page.2022-06-03-1.json.gz", "not a gzip file but HTML"),
    ] {
        let path = data.join("oddities").join(name);
        let run = folder.convert(&[path.to_str().unwrap(), "--hour", HOUR, "--json"]);
        assert_eq!(run.status, Some(2), "{name}");
        let file = run.json()["files"][0].take();
        assert_eq!((&file["status"], &file["error"]["name"]), (&"failed".into(), &"NotGzip".into()), "{name}");
        assert!(file["error"]["message"].as_str().unwrap().contains(error), "{name}: {file}");
        assert!(run.stderr.contains(error), "{name}: {}", run.stderr);
        assert_eq!(folder.names(), Vec::<String>::new(), "{name}");
    }
    let bulk = data.join("oddities/quickwit-es-bulk.2015-02-01-0.json.gz");
    let json = folder.convert(&[bulk.to_str().unwrap(), "--hour", HOUR, "--json"]).ok().json();
    let counts = ["records", "rows", "duplicates", "quarantined"].map(|name| json["files"][0][name].clone());
    assert_eq!(counts, [200, 100, 99, 1].map(Value::from), "100 events between equal lines that are not events");
}
