//! The ledger of hours: table `archive_hours`, PK `archive`, SK `hour`.

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use pipeline::bookmark::{Blocker, BookmarkScan};
use pipeline::ledger::{HourFailure, HourStatus, LedgerItem, LedgerSummary, PreviousVersion, SourceFile, Verdict};
use pipeline::receipt::RecordCounts;
use pipeline::{ArchiveHour, Version, keys};
use serde::Deserialize;

use aws_client::AwsError;
use aws_client::dynamodb::{Item, from_item, text, unreadable};

/// The page size of a bookmark scan, which usually ends within the first page.
const SCAN_PAGE: i32 = 100;

#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) client: Client,
    pub(crate) table: String,
}

#[derive(Debug, thiserror::Error)]
#[error("the item has status published but no complete publication")]
struct MissingPublication;

/// The attributes of [`LedgerSummary`].
#[derive(Deserialize)]
struct SummaryRow {
    hour: String,
    status: HourStatus,
    revision: u64,
    next_attempt_at: Option<Timestamp>,
    updated_at: Timestamp,
}

const SUMMARY_ATTRIBUTES: [&str; 5] = ["hour", "status", "revision", "next_attempt_at", "updated_at"];

/// The attributes that name the source of an hour.
#[derive(Deserialize)]
struct OriginRow {
    hour: String,
    status: HourStatus,
    source: Option<SourceFile>,
    #[serde(default)]
    previous_versions: Vec<PreviousVersion>,
    rolled_back_from: Option<Version>,
}

const ORIGIN_ATTRIBUTES: [&str; 5] = ["hour", "status", "source", "previous_versions", "rolled_back_from"];

/// The attributes of the final status of an hour.
#[derive(Deserialize)]
struct StatusRow {
    hour: String,
    status: HourStatus,
    last_error: Option<HourFailure>,
}

const STATUS_ATTRIBUTES: [&str; 3] = ["hour", "status", "last_error"];

/// The part of a ledger item that people and reports need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourMark {
    pub hour: ArchiveHour,
    pub status: HourStatus,
    /// Comparison with the same hour of earlier days, if the hour is published.
    pub verdict: Option<Verdict>,
    /// Zero unless published.
    pub counts: RecordCounts,
    /// Zero unless published.
    pub landing_bytes: u64,
    /// Zero unless published.
    pub parquet_bytes: u64,
    /// Why the last attempt did not publish the hour.
    pub last_error: Option<HourFailure>,
    /// The time of the last change of the item.
    pub updated_at: Timestamp,
}

/// The attributes of [`HourMark`].
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

const MARK_ATTRIBUTES: [&str; 8] =
    ["hour", "status", "verdict", "counts", "landing_bytes", "parquet_bytes", "last_error", "updated_at"];

struct ItemPage {
    items: Vec<Item>,
    next: Option<Item>,
}

struct HourRange {
    first: ArchiveHour,
    last: Option<ArchiveHour>,
    /// The most items of a page.
    limit: Option<i32>,
}

impl Ledger {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    pub async fn get(&self, hour: ArchiveHour) -> Result<Option<LedgerItem>, AwsError> {
        let resource = self.resource(hour);
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request.key("archive", text(keys::ARCHIVE)).key("hour", text(hour.ledger_key()));
        let response = request.send().await.map_err(|error| AwsError::classify("GetItem", &resource, error))?;
        let Some(item) = response.item else { return Ok(None) };
        let item: LedgerItem = from_item("GetItem", &resource, item)?;
        if item.status == HourStatus::Published && item.publication.is_none() {
            return Err(unreadable("GetItem", &resource, MissingPublication));
        }
        Ok(Some(item))
    }

    /// Reads the complete items of the hours from `first` to `last` (inclusive), in order. Hours without an item are omitted.
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

    /// Reads the summaries of the hours from `first` to `last` (inclusive), in order. Hours without an item are omitted.
    pub async fn summaries(&self, first: ArchiveHour, last: ArchiveHour) -> Result<Vec<LedgerSummary>, AwsError> {
        let resource = self.resource(first);
        let items = self.all(first, last, &SUMMARY_ATTRIBUTES).await?;
        items.into_iter().map(|item| summary(&resource, item)).collect()
    }

    /// Reads the source that each published hour from `first` to `last` (inclusive) was last fetched from, in order.
    ///
    /// For an hour that was rolled back, that is the source of the version before the rollback.
    pub async fn sources(
        &self,
        first: ArchiveHour,
        last: ArchiveHour,
    ) -> Result<Vec<(ArchiveHour, SourceFile)>, AwsError> {
        let resource = self.resource(first);
        let mut sources = Vec::new();
        for item in self.all(first, last, &ORIGIN_ATTRIBUTES).await? {
            let OriginRow { hour, status, source, previous_versions, rolled_back_from } =
                from_item("Query", &resource, item)?;
            let replaced = previous_versions.into_iter().find(|previous| Some(previous.version) == rolled_back_from);
            if let (HourStatus::Published, Some(source)) = (status, replaced.map(|replaced| replaced.source).or(source))
            {
                sources.push((hour_of(&resource, &hour)?, source));
            }
        }
        Ok(sources)
    }

    /// Reads the status of each hour from `first` to `last` (inclusive), in order, and why its last attempt did not publish it.
    /// Hours without an item are omitted.
    pub async fn outcomes(
        &self,
        first: ArchiveHour,
        last: ArchiveHour,
    ) -> Result<Vec<(ArchiveHour, HourStatus, Option<HourFailure>)>, AwsError> {
        let resource = self.resource(first);
        let items = self.all(first, last, &STATUS_ATTRIBUTES).await?.into_iter();
        items
            .map(|item| {
                let StatusRow { hour, status, last_error } = from_item("Query", &resource, item)?;
                Ok((hour_of(&resource, &hour)?, status, last_error))
            })
            .collect()
    }

    /// Reads the hours from `first` to `last` (inclusive), in order. Hours without an item are omitted.
    pub async fn marks(&self, first: ArchiveHour, last: ArchiveHour) -> Result<Vec<HourMark>, AwsError> {
        let resource = self.resource(first);
        let items = self.all(first, last, &MARK_ATTRIBUTES).await?.into_iter();
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

    /// Reads these attributes of all hours of a range; no names mean all attributes.
    async fn all(&self, first: ArchiveHour, last: ArchiveHour, attributes: &[&str]) -> Result<Vec<Item>, AwsError> {
        let range = HourRange { first, last: Some(last), limit: None };
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

    /// Scans from `first` to the first hour that is not settled, and returns that hour.
    pub async fn walk(&self, scan: &mut BookmarkScan, first: ArchiveHour) -> Result<Blocker, AwsError> {
        let range = HourRange { first, last: None, limit: Some(SCAN_PAGE) };
        let resource = self.resource(first);
        let mut start = None;
        loop {
            let page = self.page(&range, &SUMMARY_ATTRIBUTES, start).await?;
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

    async fn page(&self, range: &HourRange, attributes: &[&str], start: Option<Item>) -> Result<ItemPage, AwsError> {
        let HourRange { first, last, limit } = *range;
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
        let response = query.send().await.map_err(|error| AwsError::classify("Query", &resource, error))?;
        Ok(ItemPage {
            items: response.items.unwrap_or_default(),
            next: response.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }
}

fn summary(resource: &str, item: Item) -> Result<LedgerSummary, AwsError> {
    let SummaryRow { hour, status, revision, next_attempt_at, updated_at } = from_item("Query", resource, item)?;
    let hour = hour_of(resource, &hour)?;
    Ok(LedgerSummary { hour, status, revision, next_attempt_at, updated_at })
}

fn hour_of(resource: &str, key: &str) -> Result<ArchiveHour, AwsError> {
    ArchiveHour::from_ledger_key(key).map_err(|error| unreadable("Query", resource, error))
}
