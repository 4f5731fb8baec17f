//! Configuration and clients, created once at cold start.

use aws_client::config;
use aws_client::s3::Bucket;
use csv_load::{MAX_CHUNK_BYTES, PlannerSettings};
use function_runtime::{Env, InvalidConfiguration};

#[derive(Debug)]
pub struct Context {
    /// The upload bucket.
    pub bucket: Bucket,
    /// The prefix of all tables that may be loaded.
    pub table_prefix: String,
    /// Without `added_bytes`, which differ per load.
    pub settings: PlannerSettings,
    /// The most chunks of a load that run at the same time.
    pub concurrency: u32,
}

impl Context {
    /// Reads the environment: `UPLOAD_BUCKET` and `TABLE_PREFIX` (required), `CSV_CHUNK_ROWS` (default 25,000) and
    /// `CSV_CONCURRENCY` (default 8).
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table_prefix) = (env.text("UPLOAD_BUCKET")?, env.text("TABLE_PREFIX")?);
        let chunk_rows = env.value_or("CSV_CHUNK_ROWS", 25_000)?;
        let concurrency = env.value_or("CSV_CONCURRENCY", 8)?;
        let bucket = Bucket::new(config::s3(&config::load().await), bucket);
        let settings =
            PlannerSettings { chunk_rows, chunk_bytes: MAX_CHUNK_BYTES, seed: rand::random(), added_bytes: 0 };
        Ok(Self { bucket, table_prefix, settings, concurrency })
    }
}
