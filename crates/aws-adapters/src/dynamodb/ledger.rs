//! Table `archive_hours`: PK `archive`, SK `hour`.

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use pipeline::bookmark::{Stop, Walk};
use pipeline::ledger::{HourStatus, HourSummary, LedgerItem};
use pipeline::{ArchiveHour, keys};
use serde::Deserialize;

use super::{Item, from_item, text, unreadable};
use crate::AwsError;

/// How many items a page of a walk has: it mostly ends at once.
const WALK_PAGE: i32 = 100;

/// The ledger of hours.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) client: Client,
    pub(super) table: String,
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

struct Page {
    summaries: Vec<HourSummary>,
    next: Option<Item>,
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
        let answer = request.send().await.map_err(|error| AwsError::sort("GetItem", &resource, error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let item: LedgerItem = from_item("GetItem", &resource, item)?;
        if item.status == HourStatus::Published && item.publication.is_none() {
            return Err(unreadable("GetItem", &resource, Incomplete));
        }
        Ok(Some(item))
    }

    /// The items of the hours from `first` to `last`, both included, in order; hours without an item are left out.
    pub async fn summaries(&self, first: ArchiveHour, last: ArchiveHour) -> Result<Vec<HourSummary>, AwsError> {
        let mut summaries = Vec::new();
        let mut start = None;
        loop {
            let page = self.page(first, Some(last), None, start).await?;
            summaries.extend(page.summaries);
            start = page.next;
            if start.is_none() {
                return Ok(summaries);
            }
        }
    }

    /// Walks on from `first` until the first hour that is not settled, and answers it.
    pub async fn walk(&self, walk: &mut Walk, first: ArchiveHour) -> Result<Stop, AwsError> {
        let mut start = None;
        loop {
            let page = self.page(first, None, Some(WALK_PAGE), start).await?;
            if let Some(stop) = page.summaries.iter().find_map(|item| walk.see(item)) {
                return Ok(stop);
            }
            start = page.next;
            if start.is_none() {
                return Ok(walk.end());
            }
        }
    }

    pub(super) fn resource(&self, hour: ArchiveHour) -> String {
        format!("{}/{}", self.table, hour.ledger_key())
    }

    async fn page(
        &self,
        first: ArchiveHour,
        last: Option<ArchiveHour>,
        limit: Option<i32>,
        start: Option<Item>,
    ) -> Result<Page, AwsError> {
        let resource = self.resource(first);
        let range = if last.is_some() { "#hour BETWEEN :first AND :last" } else { "#hour >= :first" };
        let query = self.client.query().table_name(&self.table).consistent_read(true).set_limit(limit);
        let query = query.key_condition_expression(format!("#archive = :archive AND {range}"));
        let query = query.projection_expression("#hour, #status, #revision, #next_attempt_at, #updated_at");
        let names = ["archive", "hour", "status", "revision", "next_attempt_at", "updated_at"];
        let names = names.map(|name| (format!("#{name}"), name.to_owned())).into();
        let query = query.set_expression_attribute_names(Some(names)).set_exclusive_start_key(start);
        let query = query.expression_attribute_values(":archive", text(keys::ARCHIVE));
        let mut query = query.expression_attribute_values(":first", text(first.ledger_key()));
        if let Some(last) = last {
            query = query.expression_attribute_values(":last", text(last.ledger_key()));
        }
        let answer = query.send().await.map_err(|error| AwsError::sort("Query", &resource, error))?;
        let rows = answer.items.unwrap_or_default().into_iter();
        let summaries = rows.map(|item| summary(&resource, item)).collect::<Result<_, _>>()?;
        Ok(Page { summaries, next: answer.last_evaluated_key.filter(|key| !key.is_empty()) })
    }
}

fn summary(resource: &str, item: Item) -> Result<HourSummary, AwsError> {
    let Row { hour, status, revision, next_attempt_at, updated_at } = from_item("Query", resource, item)?;
    let hour = ArchiveHour::from_ledger_key(&hour).map_err(|error| unreadable("Query", resource, error))?;
    Ok(HourSummary { hour, status, revision, next_attempt_at, updated_at })
}
