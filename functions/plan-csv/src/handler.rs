//! The handler.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use aws_client::s3::{Bucket, ReadError};
use aws_csv::{read_plan, wait_for_writers};
use csv_load::plan::{CsvSource, LoadTarget, MAX_PLAN_BYTES};
use csv_load::{FilePlan, LoadAttributes, LoadId, LoadPlan, PlannerSettings, keys};
use function_runtime::InvalidInput;
use gzip_plan::PlannedFile;
use serde_json::json;

use crate::event::{LoadRequest, PlanStatus};
use crate::pass;
use crate::{ChunksManifest, Context, Input, Output, PlanCsvError};

/// The longest file; more cannot be read within the function's timeout.
const MAX_SOURCE_BYTES: u64 = 50 << 30;
/// The write units per second that one chunk can use.
const WCU_PER_CHUNK: u32 = 1000;
/// The most column types in the output.
const MAX_NAMED_TYPES: usize = 100;

/// Plans a load.
///
/// # Errors
/// See [`PlanCsvError`]. No new plan is written.
pub async fn handle(input: Input, context: &Context) -> Result<Output, PlanCsvError> {
    let Input { request, started_at, table_id } = input;
    validate(&request, context)?;
    let bucket = &context.bucket;
    let object = bucket.read(&request.key).await.map_err(PlanCsvError::Source)?;
    let (address, bytes, etag) = (bucket.address(&request.key), object.bytes, object.etag.clone());
    if bytes > MAX_SOURCE_BYTES {
        return Err(PlanCsvError::Source(ReadError::TooLarge { address, bytes, max_bytes: MAX_SOURCE_BYTES }));
    }
    let added_bytes = LoadAttributes::bytes_of(&started_at.to_string(), &address);
    let settings = PlannerSettings { added_bytes, ..context.settings };
    let (planned, sha256) = pass::run(object, request.options.clone(), settings).await?;
    let FilePlan { planned, gzip, quarantine } = planned.map_err(|source| PlanCsvError::File { address, source })?;
    let load_id = LoadId::of(&sha256, &request.table, &request.options);
    let source = CsvSource {
        bucket: bucket.name().to_owned(),
        key: request.key.clone(),
        etag,
        bytes,
        sha256: hex::encode(sha256),
        is_gzip: gzip.is_some(),
    };
    let wanted = LoadTarget { table: request.table.clone(), table_id, options: request.options.clone() };
    let plan = LoadPlan::new(&planned, source, load_id, wanted, started_at);
    if request.dry_run {
        return Ok(output(&plan, PlanStatus::DryRun, &request, context));
    }
    let known = bucket.document_if_there::<LoadPlan>(&keys::plan(load_id), MAX_PLAN_BYTES).await?;
    if bucket.exists(&keys::undoing(load_id)).await? {
        if known.is_some() {
            return Err(PlanCsvError::BeingUndone { load_id });
        }
        // An earlier undo deleted everything except this note.
        bucket.delete_many(&[keys::undoing(load_id)]).await?;
    }
    let is_remade = known.as_ref().is_some_and(|known| is_recreated(known.table_id.as_ref(), plan.table_id.as_ref()));
    let anew = request.force || is_remade;
    if !anew && bucket.exists(&keys::receipt(load_id)).await? {
        return Ok(output(&plan, PlanStatus::AlreadyLoaded, &request, context));
    }
    // Calls of another load that are still running must not overwrite items of this one.
    let (table, own) = (keys::writers_of_table(&plan.table), keys::writers_of_load(&plan.table, load_id));
    wait_for_writers(bucket, &table, (!anew).then_some(own.as_str())).await?;
    let parts = PlanParts { superseded_bits: planned.superseded_bits, gzip, quarantine };
    let plan = settle(plan, known, parts, (anew, request.force), bucket).await?;
    tracing::info!(%load_id, chunks = plan.chunks.len(), rows = plan.rows, rejected = plan.rejected, "planned");
    Ok(output(&plan, PlanStatus::Planned, &request, context))
}

fn validate(request: &LoadRequest, context: &Context) -> Result<(), InvalidInput> {
    let LoadRequest { bucket, key, table, max_wcu, .. } = request;
    if bucket != context.bucket.name() {
        return Err(InvalidInput::new("bucket", format!("expected the upload bucket {}", context.bucket.name())));
    }
    if !key.starts_with(keys::UPLOADS) && !key.starts_with(keys::INCOMING) {
        return Err(InvalidInput::new("key", format!("expected a key under {} or {}", keys::UPLOADS, keys::INCOMING)));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(3..=255).contains(&table.len()) || !table.bytes().all(is_plain) {
        return Err(InvalidInput::new("table", "expected 3 to 255 letters, digits, -, _ and ."));
    }
    if !table.starts_with(&context.table_prefix) {
        return Err(InvalidInput::new("table", format!("expected a name that begins with {}", context.table_prefix)));
    }
    match max_wcu {
        Some(0) => Err(InvalidInput::new("max_wcu", "expected at least 1")),
        _ => Ok(()),
    }
}

/// Returns whether a table was created again, if both ids are known.
fn is_recreated(before: Option<&String>, now: Option<&String>) -> bool {
    before.is_some() && now.is_some() && before != now
}

/// The data of a plan that is stored in separate objects.
struct PlanParts {
    superseded_bits: Vec<u8>,
    gzip: Option<PlannedFile>,
    quarantine: File,
}

/// Writes the plan unless one exists, and returns the valid one. With `anew`, receipts of an earlier load are deleted first.
async fn settle(
    mut plan: LoadPlan,
    known: Option<LoadPlan>,
    parts: PlanParts,
    (anew, force): (bool, bool),
    bucket: &Bucket,
) -> Result<LoadPlan, PlanCsvError> {
    let load_id = plan.load_id;
    if anew {
        let of_chunks = bucket.list(&keys::chunk_receipts_prefix(load_id)).await?;
        let mut done: Vec<String> = vec![keys::receipt(load_id)];
        // The plan is deleted before the objects that it refers to are written again.
        done.extend(force.then(|| keys::plan(load_id)));
        done.extend(of_chunks.into_iter().map(|listed| listed.key));
        bucket.delete_many(&done).await?;
    }
    match known {
        Some(known) if !force => keep(known, plan, bucket).await,
        known => {
            if let Some(known) = known {
                plan.ingestion_timestamp = known.ingestion_timestamp;
            }
            write_plan(plan, parts, bucket).await
        }
    }
}

/// Keeps an existing plan, because chunks may be loaded already.
///
/// Bytes, table and options are the same, so only the address of the file and the id of the table can differ.
async fn keep(known: LoadPlan, found: LoadPlan, bucket: &Bucket) -> Result<LoadPlan, PlanCsvError> {
    let is_present = is_readable(&known.source, bucket).await?;
    let source = if is_present { known.source.clone() } else { found.source };
    let table_id = found.table_id.or_else(|| known.table_id.clone());
    let kept = LoadPlan { source, table_id, ..known.clone() };
    if kept != known {
        let document = serde_json::to_vec(&kept).expect("a plan can be written as JSON");
        bucket.write(&keys::plan(kept.load_id), document, "application/json").await?;
    }
    Ok(kept)
}

/// Writes a plan after the objects that it refers to.
async fn write_plan(plan: LoadPlan, parts: PlanParts, bucket: &Bucket) -> Result<LoadPlan, PlanCsvError> {
    let load_id = plan.load_id;
    if plan.rejected > 0 {
        upload(parts.quarantine, &keys::quarantine(load_id), bucket).await?;
    }
    if !parts.superseded_bits.is_empty() {
        bucket.write(&keys::superseded(load_id), parts.superseded_bits, "application/octet-stream").await?;
    }
    if let Some(PlannedFile { plan, windows }) = parts.gzip {
        let document = serde_json::to_vec(&plan).expect("a plan can be written as JSON");
        bucket.write(&keys::gzip_windows(load_id), windows, "application/octet-stream").await?;
        bucket.write(&keys::gzip_plan(load_id), document, "application/json").await?;
    }
    let chunks: Vec<_> = (0..plan.chunks.len()).map(|chunk| json!({ "chunk": chunk })).collect();
    let manifest = serde_json::to_vec(&chunks).expect("numbers can be written as JSON");
    bucket.write(&keys::manifest(load_id), manifest, "application/json").await?;
    let document = serde_json::to_vec(&plan).expect("a plan can be written as JSON");
    if !bucket.write_if_absent(&keys::plan(load_id), document, "application/json").await? {
        // Another run was first, or the response of an earlier attempt was lost.
        return Ok(read_plan(bucket, load_id).await?);
    }
    Ok(plan)
}

/// Returns whether the file of a plan still exists unchanged.
async fn is_readable(source: &CsvSource, bucket: &Bucket) -> Result<bool, PlanCsvError> {
    match bucket.read_range(&source.key, 0..1, Some(&source.etag)).await {
        Ok(_) => Ok(true),
        Err(ReadError::NotFound { .. } | ReadError::Changed { .. }) => Ok(false),
        Err(error) => Err(PlanCsvError::Source(error)),
    }
}

async fn upload(mut file: File, key: &str, bucket: &Bucket) -> Result<(), PlanCsvError> {
    let mut upload = bucket.upload(key, "application/jsonl", HashMap::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            upload.complete().await?;
            return Ok(());
        }
        upload.push(&buffer[..read]).await?;
    }
}

fn output(plan: &LoadPlan, status: PlanStatus, request: &LoadRequest, context: &Context) -> Output {
    let chunks = u32::try_from(plan.chunks.len()).expect("a load has at most 10,000 chunks");
    let mut concurrency = context.concurrency.min(chunks).max(1);
    if let Some(max_wcu) = request.max_wcu {
        concurrency = concurrency.min(max_wcu.div_ceil(WCU_PER_CHUNK));
    }
    let rules = &plan.rules;
    Output {
        load_id: plan.load_id,
        status,
        table: plan.table.clone(),
        chunks,
        rows: plan.rows,
        rejected: plan.rejected,
        superseded: plan.superseded,
        write_units: plan.write_units,
        delimiter: rules.delimiter,
        id_column: rules.id_column.map(|column| rules.columns[column].clone()),
        columns: u32::try_from(rules.columns.len()).expect("a header has fewer than 2^32 columns"),
        types: rules.typed().take(MAX_NAMED_TYPES).collect(),
        manifest: ChunksManifest { bucket: context.bucket.name().to_owned(), key: keys::manifest(plan.load_id) },
        concurrency,
        chunk_wcu: request.max_wcu.map(|max_wcu| f64::from(max_wcu) / f64::from(concurrency)),
    }
}
