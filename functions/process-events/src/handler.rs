//! The handler.

use std::collections::BTreeSet;

use aws_client::AwsError;
use event_stream::layout::{ContentHash, quarantine_key};
use event_stream::protocol::{EventOutcome, store};
use event_stream::quarantine::QuarantinedEvent;
use event_stream::record::RecordId;

use crate::decode::{DecodedBatch, decode};
use crate::event::{ItemFailure, WindowState};
use crate::metrics::{self, BatchCounts};
use crate::store::AwsEventStore;
use crate::{Context, Input, Output, ProcessEventsError};

/// Stores a batch, given as the JSON of an [`Input`].
///
/// # Errors
/// If the input is invalid, or a call failed and all records of the batch failed.
pub async fn handle(event: &str, context: &Context) -> Result<Output, ProcessEventsError> {
    let Input { records, window, mut state, is_final_invoke_for_window } = function_runtime::parse_text(event)?;
    let mut failures = Vec::new();
    if !records.is_empty() {
        let counts;
        (failures, counts) = process(&decode(&records)?, context).await?;
        state.add(&counts);
    }
    if window.is_some() && is_final_invoke_for_window {
        metrics::emit_window(&state);
    }
    Ok(Output { batch_item_failures: failures, state: window.is_some().then_some(state) })
}

async fn process(
    decoded: &DecodedBatch,
    context: &Context,
) -> Result<(Vec<ItemFailure>, BatchCounts), ProcessEventsError> {
    let DecodedBatch { batch, rejected } = decoded;
    let ids = &*batch.records;
    let event_store = AwsEventStore::new(context);
    let quarantined = quarantine(ids, rejected, context).await;
    let outcomes = store(batch, &context.settings, &event_store).await;
    let mut failed: BTreeSet<usize> = BTreeSet::new();
    let failing =
        batch.arrivals.iter().zip(&outcomes).filter(|(_, outcome)| matches!(outcome, EventOutcome::Failed(_)));
    failed.extend(failing.map(|(arrival, _)| arrival.record));
    let mut failure = event_store.failure();
    if let Err(error) = quarantined {
        failed.extend(rejected.iter().map(|(record, _)| *record));
        failure.get_or_insert(error);
    }
    // Records that are delivered again are counted then.
    let acknowledged = failed.first().copied().unwrap_or(ids.len());
    let quarantined = rejected.iter().filter(|(record, _)| *record < acknowledged).count();
    let counts = BatchCounts::of(&batch.arrivals, &outcomes, acknowledged, quarantined, &context.settings.types);
    counts.emit(failed.len(), context.clock.now());
    if failed.len() == ids.len()
        && let Some(error) = failure
    {
        return Err(error.into());
    }
    let item = |record: usize| ItemFailure { item_identifier: ids[record].sequence.to_string() };
    let failures: Vec<ItemFailure> = failed.into_iter().map(item).collect();
    let (events, failed) = (batch.arrivals.len(), failures.len());
    tracing::info!(shard = %ids[0].shard, records = ids.len(), events, failed, "stored");
    Ok((failures, counts))
}

/// Writes the rejected records of a batch to one object, whose key depends only on them.
async fn quarantine(
    ids: &[RecordId],
    rejected: &[(usize, QuarantinedEvent)],
    context: &Context,
) -> Result<(), AwsError> {
    let (Some(first), Some(last)) = (rejected.first(), rejected.last()) else { return Ok(()) };
    let mut lines = Vec::new();
    for (_, record) in rejected {
        serde_json::to_writer(&mut lines, record).expect("writing to memory does not fail");
        lines.push(b'\n');
        tracing::warn!(
            shard = record.shard_id,
            sequence_number = record.sequence_number,
            part = record.part,
            reason = record.reason,
            "quarantined"
        );
    }
    let mut hash = ContentHash::default();
    hash.add(&lines);
    let key = quarantine_key(&ids[first.0], &ids[last.0], hash.finish());
    context.bucket.write(&key, lines, "application/x-ndjson").await
}

impl WindowState {
    fn add(&mut self, counts: &BatchCounts) {
        self.stored += counts.stored;
        self.duplicates += counts.duplicates;
        self.quarantined += counts.quarantined;
    }
}
