//! How far the bookmark may move.
//!
//! The bookmark is the newest hour up to which every hour is settled: published or missing. It never moves back, because a
//! settled hour stays settled (see [`crate::ledger::record`]).

use crate::ArchiveHour;
use crate::hour::HourError;
use crate::ledger::{BookmarkDetails, HourStatus, JobItem, LedgerSummary};

/// Reads the ledger hour by hour, from the bookmark to the first hour that is not settled.
#[derive(Clone, Debug)]
pub struct BookmarkScan {
    /// The hour of the current run and the status it is about to have. It replaces the status in the ledger.
    own: Option<(ArchiveHour, HourStatus)>,
    next: ArchiveHour,
    reached: Option<(ArchiveHour, HourStatus)>,
}

/// The first hour that is not settled: the bookmark stops before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocker {
    pub hour: ArchiveHour,
    /// The revision of its ledger item; absent if the ledger has no item.
    pub revision: Option<u64>,
}

impl BookmarkScan {
    /// Starts at `next`, the first hour after the bookmark. `own` is the hour of the current run with its new status.
    pub fn new(next: ArchiveHour, own: Option<(ArchiveHour, HourStatus)>) -> Self {
        let mut scan = Self { own, next, reached: None };
        scan.pass_own();
        scan
    }

    /// Reads the next ledger item. Returns the blocker if the scan ends here.
    pub fn read(&mut self, item: &LedgerSummary) -> Option<Blocker> {
        if item.hour < self.next {
            return None;
        }
        if item.hour > self.next {
            return Some(self.end());
        }
        let own = self.own.filter(|(hour, _)| *hour == item.hour);
        let status = own.map_or(item.status, |(_, status)| status);
        if !status.is_settled() {
            return Some(Blocker { hour: item.hour, revision: Some(item.revision) });
        }
        self.pass(status);
        self.pass_own();
        None
    }

    /// The blocker after the last ledger item: the first hour without an item.
    pub fn end(&self) -> Blocker {
        Blocker { hour: self.next, revision: None }
    }

    /// The newest settled hour and its status: the new bookmark. `None` if the bookmark does not move.
    pub fn reached(&self) -> Option<(ArchiveHour, HourStatus)> {
        self.reached
    }

    fn pass_own(&mut self) {
        if let Some((hour, status)) = self.own
            && hour == self.next
            && status.is_settled()
        {
            self.pass(status);
        }
    }

    fn pass(&mut self, status: HourStatus) {
        self.reached = Some((self.next, status));
        self.next = self.next.plus(1);
    }
}

impl JobItem {
    /// The hour of the bookmark; `None` before the first hour is settled.
    pub fn bookmark(&self) -> Result<Option<ArchiveHour>, HourError> {
        self.job_run_bookmark_details.as_ref().map(BookmarkDetails::hour).transpose()
    }

    /// The first hour after the bookmark, and not before `first_hour`.
    pub fn next_hour(&self) -> Result<ArchiveHour, HourError> {
        Ok(self.bookmark()?.map_or(self.first_hour, |bookmark| bookmark.plus(1).max(self.first_hour)))
    }
}

impl BookmarkDetails {
    /// The bookmark at a settled hour.
    pub fn at(hour: ArchiveHour, status: HourStatus) -> Self {
        let status_code = if status == HourStatus::Published { 200 } else { 404 };
        Self { last_run_file_name: hour.file_name(), status_code }
    }

    pub fn hour(&self) -> Result<ArchiveHour, HourError> {
        let name = &self.last_run_file_name;
        name.strip_suffix(".json.gz").ok_or_else(|| HourError::Malformed { text: name.clone() })?.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use HourStatus::{Failed, Landed, Missing, NotPublished, Published};

    fn hour(number: u32) -> ArchiveHour {
        ArchiveHour::FIRST.plus(number)
    }

    fn item(number: u32, status: HourStatus) -> LedgerSummary {
        let updated_at = hour(number).end();
        LedgerSummary { hour: hour(number), status, revision: 7, next_attempt_at: None, updated_at }
    }

    /// The new bookmark of a scan from `next`, the hour that blocks it, and whether that hour has a ledger item.
    fn scan(next: u32, own: Option<(u32, HourStatus)>, items: &[(u32, HourStatus)]) -> (Option<u32>, u32, bool) {
        let mut scan = BookmarkScan::new(hour(next), own.map(|(number, status)| (hour(number), status)));
        let blocker = items.iter().find_map(|&(number, status)| scan.read(&item(number, status)));
        let blocker = blocker.unwrap_or_else(|| scan.end());
        let number = |hour: ArchiveHour| u32::try_from(hour.hours_since(ArchiveHour::FIRST)).unwrap();
        (scan.reached().map(|(hour, _)| number(hour)), number(blocker.hour), blocker.revision.is_some())
    }

    #[test]
    fn bookmark_stops_before_first_open_hour() {
        type ScanCase<'a> =
            (&'a str, u32, Option<(u32, HourStatus)>, &'a [(u32, HourStatus)], (Option<u32>, u32, bool));
        let cases: &[ScanCase<'_>] = &[
            ("an empty ledger", 5, None, &[], (None, 5, false)),
            ("the next hour is this one", 5, Some((5, Published)), &[], (Some(5), 6, false)),
            ("this one is missing", 5, Some((5, Missing)), &[], (Some(5), 6, false)),
            ("this one failed", 5, Some((5, Failed)), &[], (None, 5, false)),
            ("this one failed again", 5, Some((5, Failed)), &[(5, Failed), (6, Published)], (None, 5, true)),
            ("this one is repaired", 5, Some((5, Published)), &[(5, Failed), (6, Published)], (Some(6), 7, false)),
            ("later hours came first", 5, Some((5, Published)), &[(6, Published), (7, Missing)], (Some(7), 8, false)),
            (
                "this one fills the last hole",
                5,
                Some((6, Published)),
                &[(5, Missing), (7, Published)],
                (Some(7), 8, false),
            ),
            ("this one is ahead of a hole", 5, Some((6, Published)), &[(7, Published)], (None, 5, false)),
            (
                "an hour not yet published",
                5,
                Some((5, Published)),
                &[(6, NotPublished), (7, Published)],
                (Some(5), 6, true),
            ),
            ("an hour that landed", 5, None, &[(5, Published), (6, Landed)], (Some(5), 6, true)),
            ("this one is behind", 5, Some((2, Published)), &[(2, Published), (5, Published)], (Some(5), 6, false)),
        ];
        for (phrase, next, own, items, expected) in cases {
            assert_eq!(scan(*next, *own, items), *expected, "{phrase}");
        }
    }

    #[test]
    fn bookmark_details_have_file_and_status_code() {
        let details = BookmarkDetails::at(hour(0), Published);
        assert_eq!(details, BookmarkDetails { last_run_file_name: "2011-02-12-0.json.gz".into(), status_code: 200 });
        assert_eq!(details.hour(), Ok(hour(0)));
        assert_eq!(BookmarkDetails::at(hour(3), Missing).status_code, 404);
        let other = BookmarkDetails { last_run_file_name: "2011-02-12-0.csv".into(), status_code: 200 };
        assert!(other.hour().is_err());
    }

    proptest! {
        #[test]
        fn proptest_order_of_hours_never_changes_the_bookmark(
            order in Just((0..12_u32).collect::<Vec<_>>()).prop_shuffle(),
            never in proptest::option::of(0..12_u32),
        ) {
            let mut ledger = std::collections::BTreeMap::new();
            let mut bookmark = None;
            for number in order {
                let status = if Some(number) == never { Failed } else { Published };
                let next = bookmark.map_or(0, |bookmark: u32| bookmark + 1);
                let items: Vec<_> = ledger.range(next..).map(|(number, status)| (*number, *status)).collect();
                let (reached, blocker, _) = scan(next, Some((number, status)), &items);
                ledger.insert(number, status);
                prop_assert!(reached.is_none() || reached > bookmark, "the bookmark moved back");
                bookmark = reached.or(bookmark);
                prop_assert_eq!(blocker, bookmark.map_or(0, |bookmark| bookmark + 1));
            }
            let expected = match never { None => Some(11), Some(0) => None, Some(number) => Some(number - 1) };
            prop_assert_eq!(bookmark, expected);
        }
    }
}
