//! The bytes of an hour, from the source or from the landing object.

use aws_client::s3::Object;
use bytes::Bytes;

use crate::FetchError;
use crate::checksums::Checksums;
use crate::upstream::Upstream;

pub(crate) enum HourBody {
    Upstream(Upstream),
    Landing { object: Object, address: String },
}

impl HourBody {
    /// Returns the next bytes, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        match self {
            Self::Upstream(upstream) => upstream.next().await,
            Self::Landing { object, .. } => Ok(object.next().await?),
        }
    }

    /// Returns the address of the bytes.
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::Upstream(upstream) => upstream.url(),
            Self::Landing { address, .. } => address,
        }
    }

    /// Returns the announced length and checksums.
    pub(crate) fn checksums(&self) -> Checksums {
        match self {
            Self::Upstream(upstream) => upstream.checksums().clone(),
            Self::Landing { object, .. } => Checksums::of_length(object.bytes),
        }
    }
}
