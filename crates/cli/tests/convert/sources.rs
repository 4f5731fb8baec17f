//! Standard input and addresses.

use std::io::Write;
use std::process::Stdio;

use archive_server::generator::HourSettings;
use archive_server::server::{GeneratedHours, RunningServer, ServerSettings, start};
use tokio::runtime::Runtime;

use crate::support::{CommandRun, ConvertFolder, FOLDER, HOUR, clean_hour};

const EVENTS: u32 = 300;

/// An archive server in a separate thread, with these faults.
struct ArchiveProcess {
    server: Option<RunningServer>,
    runtime: Runtime,
}

impl ArchiveProcess {
    fn with(faults: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let settings = HourSettings { events: EVENTS, ..HourSettings::default() };
        let hours = format!("{HOUR}..{HOUR}").parse().unwrap();
        let server = runtime.block_on(start(ServerSettings {
            generated: Some(GeneratedHours { hours, settings }),
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..ServerSettings::default()
        }));
        Self { server: Some(server.unwrap()), runtime }
    }

    fn url(&self) -> String {
        self.server.as_ref().unwrap().url()
    }
}

impl Drop for ArchiveProcess {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.server.take();
    }
}

fn rows(run: &CommandRun) -> Option<u64> {
    run.json()["files"][0]["rows"].as_u64()
}

#[test]
fn standard_input_is_converted() {
    for threads in ["1", "2"] {
        let folder = ConvertFolder::new();
        let mut command = folder.command(&["-", "--hour", HOUR, "--json", "--threads", threads]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&clean_hour(EVENTS)).unwrap();
        let run = CommandRun::of(child.wait_with_output().unwrap()).ok();
        assert_eq!(rows(&run), Some(EVENTS.into()));
        assert_eq!(run.json()["files"][0]["input"], "standard input");
        assert_eq!(folder.names(), [format!("{FOLDER}/part-{HOUR}-00000.snappy.parquet")]);
    }
}

#[test]
fn hour_comes_from_source_or_address() {
    let archive = ArchiveProcess::with(&[]);
    let address = format!("{}/{HOUR}.json.gz", archive.url());
    for arguments in [&["--hour", HOUR, "--source-url", &format!("{}/", archive.url())][..], &[&address]] {
        let folder = ConvertFolder::new();
        let run = folder.convert(&[arguments, &["--json"]].concat()).ok();
        assert_eq!(rows(&run), Some(EVENTS.into()));
        assert_eq!(run.json()["files"][0]["input"], address);
        assert_eq!(run.stderr, "", "no progress bar where there is no terminal");
        assert_eq!(folder.names().len(), 1);
    }
}

#[test]
fn broken_body_resumes_and_busy_source_is_retried() {
    for fault in ["2025-11-21-0=cut:1000x1", "2025-11-21-0=status:503x1"] {
        let archive = ArchiveProcess::with(&[fault]);
        let folder = ConvertFolder::new();
        let run = folder.convert(&["--hour", HOUR, "--source-url", &archive.url(), "--json"]).ok();
        assert_eq!(rows(&run), Some(EVENTS.into()), "{fault}");
    }
}

#[test]
fn source_errors_are_named() {
    for (case, fault, hour, name) in [
        ("not there", "2025-11-21-0=pass", "2025-11-21-5", "SourceNotPublished"),
        ("refused", "2025-11-21-0=status:403", HOUR, "SourceRefused"),
        ("broken off again and again", "2025-11-21-0=cut:1000", HOUR, "SourceInterrupted"),
    ] {
        let archive = ArchiveProcess::with(&[fault]);
        assert_eq!(failure(hour, &archive.url()), name, "{case}");
    }
}

#[test]
fn absent_source_is_named() {
    let url = ArchiveProcess::with(&[]).url(); // It is gone when it is asked.
    assert_eq!(failure(HOUR, &url), "SourceUnavailable");
}

/// The error name of an hour that the source does not return.
fn failure(hour: &str, source_url: &str) -> String {
    let folder = ConvertFolder::new();
    let run = folder.convert(&["--hour", hour, "--source-url", source_url, "--json"]);
    assert_eq!((run.status, folder.names()), (Some(2), Vec::new()), "{}", run.stderr);
    run.json()["files"][0]["error"]["name"].as_str().unwrap().to_owned()
}
