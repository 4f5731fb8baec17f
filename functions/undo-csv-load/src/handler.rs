//! What the function does.

use std::time::Instant;

use aws_client::AwsError;
use aws_csv::{Items, read_plan, wait_for_writers};
use csv_load::{LoadPlan, keys};
use function_runtime::InvalidInput;

use crate::deleting::Deleting;
use crate::progress::Progress;
use crate::{Context, Input, Output, Segment, UndoCsvLoadError};

/// Ends the chunks of a load that still run and names the parts of its table, or deletes the load's items of one.
///
/// # Errors
/// See [`UndoCsvLoadError`]. Some items may be deleted then; how many is kept.
pub async fn handle(input: Input, context: &Context) -> Result<Output, UndoCsvLoadError> {
    let stop_at = Instant::now() + context.work_time;
    let Input { load_id, segment } = input;
    let bucket = &context.bucket;
    let plan = read_plan(bucket, load_id).await;
    let LoadPlan { table, .. } = plan.map_err(|source| UndoCsvLoadError::Load { load_id, source })?;
    let Some(segment) = segment else {
        // From here on nobody begins a chunk of the load; those that are under way see it and end.
        bucket.write(&keys::undoing(load_id), "{}", "application/json").await?;
        wait_for_writers(bucket, &keys::writers_of_load(&table, load_id), None).await?;
        let segment = |segment| Segment { segment, segments: context.segments, after: None, deleted: 0, gone: 0 };
        let segments = (0..context.segments).map(segment).collect();
        return Ok(Output { load_id, table, segments, segment: None, done: false });
    };
    if segment.segment >= segment.segments {
        return Err(InvalidInput::new("segment.segment", format!("expected less than {}", segment.segments)).into());
    }
    let progress = Progress::of(load_id, segment, bucket).await;
    let mut progress = progress.map_err(|source| UndoCsvLoadError::Load { load_id, source })?;
    let items = Items::new(context.dynamodb.clone(), &table);
    let deleting = Deleting { items, load: load_id.to_string(), in_flight: context.deletes_in_flight, stop_at };
    let deleted_before = progress.segment.deleted;
    while !progress.is_done() {
        if progress.keys.is_empty() {
            let page = deleting.page(&progress.segment).await?;
            (progress.is_last, progress.segment.after) = (page.last_key.is_none(), page.last_key);
            progress.keys = page.keys;
            // Whoever goes on after this call was killed finds these gone, or deletes them.
            if !progress.keys.is_empty() {
                progress.keep(load_id, bucket).await?;
            }
        }
        if let Some(error) = deleting.delete(&mut progress).await {
            if matches!(error, AwsError::Throttled { .. }) && progress.segment.deleted > deleted_before {
                break;
            }
            progress.keep(load_id, bucket).await?;
            return Err(error.into());
        }
        if Instant::now() >= stop_at {
            break;
        }
    }
    progress.keep(load_id, bucket).await?;
    let (done, segment) = (progress.is_done(), progress.segment);
    tracing::info!(deleted = segment.deleted, gone = segment.gone, done, "deleted");
    Ok(Output { load_id, table, segments: Vec::new(), segment: Some(segment), done })
}
