//! The metrics of a batch.

use std::collections::BTreeMap;

use event_stream::EventTypes;
use event_stream::protocol::{Arrival, DuplicateOrigin, EventFailure, EventOutcome};
use function_runtime::{Metrics, Unit};
use jiff::Timestamp;

use crate::event::WindowState;

/// The number of events of a batch per outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BatchCounts {
    /// Events stored by this delivery.
    pub(crate) stored: u64,
    pub(crate) duplicates: u64,
    /// Parts of records in the quarantine.
    pub(crate) quarantined: u64,
    redelivered: u64,
    conflicts: u64,
    by_type: BTreeMap<String, u64>,
    by_age: BTreeMap<&'static str, u64>,
    by_place: BTreeMap<&'static str, u64>,
    created_ms: Vec<i64>,
}

impl BatchCounts {
    /// Counts a batch. The first `acknowledged` records are not delivered again. A duplicate that is delivered again is
    /// counted then; an event is counted when it is stored.
    pub(crate) fn of(
        arrivals: &[Arrival],
        outcomes: &[EventOutcome],
        acknowledged: usize,
        quarantined: usize,
        types: &EventTypes,
    ) -> Self {
        let mut counts = Self { quarantined: quarantined as u64, ..Self::default() };
        for (arrival, outcome) in arrivals.iter().zip(outcomes) {
            if arrival.record < acknowledged || !matches!(outcome, EventOutcome::Duplicate(_)) {
                counts.add(arrival, outcome, types);
            }
        }
        counts
    }

    fn add(&mut self, arrival: &Arrival, outcome: &EventOutcome, types: &EventTypes) {
        match outcome {
            EventOutcome::Stored { again: true } => self.redelivered += 1,
            EventOutcome::Stored { again: false } => {
                self.stored += 1;
                self.created_ms.push(arrival.event.created_ms);
                // Only declared types, because CloudWatch charges for each value.
                let event_type = types.partition_value(arrival.event.event_type());
                match self.by_type.get_mut(event_type) {
                    Some(count) => *count += 1,
                    None => drop(self.by_type.insert(event_type.to_owned(), 1)),
                }
            }
            EventOutcome::Duplicate(duplicate) => {
                self.duplicates += 1;
                *self.by_age.entry(age(duplicate.age_ms)).or_default() += 1;
                *self.by_place.entry(origin(duplicate.origin)).or_default() += 1;
            }
            EventOutcome::Failed(EventFailure::Conflict) => self.conflicts += 1,
            EventOutcome::Failed(EventFailure::Call) => {}
        }
    }

    pub(crate) fn emit(&self, failed_records: usize, now: Timestamp) {
        let mut metrics = Metrics::new()
            .with("EventsStored", Unit::Count, self.stored as f64)
            .with("EventsDuplicate", Unit::Count, self.duplicates as f64)
            .with("EventsRedelivered", Unit::Count, self.redelivered as f64)
            .with("EventsQuarantined", Unit::Count, self.quarantined as f64)
            .with("ClaimConflicts", Unit::Count, self.conflicts as f64)
            .with("RecordsFailed", Unit::Count, failed_records as f64);
        let all = self.stored + self.duplicates + self.redelivered + self.quarantined;
        if all > 0 {
            let percent = 100.0 * self.quarantined as f64 / all as f64;
            metrics = metrics.with("EventsQuarantinedPercent", Unit::Percent, percent);
        }
        if let (Some(newest), Some(oldest)) = (self.created_ms.iter().max(), self.created_ms.iter().min()) {
            let seconds = |created_ms: i64| (now.as_millisecond() - created_ms) as f64 / 1000.0;
            metrics = metrics.with("DelaySecondsMin", Unit::Seconds, seconds(*newest));
            metrics = metrics.with("DelaySecondsMax", Unit::Seconds, seconds(*oldest));
        }
        metrics.emit();
        for (event_type, count) in &self.by_type {
            Metrics::new().with("EventsByType", Unit::Count, *count as f64).by("EventType", event_type.as_str()).emit();
        }
        for (age, count) in &self.by_age {
            Metrics::new().with("DuplicatesByAge", Unit::Count, *count as f64).by("Age", *age).emit();
        }
        for (place, count) in &self.by_place {
            Metrics::new().with("DuplicatesByPlace", Unit::Count, *count as f64).by("Place", *place).emit();
        }
    }
}

/// Emits the counts of a tumbling window.
pub(crate) fn emit_window(state: &WindowState) {
    Metrics::new()
        .with("WindowStored", Unit::Count, state.stored as f64)
        .with("WindowDuplicates", Unit::Count, state.duplicates as f64)
        .with("WindowQuarantined", Unit::Count, state.quarantined as f64)
        .emit();
}

fn age(age_ms: i64) -> &'static str {
    match age_ms {
        ..60_000 => "under-a-minute",
        60_000..3_600_000 => "under-an-hour",
        3_600_000..86_400_000 => "under-a-day",
        _ => "a-day-and-more",
    }
}

fn origin(origin: DuplicateOrigin) -> &'static str {
    match origin {
        DuplicateOrigin::SameBatch => "same-batch",
        DuplicateOrigin::SameShard => "same-shard",
        DuplicateOrigin::OtherShard => "other-shard",
    }
}

#[cfg(test)]
mod tests {
    use event_stream::Event;
    use event_stream::protocol::Duplicate;

    use super::*;

    #[test]
    fn redelivered_duplicate_counts_once() {
        let arrival = |record| Arrival {
            event: Event { uuid: String::new(), name: "lesson:started".to_owned(), created_ms: 5, other: None },
            record,
            part: 0,
            arrived_ms: 7,
        };
        let duplicate = EventOutcome::Duplicate(Duplicate { origin: DuplicateOrigin::SameShard, age_ms: 1 });
        let outcomes = [
            duplicate.clone(),
            EventOutcome::Failed(EventFailure::Conflict),
            duplicate.clone(),
            EventOutcome::Stored { again: false },
        ];
        let types = "lesson,other".parse().unwrap();
        let counts = BatchCounts::of(&[0, 1, 2, 3].map(arrival), &outcomes, 1, 0, &types);
        assert_eq!((counts.duplicates, counts.conflicts, counts.stored, counts.redelivered), (1, 1, 1, 0));
        let again = [EventOutcome::Stored { again: true }, duplicate, EventOutcome::Stored { again: true }];
        let counts = BatchCounts::of(&[0, 1, 2].map(arrival), &again, 3, 0, &types);
        assert_eq!((counts.duplicates, counts.conflicts, counts.stored, counts.redelivered), (1, 0, 0, 2));
    }
}
