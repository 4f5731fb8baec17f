//! One scenario against all faults, with a table of the points.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::fault::Fault;
use crate::lake::{FunctionError, Lake, LakeState, SavedLake};
use crate::run::{AfterError, Run};
use crate::scenario::Scenario;

const MENDED: &str = "corrected by the client";
const QUIET: &str = "reported by no step";

/// For one fault, the number of points that ended with each error.
type Outcomes = BTreeMap<String, usize>;

/// Runs the scenario once for every fault at every call, and prints the points as a table.
pub(crate) fn check(scenario: Scenario) {
    println!("{}", scenario.name());
    for fault in Fault::INJECTED {
        let outcomes = Matrix::new(scenario, fault).check();
        print_line(fault, &outcomes);
        if fault == Fault::CrashBefore {
            print_line(Fault::CrashLate, &outcomes);
        }
    }
}

fn print_line(fault: Fault, outcomes: &Outcomes) {
    let points: usize = outcomes.values().sum();
    println!("  {points:3} {}: {outcomes:?}", fault.description());
}

/// One scenario and one fault.
struct Matrix {
    scenario: Scenario,
    fault: Fault,
    lake: Lake,
    before: SavedLake,
    resumed_redrive: u32,
    /// The calls of a run without a fault; its output and its final state follow.
    calls: Vec<String>,
    returned: Value,
    state: LakeState,
}

impl Matrix {
    fn new(scenario: Scenario, fault: Fault) -> Self {
        let lake = Lake::new(fault);
        lake.injector.disarm();
        let mut run = Run::new(&lake, AfterError::Stop, 0);
        block_on(scenario.before(&mut run)).unwrap();
        let (before, resumed_redrive) = (lake.save(), run.resumed_redrive);
        lake.injector.disarm();
        let mut run = Run::new(&lake, AfterError::Stop, resumed_redrive);
        let returned = block_on(scenario.run(&mut run)).unwrap();
        let calls = lake.injector.calls();
        assert!(!lake.has_lease(), "an undisturbed run returns the lease");
        assert!(calls.len() >= scenario.least_calls(), "{} calls: {calls:#?}", calls.len());
        let state = lake.state();
        Self { scenario, fault, lake, before, resumed_redrive, calls, returned, state }
    }

    fn check(&self) -> Outcomes {
        let mut outcomes = Outcomes::new();
        for number in 0..self.calls.len() {
            self.check_point(number, &mut outcomes);
        }
        let quiet =
            if self.fault.is_crash() || self.fault == Fault::Repeated { 0 } else { self.scenario.quiet_calls() };
        assert_eq!(outcomes.get(QUIET).copied().unwrap_or(0), quiet, "{outcomes:?}");
        outcomes
    }

    fn check_point(&self, number: usize, outcomes: &mut Outcomes) {
        let (scenario, fault, lake) = (self.scenario, self.fault, &self.lake);
        lake.restore(&self.before);
        lake.injector.arm(number, fault);
        let after_error = if fault.is_crash() { AfterError::Stop } else { AfterError::Retry };
        let mut run = Run::new(lake, after_error, self.resumed_redrive);
        let mut ended = block_on(scenario.run(&mut run));
        let call =
            lake.injector.struck().unwrap_or_else(|| panic!("{fault:?} struck none of the calls up to {number}"));
        let point = format!("{}, {fault:?} at call {number} ({call})", scenario.name());
        if let Err(error) = &ended {
            assert!(fault.is_crash(), "{point}: the second attempt failed too: {error:?}");
            lake.injector.disarm();
            let mut again = Run::new(lake, AfterError::WaitForLease, run.resumed_redrive);
            ended = block_on(scenario.run(&mut again));
        }
        self.count(&run.errors, &call, &point, outcomes);
        assert_eq!(ended.expect(&point), self.returned, "{point}");
        assert_same(&lake.state(), &self.state, &point);
        if fault == Fault::CrashBefore {
            block_on(lake.injector.deliver_late());
            let mut state = lake.state();
            if scenario.keeps_late_objects() {
                state.objects.retain(|key, _| self.state.objects.contains_key(key));
            }
            assert_same(&state, &self.state, &format!("{point}, delivered late"));
        }
    }

    /// Adds the point, whose error must be one that the fault may cause.
    fn count(&self, errors: &[FunctionError], call: &str, point: &str, outcomes: &mut Outcomes) {
        assert!(errors.len() <= 1, "{point}: reported twice: {errors:?}");
        assert!(errors.iter().all(|error| self.fault.allows(&error.name, call)), "{point}: {errors:?}");
        let quiet = if self.fault == Fault::Repeated { MENDED } else { QUIET };
        let name = errors.first().map_or(quiet, |error| error.name.as_str());
        *outcomes.entry(name.to_owned()).or_default() += 1;
    }
}

/// Each call has a runtime of its own: all tasks of a killed function end with it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let value = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_secs(5));
    value
}

fn assert_same(found: &LakeState, expected: &LakeState, point: &str) {
    let keys = |state: &LakeState| state.objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected), "{point}");
    for (key, bytes) in &expected.objects {
        assert!(found.objects[key] == *bytes, "{point}: {key} has other bytes");
    }
    assert_eq!(found.ledger, expected.ledger, "{point}");
    assert_eq!(found.jobs, expected.jobs, "{point}");
    assert_eq!(found.runs, expected.runs, "{point}");
    assert_eq!(found.partitions, expected.partitions, "{point}");
}
