//! Where everything lies in the bucket. The only place that spells an object key.

use crate::{ArchiveHour, Version};

/// The archive's name, a segment of every key and the ledger's partition key.
pub const ARCHIVE: &str = "ghactivity";

/// The partition key of the leases, which lie in the ledger's table under a key of their own.
pub const LEASES: &str = "ghactivity#lease";

/// The hour as served by the source, byte for byte.
pub fn landing(hour: ArchiveHour) -> String {
    format!("landing/{ARCHIVE}/{}", hour.file_name())
}

/// What the landing object with this ETag was, kept when another file took its place. (No `.json.gz`: it is no hour's file.)
pub fn replaced_landing(hour: ArchiveHour, etag: &str) -> String {
    let etag: String = etag.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("landing/{ARCHIVE}/_replaced/{hour}.{etag}.gz")
}

/// The chunk plan: a [`crate::plan::HourPlan`] as JSON.
pub fn plan(hour: ArchiveHour, version: Version) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.{version}.json")
}

/// The access points' windows, one after the other, each deflated.
pub fn windows(hour: ArchiveHour, version: Version) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.{version}.windows")
}

/// The prefix of the receipts of one version of an hour.
pub fn receipts_prefix(hour: ArchiveHour, version: Version) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.{version}/")
}

/// What a chunk became: a [`crate::receipt::ChunkReceipt`] as JSON.
pub fn receipt(hour: ArchiveHour, version: Version, chunk: u32) -> String {
    format!("{}{chunk:05}.json", receipts_prefix(hour, version))
}

/// The hours of a backfill, for the Distributed Map over them: a JSON array of `{"hour": "2025-11-21-0"}`.
pub fn backfill_manifest(name: &str) -> String {
    format!("landing/{ARCHIVE}/_backfill/{name}.json")
}

/// The ledger's items of a month (`2025-11`), as the table `archive_hours` has them.
pub fn ledger_export(month: &str) -> String {
    format!("ledger/{ARCHIVE}/{month}.parquet")
}

/// The reports of one proof, by hour.
pub fn proof_prefix(proof: &str) -> String {
    format!("reports/{ARCHIVE}/prove/{proof}/")
}

/// What one proof found of an hour.
pub fn proof_report(proof: &str, hour: ArchiveHour) -> String {
    format!("{}{hour}.json", proof_prefix(proof))
}

/// An hour's folder below the table's: a segment per partition key, without a slash at its end.
pub fn partition_folder(hour: ArchiveHour) -> String {
    let [year, month, day, hour_of_day] = hour.partition_values();
    format!("year={year}/month={month}/dayofmonth={day}/hour={hour_of_day}")
}

/// The folder of one version of an hour: the location of its Glue partition, with the slash at its end.
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

/// The prefix of the plans, windows and receipts of all versions of an hour.
pub fn hour_plan_prefix(hour: ArchiveHour) -> String {
    format!("landing/{ARCHIVE}/_plan/{hour}.")
}

/// The version that an object below one of these three prefixes belongs to, if its key has the form of one.
pub fn version_of(key: &str) -> Option<Version> {
    let plan = key.strip_prefix(&format!("landing/{ARCHIVE}/_plan/"));
    let version = match plan {
        Some(name) => name.split('/').next()?.split('.').nth(1)?,
        None => key.rsplit('/').nth(1)?,
    };
    version.parse().ok()
}

/// The name of a chunk's rows in the folder; `codec` is how pages are compressed, if they are.
pub fn parquet_name(hour: ArchiveHour, chunk: u32, codec: Option<&str>) -> String {
    let codec = codec.map(|codec| format!(".{codec}")).unwrap_or_default();
    format!("part-{hour}-{chunk:05}{codec}.parquet")
}

/// A chunk's rows.
pub fn parquet(hour: ArchiveHour, version: Version, chunk: u32) -> String {
    format!("{}{}", parquet_prefix(hour, version), parquet_name(hour, chunk, Some("snappy")))
}

/// The prefix of the quarantine objects of one version of an hour.
pub fn quarantine_prefix(hour: ArchiveHour, version: Version) -> String {
    format!("quarantine/{ARCHIVE}/{hour}/{version}/")
}

/// The name of a chunk's bad records in the folder.
pub fn quarantine_name(chunk: u32) -> String {
    format!("{chunk:05}.jsonl")
}

/// A chunk's bad records, one JSON object a line.
pub fn quarantine(hour: ArchiveHour, version: Version, chunk: u32) -> String {
    format!("{}{}", quarantine_prefix(hour, version), quarantine_name(chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_design() {
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
    fn an_object_of_an_hour_names_its_version() {
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
