//! What happens for an event.

use std::time::{Duration, Instant};

use aws_client::s3::Upload;
use function_runtime::{InvalidInput, Metrics, Unit};
use pipeline::ledger::SourceFile;
use pipeline::plan::{HourPlan, Landing, MAX_CHUNKS, MAX_PLAN_BYTES};
use pipeline::{ArchiveHour, Version, keys};

use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::event::{BytesFrom, Input, Output};
use crate::facts;
use crate::pass::{self, Passed};
use crate::upstream::Upstream;

/// Fetches an hour.
///
/// # Errors
/// See [`Error`]. The landing object is then as it was before.
pub async fn handle(input: Input, context: &Context) -> Result<Output, Error> {
    let Input { hour, source } = input;
    if hour.end() > (context.now)() {
        return Err(InvalidInput::new("hour", format!("{hour} is not over until {}", hour.end())).into());
    }
    let begin = Instant::now();
    let output = match source {
        BytesFrom::Upstream => from_upstream(hour, context).await,
        BytesFrom::Landing => from_landing(hour, context).await,
    }?;
    Metrics::new()
        .with("FetchSeconds", Unit::Seconds, begin.elapsed().as_secs_f64())
        .with("LandedBytes", Unit::Bytes, output.landing_bytes as f64)
        .about("hour", hour.to_string())
        .emit();
    Ok(output)
}

/// From the first source that has a sound file of the hour. If none has, the answer is what came of the preferred one of those
/// that did not say that the hour is not there: it is not published only if all say so.
async fn from_upstream(hour: ArchiveHour, context: &Context) -> Result<Output, Error> {
    let mut time = context.limits.body_timeout;
    let urls: Vec<String> = context.sources.of(hour).collect();
    let mut answer = None;
    let sources = urls.len();
    for (place, url) in urls.into_iter().enumerate() {
        // A slow source leaves the others their share of the time; one that asks for a pause is not waited for while another
        // one may have the hour.
        let (left, begin) = (sources - place, Instant::now());
        match from_source(hour, url, time / left as u32, left == 1, context).await {
            Err(error) if error.is_of_source() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no hour from this source");
                if answer.as_ref().is_none_or(Error::is_not_published) {
                    answer = Some(error);
                }
                time = time.saturating_sub(begin.elapsed());
            }
            ended => return ended,
        }
    }
    Err(answer.expect("there is a source at least"))
}

async fn from_source(
    hour: ArchiveHour,
    url: String,
    body_timeout: Duration,
    may_pause: bool,
    context: &Context,
) -> Result<Output, Error> {
    let upstream = Upstream::open(context, url, body_timeout, may_pause).await?;
    let source = upstream.source();
    let key = keys::landing(hour);
    let metadata = facts::to_metadata(&source, &context.bucket.address(&key));
    let mut upload = context.bucket.upload(&key, "application/gzip", metadata).in_parts_of(context.part_bytes);
    match passed(Body::Upstream(upstream), Some(&mut upload), context).await {
        Ok(passed) => {
            keep_replaced(hour, &source, context).await?;
            let etag = upload.complete().await?.etag;
            write_plan(hour, etag, source, passed, context).await
        }
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}

/// Keeps the file that this one takes the place of, unless it is the same one: readers may go on to see what was made from
/// it, if this one is refused. Others that land a file of the hour meanwhile do the same.
async fn keep_replaced(hour: ArchiveHour, source: &SourceFile, context: &Context) -> Result<(), Error> {
    let (key, bucket) = (keys::landing(hour), &context.bucket);
    while let Some((etag, metadata)) = bucket.head(&key).await? {
        let address = bucket.address(&key);
        let landed = facts::of_metadata(&metadata, &address);
        let is_same = facts::is_ours(&metadata, &address)
            && source.etag.is_some()
            && (&landed.url, &landed.etag) == (&source.url, &source.etag);
        if is_same || bucket.copy(&key, &keys::replaced_landing(hour, &etag), &etag).await? {
            break;
        }
    }
    Ok(())
}

async fn from_landing(hour: ArchiveHour, context: &Context) -> Result<Output, Error> {
    let key = keys::landing(hour);
    let object = context.bucket.read(&key).await?;
    let etag = object.etag.clone();
    let source = facts::of_metadata(&object.metadata, &context.bucket.address(&key));
    let body = Body::Landing { object, address: context.bucket.address(&key) };
    let passed = passed(body, None, context).await?;
    write_plan(hour, etag, source, passed, context).await
}

async fn passed(body: Body, upload: Option<&mut Upload>, context: &Context) -> Result<Passed, Error> {
    let place = body.place().to_owned();
    let passed = pass::run(body, upload, &context.options, context.limits.max_landing_bytes).await?;
    let (chunks, per_chunk) = (passed.planned.plan.chunks.len(), context.options.chunk_records);
    if chunks > MAX_CHUNKS {
        let reason = format!(
            "{chunks} chunks of {per_chunk} records, but an execution converts at most {MAX_CHUNKS}: raise ChunkRecords"
        );
        return Err(Error::PlanTooLarge { place, reason });
    }
    Ok(passed)
}

/// Writes the windows, then the plan that needs them.
async fn write_plan(
    hour: ArchiveHour,
    etag: String,
    source: SourceFile,
    passed: Passed,
    context: &Context,
) -> Result<Output, Error> {
    let Passed { digested, planned } = passed;
    let version = Version::of(&digested.sha256, &context.options);
    let landing = Landing { etag, bytes: digested.bytes, md5: digested.md5_hex(), sha256: digested.sha256_hex() };
    let plan = HourPlan { hour, version, options: context.options, landing, gzip: planned.plan };
    if !planned.windows.is_empty() {
        let key = keys::windows(hour, version);
        context.bucket.write(&key, planned.windows, "application/octet-stream").await?;
    }
    let json = serde_json::to_vec(&plan).expect("a plan has no map whose keys are no text");
    if json.len() as u64 > MAX_PLAN_BYTES {
        let reason = format!("{} bytes, of which most list duplicate lines, but at most {MAX_PLAN_BYTES}", json.len());
        return Err(Error::PlanTooLarge { place: context.bucket.address(&keys::landing(hour)), reason });
    }
    context.bucket.write(&keys::plan(hour, version), json, "application/json").await?;
    let chunks =
        u32::try_from(plan.gzip.chunks.len()).expect("a chunk has a line at least, and an hour fewer than 2^32");
    tracing::info!(%version, chunks, lines = plan.gzip.lines, landing_bytes = plan.landing.bytes, "planned");
    let (lines, landing_bytes) = (plan.gzip.lines, plan.landing.bytes);
    Ok(Output { hour, version, chunks, lines, landing_bytes, source })
}
