//! The leases of hours: items of table `archive_hours` (PK `archive`, SK `hour`) with a separate partition key.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use jiff::Timestamp;
use pipeline::lease::{Lease, LeaseHeldError};
use pipeline::{ArchiveHour, Version, keys};
use serde::{Deserialize, Serialize};

use aws_client::AwsError;
use aws_client::dynamodb::{Item, from_item, number, text, to_item};

/// How often a call reads and decides again because another run changed the lease in between.
const MAX_DECISIONS: u32 = 16;

#[derive(Clone, Debug)]
pub struct Leases {
    pub(crate) client: Client,
    pub(crate) table: String,
}

/// An execution that holds, or wants to hold, the lease of an hour for a version.
#[derive(Clone, Copy, Debug)]
pub struct LeaseHolder<'a> {
    pub hour: ArchiveHour,
    pub version: Version,
    pub execution_arn: &'a str,
}

/// A lease as read. A decision made from it is valid only while the revision is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSnapshot {
    pub hour: ArchiveHour,
    pub lease: Lease,
    /// Incremented by every change.
    pub revision: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// A run of another version holds the lease.
    #[error(transparent)]
    Held(#[from] LeaseHeldError),
    #[error("other runs changed the lease of hour {hour} {decisions} times in a row")]
    Busy { hour: ArchiveHour, decisions: u32 },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

#[derive(Serialize, Deserialize)]
struct LeaseItem {
    archive: String,
    hour: String,
    #[serde(flatten)]
    lease: Lease,
    revision: u64,
    /// Seconds since 1970 after which the lease is free and DynamoDB may remove the item (TTL attribute).
    expires_at: i64,
}

impl Leases {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Reads the lease of an hour, which may have expired.
    pub async fn get(&self, hour: ArchiveHour) -> Result<Option<LeaseSnapshot>, AwsError> {
        let resource = self.resource(hour);
        let request = self.client.get_item().table_name(&self.table).consistent_read(true).set_key(Some(key(hour)));
        let response = request.send().await.map_err(|error| AwsError::classify("GetItem", &resource, error))?;
        let Some(item) = response.item else { return Ok(None) };
        let LeaseItem { lease, revision, .. } = from_item("GetItem", &resource, item)?;
        Ok(Some(LeaseSnapshot { hour, lease, revision }))
    }

    /// Takes the lease; returns when it ends.
    pub async fn take(&self, holder: &LeaseHolder<'_>, now: Timestamp) -> Result<Timestamp, LeaseError> {
        let &LeaseHolder { hour, version, execution_arn } = holder;
        for _ in 0..MAX_DECISIONS {
            let seen = self.get(hour).await?;
            let lease = Lease::taken(seen.as_ref().map(|seen| &seen.lease), hour, version, execution_arn, now)?;
            if self.put(hour, &lease, seen.as_ref()).await? {
                return Ok(lease.until(version, execution_arn).expect("the lease was just taken for this holder"));
            }
        }
        Err(LeaseError::Busy { hour, decisions: MAX_DECISIONS })
    }

    /// Renews the lease of its holder. Returns the new end, or `None` if the holder has lost it.
    pub async fn renew(&self, holder: &LeaseHolder<'_>, now: Timestamp) -> Result<Option<Timestamp>, LeaseError> {
        self.keep(holder, now, Lease::renewed).await
    }

    /// Takes the lease once more for a holder that has it; returns its end, or `None` if the holder has lost it.
    pub async fn join(&self, holder: &LeaseHolder<'_>, now: Timestamp) -> Result<Option<Timestamp>, LeaseError> {
        self.keep(holder, now, Lease::joined).await
    }

    async fn keep(
        &self,
        &LeaseHolder { hour, version, execution_arn }: &LeaseHolder<'_>,
        now: Timestamp,
        kept: impl Fn(&Lease, Version, &str, Timestamp) -> Option<Lease>,
    ) -> Result<Option<Timestamp>, LeaseError> {
        for _ in 0..MAX_DECISIONS {
            let Some(seen) = self.get(hour).await? else { return Ok(None) };
            let Some(lease) = kept(&seen.lease, version, execution_arn, now) else { return Ok(None) };
            if self.put(hour, &lease, Some(&seen)).await? {
                return Ok(lease.until(version, execution_arn));
            }
        }
        Err(LeaseError::Busy { hour, decisions: MAX_DECISIONS })
    }

    /// Gives back a lease that was taken `times` times. Does nothing if the holder has lost it.
    pub async fn give_back(&self, holder: &LeaseHolder<'_>, times: u32) -> Result<(), LeaseError> {
        let &LeaseHolder { hour, version, execution_arn } = holder;
        for _ in 0..MAX_DECISIONS {
            let Some(seen) = self.get(hour).await? else { return Ok(()) };
            let lease = seen.lease.released(version, execution_arn, times);
            let is_done = match (lease == seen.lease, lease.holders.is_empty()) {
                (true, _) => true,
                (false, true) => self.remove(&seen).await?,
                (false, false) => self.put(hour, &lease, Some(&seen)).await?,
            };
            if is_done {
                return Ok(());
            }
        }
        Err(LeaseError::Busy { hour, decisions: MAX_DECISIONS })
    }

    pub(crate) fn resource(&self, hour: ArchiveHour) -> String {
        format!("{}/{}/{}", self.table, keys::LEASES, hour.ledger_key())
    }

    /// Writes a lease. Returns `false` if the stored lease differs from `seen`.
    async fn put(&self, hour: ArchiveHour, lease: &Lease, seen: Option<&LeaseSnapshot>) -> Result<bool, AwsError> {
        let resource = self.resource(hour);
        let item = LeaseItem {
            archive: keys::LEASES.to_owned(),
            hour: hour.ledger_key(),
            revision: seen.map_or(0, |seen| seen.revision) + 1,
            expires_at: lease.ends().unwrap_or_default().as_second() + 1,
            lease: lease.clone(),
        };
        let item = to_item("PutItem", &resource, &item)?;
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = match seen {
            None => request
                .condition_expression("attribute_not_exists(#archive)")
                .expression_attribute_names("#archive", "archive"),
            Some(seen) => request
                .condition_expression("#revision = :revision")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":revision", number(seen.revision)),
        };
        match request.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            // The transaction of another run is checking the lease.
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_conflict_exception() => Ok(false),
            Err(error) => Err(AwsError::classify("PutItem", resource, error)),
        }
    }

    /// Deletes the lease. Returns `false` if the stored lease differs from `seen`.
    async fn remove(&self, seen: &LeaseSnapshot) -> Result<bool, AwsError> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(key(seen.hour)));
        let request = request
            .condition_expression("#revision = :revision")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":revision", number(seen.revision));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_conflict_exception() => Ok(false),
            Err(error) => Err(AwsError::classify("DeleteItem", self.resource(seen.hour), error)),
        }
    }
}

impl LeaseSnapshot {
    pub fn is_held_by(&self, holder: &LeaseHolder<'_>) -> bool {
        self.lease.until(holder.version, holder.execution_arn).is_some()
    }
}

pub(crate) fn key(hour: ArchiveHour) -> Item {
    Item::from([("archive".to_owned(), text(keys::LEASES)), ("hour".to_owned(), text(hour.ledger_key()))])
}
