//! The items that a decision is made from.

use aws_client::AwsError;
use aws_lake::{LakeTables, LeaseSnapshot};
use futures::future::try_join_all;
use pipeline::ArchiveHour;
use pipeline::bookmark::{Blocker, BookmarkScan};
use pipeline::ledger::{HourStatus, JobItem, JobRunItem, LedgerItem};
use pipeline::verdict::COMPARED_DAYS;

use crate::Input;

/// The items of the hour and of its run, as read.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) ledger: Option<LedgerItem>,
    pub(crate) job: Option<JobItem>,
    pub(crate) run: Option<JobRunItem>,
    pub(crate) lease: Option<LeaseSnapshot>,
}

/// How far the bookmark can move, and the hour that stops it.
#[derive(Debug)]
pub(crate) struct BookmarkAdvance {
    pub(crate) to: Option<(ArchiveHour, HourStatus)>,
    pub(crate) stop: Blocker,
}

impl Snapshot {
    pub(crate) async fn read(input: &Input, tables: &LakeTables) -> Result<Self, AwsError> {
        let run_time = input.job_run_time();
        let (ledger, job, run, lease) = futures::try_join!(
            tables.ledger.get(input.hour),
            tables.jobs.get(&input.job_id),
            tables.runs.get(&input.job_id, &run_time),
            tables.leases.get(input.hour),
        )?;
        Ok(Self { ledger, job, run, lease })
    }
}

impl BookmarkAdvance {
    /// Scans the ledger as if `hour` had `status`. Returns `None` if the hour cannot affect the bookmark of the job.
    pub(crate) async fn read(
        job: Option<&JobItem>,
        hour: ArchiveHour,
        status: HourStatus,
        tables: &LakeTables,
    ) -> Result<Option<Self>, AwsError> {
        let Some(job) = job else { return Ok(None) };
        let next = job.next_hour().expect("Jobs::get returns only jobs whose bookmark names an hour");
        if hour < next {
            return Ok(None);
        }
        let mut walk = BookmarkScan::new(next, Some((hour, status)));
        let stop = tables.ledger.walk(&mut walk, next).await?;
        Ok(Some(Self { to: walk.reached(), stop }))
    }
}

/// Reads the same hour of earlier days, as far as the ledger has them.
pub(crate) async fn days_before(hour: ArchiveHour, tables: &LakeTables) -> Result<Vec<LedgerItem>, AwsError> {
    let hours = (1..=COMPARED_DAYS).filter_map(|days| hour.minus(24 * days));
    let items = try_join_all(hours.map(|hour| tables.ledger.get(hour))).await?;
    Ok(items.into_iter().flatten().collect())
}
