//! How long whoever watches bears with calls that fail now and may succeed the next time.

use std::time::{Duration, Instant};

use cli_core::CliError;

use crate::arn::ExecutionArn;

/// A network that changes and a service that throttles are back by then.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Since when the looks at an execution fail, if they do.
pub struct RetryWindow {
    arn: ExecutionArn,
    failing_since: Option<Instant>,
}

impl RetryWindow {
    pub fn new(arn: &ExecutionArn) -> Self {
        Self { arn: arn.clone(), failing_since: None }
    }

    /// What a look at the execution gave; nothing where it failed and is worth another, which the first failure in a row `say`s.
    ///
    /// # Errors
    ///
    /// [`CliError::Unwatched`] for what lasts, and for what another look cannot mend.
    pub fn check<T>(
        &mut self,
        look: Result<T, CliError>,
        now: Instant,
        say: impl FnOnce(&str),
    ) -> Result<Option<T>, CliError> {
        let problem = match look {
            Ok(seen) => {
                self.failing_since = None;
                return Ok(Some(seen));
            }
            Err(problem) => problem,
        };
        let first = self.failing_since.is_none();
        let since = *self.failing_since.get_or_insert(now);
        if !problem.is_transient() || now.duration_since(since) >= LIMIT {
            return Err(CliError::Unwatched { cause: Box::new(problem), execution: self.arn.to_string() });
        }
        if first {
            say(&format!("ghactivity: {problem}; the execution goes on, and is asked for again"));
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
    fn failures_in_a_row_are_told_once_and_borne_for_five_minutes() {
        let mut window = RetryWindow::new(&ARN.parse().unwrap());
        let begin = Instant::now();
        let mut told = Vec::new();
        let mut look = |look: Result<(), CliError>, second: u64| {
            let now = begin + Duration::from_secs(second);
            window.check(look, now, |line| told.push(line.to_owned())).map_err(|problem| problem.to_string())
        };
        assert_eq!(look(throttled(), 0), Ok(None));
        assert_eq!(look(throttled(), 299), Ok(None));
        assert_eq!(look(Ok(()), 300), Ok(Some(())));
        assert_eq!(look(throttled(), 400), Ok(None), "the count begins anew");
        let unreachable = CliError::Unreachable { endpoint: "x".to_owned(), reason: "y".to_owned(), next: "z" };
        assert_eq!(look(Err(unreachable), 699), Ok(None));
        let given_up = look(throttled(), 700).unwrap_err();
        assert!(
            given_up.contains("Rate exceeded") && given_up.ends_with(&format!("ghactivity watch {ARN}")),
            "{given_up}"
        );
        assert!(!given_up.contains('\n'));
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn what_another_look_cannot_mend_ends_the_watching() {
        let mut window = RetryWindow::new(&ARN.parse().unwrap());
        let expired = Err::<(), _>(CliError::Expired { reason: "yesterday".to_owned() });
        let ended = window.check(expired, Instant::now(), |line| panic!("{line}"));
        assert!(matches!(ended, Err(CliError::Unwatched { .. })));
    }
}
