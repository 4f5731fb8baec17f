//! The handler.

use std::time::{Duration, Instant};

use aws_client::s3::Upload;
use function_runtime::{InvalidInput, Metrics, Unit};
use pipeline::ledger::SourceFile;
use pipeline::plan::{HourPlan, Landing, MAX_CHUNKS, MAX_PLAN_BYTES};
use pipeline::{ArchiveHour, Version, keys};

use crate::Context;
use crate::FetchError;
use crate::body::HourBody;
use crate::pass::{self, PassResult};
use crate::provenance;
use crate::upstream::Upstream;
use crate::{BytesFrom, Input, Output};

/// Fetches an hour.
///
/// # Errors
/// See [`FetchError`]. The landing object is then unchanged.
pub async fn handle(input: Input, context: &Context) -> Result<Output, FetchError> {
    let Input { hour, source } = input;
    if hour.end() > context.clock.now() {
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

/// Fetches from the first source with a valid file of the hour.
///
/// If no source has one, it returns the error of the most preferred source that did not return 404. The hour is not published
/// only if every source returns 404.
async fn from_upstream(hour: ArchiveHour, context: &Context) -> Result<Output, FetchError> {
    let mut time = context.limits.body_timeout;
    let urls: Vec<String> = context.sources.of(hour).collect();
    let mut first_error = None;
    let sources = u32::try_from(urls.len()).expect("a parameter has few sources");
    for (number, url) in (0..).zip(urls) {
        // Each source has an equal share of the remaining time. Only the last one may ask for a pause.
        let (left, begin) = (sources - number, Instant::now());
        match from_source(hour, url, time / left, left == 1, context).await {
            Err(error) if error.is_of_source() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "source failed");
                if first_error.as_ref().is_none_or(FetchError::is_not_published) {
                    first_error = Some(error);
                }
                time = time.saturating_sub(begin.elapsed());
            }
            ended => return ended,
        }
    }
    Err(first_error.expect("there is at least one source"))
}

async fn from_source(
    hour: ArchiveHour,
    url: String,
    body_timeout: Duration,
    may_pause: bool,
    context: &Context,
) -> Result<Output, FetchError> {
    let upstream = Upstream::open(context, url, body_timeout, may_pause).await?;
    let source = upstream.source();
    let key = keys::landing(hour);
    let metadata = provenance::to_metadata(&source, &context.bucket.address(&key));
    let mut upload = context.bucket.upload(&key, "application/gzip", metadata).in_parts_of(context.part_bytes);
    match run_pass(HourBody::Upstream(upstream), Some(&mut upload), context).await {
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

/// Copies the landing object that is about to be replaced, unless it is the same file.
///
/// If the new file is refused later, readers continue to see rows of the old one. A concurrent run that replaces the object
/// does the same.
async fn keep_replaced(hour: ArchiveHour, source: &SourceFile, context: &Context) -> Result<(), FetchError> {
    let (key, bucket) = (keys::landing(hour), &context.bucket);
    while let Some((etag, metadata)) = bucket.head(&key).await? {
        let address = bucket.address(&key);
        let landed = provenance::from_metadata(&metadata, &address);
        let is_same = provenance::is_ours(&metadata, &address)
            && source.etag.is_some()
            && (&landed.url, &landed.etag) == (&source.url, &source.etag);
        if is_same || bucket.copy(&key, &keys::replaced_landing(hour, &etag), &etag).await? {
            break;
        }
    }
    Ok(())
}

async fn from_landing(hour: ArchiveHour, context: &Context) -> Result<Output, FetchError> {
    let key = keys::landing(hour);
    let object = context.bucket.read(&key).await?;
    let etag = object.etag.clone();
    let source = provenance::from_metadata(&object.metadata, &context.bucket.address(&key));
    let body = HourBody::Landing { object, address: context.bucket.address(&key) };
    let passed = run_pass(body, None, context).await?;
    write_plan(hour, etag, source, passed, context).await
}

async fn run_pass(body: HourBody, upload: Option<&mut Upload>, context: &Context) -> Result<PassResult, FetchError> {
    let place = body.place().to_owned();
    let passed = pass::run(body, upload, &context.options, context.limits.max_landing_bytes).await?;
    let (chunks, per_chunk) = (passed.planned.plan.chunks.len(), context.options.chunk_records);
    if chunks > MAX_CHUNKS {
        let reason = format!(
            "{chunks} chunks of {per_chunk} records, but an execution converts at most {MAX_CHUNKS}: raise ChunkRecords"
        );
        return Err(FetchError::PlanTooLarge { place, reason });
    }
    Ok(passed)
}

/// Writes the windows, then the plan that refers to them.
async fn write_plan(
    hour: ArchiveHour,
    etag: String,
    source: SourceFile,
    passed: PassResult,
    context: &Context,
) -> Result<Output, FetchError> {
    let PassResult { digested, planned } = passed;
    let version = Version::of(&digested.sha256, &context.options);
    let landing = Landing { etag, bytes: digested.bytes, md5: digested.md5_hex(), sha256: digested.sha256_hex() };
    let plan = HourPlan { hour, version, options: context.options, landing, gzip: planned.plan };
    if !planned.windows.is_empty() {
        let key = keys::windows(hour, version);
        context.bucket.write(&key, planned.windows, "application/octet-stream").await?;
    }
    let json = serde_json::to_vec(&plan).expect("all map keys of a plan are strings");
    if json.len() as u64 > MAX_PLAN_BYTES {
        let reason = format!("{} bytes, mostly lists of duplicate lines, but at most {MAX_PLAN_BYTES}", json.len());
        return Err(FetchError::PlanTooLarge { place: context.bucket.address(&keys::landing(hour)), reason });
    }
    context.bucket.write(&keys::plan(hour, version), json, "application/json").await?;
    let chunks = u32::try_from(plan.gzip.chunks.len()).expect("MAX_CHUNKS fits u32");
    tracing::info!(%version, chunks, lines = plan.gzip.lines, landing_bytes = plan.landing.bytes, "planned");
    let (lines, landing_bytes) = (plan.gzip.lines, plan.landing.bytes);
    Ok(Output { hour, version, chunks, lines, landing_bytes, source })
}
