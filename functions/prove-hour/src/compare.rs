//! Which of two sets of rows has what the other has not.

use std::cmp::Ordering;
use std::collections::HashSet;

use convert::proof::RowFingerprint;

use crate::report::{Report, What};

/// So many lines are named.
const NAMED: usize = 5;

/// What differs between the rows that must be there and those that are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Lines whose row must be there and is not, with these values or any other.
    missing: Vec<u64>,
    /// Lines whose row is there once too often.
    doubled: Vec<u64>,
    /// Lines whose row is there with other values, or must not be there.
    differing: Vec<u64>,
}

impl Differences {
    /// Between what is `expected` and what is `found`, in whatever order.
    pub(crate) fn between(expected: &[RowFingerprint], found: &[RowFingerprint]) -> Self {
        let sorted = |known: &[RowFingerprint]| {
            let mut sorted = known.to_vec();
            sorted.sort_unstable();
            sorted
        };
        let (expected, found) = (sorted(expected), sorted(found));
        let (mut missing, mut extra): (Vec<RowFingerprint>, Vec<RowFingerprint>) = (Vec::new(), Vec::new());
        let (mut left, mut right) = (expected.iter().peekable(), found.iter().peekable());
        loop {
            match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(one), other) if other.is_none_or(|other| one.cmp(other) == Ordering::Less) => {
                    missing.extend(left.next().copied());
                }
                (one, Some(other)) if one.is_none_or(|one| other.cmp(one) == Ordering::Less) => {
                    extra.extend(right.next().copied());
                }
                _ => {
                    left.next();
                    right.next();
                }
            }
        }
        let lines_missing: HashSet<u64> = missing.iter().map(|known| known.line).collect();
        let mut differences = Self::default();
        for known in extra {
            match expected.binary_search(&known) {
                Ok(_) => differences.doubled.push(known.line),
                Err(_) => differences.differing.push(known.line),
            }
        }
        let differing: HashSet<u64> = differences.differing.iter().copied().collect();
        differences.missing = lines_missing.difference(&differing).copied().collect();
        differences.missing.sort_unstable();
        differences
    }

    /// Rows that are there twice, where nothing is known of what must be there.
    pub(crate) fn twice(found: &[RowFingerprint]) -> Self {
        let mut sorted = found.to_vec();
        sorted.sort_unstable();
        let twice = sorted.windows(2).filter(|pair| pair[0] == pair[1]);
        Self { doubled: twice.map(|pair| pair[0].line).collect(), ..Self::default() }
    }

    /// Tells of them, as rows that readers see.
    pub(crate) fn tell(&self, report: &mut Report) {
        for (what, lines) in [
            (What::RowsMissing, &self.missing),
            (What::RowsDoubled, &self.doubled),
            (What::RowsDiffer, &self.differing),
        ] {
            if !lines.is_empty() {
                report.find(what, format!("{} rows: {}", lines.len(), named(lines)));
            }
        }
    }

    /// Tells of them, as quarantined records.
    pub(crate) fn tell_of_quarantine(&self, report: &mut Report) {
        let [missing, doubled, differing] = [&self.missing, &self.doubled, &self.differing].map(Vec::len);
        if missing + doubled + differing > 0 {
            let lines = [self.missing.as_slice(), &self.doubled, &self.differing].concat();
            let message = format!("{missing} missing, {doubled} doubled, {differing} others: {}", named(&lines));
            report.find(What::QuarantineDiffers, message);
        }
    }
}

fn named(lines: &[u64]) -> String {
    let first: Vec<_> = lines.iter().take(NAMED).map(u64::to_string).collect();
    let more = if lines.len() > NAMED { ", …" } else { "" };
    format!("source lines {}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(rows: &[(u64, u128)]) -> Vec<RowFingerprint> {
        rows.iter().map(|&(line, hash)| RowFingerprint { line, hash }).collect()
    }

    #[test]
    fn every_difference_is_told_once() {
        let all = known(&[(1, 10), (2, 20), (2, 21), (3, 30)]);
        for (phrase, found, missing, doubled, differing) in [
            ("the same in another order", vec![(3, 30), (2, 21), (1, 10), (2, 20)], vec![], vec![], vec![]),
            ("one is missing", vec![(1, 10), (2, 20), (2, 21)], vec![3], vec![], vec![]),
            ("one is there twice", vec![(1, 10), (1, 10), (2, 20), (2, 21), (3, 30)], vec![], vec![1], vec![]),
            ("one has another value", vec![(1, 10), (2, 20), (2, 21), (3, 31)], vec![], vec![], vec![3]),
            ("one too many", vec![(1, 10), (2, 20), (2, 21), (3, 30), (4, 40)], vec![], vec![], vec![4]),
            ("nothing is there", vec![], vec![1, 2, 3], vec![], vec![]),
        ] {
            let expected = Differences { missing, doubled, differing };
            assert_eq!(Differences::between(&all, &known(&found)), expected, "{phrase}");
        }
        assert_eq!(Differences::twice(&known(&[(1, 1), (2, 2), (1, 1), (1, 3)])).doubled, [1]);
    }
}
