//! The output folder: unfinished files stay hidden, and a finished hour is published in one step.
//!
//! A run writes to its own hidden folder (`.ghactivity-…`) in the output folder, where readers do not look. A finished hour is
//! moved out as a whole folder. If an earlier version exists, one system call exchanges the two, then the earlier one is
//! deleted: a reader sees one version or the other, never a mixture. Quarantine is published first, then the rows.
//!
//! A killed run leaves its hidden folder unlocked; the next run in the same output folder deletes it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use pipeline::{ArchiveHour, keys};

use crate::error::FileError;
use crate::usage::ConvertUsageError;

const PREFIX: &str = ".ghactivity-";

/// A younger hidden folder may belong to a run that has not locked it yet.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(10);

/// The hidden folder of this run.
pub(crate) struct Staging {
    out: PathBuf,
    root: PathBuf,
    /// Held while a file is created, moved or deleted, and after [`Staging::clean_up`] until the process ends.
    changes: Mutex<()>,
    /// Locked while the run is alive.
    _lock: File,
}

/// The folders of an unfinished hour.
pub(crate) struct StagedHour {
    pub(crate) hour: ArchiveHour,
    pub(crate) parquet: PathBuf,
    pub(crate) quarantine: PathBuf,
    /// For files that are not published.
    pub(crate) scratch: PathBuf,
}

impl Staging {
    /// Creates the output folder, if needed, and the hidden folder in it.
    pub(crate) fn new(out: &Path) -> Result<Self, ConvertUsageError> {
        let failed = |source| ConvertUsageError::Out { path: out.to_owned(), source };
        if out.exists() && !out.is_dir() {
            return Err(failed(io::Error::new(io::ErrorKind::NotADirectory, "is a file, not a folder")));
        }
        fs::create_dir_all(out).map_err(failed)?;
        delete_left_behind(out).map_err(failed)?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(out);
        let folder = folder.map_err(|error| failed(cause(error)))?.keep();
        // Relative to the output folder as the user named it, for error messages.
        let root = out.join(folder.file_name().unwrap_or_default());
        let lock = File::open(&root).map_err(failed)?;
        // Some network file systems have no locks. There, no folder counts as left by a killed run, so none is deleted.
        let _ = lock.lock();
        Ok(Self { out: out.to_owned(), root, changes: Mutex::new(()), _lock: lock })
    }

    /// Creates the folders of an hour.
    pub(crate) fn begin(&self, hour: ArchiveHour) -> Result<StagedHour, FileError> {
        let folder = self.root.join(hour.to_string());
        let staged = StagedHour {
            hour,
            parquet: folder.join("parquet"),
            quarantine: folder.join("quarantine"),
            scratch: folder.join("scratch"),
        };
        let _change = self.change();
        for path in [&staged.parquet, &staged.quarantine, &staged.scratch] {
            fs::create_dir_all(path).map_err(|source| FileError::Output { path: path.clone(), source })?;
        }
        Ok(staged)
    }

    /// Creates a file of an unfinished hour.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        let _change = self.change();
        File::create_new(path)
    }

    /// Publishes a finished hour, and replaces an earlier version of it.
    pub(crate) fn publish(&self, staged: &StagedHour) -> Result<(), FileError> {
        let hour = staged.hour;
        let is_bad_records = |name: &str| {
            Path::new(name).extension().is_some_and(|end| end == "jsonl")
                && name.len() == keys::quarantine_name(0).len()
        };
        let is_rows = |name: &str| name.starts_with(&format!("part-{hour}-")) && name.ends_with(".parquet");
        let _change = self.change();
        let (quarantine, rows) = (self.out.join("quarantine").join(hour.to_string()), self.folder(hour));
        // Both targets are checked before either folder is moved.
        make_room(&staged.quarantine, &quarantine)?;
        make_room(&staged.parquet, &rows)?;
        replace(&staged.quarantine, &quarantine, is_bad_records)?;
        replace(&staged.parquet, &rows, is_rows)
    }

    /// Deletes an unfinished hour.
    pub(crate) fn discard(&self, hour: ArchiveHour) {
        let _change = self.change();
        let _ = fs::remove_dir_all(self.root.join(hour.to_string()));
    }

    /// The folder of the rows of an hour.
    pub(crate) fn folder(&self, hour: ArchiveHour) -> PathBuf {
        self.out.join(keys::partition_folder(hour))
    }

    /// Deletes all unfinished files. While the guard is held, threads that create or move files wait.
    pub(crate) fn clean_up(&self) -> MutexGuard<'_, ()> {
        let change = self.change();
        let _ = fs::remove_dir_all(&self.root);
        change
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Deletes the hidden folders of killed runs.
fn delete_left_behind(out: &Path) -> io::Result<()> {
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let age = entry.metadata()?.modified().map(|modified| SystemTime::now().duration_since(modified));
        let is_new = age.is_ok_and(|age| age.is_ok_and(|age| age < LEFT_BEHIND_AFTER));
        if !is_new && File::open(entry.path())?.try_lock().is_ok() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Creates the parent of `place`, unless `new` is empty.
fn make_room(new: &Path, place: &Path) -> Result<(), FileError> {
    let failed = |source| FileError::Output { path: place.to_owned(), source };
    if fs::symlink_metadata(place).is_ok() {
        let taken = || failed(io::Error::new(io::ErrorKind::NotADirectory, "is a file, not a folder"));
        return if place.is_dir() { Ok(()) } else { Err(taken()) };
    }
    if is_empty(new).map_err(failed)? {
        return Ok(());
    }
    fs::create_dir_all(place.parent().unwrap_or(place)).map_err(failed)
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

/// Moves the folder `new` to `place`. Files in an earlier folder are deleted if `ours` accepts their names, and kept otherwise.
fn replace(new: &Path, place: &Path, ours: impl Fn(&str) -> bool) -> Result<(), FileError> {
    let failed = |source| FileError::Output { path: place.to_owned(), source };
    let is_empty = is_empty(new).map_err(failed)?;
    if fs::symlink_metadata(place).is_err() {
        return if is_empty { Ok(()) } else { fs::rename(new, place).map_err(failed) };
    }
    exchange(new, place).map_err(failed)?;
    // The earlier folder is now where the new one was.
    for entry in fs::read_dir(new).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if !ours(&name.to_string_lossy()) {
            fs::rename(entry.path(), place.join(&name)).map_err(failed)?;
        }
    }
    fs::remove_dir_all(new).map_err(failed)?;
    if is_empty {
        // Fails if files of others are in it, which is intended.
        let _ = fs::remove_dir(place);
    }
    Ok(())
}

/// Exchanges two folders, in one step where the file system supports it.
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            result => return Ok(result?),
        }
    }
    let aside = a.with_extension("aside");
    fs::rename(b, &aside)?;
    if let Err(error) = fs::rename(a, b) {
        fs::rename(&aside, b)?;
        return Err(error);
    }
    fs::rename(&aside, a)
}

/// The error of the system, without the path that `tempfile` adds.
fn cause(error: io::Error) -> io::Error {
    io::Error::from(error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour() -> ArchiveHour {
        "2025-11-21-0".parse().unwrap()
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                files.extend(self::files(&path).iter().map(|below| format!("{name}/{below}")));
            } else {
                files.push(format!("{name}: {}", fs::read_to_string(&path).unwrap()));
            }
        }
        files.sort();
        files
    }

    fn publish(out: &Path, parts: &[u32], text: &str) {
        let staging = Staging::new(out).unwrap();
        let staged = staging.begin(hour()).unwrap();
        for part in parts {
            fs::write(staged.parquet.join(keys::parquet_name(hour(), *part, None)), text).unwrap();
            fs::write(staged.quarantine.join(keys::quarantine_name(*part)), text).unwrap();
        }
        staging.publish(&staged).unwrap();
    }

    const FOLDER: &str = "year=2025/month=11/dayofmonth=21/hour=00";

    #[test]
    fn hour_replaces_only_its_earlier_version() {
        let out = tempfile::tempdir().unwrap();
        publish(out.path(), &[0, 1, 2], "old");
        fs::write(out.path().join(FOLDER).join("notes.txt"), "mine").unwrap();
        publish(out.path(), &[0], "new");
        let part = format!("{FOLDER}/part-2025-11-21-0-00000.parquet: new");
        let notes = format!("{FOLDER}/notes.txt: mine");
        assert_eq!(files(out.path()), ["quarantine/2025-11-21-0/00000.jsonl: new", &notes, &part]);
        publish(out.path(), &[], "");
        assert_eq!(files(out.path()), [notes], "an hour without rows");
        assert!(!out.path().join("quarantine/2025-11-21-0").exists());
    }

    #[test]
    fn only_folders_of_killed_runs_are_deleted() {
        let out = tempfile::tempdir().unwrap();
        let running = Staging::new(out.path()).unwrap();
        let left = out.path().join(".ghactivity-left");
        fs::create_dir(&left).unwrap();
        let now = SystemTime::now();
        for (age, expected) in [(Duration::ZERO, true), (LEFT_BEHIND_AFTER * 2, false)] {
            for folder in [&left, &running.root] {
                File::open(folder).unwrap().set_modified(now - age).unwrap();
            }
            drop(Staging::new(out.path()).unwrap());
            assert_eq!(left.exists(), expected, "{age:?} old");
            assert!(running.root.exists());
        }
    }

    #[test]
    fn clean_up_stops_every_thread() {
        let out = tempfile::tempdir().unwrap();
        let staging = Staging::new(out.path()).unwrap();
        let staged = staging.begin(hour()).unwrap();
        staging.create(&staged.parquet.join("part")).unwrap();
        let held = staging.clean_up();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| staging.create(&staged.parquet.join("other")));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished() && fs::read_dir(out.path()).unwrap().count() == 0);
            drop(held);
            assert!(waiting.join().unwrap().is_err(), "its folder is gone");
        });
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }
}
