//! How long failing calls are retried while an execution is followed.

use std::time::{Duration, Instant};

use cli_core::CliError;

use crate::arn::ExecutionArn;

/// Long enough for a change of network and for throttling to pass.
const LIMIT: Duration = Duration::from_mins(5);

/// Ignores transient errors until they have lasted for [`LIMIT`].
pub struct RetryWindow {
    arn: ExecutionArn,
    failing_since: Option<Instant>,
}

impl RetryWindow {
    pub fn new(arn: &ExecutionArn) -> Self {
        Self { arn: arn.clone(), failing_since: None }
    }

    /// Returns the result of a poll, or `None` for a transient error within [`LIMIT`]. `say` reports the first of successive
    /// errors.
    ///
    /// # Errors
    ///
    /// [`CliError::Unwatched`] for an error that is not transient, or that has lasted for [`LIMIT`].
    pub fn check<T>(
        &mut self,
        polled: Result<T, CliError>,
        now: Instant,
        say: impl FnOnce(&str),
    ) -> Result<Option<T>, CliError> {
        let error = match polled {
            Ok(result) => {
                self.failing_since = None;
                return Ok(Some(result));
            }
            Err(error) => error,
        };
        let first = self.failing_since.is_none();
        let since = *self.failing_since.get_or_insert(now);
        if !error.is_transient() || now.duration_since(since) >= LIMIT {
            return Err(CliError::Unwatched { cause: Box::new(error), execution: self.arn.to_string() });
        }
        if first {
            say(&format!("ghactivity: {error}; the execution continues, polling is retried"));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:123456789012:execution:ghactivity-backfill:x";

    fn throttled() -> Result<(), CliError> {
        let reason = "ThrottlingException: Rate exceeded".to_owned();
        Err(CliError::Transient { call: "DescribeExecution", resource: ARN.to_owned(), reason })
    }

    #[test]
    fn transient_errors_pass_for_five_minutes() {
        let mut window = RetryWindow::new(&ARN.parse().unwrap());
        let begin = Instant::now();
        let mut said = Vec::new();
        let mut check = |polled: Result<(), CliError>, second: u64| {
            let now = begin + Duration::from_secs(second);
            window.check(polled, now, |line| said.push(line.to_owned())).map_err(|error| error.to_string())
        };
        assert_eq!(check(throttled(), 0), Ok(None));
        assert_eq!(check(throttled(), 299), Ok(None));
        assert_eq!(check(Ok(()), 300), Ok(Some(())));
        assert_eq!(check(throttled(), 400), Ok(None), "the window starts again");
        let unreachable = CliError::Unreachable { endpoint: "x".to_owned(), reason: "y".to_owned(), next: "z" };
        assert_eq!(check(Err(unreachable), 699), Ok(None));
        let given_up = check(throttled(), 700).unwrap_err();
        assert!(
            given_up.contains("Rate exceeded") && given_up.ends_with(&format!("ghactivity watch {ARN}")),
            "{given_up}"
        );
        assert!(!given_up.contains('\n'));
        assert_eq!(said.len(), 2, "{said:?}");
    }

    #[test]
    fn lasting_error_ends_at_once() {
        let mut window = RetryWindow::new(&ARN.parse().unwrap());
        let expired = Err::<(), _>(CliError::Expired { reason: "yesterday".to_owned() });
        let ended = window.check(expired, Instant::now(), |line| panic!("{line}"));
        assert!(matches!(ended, Err(CliError::Unwatched { .. })));
    }
}
