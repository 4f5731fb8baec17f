//! Which hours a job has to see to, oldest first.
//!
//! An hour up to the newest one in the ledger is due if it is behind nothing that settles it: absent, or not published when
//! last tried and now due for another try. Newer hours are named only after the source was asked, and never before they are
//! over. So an hour that the source does not have yet costs one question, while a hole, an absent hour with a published one
//! after it, is named: it enters the ledger as missing and stops nothing.
//!
//! Use: [`DueQuery::known`] on the ledger's items, [`DueQuery::probes`] for the hours to ask the source about,
//! [`choose`] on both.

use jiff::{SignedDuration, Timestamp};

use crate::ArchiveHour;
use crate::gaps;
use crate::ledger::record::MissingRules;
use crate::ledger::{HourStatus, LedgerSummary};

/// How long a landed hour is left to the run that landed it.
pub const LANDED_FOR: SignedDuration = SignedDuration::from_hours(2);

/// How many hours past those that are wanted the source is asked about, to tell a hole from the end.
pub const LOOKAHEAD: u32 = 24;

/// How many new hours one answer names at most.
pub const MAX_NEW: u32 = 100;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct DueQuery {
    /// The time.
    pub now: Timestamp,
    /// The first hour that the job is answerable for.
    pub first_hour: ArchiveHour,
    /// The first hour that is not behind the bookmark.
    pub next_hour: ArchiveHour,
    /// Only hours after this one.
    pub after: Option<ArchiveHour>,
    /// At most so many hours.
    pub max_hours: u32,
    /// When a missing hour is given up.
    pub rules: MissingRules,
}

/// What the source answered for an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// It has the hour.
    Published,
    /// It does not have the hour.
    NotPublished,
    /// It did not say.
    Unknown,
}

/// What the ledger alone says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerDue {
    /// The hours that are due, oldest first: one more than asked for if there are that many.
    pub hours: Vec<ArchiveHour>,
    /// The hours that the source is to be asked about lie from here to the newest one over; `None` if there are none.
    pub first_new: Option<ArchiveHour>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueHours {
    /// The hours that are due, oldest first.
    pub hours: Vec<ArchiveHour>,
    /// Whether nothing else is due.
    pub caught_up: bool,
}

/// The newest hour that is over at `now`; `None` before the archive's first hour was.
pub fn newest_over(now: Timestamp) -> Option<ArchiveHour> {
    ArchiveHour::containing(now)?.minus(1)
}

impl DueQuery {
    /// The first hour whose ledger item is needed: a missing hour is asked for again even behind the bookmark.
    pub fn first_needed(&self) -> ArchiveHour {
        let retried = SignedDuration::from_hours(24 * i64::from(self.rules.missing_retry_days) + 1);
        let retried = ArchiveHour::containing(self.now - retried).unwrap_or(ArchiveHour::FIRST);
        retried.min(self.next_hour).max(self.first_hour)
    }

    /// The due hours among those up to the newest one in the ledger. `items` are the ledger's, from
    /// [`DueQuery::first_needed`] to the newest hour over, in order.
    pub fn known(&self, items: &[LedgerSummary]) -> LedgerDue {
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

    /// The hours to ask the source about, in order: as many as are wanted and [`LOOKAHEAD`] more, without the known gaps
    /// among them, and the newest one over, so that an outage of any length is found to be over.
    pub fn probes(&self, known: &LedgerDue) -> Vec<ArchiveHour> {
        let (Some(first), Some(newest)) = (known.first_new, newest_over(self.now)) else { return Vec::new() };
        let wanted = self.new_wanted(known);
        if wanted == 0 {
            return Vec::new();
        }
        let mut hours: Vec<_> = range(first, newest.plus(1))
            .filter(|hour| !gaps::is_known(*hour))
            .take((wanted + LOOKAHEAD) as usize)
            .collect();
        if hours.last().is_none_or(|last| *last < newest) && !gaps::is_known(newest) {
            hours.push(newest);
        }
        hours
    }

    /// How many new hours there is room for beside the known ones.
    fn new_wanted(&self, known: &LedgerDue) -> u32 {
        let known = u32::try_from(known.hours.len()).unwrap_or(u32::MAX);
        self.max_hours.saturating_sub(known).min(MAX_NEW)
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

    /// Adds the hours from `first` to before `end` that come after `after`, as long as there is room.
    fn collect(&self, hours: &mut Vec<ArchiveHour>, first: ArchiveHour, end: ArchiveHour) {
        let first = self.after.map_or(first, |after| first.max(after.plus(1)));
        let room = (self.max_hours as usize + 1).saturating_sub(hours.len());
        hours.extend(range(first, end).take(room));
    }
}

/// Puts together what is known and what the source answered: the probes' hours in order, each with its answer.
pub fn choose(question: &DueQuery, known: LedgerDue, answers: &[(ArchiveHour, ProbeResult)]) -> DueHours {
    let max_hours = question.max_hours as usize;
    let wanted = question.new_wanted(&known) as usize;
    let LedgerDue { mut hours, first_new } = known;
    if wanted == 0 {
        let caught_up = hours.len() <= max_hours && first_new.is_none();
        hours.truncate(max_hours);
        return DueHours { hours, caught_up };
    }
    let told = answers.iter().take_while(|(_, answer)| *answer != ProbeResult::Unknown);
    let newest_published =
        told.clone().filter(|(_, answer)| *answer == ProbeResult::Published).map(|(hour, _)| *hour).last();
    let mut caught_up = told.count() == answers.len();
    if let (Some(first), Some(newest)) = (first_new, newest_published) {
        hours.extend(range(first, newest.plus(1)).take(wanted));
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
