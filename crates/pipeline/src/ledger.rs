//! What the DynamoDB tables hold: the ledger of hours, the jobs with their bookmarks, the run history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::receipt::RecordCounts;
use crate::{ArchiveHour, Version};

pub mod record;

/// What is known of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HourStatus {
    /// In the bucket, not yet visible.
    Landed,
    /// Visible to readers.
    Published,
    /// The source answered 404 and may still publish it.
    NotPublished,
    /// The source answered 404 and the hour is old, or is on the list of known gaps.
    Missing,
    /// The last attempt failed.
    Failed,
}

impl HourStatus {
    /// The word that stands for it in the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::Published => "published",
            Self::NotPublished => "not_published",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }

    /// Whether the bookmark may pass this hour.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Published | Self::Missing)
    }
}

/// How a published hour compares with the same hour of the days before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As many rows and the same mix of types, as far as can be told.
    Complete,
    /// Far fewer rows, or another mix of types.
    Degraded,
    /// Next to nothing.
    Tiny,
}

impl Verdict {
    /// The word that stands for it in the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Degraded => "degraded",
            Self::Tiny => "tiny",
        }
    }
}

/// Where an hour's bytes came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// The address.
    pub url: String,
    /// Its `ETag`, quotes included, if it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its `Last-Modified`, if it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// A version of an hour that readers can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The version.
    pub version: Version,
    /// The location of its Glue partition, an `s3://` address with a slash at its end.
    pub partition_location: String,
    /// Where its bytes came from.
    pub source: SourceFile,
    /// ETag of the landing object, quotes included.
    pub landing_etag: String,
    /// MD5 of the landing bytes in lower-case hex.
    pub landing_md5: String,
    /// Length of the landing object in bytes.
    pub landing_bytes: u64,
    /// Lines, records, rows and the rest.
    pub counts: RecordCounts,
    /// How many chunks it was converted in.
    pub chunks: u32,
    /// Bytes of all its Parquet objects.
    pub parquet_bytes: u64,
    /// Rows by event type.
    pub types: BTreeMap<String, u64>,
}

/// A version of an hour that readers saw before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousVersion {
    /// The version.
    pub version: Version,
    /// Where its bytes came from.
    pub source: SourceFile,
    /// Its rows.
    pub rows: u64,
}

/// An error as a state machine sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourFailure {
    /// The stable name, for example `CorruptArchive`.
    pub name: String,
    /// What happened, at most [`HourFailure::MAX_MESSAGE`] bytes.
    pub message: String,
}

impl HourFailure {
    /// Longest message kept, in bytes.
    pub const MAX_MESSAGE: usize = 1024;
}

/// The ledger's item for an hour (table `archive_hours`: PK `archive`, SK `hour`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerItem {
    /// Always [`crate::keys::ARCHIVE`].
    pub archive: String,
    /// [`ArchiveHour::ledger_key`].
    pub hour: String,
    /// What is known of the hour. Once published, an hour stays published; `last_error` tells of later failures.
    pub status: HourStatus,
    /// Raised by one with every change: each change is conditional on the revision it was decided from.
    pub revision: u64,
    /// What readers see, flattened into the item; absent unless published.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub publication: Option<Publication>,
    /// How the publication compares with the same hour of the days before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What readers saw before, newest first: as many versions as are kept, and perhaps one more whose objects are going.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_versions: Vec<PreviousVersion>,
    /// The version that the source had when the hour was rolled back from it; absent unless readers see an older one since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_from: Option<Version>,
    /// Attempts since the hour was last published that did not publish it.
    #[serde(default)]
    pub failed_attempts: u32,
    /// When next-file may name the hour again, if it is not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Why the last attempt did not publish it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<HourFailure>,
    /// The execution behind the item's state.
    pub execution_arn: String,
    /// When the hour was first published in its current version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// When the item last changed.
    pub updated_at: Timestamp,
}

impl LedgerItem {
    /// The versions that it knows: what readers see, and what they saw before.
    pub fn versions(&self) -> impl Iterator<Item = Version> {
        let visible = self.publication.iter().map(|publication| publication.version);
        visible.chain(self.previous_versions.iter().map(|previous| previous.version))
    }
}

/// As much of a ledger item as it takes to decide what is due and how far the bookmark may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSummary {
    /// The hour.
    pub hour: ArchiveHour,
    /// What is known of it.
    pub status: HourStatus,
    /// The item's revision.
    pub revision: u64,
    /// When next-file may name the hour again.
    pub next_attempt_at: Option<Timestamp>,
    /// When the item last changed.
    pub updated_at: Timestamp,
}

/// A job's item (table `jobs`: PK `job_id`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobItem {
    /// For example `ghactivity_ingest`.
    pub job_id: String,
    /// For people.
    pub job_description: String,
    /// How many days before its first run the job began.
    pub baseline_days: u32,
    /// The first hour that the job is answerable for: its bookmark never stands before the hour ahead of it.
    pub first_hour: ArchiveHour,
    /// The bookmark; absent until the first hour is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_run_bookmark_details: Option<BookmarkDetails>,
}

/// The bookmark: the newest hour up to which every hour is published or missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookmarkDetails {
    /// Its file, for example `2025-11-21-0.json.gz`.
    pub last_run_file_name: String,
    /// 200 if it is published, 404 if it is missing.
    pub status_code: u16,
}

/// One run of a job over one hour (table `job_run_details`: PK `job_id`, SK `job_run_time`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunItem {
    /// The job.
    pub job_id: String,
    /// Start of the execution in milliseconds since 1970, with a fraction that keeps executions apart which began in
    /// the same millisecond. A decimal text, stored as a number.
    #[serde(skip)]
    pub job_run_time: String,
    /// The hour.
    pub hour: ArchiveHour,
    /// How the run ended.
    pub status: HourStatus,
    /// The execution.
    pub execution_arn: String,
    /// What it published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Rows it published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<HourFailure>,
    /// How many times the execution had been redriven when this was recorded.
    #[serde(default)]
    pub redrive_count: u32,
    /// When the execution began.
    pub started_at: Timestamp,
    /// When the run was committed.
    pub ended_at: Timestamp,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A published hour with these rows, for the tests of all modules.
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
    fn words_are_those_of_the_ledger() {
        use HourStatus::{Failed, Landed, Missing, NotPublished, Published};
        for status in [Landed, Published, NotPublished, Missing, Failed] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        for verdict in [Verdict::Complete, Verdict::Degraded, Verdict::Tiny] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.word());
        }
    }

    #[test]
    fn an_item_reads_back_with_and_without_a_publication() {
        let with = published(3, BTreeMap::from([("PushEvent".to_owned(), 3)]));
        let without = LedgerItem { status: HourStatus::Failed, publication: None, ..with.clone() };
        for item in [with, without] {
            let text = serde_json::to_string(&item).unwrap();
            assert_eq!(serde_json::from_str::<LedgerItem>(&text).unwrap(), item);
        }
    }
}
