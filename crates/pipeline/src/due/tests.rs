use proptest::prelude::*;

use super::*;
use HourStatus::{Failed, Landed, Missing, NotPublished, Published};

const RULES: MissingRules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };

/// Hour 0 of these tests is far from every known gap.
fn hour(number: u32) -> ArchiveHour {
    "2025-11-21-0".parse::<ArchiveHour>().unwrap().plus(number)
}

fn number(hour_: ArchiveHour) -> u32 {
    u32::try_from(hour_.hours_since(hour(0))).unwrap()
}

/// The time is ten minutes after the end of hour 99; the job begins with hour 0.
fn query(next: u32) -> DueQuery {
    let now = hour(99).end() + SignedDuration::from_mins(10);
    DueQuery { now, first_hour: hour(0), next_hour: hour(next), after: None, max_hours: 3, rules: RULES }
}

fn item(number: u32, status: HourStatus) -> LedgerSummary {
    LedgerSummary { hour: hour(number), status, revision: 1, next_attempt_at: None, updated_at: hour(number).end() }
}

/// An item whose next attempt is due in `minutes`.
fn retried(number: u32, status: HourStatus, minutes: i64) -> LedgerSummary {
    let next_attempt_at = Some(query(0).now + SignedDuration::from_mins(minutes));
    LedgerSummary { next_attempt_at, ..item(number, status) }
}

fn numbers(hours: &[ArchiveHour]) -> Vec<u32> {
    hours.iter().map(|hour| number(*hour)).collect()
}

/// A ledger in which hours 0 to `last` are published.
fn published(last: u32) -> Vec<LedgerSummary> {
    (0..=last).map(|number| item(number, Published)).collect()
}

#[test]
fn newest_over_is_the_last_ended_hour() {
    for (phrase, now, expected) in [
        ("at the end", "2025-11-21T01:00:00Z", Some("2025-11-21-0")),
        ("a second before", "2025-11-21T00:59:59Z", Some("2025-11-20-23")),
        ("the archive's first hour is not over", "2011-02-12T00:59:59Z", None),
        ("before the archive", "1999-01-01T00:00:00Z", None),
    ] {
        let expected = expected.map(|hour| hour.parse().unwrap());
        assert_eq!(newest_over(now.parse().unwrap()), expected, "{phrase}");
    }
}

#[test]
fn ledger_items_give_due_hours() {
    type DueCase<'a> = (&'a str, u32, Vec<LedgerSummary>, &'a [u32], Option<u32>);
    let landed = |minutes: i64| {
        let updated_at = query(0).now - SignedDuration::from_mins(minutes);
        LedgerSummary { updated_at, ..item(96, Landed) }
    };
    let cases: Vec<DueCase<'_>> = vec![
        ("nothing in the ledger", 96, vec![], &[], Some(96)),
        ("all published", 99, vec![item(98, Published), item(99, Published)], &[], None),
        ("absent hours before the newest one", 95, vec![item(97, Published)], &[95, 96], Some(98)),
        ("a failed hour, attempt due", 96, vec![retried(96, Failed, 0), item(97, Published)], &[96], Some(98)),
        ("a failed hour, attempt not due", 96, vec![retried(96, Failed, 1), item(97, Published)], &[], Some(98)),
        ("a late hour, attempt due", 96, vec![retried(96, NotPublished, -1)], &[96], Some(97)),
        ("a landed hour in progress", 96, vec![landed(119)], &[], Some(97)),
        ("a landed hour of a run that ended", 96, vec![landed(121)], &[96], Some(97)),
        (
            "a missing hour before the bookmark, attempt due",
            98,
            vec![retried(90, Missing, -1), item(98, Published)],
            &[90],
            Some(99),
        ),
        ("a missing hour, attempt not due", 98, vec![retried(90, Missing, 1), item(98, Published)], &[], Some(99)),
        ("a missing hour without an attempt", 98, vec![item(90, Missing), item(98, Published)], &[], Some(99)),
        ("a failed hour before the bookmark", 98, vec![retried(90, Failed, -1)], &[], Some(98)),
        ("an hour that is not over", 99, vec![item(99, Published), retried(100, Failed, -1)], &[], None),
        ("more than requested: one more is returned", 0, vec![item(50, Published)], &[0, 1, 2, 3], Some(51)),
    ];
    for (phrase, next, items, due, first_new) in cases {
        let ledger_due = query(next).due_in_ledger(&items);
        assert_eq!(numbers(&ledger_due.hours), due, "{phrase}");
        assert_eq!(ledger_due.first_new.map(number), first_new, "{phrase}");
    }
}

#[test]
fn hours_up_to_after_are_left_out() {
    let items = [retried(10, Failed, -1), retried(20, Failed, -1), item(30, Published)];
    for (phrase, after, due, first_new) in [
        ("before all", 5, vec![10, 20], Some(31)),
        ("between", 10, vec![20], Some(31)),
        ("after the newest ledger item", 40, vec![], Some(41)),
        ("the newest hour that is over", 99, vec![], None),
    ] {
        let mut items = items.to_vec();
        items.extend((11..20).chain(21..30).map(|number| item(number, Published)));
        items.sort_by_key(|item| item.hour);
        let ledger_due = DueQuery { after: Some(hour(after)), ..query(10) }.due_in_ledger(&items);
        assert_eq!((numbers(&ledger_due.hours), ledger_due.first_new.map(number)), (due, first_new), "{phrase}");
    }
}

#[test]
fn first_needed_covers_missing_hours_and_bookmark() {
    let mut query = query(90);
    assert_eq!(number(query.first_needed()), 0, "missing hours of the last month, from the job's first hour on");
    query.rules.missing_retry_days = 1;
    assert_eq!(number(query.first_needed()), 75, "missing hours of the last day");
    query.next_hour = hour(7);
    assert_eq!(number(query.first_needed()), 7, "the bookmark is earlier");
}

#[test]
fn number_of_probes_is_bounded() {
    let ledger_due = |first_new: Option<u32>, due: u32| LedgerDue {
        hours: (0..due).map(hour).collect(),
        first_new: first_new.map(hour),
    };
    let probes = |query: DueQuery, ledger_due: LedgerDue| numbers(&query.probes(&ledger_due));
    let hourly = probes(query(99), ledger_due(Some(99), 0));
    assert_eq!(hourly, [99], "the hourly case needs one request");
    let mut expected: Vec<_> = (40..42 + u32::try_from(LOOKAHEAD).unwrap()).collect();
    expected.push(99);
    assert_eq!(
        probes(query(40), ledger_due(Some(40), 1)),
        expected,
        "two requested hours, the lookahead and the newest hour"
    );
    assert!(probes(query(40), ledger_due(Some(40), 3)).is_empty(), "no more hours are requested");
    assert!(probes(query(40), ledger_due(None, 0)).is_empty(), "there are no new hours");
    let many = DueQuery { max_hours: 100_000, first_hour: ArchiveHour::FIRST, ..query(0) };
    let all = many.probes(&LedgerDue { hours: vec![], first_new: Some(ArchiveHour::FIRST) });
    assert_eq!(all.len(), MAX_NEW + LOOKAHEAD + 1);
}

#[test]
fn known_gap_is_not_probed_and_does_not_block() {
    let before: ArchiveHour = "2020-08-21-8".parse().unwrap();
    let query = DueQuery { first_hour: before, next_hour: before, ..query(0) };
    let ledger_due = query.due_in_ledger(&[]);
    let probes = query.probes(&ledger_due);
    assert_eq!(probes[..2], [before, "2020-08-23-16".parse().unwrap()]);
    let results: Vec<_> = probes.into_iter().map(|hour| (hour, ProbeResult::Published)).collect();
    assert_eq!(select_due(&query, ledger_due, &results).hours, [before, before.plus(1), before.plus(2)]);
}

#[test]
fn new_hours_end_at_the_newest_published_one() {
    use ProbeResult::{NotPublished as No, Published as Yes, Unknown};
    for (phrase, results, hours, caught_up) in [
        ("all published", vec![Yes, Yes], vec![50, 51], true),
        ("none published yet", vec![No, No], vec![], true),
        ("the end", vec![Yes, No, No], vec![50], true),
        ("a hole", vec![Yes, No, Yes], vec![50, 51, 52], true),
        ("a hole at the start", vec![No, No, Yes], vec![50, 51, 52], true),
        ("more than requested", vec![Yes, Yes, Yes, Yes], vec![50, 51, 52], false),
        ("a hole longer than the request", vec![No, No, No, No, Yes], vec![50, 51, 52], false),
        ("no reply", vec![Unknown, Yes], vec![], false),
        ("a reply for the first hour alone", vec![Yes, Unknown, Yes], vec![50], false),
        ("absent, then no reply", vec![No, Unknown], vec![], false),
    ] {
        let results: Vec<_> = (50..).map(hour).zip(results).collect();
        let ledger_due = LedgerDue { hours: vec![], first_new: Some(hour(50)) };
        let due = select_due(&query(50), ledger_due, &results);
        assert_eq!((numbers(&due.hours), due.caught_up), (hours, caught_up), "{phrase}");
    }
}

#[test]
fn newest_hour_ends_an_outage_beyond_the_lookahead() {
    let query = query(10);
    let ledger_due = query.due_in_ledger(&[]);
    let newest = |result| {
        let probes = query.probes(&ledger_due).into_iter();
        let results: Vec<_> =
            probes.map(|at| (at, if at == hour(99) { result } else { ProbeResult::NotPublished })).collect();
        select_due(&query, ledger_due.clone(), &results)
    };
    assert_eq!(newest(ProbeResult::NotPublished), DueHours { hours: vec![], caught_up: true });
    assert_eq!(
        newest(ProbeResult::Published),
        DueHours { hours: vec![hour(10), hour(11), hour(12)], caught_up: false }
    );
}

#[test]
fn ledger_hours_come_before_new_ones() {
    let ledger_due = |due: u32, first_new: Option<u32>| LedgerDue {
        hours: (0..due).map(hour).collect(),
        first_new: first_new.map(hour),
    };
    for (phrase, ledger_due, results, hours, caught_up) in [
        (
            "ledger and new hours",
            ledger_due(2, Some(50)),
            vec![(hour(50), ProbeResult::Published)],
            vec![0, 1, 50],
            true,
        ),
        ("all from the ledger", ledger_due(3, None), vec![], vec![0, 1, 2], true),
        ("all from the ledger, new ones not probed", ledger_due(3, Some(50)), vec![], vec![0, 1, 2], false),
        ("more in the ledger than requested", ledger_due(4, None), vec![], vec![0, 1, 2], false),
        (
            "one from the ledger, no reply",
            ledger_due(1, Some(50)),
            vec![(hour(50), ProbeResult::Unknown)],
            vec![0],
            false,
        ),
    ] {
        let due = select_due(&query(0), ledger_due, &results);
        assert_eq!((numbers(&due.hours), due.caught_up), (hours, caught_up), "{phrase}");
    }
}

/// Runs a job until it is caught up, like the state machine: each due hour is recorded, then the next are selected.
fn catch_up(max_hours: u32, holes: &[u32], end: u32) -> (Vec<u32>, usize) {
    let mut ledger = std::collections::BTreeMap::new();
    let (mut after, mut selected, mut rounds) = (None, Vec::new(), 0);
    loop {
        rounds += 1;
        let next = (0..=100).find(|number| !ledger.contains_key(number)).unwrap();
        let query = DueQuery { after, max_hours, ..query(next) };
        let items: Vec<_> = ledger.iter().map(|(number, status)| item(*number, *status)).collect();
        let ledger_due = query.due_in_ledger(&items);
        let source = |at: ArchiveHour| match number(at) {
            number if number < end && !holes.contains(&number) => ProbeResult::Published,
            _ => ProbeResult::NotPublished,
        };
        let results: Vec<_> = query.probes(&ledger_due).into_iter().map(|at| (at, source(at))).collect();
        let due = select_due(&query, ledger_due, &results);
        assert!(due.hours.len() <= max_hours as usize);
        for at in &due.hours {
            let status = if source(*at) == ProbeResult::Published { Published } else { Missing };
            assert!(ledger.insert(number(*at), status).is_none(), "an hour was selected twice");
        }
        selected.extend(numbers(&due.hours));
        after = due.hours.last().copied().or(after);
        if due.caught_up || due.hours.is_empty() {
            return (selected, rounds);
        }
    }
}

#[test]
fn published_ledger_is_caught_up() {
    let ledger_due = query(100).due_in_ledger(&published(99));
    assert_eq!(select_due(&query(100), ledger_due, &[]), DueHours { hours: vec![], caught_up: true });
}

proptest! {
    #[test]
    fn proptest_job_reaches_the_newest_hour(
        max_hours in 1..30_u32,
        holes in proptest::collection::vec(0..100_u32, 0..40),
        end in 1..=100_u32,
    ) {
        let (selected, rounds) = catch_up(max_hours, &holes, end);
        let newest = (0..end).rev().find(|number| !holes.contains(number));
        let gap = (0..end).collect::<Vec<_>>().chunk_by(|a, b| holes.contains(a) && holes.contains(b)).map(<[u32]>::len).max();
        prop_assume!(end == 100 && newest == Some(99) || gap < Some(LOOKAHEAD));
        prop_assert_eq!(selected, (0..newest.map_or(0, |newest| newest + 1)).collect::<Vec<_>>());
        prop_assert!(rounds <= 102);
    }
}
