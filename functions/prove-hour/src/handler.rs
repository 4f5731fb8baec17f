//! What the function does.

use crate::report::Report;
use crate::{Context, Input, Output, ProveError, hour, sums};

/// Looks at an hour, or adds up what was found of all.
pub async fn handle(input: Input, context: &Context) -> Result<Output, ProveError> {
    input.validate()?;
    match input.hour {
        Some(hour) => {
            let report = hour::look_at(hour, context).await?;
            write(&input.proof, &report, context).await?;
            let proven = report.findings.is_empty();
            tracing::info!(
                proven,
                findings = report.findings.len(),
                recomputed = report.not_recomputed.is_none(),
                "looked at"
            );
            Ok(Output::Hour { hour, proven })
        }
        None => Ok(Output::Sums(sums::add_up(&input.proof, input.hours.unwrap_or_default(), context).await?)),
    }
}

async fn write(proof: &str, report: &Report, context: &Context) -> Result<(), ProveError> {
    let json = serde_json::to_vec_pretty(report).expect("a report has no map whose keys are no text");
    let key = pipeline::keys::proof_report(proof, report.hour);
    Ok(context.bucket.write(&key, json, "application/json").await?)
}
