//! The coverage calendar: a row for each day, a cell for each hour.

use std::collections::BTreeMap;

use anstyle::AnsiColor;
use aws_lake::HourMark;
use cli_core::color::paint;
use jiff::Timestamp;
use pipeline::ArchiveHour;
use pipeline::ledger::{HourStatus, Verdict};
use serde::Serialize;

/// What a person wants to know of an hour at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HourState {
    /// Readers see it, and it is as large as it should be.
    Published,
    /// Readers see it; it has far fewer rows than the days before, or another mix of types.
    Degraded,
    /// Readers see it; it holds next to nothing.
    Tiny,
    /// The archive does not have it.
    Missing,
    /// The last attempt failed.
    Failed,
    /// It landed, and is not published yet.
    Landed,
    /// It is over, and nobody has published it yet.
    NotYet,
    /// It is not over.
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

    /// Each has a shape of its own: it must be told apart without colours too.
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

/// A stretch of hours, each with its cell.
pub struct CoverageCalendar {
    cells: BTreeMap<ArchiveHour, HourState>,
}

impl CoverageCalendar {
    /// The hours from `first` to `last`, both included, as the ledger's marks tell.
    pub fn new(first: ArchiveHour, last: ArchiveHour, marks: &[HourMark], now: Timestamp) -> Self {
        let length = u32::try_from(last.hours_since(first).max(-1) + 1).unwrap_or(u32::MAX);
        let empty = |hour: ArchiveHour| if hour.end() <= now { HourState::NotYet } else { HourState::Future };
        let mut cells: BTreeMap<_, _> = (0..length).map(|at| first.plus(at)).map(|hour| (hour, empty(hour))).collect();
        for mark in marks {
            if let Some(cell) = cells.get_mut(&mark.hour) {
                *cell = HourState::of(mark);
            }
        }
        Self { cells }
    }

    pub fn cells(&self) -> impl Iterator<Item = (ArchiveHour, HourState)> {
        self.cells.iter().map(|(hour, cell)| (*hour, *cell))
    }

    /// How many hours there are of each kind.
    pub fn counts(&self) -> BTreeMap<HourState, usize> {
        let mut counts = BTreeMap::new();
        for cell in self.cells.values() {
            *counts.entry(*cell).or_default() += 1;
        }
        counts
    }

    /// The rows, newest day last, and what the shapes mean.
    pub fn draw(&self) -> String {
        let mut text = format!("{:10}  0     6     12    18\n", "");
        let mut days: BTreeMap<String, Vec<(usize, HourState)>> = BTreeMap::new();
        for (hour, cell) in self.cells() {
            let [year, month, day, of_day] = hour.partition_values();
            let of_day = of_day.parse().expect("the hour of a day is a number");
            days.entry(format!("{year}-{month}-{day}")).or_default().push((of_day, cell));
        }
        for (day, hours) in days {
            let mut cells = [HourState::Future; 24];
            hours.iter().for_each(|&(of_day, cell)| cells[of_day] = cell);
            let row: String = runs(&cells).map(|(cell, length)| draw(cell, length)).collect();
            text.push_str(format!("{day}  {row}").trim_end());
            text.push('\n');
        }
        text + &self.legend()
    }

    fn legend(&self) -> String {
        let counts = self.counts();
        let kinds = HourState::ALL.into_iter().filter(|cell| *cell != HourState::Future && counts.contains_key(cell));
        let kinds: Vec<_> = kinds.map(|cell| format!("{} {} {}", draw(cell, 1), cell.name(), counts[&cell])).collect();
        format!("{}\n", kinds.join("   "))
    }
}

fn draw(cell: HourState, length: usize) -> String {
    let (shape, color) = cell.shape();
    paint(color, &shape.repeat(length))
}

/// Equal neighbours together: a terminal is told a colour once for all of them.
fn runs(cells: &[HourState]) -> impl Iterator<Item = (HourState, usize)> {
    cells.chunk_by(|one, next| one == next).map(|run| (run[0], run.len()))
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
            counts: Default::default(),
            landing_bytes: 0,
            parquet_bytes: 0,
            last_error: None,
            updated_at: ArchiveHour::FIRST.end(),
        }
    }

    #[test]
    fn a_row_has_a_shape_for_each_hour() {
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
