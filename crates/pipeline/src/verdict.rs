//! The comparison of a published hour with the same hour of the days before.
//!
//! A valid file can be almost empty: seven hours of January and February 2015 have one event, and in October 2025 the volume
//! fell to a hundredth for days (github.com/igrigorik/gharchive.org, issues 175 and 312). Such hours are published and
//! marked.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{LedgerItem, Verdict};

/// An hour is compared with this many days before: a week has each weekday.
pub const COMPARED_DAYS: u32 = 7;

/// An hour is degraded only if at least this many hours are compared.
const MIN_COMPARED: usize = 3;

/// An hour with less than this share of the usual rows is tiny. In October 2025 about 0.5 % were left.
const TINY_SHARE: f64 = 0.01;

/// An hour with fewer rows than this is tiny if at least [`WELL_ABOVE_TINY`] rows are usual, or if no hour can be compared.
/// The smallest complete hour measured (of February 2011) has 1,639 rows.
const TINY_ROWS: u64 = 100;

/// [`TINY_ROWS`] applies from this number of usual rows on.
const WELL_ABOVE_TINY: f64 = 1_000.0;

/// An hour with less than this share of the usual rows is degraded. Weekends and holidays have more.
const DEGRADED_SHARE: f64 = 0.5;

/// An hour whose mix of types has a larger distance from the usual one is degraded. From June 2024 to June 2026 the share of
/// pushes rose from 54 % to 85 %, a distance of 0.31. A larger change from one day to the next is a fault.
const DEGRADED_DISTANCE: f64 = 0.35;

/// Compares an hour with the published hours among `before`: the same hour of up to [`COMPARED_DAYS`] days before. Tiny hours
/// among them are ignored.
pub fn compare(rows: u64, types: &BTreeMap<String, u64>, before: &[LedgerItem]) -> Verdict {
    let usual: Vec<_> = before
        .iter()
        .filter(|item| item.verdict != Some(Verdict::Tiny))
        .filter_map(|item| item.publication.as_ref())
        .collect();
    let Some(median) = median(usual.iter().map(|publication| publication.counts.rows).collect()) else {
        return if rows < TINY_ROWS { Verdict::Tiny } else { Verdict::Complete };
    };
    let share = rows as f64 / median.max(1.0);
    if share < TINY_SHARE || (rows < TINY_ROWS && median >= WELL_ABOVE_TINY) {
        return Verdict::Tiny;
    }
    if usual.len() < MIN_COMPARED {
        return Verdict::Complete;
    }
    let mut together = BTreeMap::new();
    for (name, rows) in usual.iter().flat_map(|publication| &publication.types) {
        *together.entry(name.clone()).or_default() += rows;
    }
    if share < DEGRADED_SHARE || distance(types, &together) > DEGRADED_DISTANCE {
        return Verdict::Degraded;
    }
    Verdict::Complete
}

fn median(mut rows: Vec<u64>) -> Option<f64> {
    rows.sort_unstable();
    let middle = rows.len() / 2;
    match rows.len() {
        0 => None,
        length if length % 2 == 1 => Some(rows[middle] as f64),
        _ => Some(f64::midpoint(rows[middle - 1] as f64, rows[middle] as f64)),
    }
}

/// The total variation distance of two mixes: 0 for equal shares, 1 for no common type.
fn distance(one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>) -> f64 {
    let sum = |types: &BTreeMap<String, u64>| types.values().sum::<u64>().max(1) as f64;
    let (of_one, of_other) = (sum(one), sum(other));
    let share = |types: &BTreeMap<String, u64>, name: &str, of: f64| types.get(name).copied().unwrap_or(0) as f64 / of;
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().map(|name| (share(one, name, of_one) - share(other, name, of_other)).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::tests::published;

    fn mix(parts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        parts.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect()
    }

    fn before(hours: &[(u64, Verdict)]) -> Vec<LedgerItem> {
        let item = |&(rows, verdict): &(u64, Verdict)| {
            let mut item = published(rows, mix(&[("PushEvent", rows / 2), ("WatchEvent", rows - rows / 2)]));
            item.verdict = Some(verdict);
            item
        };
        hours.iter().map(item).collect()
    }

    #[test]
    fn verdict_compares_rows_and_types() {
        use Verdict::{Complete, Degraded, Tiny};
        let week = [(9_000, Complete), (10_000, Complete), (11_000, Complete), (10_500, Complete), (6_000, Degraded)];
        let collapsed = [(50, Tiny), (60, Tiny), (40, Tiny), (10_000, Complete)];
        let even = |rows: u64| vec![("PushEvent", rows / 2), ("WatchEvent", rows - rows / 2)];
        for (phrase, types, compared, expected) in [
            ("no hour to compare", even(1_639), &[][..], Complete),
            ("no hour to compare, almost no rows", even(1), &[][..], Tiny),
            ("no hour to compare, no rows", even(0), &[][..], Tiny),
            ("the usual rows", even(10_000), &week[..], Complete),
            ("a quiet day", even(5_100), &week[..], Complete),
            ("a busy day", even(100_000), &week[..], Complete),
            ("less than half", even(4_900), &week[..], Degraded),
            ("less than half, one day to compare", even(4_000), &week[..1], Complete),
            ("one event", even(1), &week[..], Tiny),
            ("one event, one day to compare", even(1), &week[..1], Tiny),
            ("one in two hundred", even(50), &week[..], Tiny),
            ("more than a hundredth, below a hundred rows", even(99), &[(2_000, Complete)][..], Tiny),
            ("small hours are usual", even(60), &[(90, Complete), (80, Complete), (70, Complete)][..], Complete),
            ("an empty hour among empty ones", even(0), &[(0, Complete)][..], Tiny),
            ("tiny hours before are ignored", even(50), &collapsed[..], Tiny),
            ("another mix", vec![("PushEvent", 9_000), ("WatchEvent", 1_000)], &week[..], Degraded),
            ("a slightly different mix", vec![("PushEvent", 8_000), ("WatchEvent", 2_000)], &week[..], Complete),
            ("unknown types alone", vec![("Event", 10_000)], &week[..], Degraded),
        ] {
            let types = mix(&types);
            assert_eq!(compare(types.values().sum(), &types, &before(compared)), expected, "{phrase}");
        }
    }

    proptest! {
        #[test]
        fn proptest_equal_hours_are_complete(rows in 1_000..1_000_000_u64, days in 0..8_usize) {
            let items = before(&vec![(rows, Verdict::Complete); days]);
            let types = mix(&[("PushEvent", rows / 2), ("WatchEvent", rows - rows / 2)]);
            prop_assert_eq!(compare(rows, &types, &items), Verdict::Complete);
        }

        #[test]
        fn proptest_distance_is_between_0_and_1(a in 0..9_u64, b in 0..9_u64, c in 0..9_u64, d in 0..9_u64) {
            let (one, other) = (mix(&[("A", a), ("B", b)]), mix(&[("B", c), ("C", d)]));
            prop_assert!((0.0..=1.0 + 1e-9).contains(&distance(&one, &other)));
            prop_assert!((distance(&one, &other) - distance(&other, &one)).abs() < 1e-12);
            prop_assert!(distance(&one, &one) == 0.0);
        }
    }
}
