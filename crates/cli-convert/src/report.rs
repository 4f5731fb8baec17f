//! The result of a run: a table, or one JSON object.

use std::collections::BTreeMap;
use std::time::Duration;

use cli_core::format::{count, error_chain, milliseconds, per_second};
use cli_core::output;
use indicatif::DecimalBytes;
use pipeline::receipt::RecordCounts;
use serde::Serialize;

use crate::error::FileError;
use crate::hour::ConvertedHour;
use crate::inputs::HourInput;

pub(crate) struct ConvertReport {
    pub(crate) files: Vec<FileReport>,
    pub(crate) threads: usize,
    pub(crate) elapsed: Duration,
}

pub(crate) struct FileReport {
    input: HourInput,
    outcome: Result<ConvertedHour, FileError>,
}

#[derive(Serialize)]
struct ReportJson<'a> {
    files: Vec<FileJson<'a>>,
    converted: usize,
    failed: usize,
    seconds: f64,
    threads: usize,
}

#[derive(Serialize)]
struct FileJson<'a> {
    input: String,
    hour: String,
    #[serde(flatten)]
    outcome: OutcomeJson<'a>,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum OutcomeJson<'a> {
    Converted {
        lines: u64,
        records: u64,
        rows: u64,
        duplicates: u64,
        quarantined: u64,
        blank: u64,
        types: &'a BTreeMap<String, u64>,
        input_bytes: u64,
        parquet_bytes: u64,
        objects: u32,
        quarantine_objects: u32,
        folder: String,
    },
    Failed {
        error: ErrorJson,
    },
}

#[derive(Serialize)]
struct ErrorJson {
    name: &'static str,
    message: String,
}

impl FileReport {
    pub(crate) fn new(input: HourInput, outcome: Result<ConvertedHour, FileError>) -> Self {
        Self { input, outcome }
    }

    fn row(&self) -> Vec<String> {
        let hour = self.input.hour.to_string();
        match &self.outcome {
            Ok(summary) => row(hour, summary),
            Err(_) => vec![hour, "failed".to_owned()],
        }
    }

    fn json(&self) -> FileJson<'_> {
        let outcome = match &self.outcome {
            Ok(ConvertedHour { counts, types, input_bytes, parquet_bytes, objects, quarantine_objects, folder }) => {
                let RecordCounts { lines, blank_lines: blank, records, rows, duplicates, quarantined } = *counts;
                let (input_bytes, parquet_bytes) = (*input_bytes, *parquet_bytes);
                let (objects, quarantine_objects) = (*objects, *quarantine_objects);
                let folder = folder.display().to_string();
                OutcomeJson::Converted {
                    lines,
                    records,
                    rows,
                    duplicates,
                    quarantined,
                    blank,
                    types,
                    input_bytes,
                    parquet_bytes,
                    objects,
                    quarantine_objects,
                    folder,
                }
            }
            Err(error) => OutcomeJson::Failed { error: ErrorJson { name: error.name(), message: error_chain(error) } },
        };
        FileJson { input: self.input.to_string(), hour: self.input.hour.to_string(), outcome }
    }
}

impl ConvertReport {
    pub(crate) fn all_converted(&self) -> bool {
        self.files.iter().all(|file| file.outcome.is_ok())
    }

    pub(crate) fn print(&self, json: bool) {
        if json {
            output::json(&self.json());
        } else {
            output::text(&self.table());
        }
    }

    fn json(&self) -> ReportJson<'_> {
        let files: Vec<_> = self.files.iter().map(FileReport::json).collect();
        let converted = self.files.iter().filter(|file| file.outcome.is_ok()).count();
        let failed = files.len() - converted;
        let seconds = milliseconds(self.elapsed.as_secs_f64());
        ReportJson { files, converted, failed, seconds, threads: self.threads }
    }

    fn table(&self) -> String {
        let head = ["hour", "lines", "records", "rows", "duplicates", "quarantined", "blank", "files", "Parquet"];
        let converted: Vec<_> = self.files.iter().filter_map(|file| file.outcome.as_ref().ok()).collect();
        let total = ConvertedHour::total(&converted);
        let mut rows: Vec<_> = self.files.iter().map(FileReport::row).collect();
        if converted.len() > 1 {
            rows.push(row("all".to_owned(), &total));
        }
        format!("{}{}\n", output::table(&head, rows, |at| at > 0), self.last_line(converted.len(), &total))
    }

    fn last_line(&self, converted: usize, total: &ConvertedHour) -> String {
        let seconds = self.elapsed.as_secs_f64();
        let rate = per_second(total.counts.records, seconds);
        let speed = format!("{} in {seconds:.2} s, {rate} records/s", DecimalBytes(total.input_bytes));
        match self.files.len() - converted {
            0 => format!("{converted} converted: {speed}"),
            failed => format!("{converted} converted, {failed} FAILED (see above): {speed}"),
        }
    }
}

fn row(hour: String, summary: &ConvertedHour) -> Vec<String> {
    let RecordCounts { lines, blank_lines, records, rows, duplicates, quarantined } = summary.counts;
    let parquet = DecimalBytes(summary.parquet_bytes).to_string();
    let files = count(summary.objects.into());
    let counts = [lines, records, rows, duplicates, quarantined, blank_lines].map(count);
    let [lines, records, rows, duplicates, quarantined, blank] = counts;
    vec![hour, lines, records, rows, duplicates, quarantined, blank, files, parquet]
}
