//! A model test of the protocol: with any faults, no event is lost and none is stored twice.
//!
//! The protocol is the real code. The claims table, the bucket, the stream and its event source mapping are models. A schedule
//! lets deliveries make one call at a time, in any order. Calls fail, lose their replies, or take effect long after they
//! failed. Deliveries are killed at any call, or continue after their mapping has given up. Batches are delivered again, split,
//! or start at an earlier record. Shards split, and clocks jump past the expiry of claims.
//!
//! The seed decides everything. To run the seed of a failure alone: `EVENT_STREAM_SEED=17 cargo test -p event-stream --test model`.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

mod mapping;
mod random;
mod schedule;
mod schedule_result;
mod simulated_store;

use schedule::Schedule;
use schedule_result::ScheduleResult;
use simulated_store::BrokenRule;

/// The number of schedules.
const SCHEDULES: u64 = 20_000;

fn seeds(count: u64) -> std::ops::Range<u64> {
    match std::env::var("EVENT_STREAM_SEED").ok().map(|seed| seed.parse().unwrap()) {
        Some(seed) => seed..seed + 1,
        None => 0..count,
    }
}

#[test]
fn protocol_stores_each_event_exactly_once() {
    let mut all = ScheduleResult::default();
    for seed in seeds(SCHEDULES) {
        let result = Schedule::new(seed, BrokenRule::Nothing).run();
        let wrong = [&result.lost, &result.doubled, &result.damaged];
        assert!(wrong.iter().all(|events| events.is_empty()), "seed {seed}: {result:#?}");
        all.events += result.events;
        all.seals += result.seals;
        all.taken_over += result.taken_over;
        all.deliveries += result.deliveries;
        all.passed_over += result.passed_over;
        all.splits += result.splits;
    }
    println!("{SCHEDULES} schedules: {all:?}");
    if seeds(SCHEDULES).end == SCHEDULES {
        assert!(
            all.seals > 1000 && all.taken_over > 1000 && all.passed_over > 100 && all.splits > 1000,
            "the schedules have too few faults: {all:?}"
        );
    }
}

/// Proves that the model can fail.
#[test]
fn model_detects_each_broken_rule() {
    for (broken, harm) in [
        (BrokenRule::PutReplaces, "doubled or lost"),
        (BrokenRule::ClaimsAreStolen, "doubled"),
        (BrokenRule::LostAnswersAreGuessed, "lost"),
        (BrokenRule::UnfinishedCountsAsStored, "lost"),
    ] {
        let is_wrong = |seed: &u64| {
            let result = Schedule::new(*seed, broken).run();
            (harm.contains("lost") && !result.lost.is_empty())
                || (harm.contains("doubled") && !result.doubled.is_empty())
        };
        assert!((0..SCHEDULES).any(|seed| is_wrong(&seed)), "{broken:?} is not detected");
    }
}
