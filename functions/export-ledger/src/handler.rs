//! What the function does.

use pipeline::keys;

use crate::month::Month;
use crate::{Context, ExportError, Input, Output, table};

/// How often a month is read before giving up.
const MAX_READS: u32 = 8;

/// Writes the months that have changed.
pub async fn handle(input: Input, context: &Context) -> Result<Output, ExportError> {
    let mut output = Output::default();
    for month in input.months()? {
        output.hours += export(month, context).await?;
        output.months.push(month.to_string());
    }
    tracing::info!(months = output.months.len(), hours = output.hours, "exported");
    Ok(output)
}

/// Writes a month; answers its hours.
async fn export(month: Month, context: &Context) -> Result<usize, ExportError> {
    let Context { bucket, ledger } = context;
    let (key, (first, last)) = (keys::ledger_export(&month.to_string()), month.hours());
    for _ in 0..MAX_READS {
        let before = bucket.etag(&key).await?;
        let items = ledger.items(first, last).await?;
        let parquet = table::encode(&items);
        if bucket.replace(&key, before.as_deref(), parquet, "application/vnd.apache.parquet").await? {
            return Ok(items.len());
        }
        tracing::info!(key, "another call has written the month meanwhile: reading again");
    }
    Err(ExportError::Conflict { address: bucket.address(&key), times: MAX_READS })
}
