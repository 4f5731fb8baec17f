use proptest::prelude::*;

use super::*;
use HourStatus::{Failed, Landed, Missing, NotPublished, Published};

const RULES: MissingRules = MissingRules { missing_after_hours: 48, missing_retry_days: 30 };

/// Hour 0 of these tests: no known gap is near.
fn hour(number: u32) -> ArchiveHour {
    "2025-11-21-0".parse::<ArchiveHour>().unwrap().plus(number)
}

fn number(hour_: ArchiveHour) -> u32 {
    u32::try_from(hour_.hours_since(hour(0))).unwrap()
}

/// Ten minutes after hour 99 was over; the job begins with hour 0.
fn question(next: u32) -> DueQuery {
    let now = hour(99).end() + SignedDuration::from_mins(10);
    DueQuery { now, first_hour: hour(0), next_hour: hour(next), after: None, max_hours: 3, rules: RULES }
}

fn item(number: u32, status: HourStatus) -> LedgerSummary {
    LedgerSummary { hour: hour(number), status, revision: 1, next_attempt_at: None, updated_at: hour(number).end() }
}

/// The same with the next attempt so many minutes from now.
fn again(number: u32, status: HourStatus, minutes: i64) -> LedgerSummary {
    let next_attempt_at = Some(question(0).now + SignedDuration::from_mins(minutes));
    LedgerSummary { next_attempt_at, ..item(number, status) }
}

fn numbers(hours: &[ArchiveHour]) -> Vec<u32> {
    hours.iter().map(|hour| number(*hour)).collect()
}

/// A ledger that is published from hour 0 to `last`.
fn published(last: u32) -> Vec<LedgerSummary> {
    (0..=last).map(|number| item(number, Published)).collect()
}

#[test]
fn an_hour_is_over_when_its_end_is_reached() {
    for (phrase, now, expected) in [
        ("the very end", "2025-11-21T01:00:00Z", Some("2025-11-21-0")),
        ("a second before", "2025-11-21T00:59:59Z", Some("2025-11-20-23")),
        ("the archive's first hour is not over", "2011-02-12T00:59:59Z", None),
        ("before the archive", "1999-01-01T00:00:00Z", None),
    ] {
        let expected = expected.map(|hour| hour.parse().unwrap());
        assert_eq!(newest_over(now.parse().unwrap()), expected, "{phrase}");
    }
}

#[test]
fn the_ledger_alone_says_what_is_due_up_to_its_newest_hour() {
    let landed = |minutes: i64| {
        let updated_at = question(0).now - SignedDuration::from_mins(minutes);
        LedgerSummary { updated_at, ..item(96, Landed) }
    };
    type DueCase<'a> = (&'a str, u32, Vec<LedgerSummary>, &'a [u32], Option<u32>);
    let cases: Vec<DueCase<'_>> = vec![
        ("nothing in the ledger", 96, vec![], &[], Some(96)),
        ("all published", 99, vec![item(98, Published), item(99, Published)], &[], None),
        ("absent hours before the newest one", 95, vec![item(97, Published)], &[95, 96], Some(98)),
        ("a failed hour whose time has come", 96, vec![again(96, Failed, 0), item(97, Published)], &[96], Some(98)),
        ("a failed hour whose time has not come", 96, vec![again(96, Failed, 1), item(97, Published)], &[], Some(98)),
        ("a late hour whose time has come", 96, vec![again(96, NotPublished, -1)], &[96], Some(97)),
        ("a landed hour in progress", 96, vec![landed(119)], &[], Some(97)),
        ("a landed hour that was left behind", 96, vec![landed(121)], &[96], Some(97)),
        (
            "a missing hour behind the bookmark, due again",
            98,
            vec![again(90, Missing, -1), item(98, Published)],
            &[90],
            Some(99),
        ),
        ("a missing hour, not due yet", 98, vec![again(90, Missing, 1), item(98, Published)], &[], Some(99)),
        ("a missing hour that is never due again", 98, vec![item(90, Missing), item(98, Published)], &[], Some(99)),
        ("a failed hour behind the bookmark", 98, vec![again(90, Failed, -1)], &[], Some(98)),
        ("an hour that is not over", 99, vec![item(99, Published), again(100, Failed, -1)], &[], None),
        ("more than asked for: one more", 0, vec![item(50, Published)], &[0, 1, 2, 3], Some(51)),
    ];
    for (phrase, next, items, due, first_new) in cases {
        let known = question(next).known(&items);
        assert_eq!(numbers(&known.hours), due, "{phrase}");
        assert_eq!(known.first_new.map(number), first_new, "{phrase}");
    }
}

#[test]
fn only_hours_after_the_one_given_are_named() {
    let items = [again(10, Failed, -1), again(20, Failed, -1), item(30, Published)];
    for (phrase, after, due, first_new) in [
        ("before all", 5, vec![10, 20], Some(31)),
        ("between", 10, vec![20], Some(31)),
        ("after all that is known", 40, vec![], Some(41)),
        ("the newest one over", 99, vec![], None),
    ] {
        let mut items = items.to_vec();
        items.extend((11..20).chain(21..30).map(|number| item(number, Published)));
        items.sort_by_key(|item| item.hour);
        let known = DueQuery { after: Some(hour(after)), ..question(10) }.known(&items);
        assert_eq!((numbers(&known.hours), known.first_new.map(number)), (due, first_new), "{phrase}");
    }
}

#[test]
fn the_ledger_is_read_from_the_first_hour_that_can_be_due() {
    let mut question = question(90);
    assert_eq!(number(question.first_needed()), 0, "missing hours of the last month, not before the job's first");
    question.rules.missing_retry_days = 1;
    assert_eq!(number(question.first_needed()), 75, "missing hours of the last day");
    question.next_hour = hour(7);
    assert_eq!(number(question.first_needed()), 7, "the bookmark is further back");
}

#[test]
fn the_source_is_asked_about_a_bounded_number_of_hours() {
    let known = |first_new: Option<u32>, due: u32| LedgerDue {
        hours: (0..due).map(hour).collect(),
        first_new: first_new.map(hour),
    };
    let probes = |question: DueQuery, known: LedgerDue| numbers(&question.probes(&known));
    let hourly = probes(question(99), known(Some(99), 0));
    assert_eq!(hourly, [99], "the hourly case is one question");
    let mut expected: Vec<_> = (40..40 + 2 + LOOKAHEAD).collect();
    expected.push(99);
    assert_eq!(probes(question(40), known(Some(40), 1)), expected, "two are wanted, and the newest one");
    assert!(probes(question(40), known(Some(40), 3)).is_empty(), "none is wanted");
    assert!(probes(question(40), known(None, 0)).is_empty(), "none is new");
    let many = DueQuery { max_hours: 100_000, first_hour: ArchiveHour::FIRST, ..question(0) };
    let all = many.probes(&LedgerDue { hours: vec![], first_new: Some(ArchiveHour::FIRST) });
    assert_eq!(all.len(), (MAX_NEW + LOOKAHEAD) as usize + 1);
}

#[test]
fn a_known_gap_is_not_asked_about_and_does_not_stop_what_follows() {
    let before: ArchiveHour = "2020-08-21-8".parse().unwrap();
    let question = DueQuery { first_hour: before, next_hour: before, ..question(0) };
    let known = question.known(&[]);
    let probes = question.probes(&known);
    assert_eq!(probes[..2], [before, "2020-08-23-16".parse().unwrap()]);
    let answers: Vec<_> = probes.into_iter().map(|hour| (hour, ProbeResult::Published)).collect();
    assert_eq!(choose(&question, known, &answers).hours, [before, before.plus(1), before.plus(2)]);
}

#[test]
fn new_hours_are_named_up_to_the_newest_one_that_the_source_has() {
    use ProbeResult::{NotPublished as No, Published as Yes, Unknown};
    for (phrase, answers, hours, caught_up) in [
        ("all there", vec![Yes, Yes], vec![50, 51], true),
        ("not there yet", vec![No, No], vec![], true),
        ("the end", vec![Yes, No, No], vec![50], true),
        ("a hole", vec![Yes, No, Yes], vec![50, 51, 52], true),
        ("a hole at the start", vec![No, No, Yes], vec![50, 51, 52], true),
        ("more than wanted", vec![Yes, Yes, Yes, Yes], vec![50, 51, 52], false),
        ("a hole that is longer than wanted", vec![No, No, No, No, Yes], vec![50, 51, 52], false),
        ("no answer", vec![Unknown, Yes], vec![], false),
        ("an answer for the first alone", vec![Yes, Unknown, Yes], vec![50], false),
        ("absent, then no answer", vec![No, Unknown], vec![], false),
    ] {
        let answers: Vec<_> = (50..).map(hour).zip(answers).collect();
        let known = LedgerDue { hours: vec![], first_new: Some(hour(50)) };
        let due = choose(&question(50), known, &answers);
        assert_eq!((numbers(&due.hours), due.caught_up), (hours, caught_up), "{phrase}");
    }
}

#[test]
fn an_outage_longer_than_the_lookahead_is_over_once_the_newest_hour_is_there() {
    let question = question(10);
    let known = question.known(&[]);
    let newest = |answer| {
        let probes = question.probes(&known).into_iter();
        let answers: Vec<_> =
            probes.map(|at| (at, if at == hour(99) { answer } else { ProbeResult::NotPublished })).collect();
        choose(&question, known.clone(), &answers)
    };
    assert_eq!(newest(ProbeResult::NotPublished), DueHours { hours: vec![], caught_up: true });
    assert_eq!(
        newest(ProbeResult::Published),
        DueHours { hours: vec![hour(10), hour(11), hour(12)], caught_up: false }
    );
}

#[test]
fn known_hours_come_first_and_fill_the_answer() {
    let known = |due: u32, first_new: Option<u32>| LedgerDue {
        hours: (0..due).map(hour).collect(),
        first_new: first_new.map(hour),
    };
    for (phrase, known, answers, hours, caught_up) in [
        ("known and new", known(2, Some(50)), vec![(hour(50), ProbeResult::Published)], vec![0, 1, 50], true),
        ("known alone, and all", known(3, None), vec![], vec![0, 1, 2], true),
        ("known alone, new ones not asked about", known(3, Some(50)), vec![], vec![0, 1, 2], false),
        ("more known than wanted", known(4, None), vec![], vec![0, 1, 2], false),
        (
            "known, and the source does not answer",
            known(1, Some(50)),
            vec![(hour(50), ProbeResult::Unknown)],
            vec![0],
            false,
        ),
    ] {
        let due = choose(&question(0), known, &answers);
        assert_eq!((numbers(&due.hours), due.caught_up), (hours, caught_up), "{phrase}");
    }
}

/// Runs a job to the end, as the state machine does it: each named hour is recorded, then the next are asked for.
fn catch_up(max_hours: u32, holes: &[u32], end: u32) -> (Vec<u32>, usize) {
    let mut ledger = std::collections::BTreeMap::new();
    let (mut after, mut named, mut rounds) = (None, Vec::new(), 0);
    loop {
        rounds += 1;
        let next = (0..).find(|number| !ledger.contains_key(number)).unwrap();
        let question = DueQuery { after, max_hours, ..question(next) };
        let items: Vec<_> = ledger.iter().map(|(number, status)| item(*number, *status)).collect();
        let known = question.known(&items);
        let source = |at: ArchiveHour| match number(at) {
            number if number < end && !holes.contains(&number) => ProbeResult::Published,
            _ => ProbeResult::NotPublished,
        };
        let answers: Vec<_> = question.probes(&known).into_iter().map(|at| (at, source(at))).collect();
        let due = choose(&question, known, &answers);
        assert!(due.hours.len() <= max_hours as usize);
        for at in &due.hours {
            let status = if source(*at) == ProbeResult::Published { Published } else { Missing };
            assert!(ledger.insert(number(*at), status).is_none(), "no hour is named twice");
        }
        named.extend(numbers(&due.hours));
        after = due.hours.last().copied().or(after);
        if due.caught_up || due.hours.is_empty() {
            return (named, rounds);
        }
    }
}

#[test]
fn a_published_ledger_is_caught_up() {
    let known = question(100).known(&published(99));
    assert_eq!(choose(&question(100), known, &[]), DueHours { hours: vec![], caught_up: true });
}

proptest! {
    #[test]
    fn proptest_a_job_reaches_the_newest_hour_past_every_hole(
        max_hours in 1..30_u32,
        holes in proptest::collection::vec(0..100_u32, 0..40),
        end in 1..=100_u32,
    ) {
        let (named, rounds) = catch_up(max_hours, &holes, end);
        let newest = (0..end).rev().find(|number| !holes.contains(number));
        let gap = (0..end).collect::<Vec<_>>().chunk_by(|a, b| holes.contains(a) && holes.contains(b)).map(<[u32]>::len).max();
        prop_assume!(end == 100 && newest == Some(99) || gap < Some(LOOKAHEAD as usize));
        prop_assert_eq!(named, (0..newest.map_or(0, |newest| newest + 1)).collect::<Vec<_>>());
        prop_assert!(rounds <= 102);
    }
}
