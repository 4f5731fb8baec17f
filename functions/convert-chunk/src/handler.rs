//! The handler.

use std::io::BufReader;
use std::time::Instant;

use aws_client::s3::{Bucket, PipeReader, pipe};
use bytes::Bytes;
use convert::{ChunkSpec, Compression, ConvertedChunk};
use function_runtime::{InvalidInput, Metrics, Unit};
use gzip_plan::ChunkReader;
use pipeline::keys;
use pipeline::plan::{HourPlan, MAX_PLAN_BYTES};
use pipeline::receipt::{ChunkObject, ChunkReceipt};

use crate::{Context, ConvertChunkError, Input, Output};

/// The buffer of inflated text. Records are parsed in place.
const TEXT_BYTES: usize = 256 << 10;

/// Converts a chunk.
///
/// # Errors
/// See [`ConvertChunkError`]. This run has then written no receipt.
pub async fn handle(input: Input, context: &Context) -> Result<Output, ConvertChunkError> {
    let begin = Instant::now();
    let bucket = &context.bucket;
    let plan = read_plan(&input, bucket).await?;
    let Some(planned) = plan.gzip.chunks.get(input.chunk as usize) else {
        let reason = format!("there is no chunk {}: the plan has {}", input.chunk, plan.gzip.chunks.len());
        return Err(InvalidInput::new("chunk", reason).into());
    };
    let window = read_window(&input, &plan, bucket).await?;
    let range = planned.compressed_start..planned.compressed_end;
    let compressed_bytes = range.end - range.start;
    let landing = bucket.read_range(&keys::landing(input.hour), range, Some(&plan.landing.etag)).await;
    let landing = landing.map_err(ConvertChunkError::Landing)?;

    let (pieces, compressed) = pipe();
    let address = bucket.address(&keys::landing(input.hour));
    let chunk = input.chunk;
    let converting = tokio::task::spawn_blocking(move || convert(&plan, chunk, window.as_deref(), compressed, address));
    let fed = pieces.feed(landing, |_| {}).await;
    let converted = converting.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    // If the body ended early, that is the cause of any error of the converter.
    fed?;
    let output = write(&input, converted?, bucket).await?;
    Metrics::new()
        .with("ChunkSeconds", Unit::Seconds, begin.elapsed().as_secs_f64())
        .with("ChunkBytes", Unit::Bytes, compressed_bytes as f64)
        .about("hour", input.hour.to_string())
        .about("chunk", input.chunk)
        .emit();
    Ok(output)
}

/// The objects of a chunk before they are written.
struct ChunkObjects {
    converted: ConvertedChunk,
    parquet: Vec<u8>,
    quarantine: Vec<u8>,
}

async fn read_plan(input: &Input, bucket: &Bucket) -> Result<HourPlan, ConvertChunkError> {
    let key = keys::plan(input.hour, input.version);
    let json = bucket.read_whole(&key, MAX_PLAN_BYTES).await;
    let json = json.map_err(|source| ConvertChunkError::Plan { what: what(input), source })?;
    let no_plan = |source| ConvertChunkError::NoPlan { address: bucket.address(&key), source };
    let plan: HourPlan = serde_json::from_slice(&json).map_err(|error| no_plan(Some(error)))?;
    if (plan.hour, plan.version) == (input.hour, input.version) { Ok(plan) } else { Err(no_plan(None)) }
}

/// Reads the window of the chunk's access point. Returns `None` if no text precedes it.
async fn read_window(input: &Input, plan: &HourPlan, bucket: &Bucket) -> Result<Option<Bytes>, ConvertChunkError> {
    let access_point = plan.gzip.chunks[input.chunk as usize].access_point;
    let point = plan.gzip.access_points.get(access_point as usize);
    let Some(window) = point.and_then(|point| point.window).filter(|window| window.length > 0) else { return Ok(None) };
    let range = window.offset..window.offset + u64::from(window.length);
    let failed = |source| ConvertChunkError::Plan { what: what(input), source };
    let object = bucket.read_range(&keys::windows(input.hour, input.version), range, None).await.map_err(failed)?;
    object.whole(u64::from(window.length)).await.map(Some).map_err(failed)
}

fn what(input: &Input) -> String {
    format!("hour {} version {}", input.hour, input.version)
}

/// Inflates, parses and encodes a chunk. Blocks.
fn convert(
    plan: &HourPlan,
    chunk: u32,
    window: Option<&[u8]>,
    compressed: PipeReader,
    landing: String,
) -> Result<ChunkObjects, ConvertChunkError> {
    let text = ChunkReader::new(compressed, &plan.gzip, chunk, window);
    let text = text.map_err(|source| ConvertChunkError::Chunk { chunk, landing: landing.clone(), source })?;
    let text = BufReader::with_capacity(TEXT_BYTES, text);
    let planned = &plan.gzip.chunks[chunk as usize];
    let spec = ChunkSpec {
        first_line: planned.first_line,
        first_offset: planned.uncompressed_start,
        duplicate_lines: &planned.duplicate_lines,
        payload: plan.options.payload,
        compression: Compression::Snappy,
    };
    let (mut parquet, mut quarantine) = (Vec::new(), Vec::new());
    let converted = convert::convert_chunk(&spec, text, &mut parquet, &mut quarantine);
    let converted = converted.map_err(|source| ConvertChunkError::Convert { chunk, landing, source })?;
    Ok(ChunkObjects { converted, parquet, quarantine })
}

/// Writes the objects of the chunk and then the receipt.
async fn write(input: &Input, objects: ChunkObjects, bucket: &Bucket) -> Result<Output, ConvertChunkError> {
    let Input { hour, version, chunk } = *input;
    let ChunkObjects { converted, parquet, quarantine } = objects;
    let ConvertedChunk { counts, types, wrote_parquet, wrote_quarantine } = converted;
    let parquet = (wrote_parquet, keys::parquet(hour, version, chunk), parquet, "application/vnd.apache.parquet");
    let quarantine = (wrote_quarantine, keys::quarantine(hour, version, chunk), quarantine, "application/jsonl");
    let mut stored = [None, None];
    for ((wrote, key, bytes, content_type), stored) in [parquet, quarantine].into_iter().zip(&mut stored) {
        if wrote {
            *stored = Some(ChunkObject { key: key.clone(), bytes: bytes.len() as u64 });
            bucket.write(&key, bytes, content_type).await?;
        }
    }
    let [parquet, quarantine] = stored;
    let receipt = ChunkReceipt { hour, version, chunk, counts, types, parquet, quarantine };
    let json = serde_json::to_vec(&receipt).expect("all map keys of a receipt are strings");
    bucket.write(&keys::receipt(hour, version, chunk), json, "application/json").await?;
    tracing::info!(records = counts.records, rows = counts.rows, quarantined = counts.quarantined, "converted");
    Ok(Output::new(chunk, &counts))
}
