//! Waits between attempts, where a caller retries longer than the SDK does.

use std::time::Duration;

/// Random waits whose upper bound doubles, so that calls that failed together retry at different times ("full jitter").
#[derive(Clone, Debug)]
pub struct Backoff {
    longest_next: Duration,
    longest: Duration,
}

impl Backoff {
    /// The first wait is at most `first`; no wait is longer than `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { longest_next: first, longest }
    }

    pub fn next_wait(&mut self) -> Duration {
        let bound = self.longest_next.min(self.longest);
        self.longest_next = bound.saturating_mul(2);
        bound.mul_f64(rand::random_range(0.0..1.0))
    }
}

impl Default for Backoff {
    /// 50 ms to 5 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let longest_of_200 = |number: usize| {
            let nth = |_| {
                let mut backoff = Backoff::default();
                (0..=number).map(|_| backoff.next_wait()).last()
            };
            (0..200).filter_map(nth).max().unwrap()
        };
        let (first, longest) = (Duration::from_millis(50), Duration::from_secs(5));
        assert!(longest_of_200(0) <= first && longest_of_200(2) > first);
        assert!(longest_of_200(40) > Duration::from_secs(3) && longest_of_200(40) <= longest);
    }
}
