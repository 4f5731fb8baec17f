//! The handler.

use std::time::Instant;

use aws_client::AwsError;
use aws_csv::{Items, read_plan, wait_for_writers};
use csv_load::{LoadPlan, keys};
use function_runtime::InvalidInput;

use crate::item_deleter::ItemDeleter;
use crate::progress::SegmentProgress;
use crate::{Context, Input, Output, TableSegment, UndoCsvLoadError};

/// Without a segment, stops the running chunks of a load and returns the segments. With one, deletes the load's items in it.
///
/// # Errors
/// See [`UndoCsvLoadError`]. Some items may be deleted; their number is kept.
pub async fn handle(input: Input, context: &Context) -> Result<Output, UndoCsvLoadError> {
    let stop_at = Instant::now() + context.work_time;
    let Input { load_id, segment } = input;
    let bucket = &context.bucket;
    let plan = read_plan(bucket, load_id).await;
    let LoadPlan { table, .. } = plan.map_err(|source| UndoCsvLoadError::Load { load_id, source })?;
    let Some(segment) = segment else {
        // From now on no chunk of the load starts, and running ones read this note and stop.
        bucket.write(&keys::undoing(load_id), "{}", "application/json").await?;
        wait_for_writers(bucket, &keys::writers_of_load(&table, load_id), None).await?;
        let segment = |segment| TableSegment { segment, segments: context.segments, after: None, deleted: 0, gone: 0 };
        let segments = (0..context.segments).map(segment).collect();
        return Ok(Output { load_id, table, segments, segment: None, done: false });
    };
    if segment.segment >= segment.segments {
        return Err(InvalidInput::new("segment.segment", format!("expected less than {}", segment.segments)).into());
    }
    let progress = SegmentProgress::load(load_id, segment, bucket).await;
    let mut progress = progress.map_err(|source| UndoCsvLoadError::Load { load_id, source })?;
    let items = Items::new(context.dynamodb.clone(), &table);
    let deleter = ItemDeleter { items, load: load_id.to_string(), in_flight: context.deletes_in_flight, stop_at };
    let deleted_before = progress.segment.deleted;
    while !progress.is_done() {
        if progress.keys.is_empty() {
            let page = deleter.page(&progress.segment).await?;
            (progress.is_last, progress.segment.after) = (page.last_key.is_none(), page.last_key);
            progress.keys = page.keys;
            // If this call is killed, the next one deletes these keys, or finds them deleted.
            if !progress.keys.is_empty() {
                progress.save(load_id, bucket).await?;
            }
        }
        if let Some(error) = deleter.delete(&mut progress).await {
            if matches!(error, AwsError::Throttled { .. }) && progress.segment.deleted > deleted_before {
                break;
            }
            progress.save(load_id, bucket).await?;
            return Err(error.into());
        }
        if Instant::now() >= stop_at {
            break;
        }
    }
    progress.save(load_id, bucket).await?;
    let (done, segment) = (progress.is_done(), progress.segment);
    tracing::info!(deleted = segment.deleted, gone = segment.gone, done, "deleted");
    Ok(Output { load_id, table, segments: Vec::new(), segment: Some(segment), done })
}
