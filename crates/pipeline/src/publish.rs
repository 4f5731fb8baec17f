//! What has to hold before readers see an hour.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::{LedgerItem, Publication, SourceFile};
use crate::plan::HourPlan;
use crate::receipt::{ChunkReceipt, HourTotals};
use crate::version::VersionError;
use crate::{ArchiveHour, Version, keys};

/// What stands in an hour's folder does not agree with what its chunks say they wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// A chunk's object is gone.
    #[error("object {key} of hour {hour} does not exist: its receipt says {bytes} bytes")]
    Absent {
        /// The hour.
        hour: ArchiveHour,
        /// The object.
        key: String,
        /// Its length by the receipt.
        bytes: u64,
    },
    /// A chunk's object has another length.
    #[error("object {key} of hour {hour} has {found} bytes: its receipt says {bytes}")]
    Length {
        /// The hour.
        hour: ArchiveHour,
        /// The object.
        key: String,
        /// Its length.
        found: u64,
        /// Its length by the receipt.
        bytes: u64,
    },
    /// Readers would see an object that no chunk wrote.
    #[error("object {key} lies in the folder of hour {hour}, but no receipt names it")]
    Unnamed {
        /// The hour.
        hour: ArchiveHour,
        /// The object.
        key: String,
    },
}

/// A version with fewer rows would replace one with more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "hour {hour}: version {version} has {rows} rows, fewer than the {published_rows} of version {published} it would replace"
)]
pub struct ShrinkError {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version that was to be published.
    pub version: Version,
    /// Its rows.
    pub rows: u64,
    /// The version that is published.
    pub published: Version,
    /// Its rows.
    pub published_rows: u64,
}

/// An hour cannot be rolled back: a version was never published, or its objects are gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hour {hour} cannot be rolled back: {reason}")]
pub struct NotKeptError {
    /// The hour.
    pub hour: ArchiveHour,
    /// Why not.
    pub reason: String,
}

/// While a run was at work, another one published another version. Which bytes are the newer ones is not known: the run
/// has to look at the source again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hour {hour}: version {published} was published by another run since this one began with version {version}")]
pub struct OvertakenError {
    /// The hour.
    pub hour: ArchiveHour,
    /// This run's version.
    pub version: Version,
    /// The other's.
    pub published: Version,
}

/// The run that is about to publish.
#[derive(Clone, Copy, Debug)]
pub struct ExecutionRef<'a> {
    /// Its execution.
    pub execution_arn: &'a str,
    /// When the execution began.
    pub started_at: Timestamp,
}

/// Refuses a version that is older than the one that readers see, as far as can be told.
pub fn check_overtaken(
    hour: ArchiveHour,
    version: Version,
    run: &ExecutionRef<'_>,
    existing: Option<&LedgerItem>,
) -> Result<(), OvertakenError> {
    let Some(item) = existing else { return Ok(()) };
    let Some(published) = item.publication.as_ref().map(|published| published.version) else { return Ok(()) };
    let since_began = item.published_at.is_some_and(|at| at > run.started_at);
    // A run that was published, redriven or run again after a lost answer, replaces its own version if any.
    let by_another = item.execution_arn != run.execution_arn;
    if published != version && since_began && by_another {
        return Err(OvertakenError { hour, version, published });
    }
    Ok(())
}

/// Checks that the folder of a version holds the objects its receipts name, each as long as they say, and no other.
/// `listed` is what lies there: keys and lengths.
pub fn check_objects(
    hour: ArchiveHour,
    receipts: &[ChunkReceipt],
    listed: &BTreeMap<String, u64>,
) -> Result<(), ObjectError> {
    let named: BTreeMap<&str, u64> = receipts
        .iter()
        .filter_map(|receipt| receipt.parquet.as_ref())
        .map(|named| (named.key.as_str(), named.bytes))
        .collect();
    for (&key, &bytes) in &named {
        match listed.get(key) {
            None => return Err(ObjectError::Absent { hour, key: key.to_owned(), bytes }),
            Some(&found) if found != bytes => {
                return Err(ObjectError::Length { hour, key: key.to_owned(), found, bytes });
            }
            Some(_) => {}
        }
    }
    match listed.keys().find(|key| !named.contains_key(key.as_str())) {
        Some(key) => Err(ObjectError::Unnamed { hour, key: key.clone() }),
        None => Ok(()),
    }
}

/// Refuses a publication with fewer rows than the version that it would replace. Publishing a version again replaces none.
pub fn check_shrink(
    hour: ArchiveHour,
    publication: &Publication,
    existing: Option<&LedgerItem>,
) -> Result<(), ShrinkError> {
    let Some(published) = existing.and_then(|item| item.publication.as_ref()) else { return Ok(()) };
    let (rows, published_rows) = (publication.counts.rows, published.counts.rows);
    if published.version == publication.version || rows >= published_rows {
        return Ok(());
    }
    Err(ShrinkError { hour, version: publication.version, rows, published: published.version, published_rows })
}

/// Which version an hour is rolled back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RollBackTo {
    /// The one that readers saw before the one they see: `previous`.
    Previous,
    /// This one.
    Version(Version),
}

impl FromStr for RollBackTo {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text == PREVIOUS { Ok(Self::Previous) } else { text.parse().map(Self::Version) }
    }
}

impl TryFrom<String> for RollBackTo {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<RollBackTo> for String {
    fn from(to: RollBackTo) -> Self {
        match to {
            RollBackTo::Previous => PREVIOUS.to_owned(),
            RollBackTo::Version(version) => version.to_string(),
        }
    }
}

const PREVIOUS: &str = "previous";

/// The version that an hour is rolled back to, and where it came from. A run that has done so already is answered with what
/// readers then see, so that it does not roll back once more.
///
/// # Errors
/// [`NotKeptError`] if readers never saw such a version, or so long ago that nothing of it is remembered.
pub fn roll_back(
    hour: ArchiveHour,
    to: RollBackTo,
    run: &ExecutionRef<'_>,
    existing: Option<&LedgerItem>,
) -> Result<(Version, SourceFile), NotKeptError> {
    let not_kept = |reason: String| NotKeptError { hour, reason };
    let visible = existing.and_then(|item| Some((item, item.publication.as_ref()?)));
    let Some((item, visible)) = visible else { return Err(not_kept("it is not published".to_owned())) };
    let is_done = match to {
        RollBackTo::Previous => item.rolled_back_from.is_some() && item.execution_arn == run.execution_arn,
        RollBackTo::Version(version) => version == visible.version,
    };
    if is_done {
        return Ok((visible.version, visible.source.clone()));
    }
    let mut previous = item.previous_versions.iter();
    let found = match to {
        RollBackTo::Previous => previous.next(),
        RollBackTo::Version(version) => previous.find(|previous| previous.version == version),
    };
    match (found, to) {
        (Some(previous), _) => Ok((previous.version, previous.source.clone())),
        (None, RollBackTo::Previous) => Err(not_kept("it has no version before the published one".to_owned())),
        (None, RollBackTo::Version(version)) => {
            let known: Vec<_> = item.previous_versions.iter().map(|previous| previous.version.to_string()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(not_kept(format!("version {version} is not one of those before the published one ({known})")))
        }
    }
}

/// The publication of a plan whose receipts add up to `totals`, in `bucket`.
pub fn publication(plan: &HourPlan, totals: HourTotals, source: SourceFile, bucket: &str) -> Publication {
    Publication {
        version: plan.version,
        partition_location: format!("s3://{bucket}/{}", keys::parquet_prefix(plan.hour, plan.version)),
        source,
        landing_etag: plan.landing.etag.clone(),
        landing_md5: plan.landing.md5.clone(),
        landing_bytes: plan.landing.bytes,
        counts: totals.counts,
        chunks: totals.chunks,
        parquet_bytes: totals.parquet_bytes,
        types: totals.types,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::PreviousVersion;
    use crate::ledger::tests::published;
    use crate::receipt::{RecordCounts, StoredObject};

    fn receipt(chunk: u32, parquet: Option<(&str, u64)>) -> ChunkReceipt {
        ChunkReceipt {
            hour: ArchiveHour::FIRST,
            version: "0123456789ab".parse().unwrap(),
            chunk,
            counts: RecordCounts::default(),
            types: BTreeMap::new(),
            parquet: parquet.map(|(key, bytes)| StoredObject { key: key.to_owned(), bytes }),
            quarantine: None,
        }
    }

    #[test]
    fn a_folder_holds_what_its_receipts_name_and_nothing_else() {
        let hour = ArchiveHour::FIRST;
        let receipts = [receipt(0, Some(("a", 1))), receipt(1, None), receipt(2, Some(("b", 2)))];
        for (phrase, listed, expected) in [
            ("all there", vec![("a", 1), ("b", 2)], Ok(())),
            ("one gone", vec![("a", 1)], Err(ObjectError::Absent { hour, key: "b".into(), bytes: 2 })),
            (
                "one cut",
                vec![("a", 1), ("b", 1)],
                Err(ObjectError::Length { hour, key: "b".into(), found: 1, bytes: 2 }),
            ),
            ("one too many", vec![("a", 1), ("b", 2), ("c", 3)], Err(ObjectError::Unnamed { hour, key: "c".into() })),
        ] {
            let listed = listed.into_iter().map(|(key, bytes)| (key.to_owned(), bytes)).collect();
            assert_eq!(check_objects(hour, &receipts, &listed), expected, "{phrase}");
        }
        assert_eq!(check_objects(hour, &[], &BTreeMap::new()), Ok(()), "an hour without a row");
    }

    #[test]
    fn a_run_is_overtaken_by_another_version_that_another_run_published_since_it_began() {
        let item = published(10, BTreeMap::new());
        let at = item.published_at.unwrap();
        let (same, other) = (item.publication.as_ref().unwrap().version, "ffffffffffff".parse().unwrap());
        let second = jiff::SignedDuration::from_secs(1);
        for (phrase, version, execution_arn, started_at, existing, overtaken) in [
            ("began before", other, "arn:b", at - second, Some(&item), true),
            ("began after", other, "arn:b", at + second, Some(&item), false),
            ("the same version", same, "arn:b", at - second, Some(&item), false),
            ("its own publication", other, "arn:a", at - second, Some(&item), false),
            ("nothing published", other, "arn:b", at - second, None, false),
        ] {
            let checked =
                check_overtaken(ArchiveHour::FIRST, version, &ExecutionRef { execution_arn, started_at }, existing);
            assert_eq!(checked.is_err(), overtaken, "{phrase}");
        }
    }

    #[test]
    fn an_hour_shrinks_only_if_another_version_has_fewer_rows() {
        let item = published(10, BTreeMap::new());
        let same = item.publication.clone().unwrap();
        let other = |rows| {
            let mut publication = same.clone();
            publication.version = "ffffffffffff".parse().unwrap();
            publication.counts.rows = rows;
            publication
        };
        let mut unpublished = item.clone();
        unpublished.publication = None;
        for (phrase, publication, existing, refused) in [
            ("the first publication", other(1), None, false),
            ("after failures alone", other(1), Some(&unpublished), false),
            ("the same version again", same.clone(), Some(&item), false),
            ("as many rows", other(10), Some(&item), false),
            ("more rows", other(11), Some(&item), false),
            ("one row less", other(9), Some(&item), true),
        ] {
            assert_eq!(check_shrink(ArchiveHour::FIRST, &publication, existing).is_err(), refused, "{phrase}");
        }
    }

    #[test]
    fn an_hour_is_rolled_back_to_a_version_that_readers_saw() {
        let mut item = published(10, BTreeMap::new());
        let current = item.publication.clone().unwrap();
        let before = |version: &str| PreviousVersion {
            version: version.parse().unwrap(),
            source: SourceFile { url: version.to_owned(), ..current.source.clone() },
            rows: 9,
        };
        item.previous_versions = vec![before("bbbbbbbbbbbb"), before("aaaaaaaaaaaa")];
        let mut done = item.clone();
        (done.rolled_back_from, done.execution_arn) = (Some("bbbbbbbbbbbb".parse().unwrap()), "arn:me".to_owned());
        let (mut first, mut unpublished) = (item.clone(), item.clone());
        first.previous_versions.clear();
        unpublished.publication = None;
        let run = ExecutionRef { execution_arn: "arn:me", started_at: Timestamp::UNIX_EPOCH };
        for (phrase, to, existing, found) in [
            ("the one before", "previous", Some(&item), Some("bbbbbbbbbbbb")),
            ("an older one", "aaaaaaaaaaaa", Some(&item), Some("aaaaaaaaaaaa")),
            ("the current one", "0123456789ab", Some(&item), Some("0123456789ab")),
            ("run again after it was done", "previous", Some(&done), Some("0123456789ab")),
            ("one that was never there", "cccccccccccc", Some(&item), None),
            ("none before", "previous", Some(&first), None),
            ("not published", "previous", Some(&unpublished), None),
            ("never run", "previous", None, None),
        ] {
            let rolled = roll_back(ArchiveHour::FIRST, to.parse().unwrap(), &run, existing);
            assert_eq!(rolled.ok().map(|(version, _)| version.to_string()).as_deref(), found, "{phrase}");
        }
        let other = ExecutionRef { execution_arn: "arn:other", ..run };
        let again = roll_back(ArchiveHour::FIRST, RollBackTo::Previous, &other, Some(&done)).unwrap();
        assert_eq!((again.0.to_string().as_str(), again.1.url.as_str()), ("bbbbbbbbbbbb", "bbbbbbbbbbbb"), "and back");
        assert!("latest".parse::<RollBackTo>().is_err());
    }
}
