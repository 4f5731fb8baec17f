//! Configuration and clients, created once at cold start.

use aws_client::s3::Bucket;
use function_runtime::{Env, InvalidConfiguration};

#[derive(Debug)]
pub struct Context {
    pub bucket: Bucket,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET`, required.
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let name = Env::of_process().text("DATA_BUCKET")?;
        let config = aws_client::config::load().await;
        Ok(Self { bucket: Bucket::new(aws_client::config::s3(&config), name) })
    }
}
