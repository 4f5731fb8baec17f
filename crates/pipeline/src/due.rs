//! Selects the hours that a job has to process, oldest first.
//!
//! - Up to the newest hour in the ledger, an hour is due if it has no ledger item, or if its next attempt is due.
//! - A newer hour is due if the source has it, or has a later hour, and the hour is over.
//!
//! An hour that the source does not have yet therefore costs one request. A hole (an absent hour with a published one after
//! it) is due: it is recorded as missing and does not block later hours.
//!
//! Use [`DueQuery::due_in_ledger`] on the ledger's items, send a request for each of [`DueQuery::probes`], and pass both
//! results to [`select_due`].

use jiff::{SignedDuration, Timestamp};

use crate::ArchiveHour;
use crate::gaps;
use crate::ledger::record::MissingRules;
use crate::ledger::{HourStatus, LedgerSummary};

/// A landed hour is due when its run has not published it after this time.
pub const LANDED_FOR: SignedDuration = SignedDuration::from_hours(2);

/// How many hours beyond the requested ones are probed, to distinguish a hole from the end of the archive.
pub const LOOKAHEAD: usize = 24;

/// The largest number of hours after the newest ledger item that one query returns.
pub const MAX_NEW: usize = 100;

/// The state of a job and the limits of the request.
#[derive(Clone, Copy, Debug)]
pub struct DueQuery {
    pub now: Timestamp,
    /// The first hour of the job's range.
    pub first_hour: ArchiveHour,
    /// The first hour after the bookmark.
    pub next_hour: ArchiveHour,
    /// Selects only hours after this one.
    pub after: Option<ArchiveHour>,
    /// The largest number of hours to return.
    pub max_hours: u32,
    pub rules: MissingRules,
}

/// The source's reply for an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    Published,
    NotPublished,
    /// The request failed.
    Unknown,
}

/// The due hours according to the ledger alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerDue {
    /// The due hours, oldest first. Has at most `max_hours + 1` hours, so that a caller sees whether more are due.
    pub hours: Vec<ArchiveHour>,
    /// The first hour after the newest ledger item; `None` if that hour is not over.
    pub first_new: Option<ArchiveHour>,
}

/// The due hours according to ledger and source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueHours {
    /// Oldest first, at most `max_hours`.
    pub hours: Vec<ArchiveHour>,
    /// Whether no other hour is due.
    pub caught_up: bool,
}

/// The newest hour that has ended at `now`; `None` before the end of the archive's first hour.
pub fn newest_over(now: Timestamp) -> Option<ArchiveHour> {
    ArchiveHour::containing(now)?.minus(1)
}

impl DueQuery {
    /// The first hour whose ledger item is needed. It can lie before the bookmark, because missing hours are retried.
    pub fn first_needed(&self) -> ArchiveHour {
        let retried = SignedDuration::from_hours(24 * i64::from(self.rules.missing_retry_days) + 1);
        let retried = ArchiveHour::containing(self.now - retried).unwrap_or(ArchiveHour::FIRST);
        retried.min(self.next_hour).max(self.first_hour)
    }

    /// The due hours up to the newest one in the ledger. `items` are the ledger's items in order, from
    /// [`DueQuery::first_needed`] to [`newest_over`].
    pub fn due_in_ledger(&self, items: &[LedgerSummary]) -> LedgerDue {
        let Some(newest) = newest_over(self.now) else { return LedgerDue { hours: Vec::new(), first_new: None } };
        let mut hours = Vec::new();
        let mut expected = self.next_hour;
        for item in items.iter().filter(|item| item.hour <= newest) {
            self.collect(&mut hours, expected, item.hour);
            expected = expected.max(item.hour.plus(1));
            if self.is_due(item) {
                self.collect(&mut hours, item.hour, item.hour.plus(1));
            }
        }
        let first_new = self.after.map_or(expected, |after| expected.max(after.plus(1)));
        LedgerDue { hours, first_new: (first_new <= newest).then_some(first_new) }
    }

    /// The hours to probe, in order: the requested number of new hours, [`LOOKAHEAD`] more, and the newest hour that is over.
    /// Known gaps are left out. The newest hour shows the end of an outage of any length.
    pub fn probes(&self, ledger_due: &LedgerDue) -> Vec<ArchiveHour> {
        let (Some(first), Some(newest)) = (ledger_due.first_new, newest_over(self.now)) else { return Vec::new() };
        let new_hours = self.max_new_hours(ledger_due);
        if new_hours == 0 {
            return Vec::new();
        }
        let mut hours: Vec<_> =
            range(first, newest.plus(1)).filter(|hour| !gaps::is_known(*hour)).take(new_hours + LOOKAHEAD).collect();
        if hours.last().is_none_or(|last| *last < newest) && !gaps::is_known(newest) {
            hours.push(newest);
        }
        hours
    }

    /// The largest number of new hours that can be returned with the hours of the ledger.
    fn max_new_hours(&self, ledger_due: &LedgerDue) -> usize {
        self.max_hours().saturating_sub(ledger_due.hours.len()).min(MAX_NEW)
    }

    fn max_hours(&self) -> usize {
        usize::try_from(self.max_hours).expect("usize has at least 32 bits")
    }

    fn is_due(&self, item: &LedgerSummary) -> bool {
        let is_time = item.next_attempt_at.is_none_or(|at| at <= self.now);
        match item.status {
            HourStatus::Published => false,
            HourStatus::Landed => item.updated_at + LANDED_FOR < self.now,
            HourStatus::Failed | HourStatus::NotPublished => item.hour >= self.next_hour && is_time,
            HourStatus::Missing => {
                item.next_attempt_at.is_some() && is_time && self.rules.is_retried(item.hour, self.now)
            }
        }
    }

    /// Adds the hours from `first` to before `end` that come after `after`, up to `max_hours + 1` in all.
    fn collect(&self, hours: &mut Vec<ArchiveHour>, first: ArchiveHour, end: ArchiveHour) {
        let first = self.after.map_or(first, |after| first.max(after.plus(1)));
        let room = (self.max_hours() + 1).saturating_sub(hours.len());
        hours.extend(range(first, end).take(room));
    }
}

/// Combines the hours of the ledger with the probe results, which are in the order of [`DueQuery::probes`].
pub fn select_due(query: &DueQuery, ledger_due: LedgerDue, results: &[(ArchiveHour, ProbeResult)]) -> DueHours {
    let max_hours = query.max_hours();
    let new_hours = query.max_new_hours(&ledger_due);
    let LedgerDue { mut hours, first_new } = ledger_due;
    if new_hours == 0 {
        let caught_up = hours.len() <= max_hours && first_new.is_none();
        hours.truncate(max_hours);
        return DueHours { hours, caught_up };
    }
    let replies = results.iter().take_while(|(_, result)| *result != ProbeResult::Unknown);
    let newest_published =
        replies.clone().filter(|(_, result)| *result == ProbeResult::Published).map(|(hour, _)| *hour).last();
    let mut caught_up = replies.count() == results.len();
    if let (Some(first), Some(newest)) = (first_new, newest_published) {
        hours.extend(range(first, newest.plus(1)).take(new_hours));
        caught_up &= hours.last() == Some(&newest);
    }
    DueHours { hours, caught_up }
}

fn range(first: ArchiveHour, end: ArchiveHour) -> impl Iterator<Item = ArchiveHour> {
    let hours = u32::try_from(end.hours_since(first)).unwrap_or(0);
    (0..hours).map(move |hours| first.plus(hours))
}

#[cfg(test)]
#[path = "due/tests.rs"]
mod tests;
