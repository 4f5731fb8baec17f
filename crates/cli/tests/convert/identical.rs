//! The output depends on the input and the options alone, and is the same as that of the Lambdas.

use std::collections::BTreeMap;
use std::io::BufReader;

use bytes::Bytes;
use convert::{ChunkSpec, Compression, convert_chunk};
use gzip_plan::{ChunkReader, PlanSettings, Planner};
use parquet::file::reader::{FileReader, SerializedFileReader};
use pipeline::version::{OutputOptions, Payload};

use crate::support::{ConvertFolder, FOLDER, HOUR, gzip, messy_hour, record};

const NAME: &str = "2025-11-21-0.json.gz";

/// Converts a file as the Lambdas do: they plan the file, and convert each chunk from the bytes of the chunk.
fn by_the_lambdas(file: &[u8], chunk_records: u32, payload: Payload) -> BTreeMap<String, Vec<u8>> {
    let settings = PlanSettings { chunk_records, max_chunk_bytes: OutputOptions::default().max_chunk_bytes };
    let mut planner = Planner::new(settings);
    planner.push(file).unwrap();
    let planned = planner.finish().unwrap();
    let mut files = BTreeMap::new();
    for (number, chunk) in planned.plan.chunks.iter().enumerate() {
        let window = planned.plan.access_points[chunk.access_point as usize].window;
        let window = window.map(|window| &planned.windows[window.offset as usize..][..window.length as usize]);
        let bytes = &file[chunk.compressed_start as usize..chunk.compressed_end as usize];
        let text = BufReader::new(ChunkReader::new(bytes, &planned.plan, number as u32, window).unwrap());
        let spec = ChunkSpec {
            first_line: chunk.first_line,
            first_offset: chunk.uncompressed_start,
            duplicate_lines: &chunk.duplicate_lines,
            payload,
            compression: Compression::Snappy,
        };
        let (mut parquet, mut quarantine) = (Vec::new(), Vec::new());
        let converted = convert_chunk(&spec, text, &mut parquet, &mut quarantine).unwrap();
        if converted.wrote_parquet {
            files.insert(format!("{FOLDER}/part-{HOUR}-{number:05}.snappy.parquet"), parquet);
        }
        if converted.wrote_quarantine {
            files.insert(format!("quarantine/{HOUR}/{number:05}.jsonl"), quarantine);
        }
    }
    files
}

/// Lines of every kind, including equal lines.
fn handmade() -> Vec<u8> {
    let (one, two, three) = (record(1), record(2), record(3));
    let joined = format!("{one} {two}");
    let lines = ["\u{feff}", &one, &one, "", &joined, &joined, "torn{", "torn{", &joined, " \t\0", "[1]", &three, &one];
    [&lines.join("\n").into_bytes()[..], b"\n\xff\xfe\n\xff\xfe\n", one.as_bytes()].concat()
}

fn same_names_and_bytes(case: &str, found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{case}");
    for (name, bytes) in found {
        assert!(*bytes == expected[name], "{case}: {name}");
    }
}

#[test]
fn files_equal_those_of_the_lambdas() {
    for (case, file, sizes) in [
        ("a messy hour", messy_hour(3000), &[170, 10_000][..]),
        ("lines of every kind", gzip(&handmade()), &[1, 2, 3, 5, 100]),
    ] {
        let folder = ConvertFolder::new();
        folder.file(NAME, &file);
        for size in sizes {
            for (option, payload) in [("keep", Payload::Keep), ("drop", Payload::Drop)] {
                let expected = by_the_lambdas(&file, *size, payload);
                for threads in ["1", "2", "4", "1"] {
                    let size = size.to_string();
                    let arguments = [NAME, "--chunk-records", &size, "--payload", option, "--threads", threads];
                    folder.convert(&arguments).ok();
                    let case = format!("{case}, chunks of {size}, payload {option}, {threads} threads");
                    same_names_and_bytes(&case, &folder.written(), &expected);
                }
            }
        }
    }
}

#[test]
fn duplicates_longer_than_any_record_are_counted() {
    let long = format!("{} {}", record(1), "x".repeat(17 << 20));
    let file = gzip(format!("{long}\n{}\n{long}\n{long}", record(2)).as_bytes());
    let expected = by_the_lambdas(&file, 10, Payload::Keep);
    let folder = ConvertFolder::new();
    folder.file(NAME, &file);
    for threads in ["1", "2"] {
        let json = folder.convert(&[NAME, "--json", "--chunk-records", "10", "--threads", threads]).ok().json();
        let counts = ["records", "rows", "duplicates", "quarantined"].map(|count| json["files"][0][count].clone());
        assert_eq!(counts, [7, 2, 4, 1].map(serde_json::Value::from), "{threads} threads");
        same_names_and_bytes(threads, &folder.written(), &expected);
    }
}

#[test]
fn counts_do_not_depend_on_chunks_or_threads() {
    let folder = ConvertFolder::new();
    folder.file(NAME, &gzip(&handmade()));
    for (size, threads) in [("1", "1"), ("3", "2"), ("100", "1")] {
        let json = folder.convert(&[NAME, "--json", "--chunk-records", size, "--threads", threads]).ok().json();
        let counts = ["lines", "blank", "records", "rows", "duplicates", "quarantined"];
        let counts = counts.map(|count| json["files"][0][count].as_u64().unwrap());
        // Rows: record 1, the two joined records, record 3. Duplicates: record 1 three times, the two joined records twice,
        // the torn line, the line that is not UTF-8.
        assert_eq!(counts, [16, 3, 16, 4, 9, 3], "chunks of {size}, {threads} threads");
    }
}

/// The row groups of a file, each as the texts of its rows.
fn rows(file: &[u8]) -> Vec<Vec<String>> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).unwrap();
    let groups = (0..reader.num_row_groups()).map(|at| reader.get_row_group(at).unwrap());
    groups.map(|group| group.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()).collect()
}

#[test]
fn rows_do_not_depend_on_chunks_or_codec() {
    let folder = ConvertFolder::new();
    folder.file(NAME, &messy_hour(1000));
    let converted = |options: &[&str]| {
        folder.convert(&[&[NAME], options].concat()).ok();
        let files = folder.written().into_iter().filter(|(name, _)| name.starts_with("year="));
        files.map(|(name, bytes)| (name, rows(&bytes))).collect::<BTreeMap<_, _>>()
    };
    let whole = converted(&[]);
    let expected: Vec<String> = whole.into_values().flatten().flatten().collect();
    for (options, files) in [
        (&["--chunk-records", "300"][..], 4),
        (&["--chunk-records", "300", "--compression", "zstd"], 4),
        (&["--chunk-records", "300", "--compression", "none"], 4),
        (&["--chunk-records", "300", "--single-file", "--threads", "1"], 1),
        (&["--chunk-records", "300", "--single-file", "--threads", "3"], 1),
    ] {
        let found = converted(options);
        assert_eq!(found.len(), files, "{options:?}");
        let groups: Vec<Vec<String>> = found.into_values().flatten().collect();
        assert_eq!(groups.len(), 4, "{options:?}");
        assert!(groups.concat() == expected, "{options:?}");
    }
}

#[test]
fn single_file_keeps_statistics_and_page_index() {
    let folder = ConvertFolder::new();
    folder.file(NAME, &messy_hour(500));
    let mut files = Vec::new();
    for threads in ["1", "2"] {
        folder.convert(&[NAME, "--chunk-records", "100", "--single-file", "--threads", threads]).ok();
        files.push(folder.written());
    }
    assert!(files[0] == files[1], "the same bytes with any number of threads");
    let name = format!("{FOLDER}/part-{HOUR}-00000.snappy.parquet");
    let parts: Vec<_> = files[0].keys().filter(|name| name.ends_with(".parquet")).collect();
    assert_eq!(parts, [&name]);
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(&files[0][&name])).unwrap();
    let created_by = reader.metadata().file_metadata().created_by().unwrap();
    assert!(created_by.starts_with("ghactivity version"), "{created_by}");
    for group in reader.metadata().row_groups() {
        let created_at = &group.columns().iter().find(|column| column.column_path().string() == "created_at").unwrap();
        assert!(created_at.statistics().is_some() && created_at.column_index_offset().is_some());
    }
}

#[test]
fn names_have_the_codec() {
    let folder = ConvertFolder::new();
    folder.file(NAME, &gzip(record(1).as_bytes()));
    for (codec, ending) in [("snappy", ".snappy.parquet"), ("zstd", ".zstd.parquet"), ("none", "-00000.parquet")] {
        folder.convert(&[NAME, "--compression", codec]).ok();
        let names = folder.names();
        assert!(names.len() == 1 && names[0].ends_with(ending), "{codec}: {names:?}");
    }
}
