//! The served hours and their files.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use pipeline::ArchiveHour;
use tokio::sync::{Mutex, OnceCell};

use super::served_file::ServedFile;
use crate::generator::{GenerateError, HourSettings, SECONDS_UNTIL_PUBLISHED, generate};

/// The latest generated hours are kept as unnamed temporary files. Older ones are generated again.
const KEPT_HOURS: usize = 100;

/// A folder of files with the names of the archive.
///
/// An hour without such a file is served from a file whose name begins with the hour, such as
/// `2015-01-01-1.republished-2016-06.json.gz`. Among several, the last one in alphabetical order is served.
#[derive(Clone, Debug)]
pub struct HourFolder {
    pub path: PathBuf,
}

/// Hours that are generated on their first request.
#[derive(Clone, Debug)]
pub struct GeneratedHours {
    pub hours: ServedHours,
    pub settings: HourSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServedHours {
    pub from: ArchiveHour,
    /// The last hour. If absent, all hours that have ended are in the range.
    pub to: Option<ArchiveHour>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a range of hours: expected FROM..TO, both included, for example 2025-11-01-0..2025-11-01-23")]
pub struct HourRangeError {
    text: String,
}

/// An hour cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write hour {hour} to a temporary file")]
    Keep { hour: ArchiveHour, source: io::Error },
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error("the server is stopping")]
    Stopped,
}

#[derive(Debug)]
pub(crate) struct Catalog {
    folder: Option<HourFolder>,
    generated: Option<GeneratedHours>,
    files: Mutex<HashMap<PathBuf, (SystemTime, ServedFile)>>,
    made: Mutex<VecDeque<(ArchiveHour, Arc<OnceCell<ServedFile>>)>>,
}

impl Catalog {
    pub(crate) fn new(folder: Option<HourFolder>, generated: Option<GeneratedHours>) -> Result<Self, CatalogError> {
        if let Some(HourFolder { path }) = &folder {
            fs::read_dir(path).map_err(|source| CatalogError::Read { path: path.clone(), source })?;
        }
        if let Some(GeneratedHours { hours, .. }) = &generated
            && hours.from.partition_values()[0].as_str() < "2015"
        {
            return Err(GenerateError::BeforeEventsShape { hour: hours.from }.into());
        }
        Ok(Self { folder, generated, files: Mutex::default(), made: Mutex::default() })
    }

    /// The file of an hour, or `None` if the hour is not served.
    pub(crate) async fn find(&self, hour: ArchiveHour) -> Result<Option<ServedFile>, CatalogError> {
        if let Some(HourFolder { path }) = &self.folder
            && let Some(file) = file_of(path, hour)?
        {
            return self.read(file).await.map(Some);
        }
        match &self.generated {
            Some(generated) if generated.hours.contain(hour) => {
                self.generated_file(hour, &generated.settings).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The file at `path`. Its checksums are computed again when it changes.
    pub(crate) async fn read(&self, path: PathBuf) -> Result<ServedFile, CatalogError> {
        let mut files = self.files.lock().await;
        let failed = |source| CatalogError::Read { path: path.clone(), source };
        let metadata = fs::metadata(&path).map_err(failed)?;
        let modified = metadata.modified().map_err(failed)?;
        if let Some((known, document)) = files.get(&path)
            && (*known, document.length) == (modified, metadata.len())
        {
            return Ok(document.clone());
        }
        let shown = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
        let name = path.clone();
        let document = tokio::task::spawn_blocking(move || ServedFile::of(File::open(name)?, shown))
            .await
            .map_err(|_| CatalogError::Stopped)?
            .map_err(failed)?;
        files.insert(path, (modified, document.clone()));
        Ok(document)
    }

    async fn generated_file(&self, hour: ArchiveHour, settings: &HourSettings) -> Result<ServedFile, CatalogError> {
        let cell = {
            let mut made = self.made.lock().await;
            let known = made.iter().position(|(at, _)| *at == hour).and_then(|at| made.remove(at));
            let cell = known.map_or_else(Arc::default, |(_, cell)| cell);
            made.push_back((hour, Arc::clone(&cell)));
            if made.len() > KEPT_HOURS {
                made.pop_front();
            }
            cell
        };
        let settings = settings.clone();
        let make = || async move {
            tokio::task::spawn_blocking(move || make(hour, &settings)).await.map_err(|_| CatalogError::Stopped)?
        };
        cell.get_or_try_init(make).await.cloned()
    }
}

impl ServedHours {
    /// The last `count` hours that have ended, and every later hour when it has ended.
    pub fn last(count: u32) -> Option<Self> {
        let from = ArchiveHour::containing(Timestamp::now())?.minus(count)?;
        Some(Self { from, to: None })
    }

    fn contain(&self, hour: ArchiveHour) -> bool {
        let until = match self.to {
            Some(to) => hour <= to,
            None => hour.end() <= Timestamp::now(),
        };
        self.from <= hour && until
    }
}

impl FromStr for ServedHours {
    type Err = HourRangeError;

    fn from_str(text: &str) -> Result<Self, HourRangeError> {
        let range = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        match range {
            Some((from, to)) if from <= to => Ok(Self { from, to: Some(to) }),
            _ => Err(HourRangeError { text: text.to_owned() }),
        }
    }
}

fn make(hour: ArchiveHour, settings: &HourSettings) -> Result<ServedFile, CatalogError> {
    let keep = |source| CatalogError::Keep { hour, source };
    let file = tempfile::tempfile().map_err(keep)?;
    generate(hour, settings, &file)?;
    let published = Timestamp::from_second(hour.end().as_second() + SECONDS_UNTIL_PUBLISHED);
    ServedFile::of(file, published.unwrap_or(hour.end())).map_err(keep)
}

fn file_of(folder: &Path, hour: ArchiveHour) -> Result<Option<PathBuf>, CatalogError> {
    let plain = folder.join(hour.file_name());
    if plain.is_file() {
        return Ok(Some(plain));
    }
    let failed = |source| CatalogError::Read { path: folder.to_owned(), source };
    let mut best = None;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let of_this_hour = name.strip_prefix(&hour.to_string()).is_some_and(|rest| rest.starts_with('.'));
        if of_this_hour && name.ends_with(".json.gz") && path.is_file() && best.as_ref() < Some(&path) {
            best = Some(path);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hour_range_includes_both_ends() {
        let hours: ServedHours = "2025-11-01-0..2025-11-01-5".parse().unwrap();
        for (hour, inside) in
            [("2025-10-31-23", false), ("2025-11-01-0", true), ("2025-11-01-5", true), ("2025-11-01-6", false)]
        {
            assert_eq!(hours.contain(hour.parse().unwrap()), inside, "{hour}");
        }
        for text in ["", "2025-11-01-0", "2025-11-01-0..", "2025-11-01-5..2025-11-01-0", "a..b"] {
            assert!(text.parse::<ServedHours>().is_err(), "'{text}'");
        }
    }

    #[test]
    fn last_hours_exclude_the_current_one() {
        let hours = ServedHours::last(3).unwrap();
        let now = ArchiveHour::containing(Timestamp::now()).unwrap();
        assert!(!hours.contain(now.plus(1)));
        assert!(hours.contain(hours.from) && hours.contain(hours.from.plus(2)));
        assert!(!hours.contain(hours.from.minus(1).unwrap()));
    }

    #[test]
    fn republished_file_is_served_for_its_hour() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "2015-01-01-1.republished-2016-06.json.gz",
            "2015-01-01-12.json.gz",
            "2015-01-01-2.a.json.gz",
            "2015-01-01-2.b.json.gz",
            "2015-01-01-3.json.gz",
            "2015-01-01-3.later.json.gz",
            "2015-01-01-4.jsonl",
        ] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        for (hour, expected) in [
            ("2015-01-01-1", Some("2015-01-01-1.republished-2016-06.json.gz")),
            ("2015-01-01-12", Some("2015-01-01-12.json.gz")),
            ("2015-01-01-2", Some("2015-01-01-2.b.json.gz")),
            ("2015-01-01-3", Some("2015-01-01-3.json.gz")),
            ("2015-01-01-4", None),
        ] {
            let found = file_of(folder.path(), hour.parse().unwrap()).unwrap();
            assert_eq!(found, expected.map(|name| folder.path().join(name)), "{hour}");
        }
    }
}
