//! Runs over one hour whose bytes change from run to run, at the same time: what readers see is always there.
//!
//! The two functions are the real ones, with real clients, against S3, DynamoDB and Glue in memory. A schedule that a seed
//! decides lets one run at a time make one call. Runs may be cut off at any call, and are then started again. After every
//! single call, all objects of the version that the partition points to must exist. When all runs have ended, partition,
//! ledger and objects agree, and the versions that are kept are whole. Some runs roll the hour back; one version has fewer rows
//! than the others, and every second run may publish it all the same.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod hour;
mod schedule;

use proptest::prelude::*;

use hour::Lake;
use schedule::Plan;

fn run(plan: &Plan) -> Lake {
    let lake = Lake::new(plan.seed, plan.keep);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(schedule::run(plan, &lake));
    lake
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn proptest_what_readers_see_is_always_there(
        seed in any::<u64>(),
        first in 0..3_usize,
        others in proptest::collection::vec(proptest::option::weighted(0.8, 0..3_usize), 1..5),
        keep in 0..3_usize,
        cuts in proptest::collection::vec((0..6_usize, 1..60_u32), 0..3),
    ) {
        let versions = [&[Some(first)], others.as_slice()].concat();
        let lake = run(&Plan { seed, versions, cuts, keep });
        lake.check_end();
    }
}

#[test]
fn a_run_alone_publishes_its_hour_and_leaves_no_lease() {
    let lake = run(&Plan { seed: 1, versions: vec![Some(0)], cuts: Vec::new(), keep: 1 });
    lake.check_end();
    assert_eq!(lake.current(), Some(0));
    assert!(lake.leases().is_empty());
}
