//! The checks before readers see an hour.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::{LedgerItem, Publication, SourceFile};
use crate::plan::HourPlan;
use crate::receipt::{ChunkReceipt, HourTotals};
use crate::version::VersionError;
use crate::{ArchiveHour, Version, keys};

/// The objects in an hour's folder differ from the receipts of its chunks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    #[error("object {key} of hour {hour} does not exist: its receipt has {bytes} bytes")]
    Absent { hour: ArchiveHour, key: String, bytes: u64 },
    #[error("object {key} of hour {hour} has {found} bytes: its receipt has {bytes}")]
    Length { hour: ArchiveHour, key: String, found: u64, bytes: u64 },
    /// Readers would see an object that no chunk wrote.
    #[error("object {key} is in the folder of hour {hour}, but no receipt names it")]
    Unnamed { hour: ArchiveHour, key: String },
}

/// The new version has fewer rows than the published one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "hour {hour}: version {version} has {rows} rows, fewer than the {published_rows} of version {published} it would replace"
)]
pub struct ShrinkError {
    pub hour: ArchiveHour,
    /// The new version.
    pub version: Version,
    pub rows: u64,
    /// The version that readers see.
    pub published: Version,
    pub published_rows: u64,
}

/// The version of a rollback was never published, or its objects are deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hour {hour} cannot be rolled back: {reason}")]
pub struct NotKeptError {
    pub hour: ArchiveHour,
    pub reason: String,
}

/// Another run published another version after this run started. It is unknown which bytes are newer, so the run must read
/// the source again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hour {hour}: another run published version {published} after this run started with version {version}")]
pub struct OvertakenError {
    pub hour: ArchiveHour,
    /// The version of this run.
    pub version: Version,
    /// The version of the other run.
    pub published: Version,
}

/// The execution that publishes.
#[derive(Clone, Copy, Debug)]
pub struct ExecutionRef<'a> {
    pub execution_arn: &'a str,
    pub started_at: Timestamp,
}

/// Fails if another execution published another version after this one started.
pub fn check_overtaken(
    hour: ArchiveHour,
    version: Version,
    run: &ExecutionRef<'_>,
    existing: Option<&LedgerItem>,
) -> Result<(), OvertakenError> {
    let Some(item) = existing else { return Ok(()) };
    let Some(published) = item.publication.as_ref().map(|published| published.version) else { return Ok(()) };
    let since_began = item.published_at.is_some_and(|at| at > run.started_at);
    // An execution can replace its own version: after a redrive, or after a lost reply.
    let by_another = item.execution_arn != run.execution_arn;
    if published != version && since_began && by_another {
        return Err(OvertakenError { hour, version, published });
    }
    Ok(())
}

/// Checks that the folder of a version holds exactly the objects of its receipts, with the same lengths. `listed` has the
/// keys and lengths of the folder's objects.
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

/// Fails if the publication has fewer rows than the version that it replaces. The same version replaces nothing.
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

/// The target of a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RollBackTo {
    /// The version before the published one, written `previous`.
    Previous,
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

/// The version to roll back to, and its source. If the execution already rolled the hour back, this is the published version,
/// so a second call changes nothing.
///
/// # Errors
/// [`NotKeptError`] if the ledger does not list such a version.
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
            let kept: Vec<_> = item.previous_versions.iter().map(|previous| previous.version.to_string()).collect();
            let kept = if kept.is_empty() { "none".to_owned() } else { kept.join(", ") };
            Err(not_kept(format!("version {version} is not among the earlier versions ({kept})")))
        }
    }
}

/// The publication of a plan in `bucket`. `totals` is the sum of its receipts.
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
    use crate::receipt::{ChunkObject, RecordCounts};

    fn receipt(chunk: u32, parquet: Option<(&str, u64)>) -> ChunkReceipt {
        ChunkReceipt {
            hour: ArchiveHour::FIRST,
            version: "0123456789ab".parse().unwrap(),
            chunk,
            counts: RecordCounts::default(),
            types: BTreeMap::new(),
            parquet: parquet.map(|(key, bytes)| ChunkObject { key: key.to_owned(), bytes }),
            quarantine: None,
        }
    }

    #[test]
    fn check_objects_needs_exactly_the_named_objects() {
        let hour = ArchiveHour::FIRST;
        let receipts = [receipt(0, Some(("a", 1))), receipt(1, None), receipt(2, Some(("b", 2)))];
        for (phrase, listed, expected) in [
            ("all present", vec![("a", 1), ("b", 2)], Ok(())),
            ("one missing", vec![("a", 1)], Err(ObjectError::Absent { hour, key: "b".into(), bytes: 2 })),
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
    fn check_overtaken_fails_for_newer_publication() {
        let item = published(10, BTreeMap::new());
        let at = item.published_at.unwrap();
        let (same, other) = (item.publication.as_ref().unwrap().version, "ffffffffffff".parse().unwrap());
        let second = jiff::SignedDuration::from_secs(1);
        for (phrase, version, execution_arn, started_at, existing, overtaken) in [
            ("started before", other, "arn:b", at - second, Some(&item), true),
            ("started after", other, "arn:b", at + second, Some(&item), false),
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
    fn check_shrink_fails_for_fewer_rows() {
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
            ("the first one after failures", other(1), Some(&unpublished), false),
            ("the same version again", same.clone(), Some(&item), false),
            ("as many rows", other(10), Some(&item), false),
            ("more rows", other(11), Some(&item), false),
            ("one row less", other(9), Some(&item), true),
        ] {
            assert_eq!(check_shrink(ArchiveHour::FIRST, &publication, existing).is_err(), refused, "{phrase}");
        }
    }

    #[test]
    fn roll_back_finds_a_kept_version() {
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
            ("a second call", "previous", Some(&done), Some("0123456789ab")),
            ("one that was never published", "cccccccccccc", Some(&item), None),
            ("none before", "previous", Some(&first), None),
            ("not published", "previous", Some(&unpublished), None),
            ("never run", "previous", None, None),
        ] {
            let rolled = roll_back(ArchiveHour::FIRST, to.parse().unwrap(), &run, existing);
            assert_eq!(rolled.ok().map(|(version, _)| version.to_string()).as_deref(), found, "{phrase}");
        }
        let other = ExecutionRef { execution_arn: "arn:other", ..run };
        let again = roll_back(ArchiveHour::FIRST, RollBackTo::Previous, &other, Some(&done)).unwrap();
        assert_eq!(
            (again.0.to_string().as_str(), again.1.url.as_str()),
            ("bbbbbbbbbbbb", "bbbbbbbbbbbb"),
            "another rollback"
        );
        assert!("latest".parse::<RollBackTo>().is_err());
    }
}
