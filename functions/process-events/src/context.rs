//! Configuration and clients, created once at cold start.

use aws_client::config;
use aws_client::s3::Bucket;
use aws_events::Claims;
use event_stream::ObjectFormat;
use event_stream::protocol::StoreSettings;
use function_runtime::{Clock, Env, InvalidConfiguration};

/// The concurrent calls of a batch.
const CALLS_IN_FLIGHT: usize = 16;

#[derive(Debug)]
pub struct Context {
    pub bucket: Bucket,
    pub claims: Claims,
    pub settings: StoreSettings,
    pub clock: Clock,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET`, `CLAIMS_TABLE` and `EVENT_TYPES` (required), `EVENT_FORMAT` (`parquet` or `json`;
    /// default `parquet`), `CLAIM_SECS` (seconds after which a claim can be taken over; default 180) and `DEDUPE_WINDOW_HOURS`
    /// (default 168).
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table) = (env.text("DATA_BUCKET")?, env.text("CLAIMS_TABLE")?);
        let settings = settings(&env)?;
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        let claims = Claims::new(config::dynamodb(&config), table);
        Ok(Self { bucket, claims, settings, clock: Clock::system() })
    }
}

fn settings(env: &Env) -> Result<StoreSettings, InvalidConfiguration> {
    let formats = [("parquet", ObjectFormat::Parquet), ("json", ObjectFormat::JsonLines)];
    let claim_secs: u32 = env.value_or("CLAIM_SECS", 180)?;
    let window_hours: u32 = env.value_or("DEDUPE_WINDOW_HOURS", 168)?;
    Ok(StoreSettings {
        types: env.value("EVENT_TYPES")?,
        format: env.choice_or("EVENT_FORMAT", &formats, ObjectFormat::Parquet)?,
        claim_ms: i64::from(claim_secs) * 1000,
        window_secs: i64::from(window_hours) * 3600,
        calls_at_once: CALLS_IN_FLIGHT,
    })
}
