//! Injected faults: `HOUR=KIND[:ARGUMENT][xTIMES]`.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use pipeline::ArchiveHour;

/// A fault of one hour, or of every hour.
///
/// A request gets the first fault of its hour that is not used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveFault {
    /// Every hour if absent.
    pub hour: Option<ArchiveHour>,
    pub kind: FaultKind,
    /// The number of requests with the fault; unlimited if absent.
    pub times: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Closes the connection after this many bytes of the body (GET only).
    Cut(u64),
    /// Sends nothing after this many bytes of the body (GET only).
    Stall(u64),
    /// Pauses before each block of 64 KiB of the body (GET only).
    Slow(Duration),
    /// Responds with this status and an XML body.
    Status(u16),
    /// Responds with 429 and a `Retry-After` of this many seconds.
    Busy(u64),
    /// `ETag` and `X-Goog-Hash` have a wrong MD5; the CRC32C is right.
    Md5,
    /// `X-Goog-Hash` has a wrong CRC32C; the MD5 is right.
    Crc,
    /// The response has no `ETag` and no `X-Goog-Hash`.
    NoHash,
    /// `ETag` is this text in quotes, as of another version; the hashes are right.
    Etag(String),
    /// Ignores `Range`: responds with 200 and the whole file.
    NoRange,
    /// Serves the bytes of this file, with their hashes.
    Body(PathBuf),
    /// Responds normally, to delay the next fault of a list.
    Pass,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("'{text}' is not a fault: expected HOUR=KIND[:ARGUMENT][xTIMES] with an archive hour or *")]
    Malformed { text: String },
    /// The kind is unknown, or its argument is missing or not valid.
    #[error(
        "'{text}' is not a kind of fault: expected cut:BYTES, stall:BYTES, slow:MILLISECONDS, status:400..599, busy:SECONDS, md5, crc, nohash, etag:TEXT, norange, body:FILE or pass"
    )]
    Kind { text: String },
}

#[derive(Debug)]
pub(crate) struct FaultQueue(Mutex<Vec<ArchiveFault>>);

impl FaultQueue {
    pub(crate) fn new(faults: Vec<ArchiveFault>) -> Self {
        Self(Mutex::new(faults))
    }

    /// Takes the fault of a request for `hour`.
    pub(crate) fn take(&self, hour: ArchiveHour) -> Option<FaultKind> {
        let mut faults = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let applies = |fault: &&mut ArchiveFault| fault.hour.is_none_or(|at| at == hour) && fault.times != Some(0);
        let fault = faults.iter_mut().find(applies)?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.kind.clone())
    }
}

impl FromStr for ArchiveFault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let malformed = || FaultError::Malformed { text: text.to_owned() };
        let (hour, rest) = text.split_once('=').ok_or_else(malformed)?;
        let hour = match hour {
            "*" => None,
            hour => Some(hour.parse().map_err(|_| malformed())?),
        };
        let (kind, times) = match rest.rsplit_once('x') {
            Some((kind, times)) if !times.is_empty() && times.bytes().all(|byte| byte.is_ascii_digit()) => {
                (kind, Some(times.parse().map_err(|_| malformed())?))
            }
            _ => (rest, None),
        };
        Ok(Self { hour, kind: kind.parse()?, times })
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let error = || FaultError::Kind { text: text.to_owned() };
        let number = |argument: &str| argument.parse::<u64>().map_err(|_| error());
        let (kind, argument) = match text.split_once(':') {
            Some((kind, argument)) => (kind, Some(argument)),
            None => (text, None),
        };
        Ok(match (kind, argument) {
            ("cut", Some(bytes)) => Self::Cut(number(bytes)?),
            ("stall", Some(bytes)) => Self::Stall(number(bytes)?),
            ("slow", Some(millis)) => Self::Slow(Duration::from_millis(number(millis)?)),
            ("status", Some(code)) => {
                Self::Status(code.parse().ok().filter(|code| (400..600).contains(code)).ok_or_else(error)?)
            }
            ("busy", Some(seconds)) => Self::Busy(number(seconds)?),
            ("md5", None) => Self::Md5,
            ("crc", None) => Self::Crc,
            ("nohash", None) => Self::NoHash,
            ("etag", Some(text)) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Self::Etag(text.to_owned())
            }
            ("norange", None) => Self::NoRange,
            ("body", Some(file)) if !file.is_empty() => Self::Body(PathBuf::from(file)),
            ("pass", None) => Self::Pass,
            _ => return Err(error()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_parses_every_kind() {
        for (text, kind, times) in [
            ("cut:1000", FaultKind::Cut(1000), None),
            ("cut:1000x2", FaultKind::Cut(1000), Some(2)),
            ("stall:0", FaultKind::Stall(0), None),
            ("slow:50", FaultKind::Slow(Duration::from_millis(50)), None),
            ("status:503x1", FaultKind::Status(503), Some(1)),
            ("status:429", FaultKind::Status(429), None),
            ("busy:120x2", FaultKind::Busy(120), Some(2)),
            ("md5", FaultKind::Md5, None),
            ("md5x3", FaultKind::Md5, Some(3)),
            ("crc", FaultKind::Crc, None),
            ("nohash", FaultKind::NoHash, None),
            ("etag:other", FaultKind::Etag(String::from("other")), None),
            ("norange", FaultKind::NoRange, None),
            ("body:/tmp/a=b:c.xml", FaultKind::Body(PathBuf::from("/tmp/a=b:c.xml")), None),
            ("passx1", FaultKind::Pass, Some(1)),
        ] {
            let fault: ArchiveFault = format!("2015-01-01-5={text}").parse().unwrap();
            assert_eq!(fault, ArchiveFault { hour: Some("2015-01-01-5".parse().unwrap()), kind, times }, "{text}");
        }
        assert_eq!("*=md5".parse(), Ok(ArchiveFault { hour: None, kind: FaultKind::Md5, times: None }));
    }

    #[test]
    fn fault_of_bad_text_is_an_error() {
        for text in [
            "",
            "md5",
            "2015-01-01-5",
            "2015-01-01-25=md5",
            "2015-01-01-5=",
            "2015-01-01-5=cut",
            "2015-01-01-5=cut:-1",
            "2015-01-01-5=status:200",
            "2015-01-01-5=busy",
            "2015-01-01-5=md5:1",
            "2015-01-01-5=etag:a\"b",
            "2015-01-01-5=fire",
            "2015-01-01-5=md5x99999999999",
        ] {
            assert!(text.parse::<ArchiveFault>().is_err(), "'{text}'");
        }
    }

    #[test]
    fn faults_of_an_hour_are_used_in_order() {
        let [five, six] = ["2015-01-01-5", "2015-01-01-6"].map(|hour| hour.parse().unwrap());
        let faults = ["2015-01-01-5=md5x2", "2015-01-01-5=cut:1x1", "*=slow:1"];
        let faults = FaultQueue::new(faults.map(|fault| fault.parse().unwrap()).to_vec());
        let slow = Some(FaultKind::Slow(Duration::from_millis(1)));
        assert_eq!(faults.take(five), Some(FaultKind::Md5));
        assert_eq!(faults.take(six), slow);
        assert_eq!(faults.take(five), Some(FaultKind::Md5));
        assert_eq!(faults.take(five), Some(FaultKind::Cut(1)));
        assert_eq!(faults.take(five), slow);
    }
}
