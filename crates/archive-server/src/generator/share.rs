//! A share of the events.

use std::fmt;
use std::str::FromStr;

/// A number from 0 to 1 with six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    per_million: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a share: expected a number from 0 to 1, for example 0.01")]
pub struct ShareError {
    text: String,
}

impl Share {
    pub fn per_million(self) -> u32 {
        self.per_million
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        match text.parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self { per_million: per_million(share) }),
            _ => Err(ShareError { text: text.to_owned() }),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is from 0 to 1")]
fn per_million(share: f64) -> u32 {
    (share * 1e6).round() as u32
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.per_million) / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_from_0_to_1() {
        for (text, per_million) in [("0", 0), ("0.01", 10_000), ("1", 1_000_000), ("1e-6", 1)] {
            assert_eq!(text.parse::<Share>().unwrap().per_million(), per_million, "{text}");
        }
        for text in ["", "-0.1", "1.1", "NaN", "a tenth"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
