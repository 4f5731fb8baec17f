//! The bytes of an hour, wherever they come from.

use aws_client::s3::Object;
use bytes::Bytes;

use crate::checksums::Checksums;
use crate::error::Error;
use crate::upstream::Upstream;

/// A body that is being read.
pub(crate) enum Body {
    Upstream(Upstream),
    Landing { object: Object, address: String },
}

impl Body {
    /// The next bytes, or nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Upstream(upstream) => upstream.next().await,
            Self::Landing { object, .. } => Ok(object.next().await?),
        }
    }

    /// The address that the bytes come from.
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::Upstream(upstream) => upstream.url(),
            Self::Landing { address, .. } => address,
        }
    }

    /// What was announced about the bytes.
    pub(crate) fn checksums(&self) -> Checksums {
        match self {
            Self::Upstream(upstream) => upstream.checksums().clone(),
            Self::Landing { object, .. } => Checksums::of_length(object.bytes),
        }
    }
}
