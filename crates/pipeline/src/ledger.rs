//! The items of the DynamoDB tables: the ledger of hours, the jobs with their bookmarks, the run history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::receipt::RecordCounts;
use crate::{ArchiveHour, Version};

pub mod record;

/// The state of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HourStatus {
    /// The file is in the bucket; readers do not see it yet.
    Landed,
    /// Readers see the hour.
    Published,
    /// The source returned 404 and may publish the hour later.
    NotPublished,
    /// The source returned 404, and the hour is old or a known gap.
    Missing,
    /// The last run failed.
    Failed,
}

impl HourStatus {
    /// The text in the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::Published => "published",
            Self::NotPublished => "not_published",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }

    /// Whether the bookmark may move past the hour.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Published | Self::Missing)
    }
}

/// The comparison of a published hour with the same hour of the days before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The usual number of rows and mix of types.
    Complete,
    /// Far fewer rows, or another mix of types.
    Degraded,
    /// Almost no rows.
    Tiny,
}

impl Verdict {
    /// The text in the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Degraded => "degraded",
            Self::Tiny => "tiny",
        }
    }
}

/// The file of an hour as the archive served it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    pub url: String,
    /// The `ETag` header, quotes included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// A version of an hour that readers see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    pub version: Version,
    /// The location of the Glue partition: an `s3://` address with a trailing slash.
    pub partition_location: String,
    pub source: SourceFile,
    /// The ETag of the landing object, quotes included.
    pub landing_etag: String,
    /// MD5 of the landing bytes in lower-case hex.
    pub landing_md5: String,
    pub landing_bytes: u64,
    pub counts: RecordCounts,
    pub chunks: u32,
    /// The sum over all Parquet objects.
    pub parquet_bytes: u64,
    /// Rows by event type.
    pub types: BTreeMap<String, u64>,
}

/// A version of an hour that readers saw before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousVersion {
    pub version: Version,
    pub source: SourceFile,
    pub rows: u64,
}

/// The error of a run, as the state machine received it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourFailure {
    /// The error name, for example `CorruptArchive`.
    pub name: String,
    /// At most [`HourFailure::MAX_MESSAGE`] bytes.
    pub message: String,
}

impl HourFailure {
    /// In bytes.
    pub const MAX_MESSAGE: usize = 1024;
}

/// The ledger item of an hour (table `archive_hours`: PK `archive`, SK `hour`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerItem {
    /// Always [`crate::keys::ARCHIVE`].
    pub archive: String,
    /// [`ArchiveHour::ledger_key`].
    pub hour: String,
    /// A published hour stays published; a later failure is stored in `last_error`.
    pub status: HourStatus,
    /// Incremented with every change. Each write is conditional on the revision that it was based on.
    pub revision: u64,
    /// The version that readers see, flattened into the item; absent unless published.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub publication: Option<Publication>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Earlier versions, newest first: those that are kept, and at most one more whose objects are being deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_versions: Vec<PreviousVersion>,
    /// The version of the source's file while readers see an older one after a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_from: Option<Version>,
    /// Failed runs since the hour was last published.
    #[serde(default)]
    pub failed_attempts: u32,
    /// next-file returns an unpublished hour again from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// The error of the last run, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<HourFailure>,
    /// The execution that wrote the item's current state.
    pub execution_arn: String,
    /// The time when the current version was first published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl LedgerItem {
    /// The version that readers see, then the earlier ones.
    pub fn versions(&self) -> impl Iterator<Item = Version> {
        let visible = self.publication.iter().map(|publication| publication.version);
        visible.chain(self.previous_versions.iter().map(|previous| previous.version))
    }
}

/// The fields of a ledger item that decide which hours are due and how far the bookmark moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSummary {
    pub hour: ArchiveHour,
    pub status: HourStatus,
    pub revision: u64,
    pub next_attempt_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

/// The item of a job (table `jobs`: PK `job_id`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobItem {
    /// For example `ghactivity_ingest`.
    pub job_id: String,
    pub job_description: String,
    /// The job's range began this many days before its first run.
    pub baseline_days: u32,
    /// The first hour of the job's range.
    pub first_hour: ArchiveHour,
    /// Absent until the first hour is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_run_bookmark_details: Option<BookmarkDetails>,
}

/// The bookmark: the newest hour up to which every hour is published or missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookmarkDetails {
    /// For example `2025-11-21-0.json.gz`.
    pub last_run_file_name: String,
    /// 200 for a published hour, 404 for a missing one.
    pub status_code: u16,
}

/// A run of a job over one hour (table `job_run_details`: PK `job_id`, SK `job_run_time`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunItem {
    pub job_id: String,
    /// The start of the execution in milliseconds since 1970, as decimal text. A fraction distinguishes executions that
    /// started in the same millisecond. DynamoDB stores it as a number.
    #[serde(skip)]
    pub job_run_time: String,
    pub hour: ArchiveHour,
    /// The final status of the run.
    pub status: HourStatus,
    pub execution_arn: String,
    /// The published version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The number of published rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<HourFailure>,
    /// The number of redrives of the execution until this commit.
    #[serde(default)]
    pub redrive_count: u32,
    /// The start of the execution.
    pub started_at: Timestamp,
    /// The time of the commit.
    pub ended_at: Timestamp,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A published hour, for the tests of all modules.
    pub(crate) fn published(rows: u64, types: BTreeMap<String, u64>) -> LedgerItem {
        let at = ArchiveHour::FIRST.end();
        LedgerItem {
            archive: crate::keys::ARCHIVE.to_owned(),
            hour: ArchiveHour::FIRST.ledger_key(),
            status: HourStatus::Published,
            revision: 1,
            publication: Some(Publication {
                version: "0123456789ab".parse().unwrap(),
                partition_location: "s3://bucket/folder/".to_owned(),
                source: SourceFile {
                    url: "http://source/2011-02-12-0.json.gz".to_owned(),
                    etag: None,
                    last_modified: None,
                },
                landing_etag: "\"e\"".to_owned(),
                landing_md5: "0".repeat(32),
                landing_bytes: 9,
                counts: RecordCounts { lines: rows, records: rows, rows, ..RecordCounts::default() },
                chunks: 1,
                parquet_bytes: 9,
                types,
            }),
            verdict: Some(Verdict::Complete),
            previous_versions: Vec::new(),
            rolled_back_from: None,
            failed_attempts: 0,
            next_attempt_at: None,
            last_error: None,
            execution_arn: "arn:a".to_owned(),
            published_at: Some(at),
            updated_at: at,
        }
    }

    #[test]
    fn word_matches_the_serialized_text() {
        use HourStatus::{Failed, Landed, Missing, NotPublished, Published};
        for status in [Landed, Published, NotPublished, Missing, Failed] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        for verdict in [Verdict::Complete, Verdict::Degraded, Verdict::Tiny] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.word());
        }
    }

    #[test]
    fn ledger_item_survives_a_json_round_trip() {
        let with = published(3, BTreeMap::from([("PushEvent".to_owned(), 3)]));
        let without = LedgerItem { status: HourStatus::Failed, publication: None, ..with.clone() };
        for item in [with, without] {
            let text = serde_json::to_string(&item).unwrap();
            assert_eq!(serde_json::from_str::<LedgerItem>(&text).unwrap(), item);
        }
    }
}
