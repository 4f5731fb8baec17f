//! Runs the program, and makes files for it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use archive_server::generator::{HourSettings, Share, generate};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ghactivity");
pub(crate) const HOUR: &str = "2025-11-21-0";
pub(crate) const FOLDER: &str = "year=2025/month=11/dayofmonth=21/hour=00";

/// A folder for inputs and one for the output.
pub(crate) struct ConvertFolder {
    pub(crate) folder: tempfile::TempDir,
}

/// What a run printed, and its exit status.
pub(crate) struct CommandRun {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ConvertFolder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// Writes an input file.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Runs `ghactivity convert` in the folder of inputs, to `out`.
    pub(crate) fn convert(&self, arguments: &[&str]) -> CommandRun {
        let run = CommandRun::of(self.command(arguments).stdin(Stdio::null()).output().unwrap());
        let left = fs::read_dir(self.out()).into_iter().flatten().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_str().unwrap().starts_with('.')).collect();
        assert!(left.is_empty(), "{left:?} is left of {arguments:?}");
        run
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.folder.path()).arg("convert").args(["--out", "out"]).args(arguments);
        command
    }

    /// The files below `out`, with their contents.
    pub(crate) fn written(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.out(), &self.out(), &mut files);
        files
    }

    /// The names of the files below `out`.
    pub(crate) fn names(&self) -> Vec<String> {
        self.written().into_keys().collect()
    }
}

impl CommandRun {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }

    /// Asserts that the run converted everything, and returns it.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }
}

fn collect(folder: &Path, root: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, root, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(path).unwrap());
        }
    }
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A generated hour without duplicates and bad records.
pub(crate) fn clean_hour(events: u32) -> Vec<u8> {
    hour_with(&HourSettings { events, ..HourSettings::default() })
}

/// A generated hour with some duplicates, bad records, joined records and blank lines.
pub(crate) fn messy_hour(events: u32) -> Vec<u8> {
    let some = || "0.03".parse::<Share>().unwrap();
    let (duplicates, bad, joined, blank) = (some(), some(), some(), some());
    hour_with(&HourSettings { events, duplicates, bad, joined, blank, ..HourSettings::default() })
}

fn hour_with(settings: &HourSettings) -> Vec<u8> {
    generated(HOUR, settings)
}

/// A generated hour.
pub(crate) fn generated(hour: &str, settings: &HourSettings) -> Vec<u8> {
    let mut file = Vec::new();
    generate(hour.parse().unwrap(), settings, &mut file).unwrap();
    file
}

/// A record like the archive's.
pub(crate) fn record(id: u64) -> String {
    format!(
        r#"{{"id":"{id}","type":"WatchEvent","actor":{{"id":1,"login":"a"}},"repo":{{"id":2,"name":"a/b"}},"payload":{{"action":"started"}},"public":true,"created_at":"2025-11-21T00:00:00Z"}}"#
    )
}

/// The folder of real hours, if there is one.
pub(crate) fn real_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("GHACTIVITY_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no folder {}", folder.display());
    None
}
