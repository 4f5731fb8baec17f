//! What is read once, at the cold start.

use std::fmt;

use aws_client::config;
use aws_client::s3::Bucket;
use aws_events::Claims;
use event_stream::ObjectFormat;
use event_stream::protocol::StoreSettings;
use function_runtime::{Env, InvalidConfiguration};
use jiff::Timestamp;

/// Calls that a batch has under way at once.
const CALLS_AT_ONCE: usize = 16;

/// Clients, settings and the clock.
pub struct Context {
    /// The bucket.
    pub bucket: Bucket,
    /// The table of claims.
    pub claims: Claims,
    /// What is set for all batches.
    pub settings: StoreSettings,
    /// The clock.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET`, `CLAIMS_TABLE` and `EVENT_TYPES`, which have no default; `EVENT_FORMAT`
    /// (`parquet` or `json`; default `parquet`), `CLAIM_SECS` (seconds for which whoever claims an event is believed to be
    /// at work; default 180) and `DEDUPE_WINDOW_HOURS` (default 168).
    ///
    /// # Errors
    /// If a variable is absent or holds what it must not.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let env = Env::of_process();
        let (bucket, table) = (env.text("DATA_BUCKET")?, env.text("CLAIMS_TABLE")?);
        let settings = settings(&env)?;
        let config = config::load().await;
        let bucket = Bucket::new(config::s3(&config), bucket);
        let claims = Claims::new(config::dynamodb(&config), table);
        Ok(Self { bucket, claims, settings, now: Box::new(Timestamp::now) })
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
        calls_at_once: CALLS_AT_ONCE,
    })
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, claims, settings, now: _ } = self;
        let mut debug = f.debug_struct("Context");
        debug.field("bucket", bucket).field("claims", claims).field("settings", settings).finish_non_exhaustive()
    }
}
