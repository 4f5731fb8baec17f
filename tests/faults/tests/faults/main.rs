//! Each call of a run to S3, DynamoDB and Glue gets each fault. The final state equals that of an undisturbed run.
//!
//! The functions are the real ones with real SDK clients, over fakes in memory. The test repeats what is repeated in operation:
//! after a crash the whole run, and after an error that the state machine retries that step. Then it compares every object, table
//! item and partition. `tests/e2e/test_faults.py` runs the same scenarios with real processes on the local AWS: a crash at every
//! call, and a sample of the other faults. `make test-full` injects all faults there.

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
