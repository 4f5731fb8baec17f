//! The transaction over ledger, run history and jobs.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use pipeline::bookmark::Blocker;
use pipeline::ledger::{BookmarkDetails, JobItem, JobRunItem, LedgerItem};
use pipeline::{ArchiveHour, keys};

use crate::leases::{self, LeaseSnapshot, Leases};
use crate::{Jobs, Ledger, Runs};
use aws_client::AwsError;
use aws_client::dynamodb::{number, text, to_item};

const CALL: &str = "TransactWriteItems";

#[derive(Clone, Debug)]
pub struct LakeTables {
    pub ledger: Ledger,
    /// In the table of the ledger.
    pub leases: Leases,
    pub jobs: Jobs,
    pub runs: Runs,
}

/// The writes of one transaction and its conditions. A commit without a write makes no call.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    pub ledger: Option<LedgerPut>,
    /// Fails if another execution has a run under the same key.
    pub run: Option<RunPut>,
    pub bookmark: Option<BookmarkMove>,
    /// An hour whose ledger item must be unchanged.
    pub unchanged_hour: Option<Blocker>,
    /// A lease that must be unchanged.
    pub unchanged_lease: Option<LeaseSnapshot>,
}

#[derive(Clone, Debug)]
pub struct LedgerPut {
    pub hour: ArchiveHour,
    pub item: LedgerItem,
    /// The revision of the item that the decision was made from; `None` if there was no item.
    pub decided_from: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct RunPut {
    pub item: JobRunItem,
    /// `ended_at` of the item that the decision was made from; `None` if there was no item. The condition on it keeps a write
    /// that arrives late from undoing a later commit of the run.
    pub decided_from: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct BookmarkMove {
    /// The job's item as read. Its bookmark must be unchanged.
    pub job: JobItem,
    pub to: BookmarkDetails,
}

/// Why a commit failed. A conflict wrote nothing; after an [`AwsError`] the commit may have been written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// An item changed since it was read, or another transaction is changing it.
    #[error("conflict with another run: {reasons}")]
    Conflict {
        /// DynamoDB's cancellation reasons, one per item.
        reasons: String,
    },
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl LakeTables {
    /// Writes all parts of a commit in one transaction.
    pub async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut items = Vec::new();
        if let Some(put) = &commit.ledger {
            items.push(TransactWriteItem::builder().put(self.ledger_put(put)?).build());
        }
        if let Some(run) = &commit.run {
            items.push(TransactWriteItem::builder().put(self.run_put(run)?).build());
        }
        if let Some(moved) = &commit.bookmark {
            items.push(TransactWriteItem::builder().update(self.bookmark_update(moved)?).build());
        }
        if items.is_empty() {
            return Ok(());
        }
        if let Some(seen) = &commit.unchanged_hour {
            items.push(TransactWriteItem::builder().condition_check(self.unchanged_hour(seen)).build());
        }
        if let Some(seen) = &commit.unchanged_lease {
            items.push(TransactWriteItem::builder().condition_check(self.unchanged_lease(seen)).build());
        }
        // The SDK adds a client request token, so a retry after a lost response writes nothing twice.
        let request = self.ledger.client.transact_write_items().set_transact_items(Some(items));
        request.send().await.map(drop).map_err(|error| classify(self.resource(commit), error))
    }

    fn resource(&self, commit: &Commit) -> String {
        match (&commit.ledger, &commit.run) {
            (Some(put), _) => self.ledger.resource(put.hour),
            (None, Some(RunPut { item, .. })) => format!("{}/{}/{}", self.runs.table, item.job_id, item.job_run_time),
            (None, None) => self.jobs.table.clone(),
        }
    }

    fn ledger_put(&self, LedgerPut { hour, item, decided_from }: &LedgerPut) -> Result<Put, AwsError> {
        let item = to_item(CALL, &self.ledger.resource(*hour), item)?;
        let put = Put::builder().table_name(&self.ledger.table).set_item(Some(item));
        let put = match decided_from {
            None => put
                .condition_expression("attribute_not_exists(#archive)")
                .expression_attribute_names("#archive", "archive"),
            Some(revision) => put
                .condition_expression("#revision = :revision")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":revision", number(revision)),
        };
        Ok(put.build().expect("table and item are given"))
    }

    fn run_put(&self, RunPut { item, decided_from }: &RunPut) -> Result<Put, AwsError> {
        let put = Put::builder().table_name(&self.runs.table).set_item(Some(self.runs.item(CALL, item)?));
        let put = match decided_from {
            None => put
                .condition_expression("attribute_not_exists(#job_id)")
                .expression_attribute_names("#job_id", "job_id"),
            Some(ended_at) => put
                .condition_expression("#execution_arn = :execution_arn AND #ended_at = :ended_at")
                .expression_attribute_names("#execution_arn", "execution_arn")
                .expression_attribute_names("#ended_at", "ended_at")
                .expression_attribute_values(":execution_arn", text(&item.execution_arn))
                .expression_attribute_values(":ended_at", text(ended_at.to_string())),
        };
        Ok(put.build().expect("table and item are given"))
    }

    fn bookmark_update(&self, BookmarkMove { job, to }: &BookmarkMove) -> Result<Update, AwsError> {
        let to = to_item(CALL, &self.jobs.resource(&job.job_id), to)?;
        let update = Update::builder()
            .table_name(&self.jobs.table)
            .key("job_id", text(&job.job_id))
            .update_expression("SET #bookmark = :to")
            .expression_attribute_names("#bookmark", "job_run_bookmark_details")
            .expression_attribute_names("#first_hour", "first_hour")
            .expression_attribute_values(":to", aws_sdk_dynamodb::types::AttributeValue::M(to))
            .expression_attribute_values(":first_hour", text(job.first_hour));
        let update = match &job.job_run_bookmark_details {
            None => update.condition_expression("#first_hour = :first_hour AND attribute_not_exists(#bookmark)"),
            Some(from) => update
                .condition_expression("#first_hour = :first_hour AND #bookmark.#file = :from")
                .expression_attribute_names("#file", "last_run_file_name")
                .expression_attribute_values(":from", text(&from.last_run_file_name)),
        };
        Ok(update.build().expect("table, key and expression are given"))
    }

    fn unchanged_hour(&self, seen: &Blocker) -> ConditionCheck {
        let check = ConditionCheck::builder()
            .table_name(&self.ledger.table)
            .key("archive", text(keys::ARCHIVE))
            .key("hour", text(seen.hour.ledger_key()));
        let check = match seen.revision {
            None => check
                .condition_expression("attribute_not_exists(#archive)")
                .expression_attribute_names("#archive", "archive"),
            Some(revision) => check
                .condition_expression("#revision = :revision")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":revision", number(revision)),
        };
        check.build().expect("table, key and expression are given")
    }

    fn unchanged_lease(&self, seen: &LeaseSnapshot) -> ConditionCheck {
        let check = ConditionCheck::builder()
            .table_name(&self.leases.table)
            .set_key(Some(leases::key(seen.hour)))
            .condition_expression("#revision = :revision")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":revision", number(seen.revision));
        check.build().expect("table, key and expression are given")
    }
}

/// A cancelled transaction is a conflict unless one of its reasons is another error.
fn classify(
    resource: String,
    error: SdkError<TransactWriteItemsError, aws_sdk_dynamodb::config::http::HttpResponse>,
) -> CommitError {
    let cancelled = match &error {
        SdkError::ServiceError(service) => match service.err() {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => cancelled,
            _ => return AwsError::classify(CALL, resource, error).into(),
        },
        _ => return AwsError::classify(CALL, resource, error).into(),
    };
    let codes: Vec<String> =
        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None").to_owned()).collect();
    let is_conflict = |code: &str| matches!(code, "ConditionalCheckFailed" | "TransactionConflict");
    match codes.iter().find(|code| *code != "None" && !is_conflict(code)) {
        None if codes.iter().any(|code| is_conflict(code)) => CommitError::Conflict { reasons: codes.join(", ") },
        None => AwsError::classify(CALL, resource, error).into(),
        // A cancellation reason lacks the suffix of the exception that a single call returns.
        Some(code) => {
            let code = match code.as_str() {
                "ThrottlingError" => "ThrottlingException",
                "ProvisionedThroughputExceeded" => "ProvisionedThroughputExceededException",
                code => code,
            };
            AwsError::of_code(CALL, resource, code, Box::new(error)).into()
        }
    }
}
