//! The handler.

use pipeline::keys;

use crate::month::Month;
use crate::{Context, ExportLedgerError, Input, Output, table};

const MAX_ATTEMPTS: u32 = 8;

/// Writes the changed months.
///
/// # Errors
/// See [`ExportLedgerError`]. Some of the months may be written.
pub async fn handle(input: Input, context: &Context) -> Result<Output, ExportLedgerError> {
    let mut output = Output::default();
    for month in input.months()? {
        output.hours += export(month, context).await?;
        output.months.push(month.to_string());
    }
    tracing::info!(months = output.months.len(), hours = output.hours, "exported");
    Ok(output)
}

/// Writes a month; returns the number of its hours.
async fn export(month: Month, context: &Context) -> Result<usize, ExportLedgerError> {
    let Context { bucket, ledger } = context;
    let (key, (first, last)) = (keys::ledger_export(&month.to_string()), month.hours());
    for _ in 0..MAX_ATTEMPTS {
        let before = bucket.etag(&key).await?;
        let items = ledger.items(first, last).await?;
        let parquet = table::encode(&items);
        if bucket.replace(&key, before.as_deref(), parquet, "application/vnd.apache.parquet").await? {
            return Ok(items.len());
        }
        tracing::info!(key, "another call wrote the month, reading again");
    }
    Err(ExportLedgerError::Conflict { address: bucket.address(&key), attempts: MAX_ATTEMPTS })
}
