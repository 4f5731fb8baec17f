//! Every call of a run to S3, DynamoDB and Glue meets every fault, and the state ends as that of an undisturbed run.
//!
//! The functions are the real ones with real SDK clients over fakes in memory. What follows a fault is what follows in life:
//! after a crash the run is made again from its start, and an error that the state machine retries makes that step run again.
//! Then every object, table item and partition is compared. `tests/e2e/test_faults.py` holds the same scenarios against real
//! processes and the local AWS: a crash at every call, and a sample of the other faults. `make test-full` runs all of them there.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a failed setup ends the test")]

mod facts;
mod fault;
mod injector;
mod lake;
mod matrix;
mod record_landed;
mod run;
mod scenario;
mod source;

use scenario::Scenario;

#[test]
fn published_hour_survives_every_fault() {
    matrix::check(Scenario::Published);
}

#[test]
fn replaced_hour_survives_every_fault() {
    matrix::check(Scenario::Replaced);
}

#[test]
fn rollback_survives_every_fault() {
    matrix::check(Scenario::RolledBack);
}

#[test]
fn failed_hour_survives_every_fault() {
    matrix::check(Scenario::Failed);
}

#[test]
fn redriven_hour_survives_every_fault() {
    matrix::check(Scenario::Redriven);
}

#[test]
fn refused_hour_survives_every_fault() {
    matrix::check(Scenario::Refused);
}

#[test]
fn missing_hour_survives_every_fault() {
    matrix::check(Scenario::Missing);
}

#[test]
fn hour_put_by_others_survives_every_fault() {
    matrix::check(Scenario::PutByOthers);
}

#[test]
fn reading_functions_survive_every_fault() {
    matrix::check(Scenario::LookedAt);
}

#[test]
fn scenarios_do_what_they_say() {
    facts::check();
}
