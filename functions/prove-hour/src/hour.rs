//! The check of one hour.

use aws_client::s3::{ListedObject, ReadError};
use bytes::Bytes;
use convert::proof::{self, ExpectedRows, Fingerprint, RowFingerprint};
use function_runtime::error_chain;
use jiff::SignedDuration;
use md5::{Digest, Md5};
use pipeline::ledger::{HourFailure, HourStatus, LedgerItem, Publication};
use pipeline::plan::{HourPlan, MAX_PLAN_BYTES};
use pipeline::{ArchiveHour, Version, keys};

use crate::inflate::InflatedText;
use crate::report::{FindingKind, Fingerprints, ProofReport};
use crate::row_differences::RowDifferences;
use crate::{Context, ProveHourError};

/// The longest landing object that is recomputed; over twice the largest known hour.
const MAX_LANDING_BYTES: u64 = 512 << 20;

/// The longest Parquet or quarantine object that is read.
const MAX_OBJECT_BYTES: u64 = 512 << 20;

/// The objects of an hour in the bucket.
struct HourListing {
    parquet: Vec<ListedObject>,
    quarantine: Vec<ListedObject>,
    plans: Vec<ListedObject>,
}

/// The most checks of an hour that a run is changing.
const MAX_CHECKS: u32 = 5;

/// Checks an hour. If there are findings and a run is changing the hour, it waits and checks again.
pub(crate) async fn check(hour: ArchiveHour, context: &Context) -> Result<ProofReport, ProveHourError> {
    let mut checks = 1;
    loop {
        let item = context.ledger.get(hour).await?;
        let report = check_once(hour, item.as_ref(), context).await?;
        if report.findings.is_empty() || checks == MAX_CHECKS || !is_changing(hour, item.as_ref(), context).await? {
            return Ok(report);
        }
        checks += 1;
        tokio::time::sleep(context.wait).await;
    }
}

/// Returns whether a run holds the lease of the hour, or has changed its ledger item.
async fn is_changing(
    hour: ArchiveHour,
    before: Option<&LedgerItem>,
    context: &Context,
) -> Result<bool, ProveHourError> {
    let ends = context.leases.get(hour).await?.and_then(|seen| seen.lease.ends());
    let revision = |item: &LedgerItem| item.revision;
    Ok(ends.is_some_and(|ends| ends > context.clock.now())
        || context.ledger.get(hour).await?.as_ref().map(revision) != before.map(revision))
}

/// Compares the ledger item of an hour with the partition and the objects.
async fn check_once(
    hour: ArchiveHour,
    item: Option<&LedgerItem>,
    context: &Context,
) -> Result<ProofReport, ProveHourError> {
    let mut report = ProofReport::new(hour);
    let listing = list(hour, context).await?;
    let registered = context.partitions.registered(&hour.partition_values()).await?;
    report.status = item.map(|item| item.status);
    match report.status {
        Some(HourStatus::Published | HourStatus::Missing | HourStatus::NotPublished) => {}
        Some(status) => report.find(FindingKind::HourOpen, format!("its status is {}", status.word())),
        None => report.find(FindingKind::HourOpen, "the hour was never run"),
    }
    let publication = item.and_then(|item| item.publication.as_ref());
    check_partition(publication, registered.as_deref(), &mut report);
    check_orphans(item, &listing, &mut report);
    if let (Some(item), Some(publication)) = (item, publication) {
        report.version = Some(publication.version);
        check_rows(item, publication, &listing, context, &mut report).await?;
    }
    Ok(report)
}

async fn list(hour: ArchiveHour, context: &Context) -> Result<HourListing, ProveHourError> {
    let bucket = &context.bucket;
    let (parquet, quarantine, plans) =
        (keys::hour_parquet_prefix(hour), keys::hour_quarantine_prefix(hour), keys::hour_plan_prefix(hour));
    let (parquet, quarantine, plans) =
        futures::try_join!(bucket.list(&parquet), bucket.list(&quarantine), bucket.list(&plans))?;
    Ok(HourListing { parquet, quarantine, plans })
}

fn check_partition(publication: Option<&Publication>, registered: Option<&str>, report: &mut ProofReport) {
    let published = publication.map(|publication| publication.partition_location.as_str());
    match (published, registered) {
        (None, None) => {}
        (Some(published), None) => {
            report.find(FindingKind::PartitionMissing, format!("no partition shows {published}"));
        }
        (published, Some(found)) if published != Some(found) => {
            let published = published.unwrap_or("nothing");
            report.find(FindingKind::PartitionStale, format!("the partition shows {found}, published is {published}"));
        }
        _ => {}
    }
}

/// Reports objects of versions that the ledger does not name.
fn check_orphans(item: Option<&LedgerItem>, listing: &HourListing, report: &mut ProofReport) {
    let known: Vec<Version> = item.into_iter().flat_map(LedgerItem::versions).collect();
    let HourListing { parquet, quarantine, plans } = listing;
    let all = [parquet, quarantine, plans].into_iter().flatten();
    let orphans: Vec<&ListedObject> =
        all.filter(|object| keys::version_of(&object.key).is_none_or(|version| !known.contains(&version))).collect();
    if let Some(first) = orphans.first() {
        let bytes: u64 = orphans.iter().map(|object| object.bytes).sum();
        let message =
            format!("{} objects of {bytes} bytes belong to no version; the first is {}", orphans.len(), first.key);
        report.find(FindingKind::OrphanObjects, message);
    }
}

/// Compares the visible rows and the quarantine with the landing bytes and the ledger.
async fn check_rows(
    item: &LedgerItem,
    publication: &Publication,
    listing: &HourListing,
    context: &Context,
    report: &mut ProofReport,
) -> Result<(), ProveHourError> {
    let (hour, version) = (report.hour, publication.version);
    let rows = read_rows(&listing.parquet, &keys::parquet_prefix(hour, version), context, report).await?;
    let invalid =
        read_quarantine(&listing.quarantine, &keys::quarantine_prefix(hour, version), context, report).await?;
    let fingerprint = Fingerprint::of(&rows).to_string();
    report.fingerprints = Some(Fingerprints { landing: None, parquet: fingerprint.clone() });
    if rows.len() as u64 != publication.counts.rows {
        let message = format!("readers see {} rows, the ledger says {}", rows.len(), publication.counts.rows);
        report.find(FindingKind::CountsDiffer, message);
    }
    let Some(expected) = recompute(item, publication, context, report).await? else {
        RowDifferences::duplicates(&rows).report(report);
        return Ok(());
    };
    report.fingerprints =
        Some(Fingerprints { landing: Some(Fingerprint::of(&expected.rows).to_string()), parquet: fingerprint });
    report.counts = Some(expected.counts);
    if expected.counts != publication.counts {
        let message = format!("the landing bytes have {:?}, the ledger says {:?}", expected.counts, publication.counts);
        report.find(FindingKind::CountsDiffer, message);
    }
    RowDifferences::between(&expected.rows, &rows).report(report);
    if invalid.is_empty() && has_expired(item, context) {
        report.quarantine_expired = true;
    } else {
        RowDifferences::between(&expected.quarantined, &invalid).report_quarantine(report);
    }
    Ok(())
}

/// Returns whether the retention of the quarantine objects has ended.
fn has_expired(item: &LedgerItem, context: &Context) -> bool {
    let days = i64::from(context.quarantine_retention_days);
    let kept_until = item.published_at.map(|at| at + SignedDuration::from_hours(24 * days));
    days > 0 && kept_until.is_some_and(|until| until <= context.clock.now())
}

/// Recomputes the rows from the landing bytes, if those are the bytes of the published version.
async fn recompute(
    item: &LedgerItem,
    publication: &Publication,
    context: &Context,
    report: &mut ProofReport,
) -> Result<Option<ExpectedRows>, ProveHourError> {
    let (hour, bucket) = (report.hour, &context.bucket);
    let plan = match bucket.read_whole(&keys::plan(hour, publication.version), MAX_PLAN_BYTES).await {
        Err(error @ ReadError::NotFound { .. }) => {
            return Ok(finding(FindingKind::PlanMissing, error.to_string(), report));
        }
        read => read?,
    };
    let plan: HourPlan = match serde_json::from_slice(&plan) {
        Ok(plan) => plan,
        Err(error) => {
            report.find(FindingKind::ObjectUnreadable, format!("the plan of version {}: {error}", publication.version));
            return Ok(not_recomputed("the plan cannot be read".to_owned(), report));
        }
    };
    let mut landing = match bucket.read_whole(&keys::landing(hour), MAX_LANDING_BYTES).await {
        Err(error @ ReadError::NotFound { .. }) if context.landing_retention_days > 0 => {
            return Ok(not_recomputed(error.to_string(), report));
        }
        Err(error @ ReadError::NotFound { .. }) => {
            return Ok(finding(FindingKind::LandingMissing, error.to_string(), report));
        }
        Err(error @ ReadError::TooLarge { .. }) => {
            return Ok(finding(FindingKind::ObjectUnreadable, error.to_string(), report));
        }
        read => read?,
    };
    // A refused or not yet published file may have replaced the published one.
    let mut md5 = md5_of(&landing);
    if md5 != publication.landing_md5 {
        match bucket.read_whole(&keys::replaced_landing(hour, &plan.landing.etag), MAX_LANDING_BYTES).await {
            Err(ReadError::NotFound { .. }) => {}
            kept => {
                landing = kept?;
                md5 = md5_of(&landing);
            }
        }
    }
    if md5 != publication.landing_md5 {
        // An error of the source occurred before anything landed.
        let landed = |error: &HourFailure| !error.name.starts_with("Source");
        let explained = item.rolled_back_from.is_some() || item.last_error.as_ref().is_some_and(landed);
        let message =
            format!("the landing object has the MD5 {md5}, the published one had {}", publication.landing_md5);
        let outcome = if explained {
            not_recomputed(message, report)
        } else {
            finding(FindingKind::LandingDiffers, message, report)
        };
        return Ok(outcome);
    }
    let payload = plan.options.payload;
    let working = tokio::task::spawn_blocking(move || proof::expected(InflatedText::of(landing), payload));
    match working.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
        Ok(expected) => Ok(Some(expected)),
        Err(error) => {
            report.find(
                FindingKind::LandingDiffers,
                format!("the landing bytes cannot be read: {}", error_chain(&error)),
            );
            Ok(not_recomputed("the landing bytes cannot be read".to_owned(), report))
        }
    }
}

fn md5_of(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// Reports a finding that prevents the recomputation.
fn finding(kind: FindingKind, reason: String, report: &mut ProofReport) -> Option<ExpectedRows> {
    report.find(kind, &reason);
    not_recomputed(reason, report)
}

fn not_recomputed(reason: String, report: &mut ProofReport) -> Option<ExpectedRows> {
    report.not_recomputed = Some(reason);
    None
}

/// Reads the rows of all objects under `prefix`.
async fn read_rows(
    objects: &[ListedObject],
    prefix: &str,
    context: &Context,
    report: &mut ProofReport,
) -> Result<Vec<RowFingerprint>, ProveHourError> {
    let mut rows = Vec::new();
    for object in objects.iter().filter(|object| object.key.starts_with(prefix)) {
        let Some(bytes) = read_object(object, context, report).await? else { continue };
        let reading = tokio::task::spawn_blocking(move || proof::stored(bytes));
        match reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            Ok(known) => rows.extend(known),
            Err(error) => {
                report.find(FindingKind::ObjectUnreadable, format!("{}: {}", object.key, error_chain(&error)));
            }
        }
    }
    Ok(rows)
}

/// Reads the bad records of all objects under `prefix`.
async fn read_quarantine(
    objects: &[ListedObject],
    prefix: &str,
    context: &Context,
    report: &mut ProofReport,
) -> Result<Vec<RowFingerprint>, ProveHourError> {
    let mut records = Vec::new();
    for object in objects.iter().filter(|object| object.key.starts_with(prefix)) {
        let Some(bytes) = read_object(object, context, report).await? else { continue };
        match proof::quarantined(&bytes) {
            Ok(known) => records.extend(known),
            Err(error) => report.find(FindingKind::ObjectUnreadable, format!("{}: {error}", object.key)),
        }
    }
    Ok(records)
}

/// Reads a listed object. Reports a finding and returns `None` if it cannot be read.
async fn read_object(
    object: &ListedObject,
    context: &Context,
    report: &mut ProofReport,
) -> Result<Option<Bytes>, ProveHourError> {
    match context.bucket.read_whole(&object.key, MAX_OBJECT_BYTES).await {
        Err(ReadError::NotFound { address }) => {
            report.find(FindingKind::ObjectUnreadable, format!("{address} was deleted after it was listed"));
            Ok(None)
        }
        Err(error @ ReadError::TooLarge { .. }) => {
            report.find(FindingKind::ObjectUnreadable, error.to_string());
            Ok(None)
        }
        read => Ok(Some(read?)),
    }
}
