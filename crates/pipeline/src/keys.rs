//! All object keys of the bucket. No other module builds a key.

use crate::{ArchiveHour, Version};

/// The name of the archive: a segment of every key, and the partition key of the ledger.
pub const ARCHIVE: &str = "ghactivity";

/// The partition key of the leases, which are stored in the ledger's table.
pub const LEASES: &str = "ghactivity#lease";

/// The landing object: the bytes of the source, unchanged.
pub fn landing(hour: ArchiveHour) -> String {
    format!("landing/{ARCHIVE}/{}", hour.file_name())
}

/// The copy of a landing object that another file replaced. The name does not end in `.json.gz`, because that is the name of
/// an hour's file.
pub fn replaced_landing(hour: ArchiveHour, etag: &str) -> String {
    let etag: String = etag.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("landing/{ARCHIVE}/_replaced/{hour}.{etag}.gz")
}

/// The chunk plan: a [`crate::plan::HourPlan`] as JSON.
pub fn plan(hour: ArchiveHour, version: Version) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.{version}.json")
}

/// The windows of the access points, each deflated, concatenated.
pub fn windows(hour: ArchiveHour, version: Version) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.{version}.windows")
}

/// The prefix of the chunk receipts of one version of an hour.
pub fn receipts_prefix(hour: ArchiveHour, version: Version) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.{version}/")
}

/// A [`crate::receipt::ChunkReceipt`] as JSON.
pub fn receipt(hour: ArchiveHour, version: Version, chunk: u32) -> String {
    format!("{}{chunk:05}.json", receipts_prefix(hour, version))
}

/// The hours of a backfill, the input of its Distributed Map: a JSON array of `{"hour": "2025-11-21-0"}`.
pub fn backfill_manifest(name: &str) -> String {
    format!("landing/{ARCHIVE}/_backfill/{name}.json")
}

/// The ledger items of a month (`2025-11`), an object of the table `archive_hours`.
pub fn ledger_export(month: &str) -> String {
    format!("ledger/{ARCHIVE}/{month}.parquet")
}

/// The prefix of the reports of one proof.
pub fn proof_prefix(proof: &str) -> String {
    format!("reports/{ARCHIVE}/prove/{proof}/")
}

/// The report of one proof about an hour.
pub fn proof_report(proof: &str, hour: ArchiveHour) -> String {
    format!("{}{hour}.json", proof_prefix(proof))
}

/// The folder of an hour in the table's folder: one segment for each partition key, without a trailing slash.
pub fn partition_folder(hour: ArchiveHour) -> String {
    let [year, month, day, hour_of_day] = hour.partition_values();
    format!("year={year}/month={month}/dayofmonth={day}/hour={hour_of_day}")
}

/// The folder of one version of an hour, with a trailing slash: the location of its Glue partition.
pub fn parquet_prefix(hour: ArchiveHour, version: Version) -> String {
    format!("raw/{ARCHIVE}/{}/{version}/", partition_folder(hour))
}

/// The prefix of the Parquet objects of all versions of an hour.
pub fn hour_parquet_prefix(hour: ArchiveHour) -> String {
    format!("raw/{ARCHIVE}/{}/", partition_folder(hour))
}

/// The prefix of the quarantine objects of all versions of an hour.
pub fn hour_quarantine_prefix(hour: ArchiveHour) -> String {
    format!("quarantine/{ARCHIVE}/{hour}/")
}

/// The prefix of plans, windows and receipts of all versions of an hour.
pub fn hour_plan_prefix(hour: ArchiveHour) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.")
}

/// The version of an object under one of the three `hour_` prefixes; `None` if the key has another form.
pub fn version_of(key: &str) -> Option<Version> {
    let plan = key.strip_prefix(&format!("landing/{ARCHIVE}/_plan/"));
    let version = match plan {
        Some(name) => name.split('/').next()?.split('.').nth(1)?,
        None => key.rsplit('/').nth(1)?,
    };
    version.parse().ok()
}

/// The file name of a chunk's rows. `codec` is the compression of the pages; `None` if they are not compressed.
pub fn parquet_name(hour: ArchiveHour, chunk: u32, codec: Option<&str>) -> String {
    let codec = codec.map(|codec| format!(".{codec}")).unwrap_or_default();
    format!("part-{hour}-{chunk:05}{codec}.parquet")
}

/// The Parquet object of a chunk.
pub fn parquet(hour: ArchiveHour, version: Version, chunk: u32) -> String {
    format!("{}{}", parquet_prefix(hour, version), parquet_name(hour, chunk, Some("snappy")))
}

/// The prefix of the quarantine objects of one version of an hour.
pub fn quarantine_prefix(hour: ArchiveHour, version: Version) -> String {
    format!("quarantine/{ARCHIVE}/{hour}/{version}/")
}

/// The file name of a chunk's bad records.
pub fn quarantine_name(chunk: u32) -> String {
    format!("{chunk:05}.jsonl")
}

/// The bad records of a chunk, one JSON object per line.
pub fn quarantine(hour: ArchiveHour, version: Version, chunk: u32) -> String {
    format!("{}{}", quarantine_prefix(hour, version), quarantine_name(chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_an_hour_are_stable() {
        let hour: ArchiveHour = "2025-11-21-0".parse().unwrap();
        let version: Version = "0123456789ab".parse().unwrap();
        for (key, expected) in [
            (landing(hour), "landing/ghactivity/2025-11-21-0.json.gz"),
            (plan(hour, version), "landing/ghactivity/_plan/2025-11-21-0.0123456789ab.json"),
            (windows(hour, version), "landing/ghactivity/_plan/2025-11-21-0.0123456789ab.windows"),
            (receipt(hour, version, 3), "landing/ghactivity/_plan/2025-11-21-0.0123456789ab/00003.json"),
            (
                parquet(hour, version, 3),
                "raw/ghactivity/year=2025/month=11/dayofmonth=21/hour=00/0123456789ab/part-2025-11-21-0-00003.snappy.parquet",
            ),
            (quarantine(hour, version, 3), "quarantine/ghactivity/2025-11-21-0/0123456789ab/00003.jsonl"),
        ] {
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn version_of_reads_every_hour_key() {
        let hour: ArchiveHour = "2025-11-21-0".parse().unwrap();
        let version: Version = "0123456789ab".parse().unwrap();
        for (prefix, key) in [
            (hour_plan_prefix(hour), plan(hour, version)),
            (hour_plan_prefix(hour), windows(hour, version)),
            (hour_plan_prefix(hour), receipt(hour, version, 3)),
            (hour_parquet_prefix(hour), parquet(hour, version, 3)),
            (hour_quarantine_prefix(hour), quarantine(hour, version, 3)),
        ] {
            assert!(key.starts_with(&prefix), "{key}");
            assert_eq!(version_of(&key), Some(version), "{key}");
        }
        for key in [
            "raw/ghactivity/year=2025/month=11/dayofmonth=21/hour=00/_temporary/x",
            "landing/ghactivity/_plan/2025-11-21-0.json",
        ] {
            assert_eq!(version_of(key), None, "{key}");
        }
    }
}
