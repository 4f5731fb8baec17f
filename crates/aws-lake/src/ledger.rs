//! Table `archive_hours`: PK `archive`, SK `hour`.

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use pipeline::bookmark::{Blocker, BookmarkScan};
use pipeline::ledger::{HourFailure, HourStatus, LedgerItem, LedgerSummary, PreviousVersion, SourceFile, Verdict};
use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, Version, keys};
use serde::Deserialize;

use aws_client::AwsError;
use aws_client::dynamodb::{Item, from_item, text, unreadable};

/// How many items a page of a walk has: it mostly ends at once.
const WALK_PAGE: i32 = 100;

/// The ledger of hours.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) client: Client,
    pub(crate) table: String,
}

/// A published item without a publication.
#[derive(Debug, thiserror::Error)]
#[error("the item says published, but its publication is incomplete")]
struct Incomplete;

/// The projection of a query.
#[derive(Deserialize)]
struct Row {
    hour: String,
    status: HourStatus,
    revision: u64,
    next_attempt_at: Option<Timestamp>,
    updated_at: Timestamp,
}

/// The names of its attributes.
const ROW: [&str; 5] = ["hour", "status", "revision", "next_attempt_at", "updated_at"];

/// The projection of a query for where hours came from.
#[derive(Deserialize)]
struct Origin {
    hour: String,
    status: HourStatus,
    source: Option<SourceFile>,
    #[serde(default)]
    previous_versions: Vec<PreviousVersion>,
    rolled_back_from: Option<Version>,
}

/// The names of its attributes.
const ORIGIN: [&str; 5] = ["hour", "status", "source", "previous_versions", "rolled_back_from"];

/// The projection of a query for what became of hours.
#[derive(Deserialize)]
struct Outcome {
    hour: String,
    status: HourStatus,
    last_error: Option<HourFailure>,
}

/// The names of its attributes.
const OUTCOME: [&str; 3] = ["hour", "status", "last_error"];

/// What a ledger says of an hour, without what only a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourMark {
    /// The hour.
    pub hour: ArchiveHour,
    /// What is known of it.
    pub status: HourStatus,
    /// How it compares with the days before, if it is published.
    pub verdict: Option<Verdict>,
    /// Lines, records, rows and the rest; zero unless published.
    pub counts: RecordCounts,
    /// Bytes that landed; zero unless published.
    pub landing_bytes: u64,
    /// Bytes of its Parquet objects; zero unless published.
    pub parquet_bytes: u64,
    /// Why the last attempt did not publish it.
    pub last_error: Option<HourFailure>,
    /// When the item last changed.
    pub updated_at: Timestamp,
}

/// The projection of a query for marks.
#[derive(Deserialize)]
struct MarkRow {
    hour: String,
    status: HourStatus,
    verdict: Option<Verdict>,
    #[serde(default)]
    counts: RecordCounts,
    #[serde(default)]
    landing_bytes: u64,
    #[serde(default)]
    parquet_bytes: u64,
    last_error: Option<HourFailure>,
    updated_at: Timestamp,
}

/// The names of its attributes.
const MARK: [&str; 8] =
    ["hour", "status", "verdict", "counts", "landing_bytes", "parquet_bytes", "last_error", "updated_at"];

struct Page {
    items: Vec<Item>,
    next: Option<Item>,
}

/// The hours of a query.
struct Range {
    first: ArchiveHour,
    last: Option<ArchiveHour>,
    /// At most so many in a page.
    limit: Option<i32>,
}

impl Ledger {
    /// The ledger in `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The item of an hour.
    pub async fn get(&self, hour: ArchiveHour) -> Result<Option<LedgerItem>, AwsError> {
        let resource = self.resource(hour);
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request.key("archive", text(keys::ARCHIVE)).key("hour", text(hour.ledger_key()));
        let answer = request.send().await.map_err(|error| AwsError::classify("GetItem", &resource, error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let item: LedgerItem = from_item("GetItem", &resource, item)?;
        if item.status == HourStatus::Published && item.publication.is_none() {
            return Err(unreadable("GetItem", &resource, Incomplete));
        }
        Ok(Some(item))
    }

    /// The whole items of the hours from `first` to `last`, both included, in order; hours without an item are left out.
    pub async fn items(
        &self,
        first: ArchiveHour,
        last: ArchiveHour,
    ) -> Result<Vec<(ArchiveHour, LedgerItem)>, AwsError> {
        let resource = self.resource(first);
        let items = self.all(first, last, &[]).await?.into_iter();
        items
            .map(|item| {
                let item: LedgerItem = from_item("Query", &resource, item)?;
                Ok((hour_of(&resource, &item.hour)?, item))
            })
            .collect()
    }

    /// The items of the hours from `first` to `last`, both included, in order; hours without an item are left out.
    pub async fn summaries(&self, first: ArchiveHour, last: ArchiveHour) -> Result<Vec<LedgerSummary>, AwsError> {
        let resource = self.resource(first);
        let items = self.all(first, last, &ROW).await?;
        items.into_iter().map(|item| summary(&resource, item)).collect()
    }

    /// Where the published hours from `first` to `last`, both included, were last fetched from, in order: for an hour that was
    /// rolled back, where the version came from that it was rolled back from.
    pub async fn sources(
        &self,
        first: ArchiveHour,
        last: ArchiveHour,
    ) -> Result<Vec<(ArchiveHour, SourceFile)>, AwsError> {
        let resource = self.resource(first);
        let mut sources = Vec::new();
        for item in self.all(first, last, &ORIGIN).await? {
            let Origin { hour, status, source, previous_versions, rolled_back_from } =
                from_item("Query", &resource, item)?;
            let left = previous_versions.into_iter().find(|previous| Some(previous.version) == rolled_back_from);
            if let (HourStatus::Published, Some(source)) = (status, left.map(|left| left.source).or(source)) {
                sources.push((hour_of(&resource, &hour)?, source));
            }
        }
        Ok(sources)
    }

    /// What became of the hours from `first` to `last`, both included, in order: each one's status, and why its last attempt
    /// did not publish it. Hours without an item are left out.
    pub async fn outcomes(
        &self,
        first: ArchiveHour,
        last: ArchiveHour,
    ) -> Result<Vec<(ArchiveHour, HourStatus, Option<HourFailure>)>, AwsError> {
        let resource = self.resource(first);
        let items = self.all(first, last, &OUTCOME).await?.into_iter();
        items
            .map(|item| {
                let Outcome { hour, status, last_error } = from_item("Query", &resource, item)?;
                Ok((hour_of(&resource, &hour)?, status, last_error))
            })
            .collect()
    }

    /// What the ledger says of the hours from `first` to `last`, both included, in order; hours without an item are left out.
    pub async fn marks(&self, first: ArchiveHour, last: ArchiveHour) -> Result<Vec<HourMark>, AwsError> {
        let resource = self.resource(first);
        let items = self.all(first, last, &MARK).await?.into_iter();
        items
            .map(|item| {
                let row: MarkRow = from_item("Query", &resource, item)?;
                Ok(HourMark {
                    hour: hour_of(&resource, &row.hour)?,
                    status: row.status,
                    verdict: row.verdict,
                    counts: row.counts,
                    landing_bytes: row.landing_bytes,
                    parquet_bytes: row.parquet_bytes,
                    last_error: row.last_error,
                    updated_at: row.updated_at,
                })
            })
            .collect()
    }

    /// These attributes, or all of them where none is named.
    async fn all(&self, first: ArchiveHour, last: ArchiveHour, attributes: &[&str]) -> Result<Vec<Item>, AwsError> {
        let range = Range { first, last: Some(last), limit: None };
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = self.page(&range, attributes, start).await?;
            items.extend(page.items);
            start = page.next;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// Walks on from `first` until the first hour that is not settled, and answers it.
    pub async fn walk(&self, scan: &mut BookmarkScan, first: ArchiveHour) -> Result<Blocker, AwsError> {
        let range = Range { first, last: None, limit: Some(WALK_PAGE) };
        let resource = self.resource(first);
        let mut start = None;
        loop {
            let page = self.page(&range, &ROW, start).await?;
            for item in page.items {
                if let Some(stop) = scan.read(&summary(&resource, item)?) {
                    return Ok(stop);
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok(scan.end());
            }
        }
    }

    pub(crate) fn resource(&self, hour: ArchiveHour) -> String {
        format!("{}/{}", self.table, hour.ledger_key())
    }

    async fn page(&self, range: &Range, attributes: &[&str], start: Option<Item>) -> Result<Page, AwsError> {
        let Range { first, last, limit } = *range;
        let resource = self.resource(first);
        let range = if last.is_some() { "#hour BETWEEN :first AND :last" } else { "#hour >= :first" };
        let query = self.client.query().table_name(&self.table).consistent_read(true).set_limit(limit);
        let query = query.key_condition_expression(format!("#archive = :archive AND {range}"));
        let placeholders: Vec<_> = attributes.iter().map(|name| format!("#{name}")).collect();
        let projection = (!attributes.is_empty()).then(|| placeholders.join(", "));
        let query = query.set_projection_expression(projection);
        let names = ["archive", "hour"].iter().chain(attributes);
        let names = names.map(|name| (format!("#{name}"), (*name).to_owned())).collect();
        let query = query.set_expression_attribute_names(Some(names)).set_exclusive_start_key(start);
        let query = query.expression_attribute_values(":archive", text(keys::ARCHIVE));
        let mut query = query.expression_attribute_values(":first", text(first.ledger_key()));
        if let Some(last) = last {
            query = query.expression_attribute_values(":last", text(last.ledger_key()));
        }
        let answer = query.send().await.map_err(|error| AwsError::classify("Query", &resource, error))?;
        Ok(Page {
            items: answer.items.unwrap_or_default(),
            next: answer.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }
}

fn summary(resource: &str, item: Item) -> Result<LedgerSummary, AwsError> {
    let Row { hour, status, revision, next_attempt_at, updated_at } = from_item("Query", resource, item)?;
    let hour = hour_of(resource, &hour)?;
    Ok(LedgerSummary { hour, status, revision, next_attempt_at, updated_at })
}

fn hour_of(resource: &str, key: &str) -> Result<ArchiveHour, AwsError> {
    ArchiveHour::from_ledger_key(key).map_err(|error| unreadable("Query", resource, error))
}
