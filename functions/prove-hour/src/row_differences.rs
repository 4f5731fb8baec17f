//! The difference of two sets of rows.

use std::cmp::Ordering;
use std::collections::HashSet;

use convert::proof::RowFingerprint;

use crate::report::{FindingKind, ProofReport};

/// The most lines that a message names.
const MAX_NAMED: usize = 5;

/// The lines of expected and found rows that differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RowDifferences {
    /// Lines of expected rows that were not found with any values.
    missing: Vec<u64>,
    /// Lines of rows that were found once too often.
    doubled: Vec<u64>,
    /// Lines of rows that were found with other values, or are not expected.
    differing: Vec<u64>,
}

impl RowDifferences {
    /// Compares the rows independent of their order.
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

    /// Returns the rows that were found twice, if the expected rows are unknown.
    pub(crate) fn duplicates(found: &[RowFingerprint]) -> Self {
        let mut sorted = found.to_vec();
        sorted.sort_unstable();
        let twice = sorted.windows(2).filter(|pair| pair[0] == pair[1]);
        Self { doubled: twice.map(|pair| pair[0].line).collect(), ..Self::default() }
    }

    /// Adds findings about visible rows.
    pub(crate) fn report(&self, report: &mut ProofReport) {
        for (kind, lines) in [
            (FindingKind::RowsMissing, &self.missing),
            (FindingKind::RowsDoubled, &self.doubled),
            (FindingKind::RowsDiffer, &self.differing),
        ] {
            if !lines.is_empty() {
                report.find(kind, format!("{} rows: {}", lines.len(), named(lines)));
            }
        }
    }

    /// Adds a finding about quarantined records.
    pub(crate) fn report_quarantine(&self, report: &mut ProofReport) {
        let [missing, doubled, differing] = [&self.missing, &self.doubled, &self.differing].map(Vec::len);
        if missing + doubled + differing > 0 {
            let lines = [self.missing.as_slice(), &self.doubled, &self.differing].concat();
            let message = format!("{missing} missing, {doubled} doubled, {differing} others: {}", named(&lines));
            report.find(FindingKind::QuarantineDiffers, message);
        }
    }
}

fn named(lines: &[u64]) -> String {
    let first: Vec<_> = lines.iter().take(MAX_NAMED).map(u64::to_string).collect();
    let more = if lines.len() > MAX_NAMED { ", …" } else { "" };
    format!("source lines {}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(rows: &[(u64, u128)]) -> Vec<RowFingerprint> {
        rows.iter().map(|&(line, hash)| RowFingerprint { line, hash }).collect()
    }

    #[test]
    fn differences_are_reported_once() {
        let all = known(&[(1, 10), (2, 20), (2, 21), (3, 30)]);
        for (phrase, found, missing, doubled, differing) in [
            ("the same in another order", vec![(3, 30), (2, 21), (1, 10), (2, 20)], vec![], vec![], vec![]),
            ("one is missing", vec![(1, 10), (2, 20), (2, 21)], vec![3], vec![], vec![]),
            ("one is there twice", vec![(1, 10), (1, 10), (2, 20), (2, 21), (3, 30)], vec![], vec![1], vec![]),
            ("one has another value", vec![(1, 10), (2, 20), (2, 21), (3, 31)], vec![], vec![], vec![3]),
            ("one too many", vec![(1, 10), (2, 20), (2, 21), (3, 30), (4, 40)], vec![], vec![], vec![4]),
            ("nothing is there", vec![], vec![1, 2, 3], vec![], vec![]),
        ] {
            let expected = RowDifferences { missing, doubled, differing };
            assert_eq!(RowDifferences::between(&all, &known(&found)), expected, "{phrase}");
        }
        assert_eq!(RowDifferences::duplicates(&known(&[(1, 1), (2, 2), (1, 1), (1, 3)])).doubled, [1]);
    }
}
