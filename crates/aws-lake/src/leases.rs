//! The leases of hours, in the table `archive_hours` under a partition key of their own: PK `archive`, SK `hour`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use jiff::Timestamp;
use pipeline::lease::{Lease, LeaseHeldError};
use pipeline::{ArchiveHour, Version, keys};
use serde::{Deserialize, Serialize};

use aws_client::AwsError;
use aws_client::dynamodb::{Item, from_item, number, text, to_item};

/// How often a change of a lease is decided anew, because another run changed it in between.
const MAX_DECISIONS: u32 = 16;

/// The leases.
#[derive(Clone, Debug)]
pub struct Leases {
    pub(crate) client: Client,
    pub(crate) table: String,
}

/// Who asks for a lease, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The hour.
    pub hour: ArchiveHour,
    /// The version to be made visible.
    pub version: Version,
    /// The execution.
    pub execution_arn: &'a str,
}

/// A lease as it was read: what is decided from it holds only while the revision is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLease {
    /// The hour.
    pub hour: ArchiveHour,
    /// The lease.
    pub lease: Lease,
    /// Raised by one with every change.
    pub revision: u64,
}

/// Why a lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another version's run has it.
    #[error(transparent)]
    Held(#[from] LeaseHeldError),
    /// Other runs changed it each time that this one was about to.
    #[error("the lease of hour {hour} was changed by other runs {decisions} times in a row")]
    Busy {
        /// The hour.
        hour: ArchiveHour,
        /// How often it was tried.
        decisions: u32,
    },
    /// The call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// The table's item.
#[derive(Serialize, Deserialize)]
struct LeaseItem {
    archive: String,
    hour: String,
    #[serde(flatten)]
    lease: Lease,
    revision: u64,
    /// Seconds since 1970 after which DynamoDB may remove the item (its time to live): nobody holds it any more.
    expires_at: i64,
}

impl Leases {
    /// The leases in `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The lease of an hour, if anybody has it or had it.
    pub async fn get(&self, hour: ArchiveHour) -> Result<Option<SeenLease>, AwsError> {
        let resource = self.resource(hour);
        let request = self.client.get_item().table_name(&self.table).consistent_read(true).set_key(Some(key(hour)));
        let answer = request.send().await.map_err(|error| AwsError::classify("GetItem", &resource, error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let LeaseItem { lease, revision, .. } = from_item("GetItem", &resource, item)?;
        Ok(Some(SeenLease { hour, lease, revision }))
    }

    /// Takes the lease; answers until when it is held.
    pub async fn take(&self, holder: &Holder<'_>, now: Timestamp) -> Result<Timestamp, LeaseError> {
        let &Holder { hour, version, execution_arn } = holder;
        for _ in 0..MAX_DECISIONS {
            let seen = self.get(hour).await?;
            let lease = Lease::taken(seen.as_ref().map(|seen| &seen.lease), hour, version, execution_arn, now)?;
            if self.put(hour, &lease, seen.as_ref()).await? {
                return Ok(lease.until(version, execution_arn).expect("it was taken just now"));
            }
        }
        Err(LeaseError::Busy { hour, decisions: MAX_DECISIONS })
    }

    /// Says that the holder is still at work; answers until when it now has the lease, or that it has lost it.
    pub async fn renew(&self, holder: &Holder<'_>, now: Timestamp) -> Result<Option<Timestamp>, LeaseError> {
        self.keep(holder, now, Lease::renewed).await
    }

    /// Takes the lease once more, if the holder has it; answers until when, or that it has lost it.
    pub async fn join(&self, holder: &Holder<'_>, now: Timestamp) -> Result<Option<Timestamp>, LeaseError> {
        self.keep(holder, now, Lease::joined).await
    }

    async fn keep(
        &self,
        &Holder { hour, version, execution_arn }: &Holder<'_>,
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

    /// Gives back what was taken so many `times`. Without the lease there is nothing to do.
    pub async fn give_back(&self, holder: &Holder<'_>, times: u32) -> Result<(), LeaseError> {
        let &Holder { hour, version, execution_arn } = holder;
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

    /// Writes the lease that was decided from `seen`; false if that is no longer so.
    async fn put(&self, hour: ArchiveHour, lease: &Lease, seen: Option<&SeenLease>) -> Result<bool, AwsError> {
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
            // Another run's commit is looking at the lease.
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_conflict_exception() => Ok(false),
            Err(error) => Err(AwsError::classify("PutItem", resource, error)),
        }
    }

    /// Removes the lease that was `seen`; false if it has changed.
    async fn remove(&self, seen: &SeenLease) -> Result<bool, AwsError> {
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

impl SeenLease {
    /// Whether `holder` has it.
    pub fn is_held_by(&self, holder: &Holder<'_>) -> bool {
        self.lease.until(holder.version, holder.execution_arn).is_some()
    }
}

pub(crate) fn key(hour: ArchiveHour) -> Item {
    Item::from([("archive".to_owned(), text(keys::LEASES)), ("hour".to_owned(), text(hour.ledger_key()))])
}
