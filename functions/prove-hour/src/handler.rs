//! The handler.

use crate::report::ProofReport;
use crate::{Context, Input, Output, ProveHourError, hour, sums};

/// Checks an hour, or adds up the reports of all hours.
///
/// # Errors
/// See [`ProveHourError`]. There is then no new report.
pub async fn handle(input: Input, context: &Context) -> Result<Output, ProveHourError> {
    input.validate()?;
    match input.hour {
        Some(hour) => {
            let report = hour::check(hour, context).await?;
            write_report(&input.proof, &report, context).await?;
            let proven = report.findings.is_empty();
            tracing::info!(
                proven,
                findings = report.findings.len(),
                recomputed = report.not_recomputed.is_none(),
                "checked"
            );
            Ok(Output::Hour { hour, proven })
        }
        None => Ok(Output::Sums(sums::add_up(&input.proof, input.hours.unwrap_or_default(), context).await?)),
    }
}

async fn write_report(proof: &str, report: &ProofReport, context: &Context) -> Result<(), ProveHourError> {
    let json = serde_json::to_vec_pretty(report).expect("all map keys of a report are strings");
    let key = pipeline::keys::proof_report(proof, report.hour);
    Ok(context.bucket.write(&key, json, "application/json").await?)
}
