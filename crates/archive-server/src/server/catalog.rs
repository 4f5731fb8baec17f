//! Which hours there are, and where their bytes come from.

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

use super::document::ServedFile;
use crate::generator::{GenerateError, HourSettings, SECONDS_UNTIL_PUBLISHED, generate};

/// Generated hours kept (as files without a name in the system's folder for temporary files); others are made again.
const KEPT_HOURS: usize = 100;

/// A folder of files named as in the archive.
///
/// An hour without a file of its plain name is served from one that begins with it, such as
/// `2015-01-01-1.republished-2016-06.json.gz`; the last in alphabetical order if there are several.
#[derive(Clone, Debug)]
pub struct HourFolder {
    /// Where it is.
    pub path: PathBuf,
}

/// Hours that are made when they are first asked for.
#[derive(Clone, Debug)]
pub struct GeneratedHours {
    /// Which.
    pub hours: HourRange,
    /// What each is to hold.
    pub settings: HourSettings,
}

/// A range of hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourRange {
    /// The first one.
    pub from: ArchiveHour,
    /// The last one; without it, each hour is there as soon as it is over.
    pub to: Option<ArchiveHour>,
}

/// Why a text names no range of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a range of hours: expected FROM..TO, both included, for example 2025-11-01-0..2025-11-01-23")]
pub struct HourRangeError {
    text: String,
}

/// Why the hours cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A generated hour cannot be kept.
    #[error("cannot keep hour {hour} in a temporary file")]
    Keep {
        /// The hour.
        hour: ArchiveHour,
        /// What the system said.
        source: io::Error,
    },
    /// The hour cannot be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The task was cancelled: the server stops.
    #[error("the server stops")]
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

    /// The file of `hour`, or `None` if there is no such hour.
    pub(crate) async fn find(&self, hour: ArchiveHour) -> Result<Option<ServedFile>, CatalogError> {
        if let Some(HourFolder { path }) = &self.folder
            && let Some(file) = file_of(path, hour)?
        {
            return self.read(file).await.map(Some);
        }
        match &self.generated {
            Some(generated) if generated.hours.contain(hour) => self.made(hour, &generated.settings).await.map(Some),
            _ => Ok(None),
        }
    }

    /// The file at `path`; its sums are computed again only if it changed.
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

    async fn made(&self, hour: ArchiveHour, settings: &HourSettings) -> Result<ServedFile, CatalogError> {
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

impl HourRange {
    /// The last `count` hours that are over, and every hour as soon as it is over.
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

impl FromStr for HourRange {
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
    fn a_range_has_both_its_ends() {
        let hours: HourRange = "2025-11-01-0..2025-11-01-5".parse().unwrap();
        for (hour, inside) in
            [("2025-10-31-23", false), ("2025-11-01-0", true), ("2025-11-01-5", true), ("2025-11-01-6", false)]
        {
            assert_eq!(hours.contain(hour.parse().unwrap()), inside, "{hour}");
        }
        for text in ["", "2025-11-01-0", "2025-11-01-0..", "2025-11-01-5..2025-11-01-0", "a..b"] {
            assert!(text.parse::<HourRange>().is_err(), "'{text}'");
        }
    }

    #[test]
    fn the_last_hours_do_not_include_one_that_is_not_over() {
        let hours = HourRange::last(3).unwrap();
        let now = ArchiveHour::containing(Timestamp::now()).unwrap();
        assert!(!hours.contain(now.plus(1)));
        assert!(hours.contain(hours.from) && hours.contain(hours.from.plus(2)));
        assert!(!hours.contain(hours.from.minus(1).unwrap()));
    }

    #[test]
    fn a_republished_file_stands_in_for_its_hour() {
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
