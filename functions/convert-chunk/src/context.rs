//! What is the same for every invocation: configuration and clients.

use aws_client::s3::Bucket;
use function_runtime::{Env, InvalidConfiguration};

/// Configuration and clients.
#[derive(Debug)]
pub struct Context {
    /// The bucket.
    pub bucket: Bucket,
}

impl Context {
    /// Reads the environment: `DATA_BUCKET`, the name of the bucket, which has no default.
    ///
    /// # Errors
    /// If a variable is absent or holds what it must not.
    pub async fn try_from_env() -> Result<Self, InvalidConfiguration> {
        let name = Env::of_process().text("DATA_BUCKET")?;
        let config = aws_client::config::load().await;
        Ok(Self { bucket: Bucket::new(aws_client::config::s3(&config), name) })
    }
}
