//! The coverage calendar: one row for each day, one character for each hour.

use std::collections::BTreeMap;

use anstyle::AnsiColor;
use aws_lake::HourMark;
use cli_core::color::paint;
use jiff::Timestamp;
use pipeline::ArchiveHour;
use pipeline::ledger::{HourStatus, Verdict};
use serde::Serialize;

/// The state of an hour, combined from its ledger status and its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HourState {
    /// The hour is published, and its verdict is `complete`.
    Published,
    /// The hour is published, but has far fewer rows than on the days before, or a different mix of types.
    Degraded,
    /// The hour is published, but has almost no rows.
    Tiny,
    /// The archive does not have the hour.
    Missing,
    /// The last attempt failed.
    Failed,
    /// The bytes of the hour are stored, but the hour is not published yet.
    Landed,
    /// The hour has ended and is not published.
    NotYet,
    /// The hour has not ended yet.
    Future,
}

impl HourState {
    const ALL: [Self; 8] = [
        Self::Published,
        Self::Degraded,
        Self::Tiny,
        Self::Missing,
        Self::Failed,
        Self::Landed,
        Self::NotYet,
        Self::Future,
    ];

    fn of(mark: &HourMark) -> Self {
        match (mark.status, mark.verdict) {
            (HourStatus::Published, Some(Verdict::Degraded)) => Self::Degraded,
            (HourStatus::Published, Some(Verdict::Tiny)) => Self::Tiny,
            (HourStatus::Published, _) => Self::Published,
            (HourStatus::Missing, _) => Self::Missing,
            (HourStatus::Failed, _) => Self::Failed,
            (HourStatus::Landed, _) => Self::Landed,
            (HourStatus::NotPublished, _) => Self::NotYet,
        }
    }

    /// The shapes differ, so the states can be distinguished without colours.
    fn shape(self) -> (&'static str, AnsiColor) {
        match self {
            Self::Published => ("█", AnsiColor::Green),
            Self::Degraded => ("▓", AnsiColor::Yellow),
            Self::Tiny => ("▁", AnsiColor::Magenta),
            Self::Missing => ("-", AnsiColor::Blue),
            Self::Failed => ("x", AnsiColor::Red),
            Self::Landed => ("~", AnsiColor::Yellow),
            Self::NotYet => ("·", AnsiColor::BrightBlack),
            Self::Future => (" ", AnsiColor::BrightBlack),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Degraded => "degraded",
            Self::Tiny => "tiny",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Landed => "landed",
            Self::NotYet => "not yet",
            Self::Future => "not over",
        }
    }
}

/// The states of consecutive hours.
pub struct CoverageCalendar {
    states: BTreeMap<ArchiveHour, HourState>,
}

impl CoverageCalendar {
    /// The hours from `first` to `last`, both included, with their states from the ledger.
    pub fn new(first: ArchiveHour, last: ArchiveHour, marks: &[HourMark], now: Timestamp) -> Self {
        let length = u32::try_from(last.hours_since(first).max(-1) + 1).unwrap_or(u32::MAX);
        let empty = |hour: ArchiveHour| if hour.end() <= now { HourState::NotYet } else { HourState::Future };
        let mut states: BTreeMap<_, _> = (0..length).map(|at| first.plus(at)).map(|hour| (hour, empty(hour))).collect();
        for mark in marks {
            if let Some(state) = states.get_mut(&mark.hour) {
                *state = HourState::of(mark);
            }
        }
        Self { states }
    }

    pub fn states(&self) -> impl Iterator<Item = (ArchiveHour, HourState)> {
        self.states.iter().map(|(hour, state)| (*hour, *state))
    }

    /// The number of hours in each state.
    pub fn counts(&self) -> BTreeMap<HourState, usize> {
        let mut counts = BTreeMap::new();
        for state in self.states.values() {
            *counts.entry(*state).or_default() += 1;
        }
        counts
    }

    /// The rows, newest day last, and a legend.
    pub fn draw(&self) -> String {
        let mut text = format!("{:10}  0     6     12    18\n", "");
        let mut days: BTreeMap<String, Vec<(usize, HourState)>> = BTreeMap::new();
        for (hour, state) in self.states() {
            let [year, month, day, of_day] = hour.partition_values();
            let of_day = of_day.parse().expect("the hour of a day is a number");
            days.entry(format!("{year}-{month}-{day}")).or_default().push((of_day, state));
        }
        for (day, hours) in days {
            let mut row = [HourState::Future; 24];
            hours.iter().for_each(|&(of_day, state)| row[of_day] = state);
            let drawn = row.iter().rposition(|state| *state != HourState::Future).map_or(0, |last| last + 1);
            let text_row: String = runs(&row[..drawn]).map(|(state, length)| draw(state, length)).collect();
            text.push_str(&format!("{day}  {text_row}\n"));
        }
        text + &self.legend()
    }

    fn legend(&self) -> String {
        let counts = self.counts();
        let kinds =
            HourState::ALL.into_iter().filter(|state| *state != HourState::Future && counts.contains_key(state));
        let kinds: Vec<_> =
            kinds.map(|state| format!("{} {} {}", draw(state, 1), state.name(), counts[&state])).collect();
        format!("{}\n", kinds.join("   "))
    }
}

fn draw(state: HourState, length: usize) -> String {
    let (shape, color) = state.shape();
    paint(color, &shape.repeat(length))
}

/// Groups equal neighbours, so that one escape sequence colours a whole group.
fn runs(states: &[HourState]) -> impl Iterator<Item = (HourState, usize)> {
    states.chunk_by(|one, next| one == next).map(|run| (run[0], run.len()))
}

#[cfg(test)]
mod tests {
    use cli_core::color::plain;

    use super::*;

    fn mark(hour: &str, status: HourStatus, verdict: Option<Verdict>) -> HourMark {
        HourMark {
            hour: hour.parse().unwrap(),
            status,
            verdict,
            counts: pipeline::receipt::RecordCounts::default(),
            landing_bytes: 0,
            parquet_bytes: 0,
            last_error: None,
            updated_at: ArchiveHour::FIRST.end(),
        }
    }

    #[test]
    fn row_has_a_shape_for_each_hour() {
        let hour = |text: &str| text.parse::<ArchiveHour>().unwrap();
        let marks = [
            mark("2025-11-20-20", HourStatus::Published, Some(Verdict::Complete)),
            mark("2025-11-20-21", HourStatus::Published, Some(Verdict::Degraded)),
            mark("2025-11-20-22", HourStatus::Published, Some(Verdict::Tiny)),
            mark("2025-11-20-23", HourStatus::Missing, None),
            mark("2025-11-21-0", HourStatus::Failed, None),
            mark("2025-11-21-1", HourStatus::Landed, None),
            mark("2025-11-21-2", HourStatus::NotPublished, None),
        ];
        let now = hour("2025-11-21-4").start();
        let calendar = CoverageCalendar::new(hour("2025-11-20-18"), hour("2025-11-21-23"), &marks, now);
        insta::assert_snapshot!(plain(&calendar.draw()));
        assert_eq!(calendar.counts()[&HourState::NotYet], 4);
    }
}
