//! Several runs over one hour at once, each with other bytes: readers always see a whole version.
//!
//! `register-partition` and `commit-bookmark` are the real handlers with real SDK clients over fakes in memory. A seed decides
//! the order of all calls. A run can be cut off at any call; it then starts again. Some runs roll the hour back. One version has
//! fewer rows than the others, and every second run may publish it.
//!
//! After every call, all objects of the version that the partition points to exist. After all runs, partition, ledger and objects
//! agree, and every kept version is whole.

#![allow(clippy::unwrap_used, reason = "a failed setup ends the test")]

mod hour;
mod schedule;

use proptest::prelude::*;

use hour::Lake;
use schedule::RunSchedule;

fn run(plan: &RunSchedule) -> Lake {
    let lake = Lake::new(plan.seed, plan.keep);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(schedule::run(plan, &lake));
    lake
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn proptest_readers_always_see_a_whole_version(
        seed in any::<u64>(),
        first in 0..3_usize,
        others in proptest::collection::vec(proptest::option::weighted(0.8, 0..3_usize), 1..5),
        keep in 0..3_usize,
        cuts in proptest::collection::vec((0..6_usize, 1..60_u32), 0..3),
    ) {
        let versions = [&[Some(first)], others.as_slice()].concat();
        let lake = run(&RunSchedule { seed, versions, cuts, keep });
        lake.check_end();
    }
}

#[test]
fn single_run_publishes_and_leaves_no_lease() {
    let lake = run(&RunSchedule { seed: 1, versions: vec![Some(0)], cuts: Vec::new(), keep: 1 });
    lake.check_end();
    assert_eq!(lake.current(), Some(0));
    assert!(lake.leases().is_empty());
}
