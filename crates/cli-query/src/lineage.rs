//! `ghactivity lineage`: traces a row back to its bytes in the file of the archive.

use std::io::Read;

use aws_client::s3::{Bucket, ReadError};
use clap::Args;
use cli_core::format::{count, one_line};
use cli_core::{CliError, output};
use cli_stack::{Stack, StackArguments};
use gzip_plan::{Chunk, ChunkReader};
use jiff::Timestamp;
use pipeline::ledger::LedgerItem;
use pipeline::plan::{HourPlan, MAX_PLAN_BYTES};
use pipeline::{ArchiveHour, Version, keys};
use serde::Serialize;

use crate::athena;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Id of the event
    #[arg(long, value_name = "ID")]
    id: String,
    /// Type of the event, for example PushEvent
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// Time created_at of the event in UTC, because an id alone is not unique
    #[arg(long, value_name = "TIME")]
    created_at: Timestamp,
    /// Hour of the file [default: the hour of created_at and the two beside it]
    #[arg(long, value_name = "YYYY-MM-DD-H")]
    hour: Option<ArchiveHour>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Traces a row back to the archive. For each row with this identity, prints the Parquet object, the landing object with line, byte
offset and gzip range, the address and ETag of the source, and the execution that published the row.

Examples:
  ghactivity lineage --id 56000000001 --type PushEvent --created-at 2025-11-21T00:00:05Z
  ghactivity lineage --id 56000000001 --type PushEvent --created-at 2025-11-21T00:00:05Z --json | jq -r '.[0].record'

Exit status: 0 found, 1 usage error, 2 no such row, or it cannot be read";

#[derive(Serialize)]
struct RowLineage {
    hour: ArchiveHour,
    version: String,
    parquet_object: String,
    source_line: u64,
    landing_object: String,
    landing_etag: Option<String>,
    /// The position in the landing object; null once that object is deleted.
    place: Option<LinePlace>,
    source_url: Option<String>,
    source_etag: Option<String>,
    source_last_modified: Option<String>,
    execution: Option<String>,
    published_at: Option<Timestamp>,
    /// The line of the archive, unchanged.
    record: Option<String>,
    /// Why a field above is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Clone, Copy, Serialize)]
struct LinePlace {
    /// In bytes of the inflated text.
    offset: u64,
    length: u64,
    /// Bytes of the gzip file that contain the chunk of the line, from an access point.
    gzip_start: u64,
    gzip_end: u64,
    chunk: u32,
}

/// Finds the row and prints its origin.
pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    let stack = arguments.stack.find().await?;
    let rows = athena::run(&stack, &arguments.sql()?).await?.rows;
    if rows.is_empty() {
        return Err(CliError::Absent {
            what: format!(
                "row with id {}, type {} and created_at {}",
                arguments.id, arguments.kind, arguments.created_at
            ),
            next:
                "check the three values, name the file with --hour, or check with 'ghactivity status' that the hour is published"
                    .to_owned(),
        });
    }
    let mut found = Vec::new();
    for row in rows {
        let [Some(path), Some(line)] = &row[..] else { continue };
        found.push(trace(&stack, path, line).await?);
    }
    if arguments.json {
        output::json(&found);
    } else {
        output::text(&found.iter().map(RowLineage::text).collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

impl Arguments {
    /// A query for object and line of the row. An event is in the file of its hour, or of one beside it.
    fn sql(&self) -> Result<String, CliError> {
        let own = ArchiveHour::containing(self.created_at).ok_or_else(|| {
            CliError::Usage(format!(
                "--created-at {} is before the first hour of the archive, {}",
                self.created_at,
                ArchiveHour::FIRST
            ))
        })?;
        let hours: Vec<_> = match self.hour {
            Some(hour) => vec![hour],
            None => own.minus(1).into_iter().chain([own, own.plus(1)]).collect(),
        };
        let partitions: Vec<_> = hours.iter().map(condition).collect();
        let at = self.created_at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string();
        Ok(format!(
            "SELECT \"$path\" AS path, source_line FROM events WHERE ({}) AND id = {} AND type = {} AND created_at = TIMESTAMP '{at}' \
             ORDER BY 1, 2",
            partitions.join(" OR "),
            literal(&self.id),
            literal(&self.kind)
        ))
    }
}

fn condition(hour: &ArchiveHour) -> String {
    let [year, month, day, of_day] = hour.partition_values();
    format!("(year = '{year}' AND month = '{month}' AND dayofmonth = '{day}' AND hour = '{of_day}')")
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn trace(stack: &Stack, path: &str, line: &str) -> Result<RowLineage, CliError> {
    let strange = || CliError::Absent {
        what: format!("hour, version and chunk in the name {path}"),
        next: "check which program wrote the object".to_owned(),
    };
    let (hour, version, chunk) = parse_path(path).ok_or_else(strange)?;
    let source_line: u64 = line.parse().map_err(|_| strange())?;
    let item = stack.ledger()?.get(hour).await.map_err(|error| stack.aws.error(error))?;
    let bucket = stack.bucket()?;
    let looked_up = find_line(stack, &bucket, hour, version, chunk, source_line).await?;
    Ok(RowLineage::new(&bucket, (hour, version), path, source_line, item.as_ref(), looked_up))
}

/// `…/<version>/part-<hour>-<chunk>.snappy.parquet`.
fn parse_path(path: &str) -> Option<(ArchiveHour, Version, u32)> {
    let mut segments = path.rsplit('/');
    let (name, version) = (segments.next()?, segments.next()?);
    let (hour, chunk) = name.strip_prefix("part-")?.split('.').next()?.rsplit_once('-')?;
    Some((hour.parse().ok()?, version.parse().ok()?, chunk.parse().ok()?))
}

/// The position and text of the line, or why they cannot be read.
type LineLookup = Result<(LinePlace, String), String>;

async fn find_line(
    stack: &Stack,
    bucket: &Bucket,
    hour: ArchiveHour,
    version: Version,
    chunk: u32,
    line: u64,
) -> Result<LineLookup, CliError> {
    let plan = match bucket.read_whole(&keys::plan(hour, version), MAX_PLAN_BYTES).await {
        Ok(plan) => plan,
        Err(ReadError::Aws(error)) => return Err(stack.aws.error(error)),
        Err(gone) => {
            return Ok(Err(format!("{gone}: landing objects and plans are deleted after LandingRetentionDays")));
        }
    };
    let plan: HourPlan = match serde_json::from_slice(&plan) {
        Ok(plan) => plan,
        Err(error) => return Ok(Err(format!("the plan cannot be read: {error}"))),
    };
    let Some(planned) = plan.gzip.chunks.get(chunk as usize) else {
        return Ok(Err(format!("the plan has no chunk {chunk}")));
    };
    let range = planned.compressed_start..planned.compressed_end;
    let most = range.end - range.start;
    let compressed = async {
        let object = bucket.read_range(&keys::landing(hour), range, Some(&plan.landing.etag)).await?;
        object.whole(most).await
    };
    let window = async {
        let point = plan.gzip.access_points.get(planned.access_point as usize);
        let Some(window) = point.and_then(|point| point.window).filter(|window| window.length > 0) else {
            return Ok(None);
        };
        let length = u64::from(window.length);
        let object =
            bucket.read_range(&keys::windows(hour, version), window.offset..window.offset + length, None).await?;
        object.whole(length).await.map(Some)
    };
    let (compressed, window) = match tokio::try_join!(compressed, window) {
        Ok(both) => both,
        Err(ReadError::Aws(error)) => return Err(stack.aws.error(error)),
        Err(gone) => return Ok(Err(format!("{gone}: landing objects are deleted after LandingRetentionDays"))),
    };
    Ok(read_line(&plan, chunk, &compressed, window.as_deref(), line))
}

fn read_line(plan: &HourPlan, chunk: u32, compressed: &[u8], window: Option<&[u8]>, line: u64) -> LineLookup {
    let planned = &plan.gzip.chunks[chunk as usize];
    let mut text = Vec::new();
    let mut reader = ChunkReader::new(compressed, &plan.gzip, chunk, window).map_err(|error| error.to_string())?;
    reader.read_to_end(&mut text).map_err(|error| error.to_string())?;
    let (offset, record) = nth_line(&text, line.saturating_sub(planned.first_line))
        .ok_or_else(|| format!("chunk {chunk} has no line {line}"))?;
    let place = place(planned, chunk, offset, record.len() as u64);
    Ok((place, String::from_utf8_lossy(record).into_owned()))
}

fn place(planned: &Chunk, chunk: u32, offset: u64, length: u64) -> LinePlace {
    LinePlace {
        offset: planned.uncompressed_start + offset,
        length,
        gzip_start: planned.compressed_start,
        gzip_end: planned.compressed_end,
        chunk,
    }
}

/// The line `number` (from 0) without its line feed, with its byte offset.
fn nth_line(text: &[u8], number: u64) -> Option<(u64, &[u8])> {
    let mut offset = 0;
    for (at, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if at as u64 == number {
            return Some((offset, line.strip_suffix(b"\n").unwrap_or(line)));
        }
        offset += line.len() as u64;
    }
    None
}

impl RowLineage {
    fn new(
        bucket: &Bucket,
        (hour, version): (ArchiveHour, Version),
        path: &str,
        source_line: u64,
        item: Option<&LedgerItem>,
        looked_up: LineLookup,
    ) -> Self {
        let current = item.and_then(|item| item.publication.as_ref()).filter(|visible| visible.version == version);
        let (found, note) = match looked_up {
            Ok(found) => (Some(found), None),
            Err(note) => (None, Some(note)),
        };
        let source = current.map(|visible| &visible.source);
        Self {
            hour,
            version: version.to_string(),
            parquet_object: path.to_owned(),
            source_line,
            landing_object: bucket.address(&keys::landing(hour)),
            landing_etag: current.map(|visible| visible.landing_etag.clone()),
            place: found.as_ref().map(|(place, _)| *place),
            source_url: source.map(|source| source.url.clone()),
            source_etag: source.and_then(|source| source.etag.clone()),
            source_last_modified: source.and_then(|source| source.last_modified.clone()),
            execution: current.and(item).map(|item| item.execution_arn.clone()),
            published_at: current.and(item).and_then(|item| item.published_at),
            record: found.map(|(_, record)| record),
            note,
        }
    }

    fn text(&self) -> String {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let place = match &self.place {
            Some(at) => format!(
                "line {}, byte {} of the text, {} bytes long; in gzip bytes {} to {} (chunk {})",
                count(self.source_line),
                at.offset,
                at.length,
                at.gzip_start,
                at.gzip_end,
                at.chunk
            ),
            None => format!("line {}; {}", self.source_line, or_none(&self.note)),
        };
        let published = self.published_at.map_or_else(|| "unknown".to_owned(), |at| at.to_string());
        let mut text = format!(
            "hour       {} version {}, published {published}\nParquet    {}\nlanding    {} (ETag {})\n           {place}\n",
            self.hour,
            self.version,
            self.parquet_object,
            self.landing_object,
            or_none(&self.landing_etag)
        );
        text.push_str(&format!("source     {} (ETag {})\n", or_none(&self.source_url), or_none(&self.source_etag)));
        text.push_str(&format!("execution  {}\n", or_none(&self.execution)));
        if let Some(record) = &self.record {
            text.push_str(&format!("record     {}\n", one_line(record)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_name_has_hour_version_and_chunk() {
        let name = "s3://b/raw/ghactivity/year=2025/month=11/dayofmonth=21/hour=00/0123456789ab/part-2025-11-21-0-00003.snappy.parquet";
        let (hour, version, chunk) = parse_path(name).unwrap();
        assert_eq!(
            (hour.to_string().as_str(), version.to_string().as_str(), chunk),
            ("2025-11-21-0", "0123456789ab", 3)
        );
        assert!(parse_path("s3://b/other.parquet").is_none());
    }

    #[test]
    fn lines_are_found_by_number() {
        let text = b"a\n\nccc";
        let found: Vec<_> = (0..4).map(|number| nth_line(text, number)).collect();
        assert_eq!(found, [Some((0, &b"a"[..])), Some((2, b"")), Some((3, b"ccc")), None]);
    }
}
