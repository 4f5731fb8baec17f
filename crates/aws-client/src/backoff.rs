//! How long to wait for a service that asks for fewer calls, where a call is made again for longer than the SDK does.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that become longer each time, by chance, so that calls that were refused at once come again at different times.
#[derive(Debug, Default)]
pub struct Backoff {
    waits: u32,
}

impl Backoff {
    /// The next wait: up to twice as long as the last could be, and 5 s at most.
    pub fn next_wait(&mut self) -> Duration {
        let longest = LONGEST.min(FIRST * 2_u32.saturating_pow(self.waits));
        self.waits = (self.waits + 1).min(10);
        longest.mul_f64(rand::random_range(0.0..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_become_longer_and_have_an_end() {
        let most = |number: usize| {
            let nth = |_| {
                std::iter::repeat_with({
                    let mut backoff = Backoff::default();
                    move || backoff.next_wait()
                })
                .nth(number)
            };
            (0..200).filter_map(nth).max().unwrap()
        };
        assert!(most(0) <= FIRST && most(2) > FIRST && most(40) > Duration::from_secs(3) && most(40) <= LONGEST);
    }
}
