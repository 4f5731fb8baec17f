//! The sums over the reports of a proof.

use aws_client::s3::ReadError;
use futures::{StreamExt, TryStreamExt};
use pipeline::keys;
use pipeline::ledger::HourStatus;

use crate::event::ProofSums;
use crate::report::ProofReport;
use crate::{Context, ProveHourError};

const CONCURRENT_READS: usize = 32;

/// A report has at most a few findings of each kind.
const MAX_REPORT_BYTES: u64 = 1 << 20;

/// The most hours with findings that the output names.
const MAX_NAMED: usize = 20;

/// Adds up the reports of `proof`. There must be one report for each of the `hours`.
pub(crate) async fn add_up(proof: &str, hours: u32, context: &Context) -> Result<ProofSums, ProveHourError> {
    let prefix = keys::proof_prefix(proof);
    let keys: Vec<String> = context.bucket.list(&prefix).await?.into_iter().map(|object| object.key).collect();
    if keys.len() != hours as usize {
        let reason = format!("{} reports, but {hours} hours were checked", keys.len());
        return Err(ProveHourError::NoReport { address: context.bucket.address(&prefix), reason });
    }
    let mut reports: Vec<ProofReport> = futures::stream::iter(keys.iter().map(|key| read_report(key, context)))
        .buffer_unordered(CONCURRENT_READS)
        .try_collect()
        .await?;
    reports.sort_by_key(|report| report.hour);
    let mut sums = ProofSums { hours, reports: context.bucket.address(&prefix), ..ProofSums::default() };
    for report in &reports {
        sums.count(report);
    }
    Ok(sums)
}

async fn read_report(key: &str, context: &Context) -> Result<ProofReport, ProveHourError> {
    let address = || context.bucket.address(key);
    let bytes = match context.bucket.read_whole(key, MAX_REPORT_BYTES).await {
        Err(ReadError::TooLarge { .. }) => {
            return Err(ProveHourError::NoReport { address: address(), reason: "too long".to_owned() });
        }
        read => read?,
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| ProveHourError::NoReport { address: address(), reason: error.to_string() })
}

impl ProofSums {
    fn count(&mut self, report: &ProofReport) {
        for finding in &report.findings {
            *self.findings.entry(finding.kind.name().to_owned()).or_default() += 1;
        }
        if !report.findings.is_empty() {
            self.wrong += 1;
            if self.first_wrong.len() < MAX_NAMED {
                let names: Vec<_> = report.findings.iter().map(|finding| finding.kind.name()).collect();
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
