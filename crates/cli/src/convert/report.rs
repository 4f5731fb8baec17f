//! What became of the inputs: a table for people, or one JSON object.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{DecimalBytes, HumanCount};
use pipeline::receipt::RecordCounts;
use serde::Serialize;

use super::error::FileError;
use super::hour::HourSummary;
use super::inputs::Input;

/// The outcome of a run.
pub(crate) struct Report {
    pub(crate) files: Vec<FileReport>,
    pub(crate) threads: usize,
    pub(crate) elapsed: Duration,
}

/// The outcome of an input.
pub(crate) struct FileReport {
    input: Input,
    outcome: Result<HourSummary, FileError>,
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
    pub(crate) fn new(input: Input, outcome: Result<HourSummary, FileError>) -> Self {
        Self { input, outcome }
    }

    fn json(&self) -> FileJson<'_> {
        let outcome = match &self.outcome {
            Ok(HourSummary { counts, types, input_bytes, parquet_bytes, objects, quarantine_objects, folder }) => {
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
            Err(error) => {
                OutcomeJson::Failed { error: ErrorJson { name: error.name(), message: crate::describe(error) } }
            }
        };
        FileJson { input: self.input.to_string(), hour: self.input.hour.to_string(), outcome }
    }
}

impl Report {
    pub(crate) fn all_converted(&self) -> bool {
        self.files.iter().all(|file| file.outcome.is_ok())
    }

    /// Prints it to standard output. Where that is closed, nobody reads it.
    pub(crate) fn print(&self, json: bool) {
        let text = if json { self.json() } else { self.table() };
        let _ = io::stdout().write_all(text.as_bytes());
    }

    fn json(&self) -> String {
        let files: Vec<_> = self.files.iter().map(FileReport::json).collect();
        let converted = self.files.iter().filter(|file| file.outcome.is_ok()).count();
        let failed = files.len() - converted;
        let seconds = (self.elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
        let report = ReportJson { files, converted, failed, seconds, threads: self.threads };
        let json = serde_json::to_string_pretty(&report);
        json.expect("a report has no map whose keys are no text") + "\n"
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "hour",
            "lines",
            "records",
            "rows",
            "duplicates",
            "quarantined",
            "blank",
            "files",
            "Parquet",
        ]);
        let mut total = HourSummary::default();
        let mut converted = 0;
        for file in &self.files {
            let Ok(summary) = &file.outcome else {
                table.add_row([file.input.hour.to_string(), "failed".to_owned()]);
                continue;
            };
            converted += 1;
            total.counts.add(&summary.counts);
            total.input_bytes += summary.input_bytes;
            total.parquet_bytes += summary.parquet_bytes;
            total.objects += summary.objects;
            table.add_row(row(file.input.hour.to_string(), summary));
        }
        if converted > 1 {
            table.add_row(row("all".to_owned(), &total));
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if at > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("{}\n{}\n", table.trim_fmt(), self.last_line(converted, &total))
    }

    fn last_line(&self, converted: usize, total: &HourSummary) -> String {
        let seconds = self.elapsed.as_secs_f64();
        let rate = HumanCount((total.counts.records as f64 / seconds.max(0.001)) as u64);
        let speed = format!("{} in {seconds:.2} s, {rate} records/s", DecimalBytes(total.input_bytes));
        match self.files.len() - converted {
            0 => format!("{converted} converted: {speed}"),
            failed => format!("{converted} converted, {failed} FAILED (see above): {speed}"),
        }
    }
}

fn row(hour: String, summary: &HourSummary) -> [String; 9] {
    let count = |number: u64| HumanCount(number).to_string();
    let RecordCounts { lines, blank_lines, records, rows, duplicates, quarantined } = summary.counts;
    let parquet = DecimalBytes(summary.parquet_bytes).to_string();
    let files = count(summary.objects.into());
    let counts = [lines, records, rows, duplicates, quarantined, blank_lines].map(count);
    let [lines, records, rows, duplicates, quarantined, blank] = counts;
    [hour, lines, records, rows, duplicates, quarantined, blank, files, parquet]
}
