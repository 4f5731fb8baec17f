//! Reproducible pseudo-random numbers, independent of the machine and of dependencies.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and specified in five lines.
#[derive(Clone)]
pub(crate) struct SeededRandom(u64);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finish(self.0)
    }

    /// Uniform from 0 to `end - 1`. `end` is at least 1.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).expect("the high half of a product fits")
    }

    /// Uniform from 0 to `end - 1`. `end` is at least 1.
    pub(crate) fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).expect("it is below a usize")
    }

    /// Uniform from `start` to `end - 1`.
    pub(crate) fn between(&mut self, start: u64, end: u64) -> u64 {
        start + self.below(end - start)
    }

    /// True with a probability of `per_million` / 1,000,000.
    pub(crate) fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// From 0 to `end - 1`; small numbers are much more frequent, close to a Zipf law with exponent 2/3. In an hour of 15,000
    /// events, the first of a million numbers has about 1 % of the events, and most other numbers have one.
    pub(crate) fn skewed(&mut self, end: u64) -> u64 {
        cube(self.next(), end)
    }
}

/// A hash of `seed` and `index`.
pub(crate) fn mix(seed: u64, index: u64) -> u64 {
    finish(finish(seed).wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// `end` times the third power of `uniform` as a fraction. Integers make it independent of the floating-point unit.
pub(crate) fn cube(uniform: u64, end: u64) -> u64 {
    let fraction = u128::from(uniform >> 32);
    let cubed = (((fraction * fraction) >> 32) * fraction) >> 32;
    u64::try_from((cubed * u128::from(end)) >> 32).expect("a fraction of a u64 fits")
}

fn finish(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_matches_the_published_one() {
        let mut random = SeededRandom::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = SeededRandom::new(1);
        for _ in 0..10_000 {
            assert!(random.below(3) < 3);
            assert!((5..9).contains(&random.between(5, 9)));
            assert!(random.skewed(10) < 10);
        }
        assert_eq!(cube(u64::MAX, 10), 9, "the largest fraction is below the end");
        assert_eq!(cube(0, 10), 0);
    }
}
