//! The output folder: what is unfinished stays apart, and a finished hour takes its place in one step.
//!
//! A run works in a hidden folder of its own in the output folder (`.ghactivity-…`), where no reader looks for Parquet
//! files. A finished hour's folder is moved to where it belongs as a whole. If there is one of an earlier run already, the
//! two change places in one system call and the earlier one is deleted: a reader sees the one or the other, never a
//! mixture, whatever options they were made with. The quarantine folder goes first; then, with the rows, the hour is there.
//!
//! A run that was killed leaves its hidden folder behind, not locked any more; the next run in the same output folder
//! deletes it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use pipeline::{ArchiveHour, keys};

use crate::error::FileError;
use crate::usage::ConvertUsageError;

const PREFIX: &str = ".ghactivity-";

/// A hidden folder younger than this may be one that its run has not locked yet.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(10);

/// The hidden folder of this run.
pub(crate) struct Staging {
    out: PathBuf,
    root: PathBuf,
    /// Held by whoever makes, moves or deletes a file, and for good once nothing of that may happen any more.
    changes: Mutex<()>,
    /// Its lock says that the run goes on.
    _lock: File,
}

/// The folders of an hour in the making.
pub(crate) struct StagedHour {
    pub(crate) hour: ArchiveHour,
    pub(crate) parquet: PathBuf,
    pub(crate) quarantine: PathBuf,
    /// For files that are not to stay.
    pub(crate) scratch: PathBuf,
}

impl Staging {
    /// Makes the output folder, if it is not there, and the hidden one in it.
    pub(crate) fn new(out: &Path) -> Result<Self, ConvertUsageError> {
        let failed = |source| ConvertUsageError::Out { path: out.to_owned(), source };
        if out.exists() && !out.is_dir() {
            return Err(failed(io::Error::new(io::ErrorKind::NotADirectory, "it is a file, not a folder")));
        }
        fs::create_dir_all(out).map_err(failed)?;
        delete_left_behind(out).map_err(failed)?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(out);
        let folder = folder.map_err(|error| failed(cause(error)))?.keep();
        // Named as the output folder is: not by an absolute path.
        let root = out.join(folder.file_name().unwrap_or_default());
        let lock = File::open(&root).map_err(failed)?;
        // Some network file systems have no locks. There nothing looks left behind, and so nothing is deleted.
        let _ = lock.lock();
        Ok(Self { out: out.to_owned(), root, changes: Mutex::new(()), _lock: lock })
    }

    /// Makes the folders of an hour.
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

    /// Makes a file in an hour's folders.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        let _change = self.change();
        File::create_new(path)
    }

    /// Puts a finished hour in its place, where it replaces what is there of it.
    pub(crate) fn publish(&self, staged: &StagedHour) -> Result<(), FileError> {
        let hour = staged.hour;
        let is_bad_records = |name: &str| name.len() == keys::quarantine_name(0).len() && name.ends_with(".jsonl");
        let is_rows = |name: &str| name.starts_with(&format!("part-{hour}-")) && name.ends_with(".parquet");
        let _change = self.change();
        let (quarantine, rows) = (self.out.join("quarantine").join(hour.to_string()), self.folder(hour));
        // What can fail of one is looked for before the other is moved.
        make_room(&staged.quarantine, &quarantine)?;
        make_room(&staged.parquet, &rows)?;
        replace(&staged.quarantine, &quarantine, is_bad_records)?;
        replace(&staged.parquet, &rows, is_rows)
    }

    /// Forgets an hour in the making.
    pub(crate) fn discard(&self, hour: ArchiveHour) {
        let _change = self.change();
        let _ = fs::remove_dir_all(self.root.join(hour.to_string()));
    }

    /// Where an hour's rows go.
    pub(crate) fn folder(&self, hour: ArchiveHour) -> PathBuf {
        self.out.join(keys::partition_folder(hour))
    }

    /// Deletes what is unfinished. As long as the answer is held, nothing is made or moved: whoever wants to, waits.
    pub(crate) fn put_away(&self) -> MutexGuard<'_, ()> {
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

/// Deletes the hidden folders of runs that were killed.
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

/// Makes the folder that `place` is in, unless nothing of `new` is going there.
fn make_room(new: &Path, place: &Path) -> Result<(), FileError> {
    let failed = |source| FileError::Output { path: place.to_owned(), source };
    if fs::symlink_metadata(place).is_ok() {
        let taken = || failed(io::Error::new(io::ErrorKind::NotADirectory, "it is a file, not a folder"));
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

/// Moves the folder `new` to `place`, for which there is room. What is `ours` of a folder that is there already goes;
/// everything else in it stays.
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
        // It holds nothing, unless somebody else's files were in it.
        let _ = fs::remove_dir(place);
    }
    Ok(())
}

/// Lets two folders change places, in one step where the system can.
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

/// The system's own error, without the path that `tempfile` adds.
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
    fn an_hour_replaces_all_of_the_earlier_one_and_nothing_else() {
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
    fn what_a_killed_run_left_goes_and_what_a_running_one_has_stays() {
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
    fn after_a_stop_nothing_is_made_and_nothing_is_left() {
        let out = tempfile::tempdir().unwrap();
        let staging = Staging::new(out.path()).unwrap();
        let staged = staging.begin(hour()).unwrap();
        staging.create(&staged.parquet.join("part")).unwrap();
        let held = staging.put_away();
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
