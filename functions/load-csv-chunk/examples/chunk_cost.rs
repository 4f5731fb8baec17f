//! Measures the cost of a CSV load: with the code of the function as one chunk, or with plain use of the SDK.
//!
//! `AWS_ENDPOINT_URL=… chunk_cost function|plain FILE` prints rows, CPU seconds (user and system) and seconds of the load
//! as JSON. The file is read into memory before the measurement.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use aws_client::config;
use aws_fakes::MemoryS3;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use csv_load::plan::{CsvSource, LoadTarget};
use csv_load::{CsvPlanner, LoadId, LoadOptions, LoadPlan, PlannerSettings, keys};
use function_runtime::Clock;
use futures::{StreamExt, TryStreamExt, stream};
use load_csv_chunk::{Context, Input, handle};

const TABLE: &str = "csv_items";
const CALLS_IN_FLIGHT: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, path] = &arguments[..] else { return Err("function|plain FILE".into()) };
    let file = fs::read(path)?;
    let dynamodb = config::dynamodb(&config::load().await);
    let (rows, (cpu, wall)) = match kind.as_str() {
        "function" => function(file, dynamodb).await?,
        _ => plain(&file, dynamodb).await?,
    };
    println!("{{\"rows\": {rows}, \"cpu_secs\": {cpu:.3}, \"secs\": {wall:.3}}}");
    Ok(())
}

type Measured = Result<(u64, (f64, f64)), Box<dyn std::error::Error>>;

/// Loads with the handler of the Lambda, from a bucket in memory.
async fn function(file: Vec<u8>, dynamodb: aws_client::dynamodb::Client) -> Measured {
    let (s3, options) = (MemoryS3::default(), LoadOptions::default());
    let settings = PlannerSettings { chunk_rows: u64::MAX, chunk_bytes: u64::MAX, seed: 1, added_bytes: 0 };
    let planned = CsvPlanner::new(&options, settings).plan(&file[..], &mut std::io::sink())?;
    let load_id = LoadId::of(&[0; 32], TABLE, &options);
    let bytes = file.len() as u64;
    s3.put("raw/file.csv", file);
    let etag = s3.etag("raw/file.csv").ok_or("no file")?;
    let source = CsvSource {
        bucket: "csv".into(),
        key: "raw/file.csv".into(),
        etag,
        bytes,
        sha256: String::new(),
        is_gzip: false,
    };
    let rows = planned.rows;
    let wanted = LoadTarget { table: TABLE.into(), table_id: None, options };
    let plan = LoadPlan::new(&planned, source, load_id, wanted, "2025-11-21T00:00:00Z".parse()?);
    s3.put(&keys::plan(load_id), serde_json::to_vec(&plan)?);
    s3.put(&keys::superseded(load_id), planned.superseded_bits);
    let work_time = Duration::from_hours(1);
    let context = Context {
        bucket: s3.bucket("csv"),
        dynamodb,
        work_time,
        calls_in_flight: CALLS_IN_FLIGHT,
        clock: Clock::system(),
    };
    let begin = begin();
    let done = handle(
        Input { load_id, table: TABLE.to_owned(), chunk: 0, execution_arn: None, max_wcu: None, resume: None },
        &context,
    )
    .await?;
    let taken = since(begin);
    if done.done { Ok((rows, taken)) } else { Err("not done".into()) }
}

/// Loads like a program that reads records into maps and passes them to the SDK.
async fn plain(file: &[u8], dynamodb: aws_client::dynamodb::Client) -> Measured {
    let begin = begin();
    let mut reader = csv::Reader::from_reader(file);
    let names = reader.headers()?.clone();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let requests = reader.into_records().map(|record| {
        let record = record?;
        let cells = names.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        let mut item: HashMap<String, AttributeValue> =
            cells.map(|(name, cell)| (name.to_owned(), text(cell))).collect();
        item.insert("ingestion_timestamp".to_owned(), text("2025-11-21T00:00:00Z"));
        item.insert("source_file".to_owned(), text("s3://csv/raw/file.csv"));
        item.insert("load_id".to_owned(), text("0123456789abcdef"));
        let put = PutRequest::builder().set_item(Some(item)).build()?;
        Ok::<_, Box<dyn std::error::Error>>(WriteRequest::builder().put_request(put).build())
    });
    let calls = stream::iter(requests).try_chunks(25).map(|batch| {
        let dynamodb = dynamodb.clone();
        async move {
            let batch = batch.map_err(|error| error.1)?;
            let rows = batch.len() as u64;
            dynamodb.batch_write_item().request_items(TABLE, batch).send().await?;
            Ok::<_, Box<dyn std::error::Error>>(rows)
        }
    });
    let rows = calls.buffered(CALLS_IN_FLIGHT).try_fold(0, async |sum, rows| Ok(sum + rows)).await?;
    Ok((rows, since(begin)))
}

fn begin() -> (f64, Instant) {
    (cpu_secs(), Instant::now())
}

fn since((cpu, begin): (f64, Instant)) -> (f64, f64) {
    (cpu_secs() - cpu, begin.elapsed().as_secs_f64())
}

/// User and system time of this process; Linux counts it in hundredths of a second.
fn cpu_secs() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
