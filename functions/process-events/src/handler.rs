//! What the function does.

use std::collections::BTreeSet;

use aws_client::AwsError;
use event_stream::layout::{ContentHash, quarantine_key};
use event_stream::protocol::{EventOutcome, store};
use event_stream::quarantine::QuarantinedRecord;
use event_stream::record::RecordId;

use crate::decode::{Decoded, decode};
use crate::event::{ItemFailure, WindowState};
use crate::measures::{self, Counts};
use crate::world::Aws;
use crate::{Context, Input, Output, ProcessEventsError};

/// Stores a batch, the JSON of an [`Input`].
pub async fn handle(event: &str, context: &Context) -> Result<Output, ProcessEventsError> {
    let Input { records, window, mut state, is_final_invoke_for_window } = function_runtime::parse_text(event)?;
    let mut failures = Vec::new();
    if !records.is_empty() {
        let counts;
        (failures, counts) = process(&decode(&records)?, context).await?;
        state.add(&counts);
    }
    if window.is_some() && is_final_invoke_for_window {
        measures::emit_window(&state);
    }
    Ok(Output { batch_item_failures: failures, state: window.is_some().then_some(state) })
}

async fn process(decoded: &Decoded, context: &Context) -> Result<(Vec<ItemFailure>, Counts), ProcessEventsError> {
    let Decoded { batch, bad } = decoded;
    let ids = &*batch.records;
    let world = Aws::new(context);
    let kept = quarantine(ids, bad, context).await;
    let fates = store(batch, &context.settings, &world).await;
    let mut failed: BTreeSet<usize> = BTreeSet::new();
    let failing = batch.arrivals.iter().zip(&fates).filter(|(_, fate)| matches!(fate, EventOutcome::Failed(_)));
    failed.extend(failing.map(|(arrival, _)| arrival.record));
    let mut failure = world.failure();
    if let Err(error) = kept {
        failed.extend(bad.iter().map(|(record, _)| *record));
        failure.get_or_insert(error);
    }
    // What comes again is counted then.
    let acknowledged = failed.first().copied().unwrap_or(ids.len());
    let quarantined = bad.iter().filter(|(record, _)| *record < acknowledged).count();
    let counts = Counts::of(&batch.arrivals, &fates, acknowledged, quarantined, &context.settings.types);
    counts.emit(failed.len(), (context.now)());
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

/// Writes a batch's bad records to one object, whose name depends on them alone.
async fn quarantine(ids: &[RecordId], bad: &[(usize, QuarantinedRecord)], context: &Context) -> Result<(), AwsError> {
    let (Some(first), Some(last)) = (bad.first(), bad.last()) else { return Ok(()) };
    let mut lines = Vec::new();
    for (_, record) in bad {
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
    fn add(&mut self, counts: &Counts) {
        self.stored += counts.stored;
        self.duplicates += counts.duplicates;
        self.quarantined += counts.quarantined;
    }
}
