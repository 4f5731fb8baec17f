//! The columns of the table `archive_hours`, in the order of `sam/catalog.yaml`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use jiff::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use pipeline::ArchiveHour;
use pipeline::ledger::{LedgerItem, Publication};
use pipeline::receipt::RecordCounts;

/// Encodes the items as a Parquet file with one row per item, in order.
pub(crate) fn encode(items: &[(ArchiveHour, LedgerItem)]) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns(items)).expect("all columns have the same length");
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("Parquet supports all column types");
    writer.write(&batch).expect("writing to memory does not fail");
    writer.into_inner().expect("writing to memory does not fail")
}

fn columns(items: &[(ArchiveHour, LedgerItem)]) -> Vec<(&'static str, ArrayRef, bool)> {
    let at = |index: usize| text(items, move |hour, _| Some(hour.partition_values()[index].clone()));
    let of =
        |get: fn(&Publication) -> Option<String>| text(items, move |_, item| item.publication.as_ref().and_then(get));
    let count = |get: fn(&RecordCounts) -> u64| {
        number(items, move |item| item.publication.as_ref().map(|publication| get(&publication.counts)))
    };
    let size = |get: fn(&Publication) -> u64| number(items, move |item| item.publication.as_ref().map(get));
    vec![
        ("archive_hour", text(items, |hour, _| Some(hour.to_string())), false),
        ("year", at(0), false),
        ("month", at(1), false),
        ("dayofmonth", at(2), false),
        ("hour", at(3), false),
        ("status", text(items, |_, item| Some(item.status.word().to_owned())), false),
        ("verdict", text(items, |_, item| item.verdict.map(|verdict| verdict.word().to_owned())), true),
        ("version", of(|publication| Some(publication.version.to_string())), true),
        ("lines", count(|counts| counts.lines), true),
        ("blank_lines", count(|counts| counts.blank_lines), true),
        ("records", count(|counts| counts.records), true),
        ("rows", count(|counts| counts.rows), true),
        ("duplicates", count(|counts| counts.duplicates), true),
        ("quarantined", count(|counts| counts.quarantined), true),
        ("chunks", size(|publication| publication.chunks.into()), true),
        ("landing_bytes", size(|publication| publication.landing_bytes), true),
        ("parquet_bytes", size(|publication| publication.parquet_bytes), true),
        ("source_url", of(|publication| Some(publication.source.url.clone())), true),
        ("source_etag", of(|publication| publication.source.etag.clone()), true),
        ("rolled_back_from", text(items, |_, item| item.rolled_back_from.map(|from| from.to_string())), true),
        ("failed_attempts", number(items, |item| Some(item.failed_attempts.into())), false),
        ("last_error", text(items, |_, item| item.last_error.as_ref().map(|error| error.name.clone())), true),
        (
            "last_error_message",
            text(items, |_, item| item.last_error.as_ref().map(|error| error.message.clone())),
            true,
        ),
        ("published_at", instant(items, |item| item.published_at), true),
        ("updated_at", instant(items, |item| Some(item.updated_at)), false),
        ("execution_arn", text(items, |_, item| Some(item.execution_arn.clone())), false),
    ]
}

fn text(items: &[(ArchiveHour, LedgerItem)], get: impl Fn(&ArchiveHour, &LedgerItem) -> Option<String>) -> ArrayRef {
    Arc::new(items.iter().map(|(hour, item)| get(hour, item)).collect::<StringArray>())
}

fn number(items: &[(ArchiveHour, LedgerItem)], get: impl Fn(&LedgerItem) -> Option<u64>) -> ArrayRef {
    let number = |item| get(item).map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    Arc::new(items.iter().map(|(_, item)| number(item)).collect::<Int64Array>())
}

fn instant(items: &[(ArchiveHour, LedgerItem)], get: impl Fn(&LedgerItem) -> Option<Timestamp>) -> ArrayRef {
    let instants = items.iter().map(|(_, item)| get(item).map(Timestamp::as_microsecond));
    Arc::new(instants.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
