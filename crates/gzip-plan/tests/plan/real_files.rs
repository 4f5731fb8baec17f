//! Real hours, if there are any.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gzip_plan::PlanError;

use crate::support::{chunks_of, gunzip, plan, plan_pushed, read_all};

#[test]
fn real_hours_round_trip_by_chunk() {
    let files = real_files();
    if files.is_empty() {
        println!("skipped: no *.json.gz in the folder GHACTIVITY_DATA");
    }
    for path in files {
        let file = fs::read(&path).unwrap();
        let text = gunzip(&file);
        let lines = memchr::memchr_iter(b'\n', &text).count() as u64;
        for chunk_records in [1000, 10_000] {
            let planned = plan_pushed(&file, chunks_of(chunk_records), &[16_384, 1, 70_000]).unwrap();
            let case = format!("{} in chunks of {chunk_records}", path.display());
            assert_eq!(planned.plan.lines, lines, "{case}");
            assert_eq!(planned.plan.chunks.len() as u64, lines.div_ceil(u64::from(chunk_records)), "{case}");
            assert_eq!((planned.plan.blank_lines, planned.plan.duplicate_lines), (0, 0), "{case}");
            assert_eq!(planned.plan.compressed_bytes, file.len() as u64, "{case}");
            assert!(read_all(&file, &planned) == text, "{case}");
        }
    }
}

#[test]
fn error_pages_named_like_hours_are_not_gzip() {
    let cases = [("http404-gcs-nosuchkey.2022-06-05-08", "XML"), ("http404-html-page.2022-06-03-1", "HTML")];
    for (name, expected) in cases {
        let path = folder().join("oddities").join(name).with_added_extension("json.gz");
        let Ok(file) = fs::read(&path) else {
            println!("skipped: no {}", path.display());
            continue;
        };
        let error = plan(&file, chunks_of(1000)).unwrap_err();
        assert!(matches!(error, PlanError::NotGzip { kind, .. } if kind == expected), "{name}: {error}");
    }
}

fn real_files() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder()) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().ends_with(".json.gz")).collect()
}

fn folder() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("GHACTIVITY_DATA").map_or(default, PathBuf::from)
}
