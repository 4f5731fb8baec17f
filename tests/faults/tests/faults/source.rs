//! The archive that the hour comes from: a server over a folder, and the versions of the hour's file.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, SystemTime};

use archive_server::generator::{HourSettings, generate};
use archive_server::server::{HourFolder, RunningServer, ServerSettings, start};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::lake::hour;

/// A version of the hour's file. Versions differ in length, so the server sees each as another object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    /// 60 records, two chunks.
    Smallest,
    /// 125 events with duplicates and bad lines, three chunks, and three parts of an upload.
    Usual,
    /// 160 records, four chunks.
    Largest,
    /// The usual file without its CRC.
    Damaged,
}

/// Runs until it is dropped.
pub(crate) struct Source {
    pub(crate) url: String,
    folder: TempDir,
    _server: RunningServer,
    _runtime: Runtime,
}

impl Source {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder_of_hours = HourFolder { path: folder.path().to_owned() };
        let settings = ServerSettings { folder: Some(folder_of_hours), ..ServerSettings::default() };
        let server = runtime.block_on(start(settings)).unwrap();
        Self { url: server.url(), folder, _server: server, _runtime: runtime }
    }

    /// Publishes a version, always as of the same time: the ledger keeps the source's `Last-Modified`.
    pub(crate) fn serve(&self, body: Body) {
        let partial = self.folder.path().join("partial");
        let mut file = File::create(&partial).unwrap();
        file.write_all(&body.bytes()).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_465_000_000)).unwrap();
        std::fs::rename(partial, self.path()).unwrap();
    }

    pub(crate) fn unpublish(&self) {
        let _ = std::fs::remove_file(self.path());
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(format!("{}.json.gz", hour()))
    }
}

impl Body {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Smallest => small_events(60),
            Self::Usual => generated(),
            Self::Largest => small_events(160),
            Self::Damaged => {
                let mut bytes = generated();
                bytes.truncate(bytes.len() - 8);
                bytes.extend([0; 16]);
                bytes
            }
        }
    }
}

fn generated() -> Vec<u8> {
    let share = |text: &str| text.parse().unwrap();
    let settings =
        HourSettings { events: 125, duplicates: share("0.03"), bad: share("0.03"), ..HourSettings::default() };
    let mut bytes = Vec::new();
    generate(hour(), &settings, &mut bytes).unwrap();
    bytes
}

fn small_events(count: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for number in 0..count {
        let (login, name) = (format!("user{number}"), format!("user{number}/repo"));
        let event = json!({
            "id": (1_000_000 + number).to_string(),
            "type": "WatchEvent",
            "actor": {"id": number, "login": login, "gravatar_id": "", "url": format!("https://api.github.com/users/{login}")},
            "repo": {"id": number, "name": name, "url": format!("https://api.github.com/repos/{name}")},
            "payload": {"action": "started"},
            "public": true,
            "created_at": "2016-06-01T00:00:01Z",
        });
        writeln!(encoder, "{event}").unwrap();
    }
    encoder.finish().unwrap()
}
