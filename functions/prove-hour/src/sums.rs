//! Adding up the reports of a proof.

use aws_client::s3::ReadError;
use futures::{StreamExt, TryStreamExt};
use pipeline::keys;
use pipeline::ledger::HourStatus;

use crate::event::Sums;
use crate::report::Report;
use crate::{Context, ProveError};

/// How many reports are read at once.
const CONCURRENT_READS: usize = 32;

/// No report is longer: it has a line per kind of finding.
const MAX_REPORT_BYTES: u64 = 1 << 20;

/// So many wrong hours are named.
const NAMED: usize = 20;

/// Adds up the reports of `proof`, of which there must be one for each of so many `hours`.
pub(crate) async fn add_up(proof: &str, hours: u32, context: &Context) -> Result<Sums, ProveError> {
    let prefix = keys::proof_prefix(proof);
    let keys: Vec<String> = context.bucket.list(&prefix).await?.into_iter().map(|object| object.key).collect();
    if keys.len() != hours as usize {
        let reason = format!("{} reports, where {hours} hours were looked at", keys.len());
        return Err(ProveError::NoReport { address: context.bucket.address(&prefix), reason });
    }
    let mut reports: Vec<Report> = futures::stream::iter(keys.iter().map(|key| read(key, context)))
        .buffer_unordered(CONCURRENT_READS)
        .try_collect()
        .await?;
    reports.sort_by_key(|report| report.hour);
    let mut sums = Sums { hours, reports: context.bucket.address(&prefix), ..Sums::default() };
    for report in &reports {
        sums.count(report);
    }
    Ok(sums)
}

async fn read(key: &str, context: &Context) -> Result<Report, ProveError> {
    let address = || context.bucket.address(key);
    let bytes = match context.bucket.read_whole(key, MAX_REPORT_BYTES).await {
        Err(ReadError::TooLarge { .. }) => {
            return Err(ProveError::NoReport { address: address(), reason: "it is too long".to_owned() });
        }
        read => read?,
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| ProveError::NoReport { address: address(), reason: error.to_string() })
}

impl Sums {
    fn count(&mut self, report: &Report) {
        for finding in &report.findings {
            *self.findings.entry(finding.what.name().to_owned()).or_default() += 1;
        }
        if !report.findings.is_empty() {
            self.wrong += 1;
            if self.first_wrong.len() < NAMED {
                let names: Vec<_> = report.findings.iter().map(|finding| finding.what.name()).collect();
                self.first_wrong.push(format!("{} ({})", report.hour, names.join(", ")));
            }
        } else if report.status != Some(HourStatus::Published) {
            self.absent += 1;
        } else if report.not_recomputed.is_some() {
            self.not_recomputed += 1;
        } else {
            self.proven += 1;
        }
        self.rows += report.counts.map_or(0, |counts| counts.rows);
    }
}
