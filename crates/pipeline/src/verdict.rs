//! How a published hour compares with the same hour of the days before.
//!
//! A file can be sound and still hold next to nothing: seven hours of January and February 2015 have one event, and in
//! October 2025 the volume collapsed to a hundredth for days (github.com/igrigorik/gharchive.org, issues 175 and 312).
//! Such hours are published, and marked.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{LedgerItem, Verdict};

/// How many days back an hour is compared: a week, so that each weekday is among them.
pub const COMPARED_DAYS: u32 = 7;

/// At least so many hours to call another one degraded; fewer say too little about what is usual.
const MIN_COMPARED: usize = 3;

/// An hour below this share of the usual rows is tiny. The collapse of October 2025 left about 0.5 %.
const TINY_SHARE: f64 = 0.01;

/// An hour of fewer rows than this is tiny where [`WELL_ABOVE_TINY`] are usual, or nothing is known of what is. The smallest complete hour measured,
/// of February 2011, has 1,639.
const TINY_ROWS: u64 = 100;

/// What is usual has to be at least this for [`TINY_ROWS`] to count.
const WELL_ABOVE_TINY: f64 = 1_000.0;

/// An hour below this share of the usual rows is degraded. Weekends and holidays stay above it.
const DEGRADED_SHARE: f64 = 0.5;

/// An hour whose shares of types are further than this from the usual ones is degraded. Between June 2024 and June 2026
/// the share of pushes went from 54 % to 85 %, a distance of 0.31: what moves further from one day to the next is a fault.
const DEGRADED_DISTANCE: f64 = 0.35;

/// Compares an hour with the same hour of up to [`COMPARED_DAYS`] days before, as far as the ledger has them published.
/// Tiny hours among those say nothing about what is usual and do not count.
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
        _ => Some((rows[middle - 1] as f64 + rows[middle] as f64) / 2.0),
    }
}

/// Total variation distance of two mixes: 0 for equal shares, 1 for nothing in common.
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
    fn an_hour_is_judged_by_what_is_usual() {
        use Verdict::{Complete, Degraded, Tiny};
        let week = [(9_000, Complete), (10_000, Complete), (11_000, Complete), (10_500, Complete), (6_000, Degraded)];
        let collapsed = [(50, Tiny), (60, Tiny), (40, Tiny), (10_000, Complete)];
        let even = |rows: u64| vec![("PushEvent", rows / 2), ("WatchEvent", rows - rows / 2)];
        for (phrase, types, compared, expected) in [
            ("nothing to compare with", even(1_639), &[][..], Complete),
            ("nothing to compare with, and next to nothing there", even(1), &[][..], Tiny),
            ("nothing at all", even(0), &[][..], Tiny),
            ("as usual", even(10_000), &week[..], Complete),
            ("a quiet day", even(5_100), &week[..], Complete),
            ("a busy day", even(100_000), &week[..], Complete),
            ("less than half", even(4_900), &week[..], Degraded),
            ("less than half of one day alone", even(4_000), &week[..1], Complete),
            ("one event", even(1), &week[..], Tiny),
            ("one event, one day to compare with", even(1), &week[..1], Tiny),
            ("one in two hundred", even(50), &week[..], Tiny),
            ("more than a hundredth, below a hundred rows", even(99), &[(2_000, Complete)][..], Tiny),
            ("small hours are usual", even(60), &[(90, Complete), (80, Complete), (70, Complete)][..], Complete),
            ("an empty hour among empty ones", even(0), &[(0, Complete)][..], Tiny),
            ("still collapsed: the tiny hours do not count", even(50), &collapsed[..], Tiny),
            ("another mix", vec![("PushEvent", 9_000), ("WatchEvent", 1_000)], &week[..], Degraded),
            ("a somewhat other mix", vec![("PushEvent", 8_000), ("WatchEvent", 2_000)], &week[..], Complete),
            ("unknown types alone", vec![("Event", 10_000)], &week[..], Degraded),
        ] {
            let types = mix(&types);
            assert_eq!(compare(types.values().sum(), &types, &before(compared)), expected, "{phrase}");
        }
    }

    proptest! {
        #[test]
        fn proptest_an_hour_like_those_before_is_complete(rows in 1_000..1_000_000_u64, days in 0..8_usize) {
            let items = before(&vec![(rows, Verdict::Complete); days]);
            let types = mix(&[("PushEvent", rows / 2), ("WatchEvent", rows - rows / 2)]);
            prop_assert_eq!(compare(rows, &types, &items), Verdict::Complete);
        }

        #[test]
        fn proptest_a_distance_lies_between_none_and_all(a in 0..9_u64, b in 0..9_u64, c in 0..9_u64, d in 0..9_u64) {
            let (one, other) = (mix(&[("A", a), ("B", b)]), mix(&[("B", c), ("C", d)]));
            prop_assert!((0.0..=1.0 + 1e-9).contains(&distance(&one, &other)));
            prop_assert!((distance(&one, &other) - distance(&other, &one)).abs() < 1e-12);
            prop_assert!(distance(&one, &one) == 0.0);
        }
    }
}
