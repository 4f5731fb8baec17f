//! What the function does.

use std::time::Instant;

use aws_adapters::dynamodb::Items;
use csv_load::{LoadPlan, keys};
use function_runtime::InvalidInput;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{Context, Input, Output, Segment, UndoCsvLoadError};

/// Ends the chunks of a load that still run and names the parts of its table, or deletes the load's items of one.
///
/// # Errors
/// See [`UndoCsvLoadError`]. Some items may be deleted then.
pub async fn handle(input: Input, context: &Context) -> Result<Output, UndoCsvLoadError> {
    let begin = Instant::now();
    let Input { load_id, segment } = input;
    let bucket = &context.bucket;
    let plan = bucket.load_plan(load_id).await;
    let LoadPlan { table, .. } = plan.map_err(|source| UndoCsvLoadError::Load { load_id, source })?;
    let Some(mut segment) = segment else {
        // From here on nobody begins a chunk of the load; those that are under way see it and end.
        bucket.write(&keys::undoing(load_id), "{}", "application/json").await?;
        bucket.wait_for_writers(&keys::writers_of_load(&table, load_id), None).await?;
        let segment = |segment| Segment { segment, segments: context.segments, after: None, deleted: 0 };
        let segments = (0..context.segments).map(segment).collect();
        return Ok(Output { load_id, table, segments, segment: None, done: false });
    };
    if segment.segment >= segment.segments {
        return Err(InvalidInput::new("segment.segment", format!("expected less than {}", segment.segments)).into());
    }
    let items = Items::new(context.dynamodb.clone(), &table);
    let load = load_id.to_string();
    loop {
        let after = segment.after.take();
        let page = items.keys_of_load(&load, (segment.segment, segment.segments), after).await?;
        let deletions = page.keys.into_iter().map(|key| items.delete_of_load(key, &load));
        let deletions = stream::iter(deletions).buffer_unordered(context.deletes_in_flight);
        segment.deleted += deletions.try_fold(0, async |sum, was_there| Ok(sum + u64::from(was_there))).await?;
        segment.after = page.last_key;
        if segment.after.is_none() || begin.elapsed() >= context.work_time {
            let done = segment.after.is_none();
            tracing::info!(deleted = segment.deleted, done, "deleted");
            return Ok(Output { load_id, table, segments: Vec::new(), segment: Some(segment), done });
        }
    }
}
