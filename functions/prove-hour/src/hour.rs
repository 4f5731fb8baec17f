//! Looking at one hour.

use aws_client::s3::{ListedObject, ReadError};
use bytes::Bytes;
use convert::proof::{self, ExpectedRows, Fingerprint, RowFingerprint};
use jiff::SignedDuration;
use md5::{Digest, Md5};
use pipeline::ledger::{HourFailure, HourStatus, LedgerItem, Publication};
use pipeline::plan::{HourPlan, MAX_PLAN_BYTES};
use pipeline::{ArchiveHour, Version, keys};

use crate::compare::Differences;
use crate::inflate::Text;
use crate::report::{Fingerprints, Report, What};
use crate::{Context, ProveError};

/// Longest landing object that is worked out anew: 512 MiB, over twice the largest hour known.
const MAX_LANDING_BYTES: u64 = 512 << 20;

/// Longest Parquet or quarantine object of a chunk that is read.
const MAX_OBJECT_BYTES: u64 = 512 << 20;

/// What lies in the bucket of an hour.
struct Listing {
    parquet: Vec<ListedObject>,
    quarantine: Vec<ListedObject>,
    plans: Vec<ListedObject>,
}

/// How often an hour is looked at at most.
const MAX_LOOKS: u32 = 5;

/// Looks at an hour. What is found while a run makes it visible, or has since, may be due to that run: it is looked at again.
pub(crate) async fn look_at(hour: ArchiveHour, context: &Context) -> Result<Report, ProveError> {
    let mut looks = 1;
    loop {
        let item = context.ledger.get(hour).await?;
        let report = compare(hour, item.as_ref(), context).await?;
        if report.findings.is_empty() || looks == MAX_LOOKS || !is_changing(hour, item.as_ref(), context).await? {
            return Ok(report);
        }
        looks += 1;
        tokio::time::sleep(context.wait).await;
    }
}

/// Whether a run has the hour's lease, or has changed its item.
async fn is_changing(hour: ArchiveHour, seen: Option<&LedgerItem>, context: &Context) -> Result<bool, ProveError> {
    let ends = context.leases.get(hour).await?.and_then(|seen| seen.lease.ends());
    let revision = |item: &LedgerItem| item.revision;
    Ok(ends.is_some_and(|ends| ends > (context.now)())
        || context.ledger.get(hour).await?.as_ref().map(revision) != seen.map(revision))
}

/// Holds the ledger's item of an hour against all else.
async fn compare(hour: ArchiveHour, item: Option<&LedgerItem>, context: &Context) -> Result<Report, ProveError> {
    let mut report = Report::new(hour);
    let listing = list(hour, context).await?;
    let registered = context.partitions.registered(&hour.partition_values()).await?;
    report.status = item.map(|item| item.status);
    match report.status {
        Some(HourStatus::Published | HourStatus::Missing | HourStatus::NotPublished) => {}
        Some(status) => report.find(What::HourOpen, format!("its status is {}", status.word())),
        None => report.find(What::HourOpen, "it was never run"),
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

async fn list(hour: ArchiveHour, context: &Context) -> Result<Listing, ProveError> {
    let bucket = &context.bucket;
    let (parquet, quarantine, plans) =
        (keys::hour_parquet_prefix(hour), keys::hour_quarantine_prefix(hour), keys::hour_plan_prefix(hour));
    let (parquet, quarantine, plans) =
        futures::try_join!(bucket.list(&parquet), bucket.list(&quarantine), bucket.list(&plans))?;
    Ok(Listing { parquet, quarantine, plans })
}

fn check_partition(publication: Option<&Publication>, registered: Option<&str>, report: &mut Report) {
    let published = publication.map(|publication| publication.partition_location.as_str());
    match (published, registered) {
        (None, None) => {}
        (Some(published), None) => {
            report.find(What::PartitionMissing, format!("no partition shows {published}"));
        }
        (published, Some(found)) if published != Some(found) => {
            let published = published.unwrap_or("nothing");
            report.find(What::PartitionStale, format!("the partition shows {found}, published is {published}"));
        }
        _ => {}
    }
}

/// Objects of versions that the ledger does not know.
fn check_orphans(item: Option<&LedgerItem>, listing: &Listing, report: &mut Report) {
    let known: Vec<Version> = item.into_iter().flat_map(LedgerItem::versions).collect();
    let Listing { parquet, quarantine, plans } = listing;
    let all = [parquet, quarantine, plans].into_iter().flatten();
    let orphans: Vec<&ListedObject> =
        all.filter(|object| keys::version_of(&object.key).is_none_or(|version| !known.contains(&version))).collect();
    if let Some(first) = orphans.first() {
        let bytes: u64 = orphans.iter().map(|object| object.bytes).sum();
        let message =
            format!("{} objects of {bytes} bytes belong to no version; the first is {}", orphans.len(), first.key);
        report.find(What::OrphanObjects, message);
    }
}

/// Holds what readers see, and the quarantine, against the landed bytes and the ledger.
async fn check_rows(
    item: &LedgerItem,
    publication: &Publication,
    listing: &Listing,
    context: &Context,
    report: &mut Report,
) -> Result<(), ProveError> {
    let (hour, version) = (report.hour, publication.version);
    let rows = stored(&listing.parquet, &keys::parquet_prefix(hour, version), context, report).await?;
    let bad = quarantined(&listing.quarantine, &keys::quarantine_prefix(hour, version), context, report).await?;
    let fingerprint = Fingerprint::of(&rows).to_string();
    report.fingerprints = Some(Fingerprints { landing: None, parquet: fingerprint.clone() });
    if rows.len() as u64 != publication.counts.rows {
        let message = format!("readers see {} rows, the ledger says {}", rows.len(), publication.counts.rows);
        report.find(What::CountsDiffer, message);
    }
    let Some(expected) = recompute(item, publication, context, report).await? else {
        Differences::twice(&rows).tell(report);
        return Ok(());
    };
    report.fingerprints =
        Some(Fingerprints { landing: Some(Fingerprint::of(&expected.rows).to_string()), parquet: fingerprint });
    report.counts = Some(expected.counts);
    if expected.counts != publication.counts {
        let message = format!("the landed bytes have {:?}, the ledger says {:?}", expected.counts, publication.counts);
        report.find(What::CountsDiffer, message);
    }
    Differences::between(&expected.rows, &rows).tell(report);
    if bad.is_empty() && has_expired(item, context) {
        report.quarantine_expired = true;
    } else {
        Differences::between(&expected.quarantined, &bad).tell_of_quarantine(report);
    }
    Ok(())
}

/// Whether the bucket has deleted the quarantined records, as it was told to.
fn has_expired(item: &LedgerItem, context: &Context) -> bool {
    let days = i64::from(context.quarantine_retention_days);
    let kept_until = item.published_at.map(|at| at + SignedDuration::from_hours(24 * days));
    days > 0 && kept_until.is_some_and(|until| until <= (context.now)())
}

/// What the landed bytes must become, if they are those of the published version.
async fn recompute(
    item: &LedgerItem,
    publication: &Publication,
    context: &Context,
    report: &mut Report,
) -> Result<Option<ExpectedRows>, ProveError> {
    let (hour, bucket) = (report.hour, &context.bucket);
    let plan = match bucket.read_whole(&keys::plan(hour, publication.version), MAX_PLAN_BYTES).await {
        Err(error @ ReadError::NotFound { .. }) => return Ok(amiss(What::PlanMissing, error.to_string(), report)),
        read => read?,
    };
    let plan: HourPlan = match serde_json::from_slice(&plan) {
        Ok(plan) => plan,
        Err(error) => {
            report.find(What::ObjectUnreadable, format!("the plan of version {}: {error}", publication.version));
            return Ok(not_at_hand("its plan cannot be read".to_owned(), report));
        }
    };
    let mut landing = match bucket.read_whole(&keys::landing(hour), MAX_LANDING_BYTES).await {
        Err(error @ ReadError::NotFound { .. }) if context.landing_retention_days > 0 => {
            return Ok(not_at_hand(error.to_string(), report));
        }
        Err(error @ ReadError::NotFound { .. }) => return Ok(amiss(What::LandingMissing, error.to_string(), report)),
        Err(error @ ReadError::TooLarge { .. }) => return Ok(amiss(What::ObjectUnreadable, error.to_string(), report)),
        read => read?,
    };
    // A file that was refused, or is not published yet, may have taken the place of the published one.
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
        // An error of the source came before anything was landed.
        let landed = |error: &HourFailure| !error.name.starts_with("Source");
        let explained = item.rolled_back_from.is_some() || item.last_error.as_ref().is_some_and(landed);
        let message = format!("landing has the MD5 {md5}, what was published had {}", publication.landing_md5);
        let outcome =
            if explained { not_at_hand(message, report) } else { amiss(What::LandingDiffers, message, report) };
        return Ok(outcome);
    }
    let payload = plan.options.payload;
    let working = tokio::task::spawn_blocking(move || proof::expected(Text::of(landing), payload));
    match working.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
        Ok(expected) => Ok(Some(expected)),
        Err(error) => {
            report.find(What::LandingDiffers, format!("the landed bytes cannot be read: {}", chain(&error)));
            Ok(not_at_hand("the landed bytes cannot be read".to_owned(), report))
        }
    }
}

fn md5_of(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows cannot be worked out anew, for a reason that is a finding.
fn amiss(what: What, reason: String, report: &mut Report) -> Option<ExpectedRows> {
    report.find(what, &reason);
    not_at_hand(reason, report)
}

fn not_at_hand(reason: String, report: &mut Report) -> Option<ExpectedRows> {
    report.not_recomputed = Some(reason);
    None
}

/// The rows of all objects below `prefix`: what readers see.
async fn stored(
    objects: &[ListedObject],
    prefix: &str,
    context: &Context,
    report: &mut Report,
) -> Result<Vec<RowFingerprint>, ProveError> {
    let mut rows = Vec::new();
    for object in objects.iter().filter(|object| object.key.starts_with(prefix)) {
        let Some(bytes) = read(object, context, report).await? else { continue };
        let reading = tokio::task::spawn_blocking(move || proof::stored(bytes));
        match reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            Ok(known) => rows.extend(known),
            Err(error) => report.find(What::ObjectUnreadable, format!("{}: {}", object.key, chain(&error))),
        }
    }
    Ok(rows)
}

/// The bad records of all objects below `prefix`.
async fn quarantined(
    objects: &[ListedObject],
    prefix: &str,
    context: &Context,
    report: &mut Report,
) -> Result<Vec<RowFingerprint>, ProveError> {
    let mut bad = Vec::new();
    for object in objects.iter().filter(|object| object.key.starts_with(prefix)) {
        let Some(bytes) = read(object, context, report).await? else { continue };
        match proof::quarantined(&bytes) {
            Ok(known) => bad.extend(known),
            Err(error) => report.find(What::ObjectUnreadable, format!("{}: {error}", object.key)),
        }
    }
    Ok(bad)
}

/// An object that was listed; none if it is gone by now, which is told.
async fn read(object: &ListedObject, context: &Context, report: &mut Report) -> Result<Option<Bytes>, ProveError> {
    match context.bucket.read_whole(&object.key, MAX_OBJECT_BYTES).await {
        Err(ReadError::NotFound { address }) => {
            report.find(What::ObjectUnreadable, format!("{address} has gone since it was listed"));
            Ok(None)
        }
        Err(error @ ReadError::TooLarge { .. }) => {
            report.find(What::ObjectUnreadable, error.to_string());
            Ok(None)
        }
        read => Ok(Some(read?)),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
