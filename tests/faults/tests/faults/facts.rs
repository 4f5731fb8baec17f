//! What each scenario ends with. Without this, the states that the matrix compares could be equal and wrong.

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::lake::{Lake, LakeState};
use crate::matrix::block_on;
use crate::run::{AfterError, Run};
use crate::scenario::Scenario;

/// An undisturbed run: the state before it and after it, what it returned, and its calls.
struct Undisturbed {
    before: LakeState,
    after: LakeState,
    returned: Value,
    calls: Vec<String>,
}

pub(crate) fn check() {
    let published = run(Scenario::Published);
    assert_eq!(status(&published), "published");
    assert_eq!(ledger(&published)["chunks"]["N"], "3");
    for count in ["duplicates", "quarantined"] {
        assert_ne!(ledger(&published)["counts"]["M"][count]["N"], "0", "{count}");
    }
    let parts = published.calls.iter().filter(|call| call.starts_with("S3 UploadPart")).count();
    assert_eq!(parts, 3, "{:#?}", published.calls);
    assert!(published.after.objects.len() > 10);
    assert!(published.after.jobs[0]["job_run_bookmark_details"].is_object(), "the bookmark has moved");

    let replaced = run(Scenario::Replaced);
    assert_eq!((&*status(&replaced), &ledger(&replaced)["chunks"]["N"]), ("published", &json!("4")));
    let (smallest, usual) = (previous_version(&replaced.before), version(&replaced.before));
    assert_eq!(previous_version(&replaced.after), usual);
    assert!(!has_objects(&replaced.after, &smallest), "the version that is not kept is deleted");
    assert!(has_objects(&replaced.after, &usual), "the version that is kept is whole");

    let rolled_back = run(Scenario::RolledBack);
    assert_eq!(version(&rolled_back.after), previous_version(&rolled_back.before));
    assert_eq!(text(&ledger(&rolled_back)["rolled_back_from"]), version(&rolled_back.before));

    let failed = run(Scenario::Failed);
    assert_eq!(status(&failed), "failed");
    assert!(failed.after.objects.is_empty(), "nothing of a damaged file lands");
    assert_eq!((&*status(&run(Scenario::Redriven)), &*status(&run(Scenario::Missing))), ("published", "missing"));

    let refused = run(Scenario::Refused);
    assert_eq!(version(&refused.after), version(&refused.before));
    assert_eq!(text(&ledger(&refused)["last_error"]["M"]["name"]), "HourWouldShrink");
    let new: Vec<_> = refused.after.objects.keys().filter(|key| !refused.before.objects.contains_key(*key)).collect();
    assert!(new.iter().all(|key| key.starts_with("landing/ghactivity/_replaced/")), "{new:?}");
    assert_eq!(new.len(), 1, "the published file is kept");

    let put_by_others = run(Scenario::PutByOthers);
    assert_eq!(
        text(&ledger(&put_by_others)["source"]["M"]["url"]),
        "s3://lake/landing/ghactivity/2016-06-01-0.json.gz"
    );

    let looked_at = run(Scenario::LookedAt);
    assert_eq!(looked_at.returned[1], json!([]), "the source has replaced no hour");
    let new: Vec<_> =
        looked_at.after.objects.keys().filter(|key| !looked_at.before.objects.contains_key(*key)).collect();
    assert_eq!(
        new,
        [
            "landing/ghactivity/_backfill/test_faults.json",
            "ledger/ghactivity/2016-06.parquet",
            "reports/ghactivity/prove/test_faults/2016-06-01-0.json",
        ]
    );
}

fn run(scenario: Scenario) -> Undisturbed {
    let lake = Lake::new(Fault::Cut);
    let mut first = Run::new(&lake, AfterError::Stop, 0);
    block_on(scenario.before(&mut first)).unwrap();
    let before = lake.state();
    lake.injector.disarm();
    let mut second = Run::new(&lake, AfterError::Stop, first.resumed_redrive);
    let returned = block_on(scenario.run(&mut second)).unwrap();
    Undisturbed { before, after: lake.state(), returned, calls: lake.injector.calls() }
}

fn ledger(run: &Undisturbed) -> &Value {
    &run.after.ledger[0]
}

fn status(run: &Undisturbed) -> String {
    text(&ledger(run)["status"])
}

fn version(state: &LakeState) -> String {
    text(&state.ledger[0]["version"])
}

fn previous_version(state: &LakeState) -> String {
    text(&state.ledger[0]["previous_versions"]["L"][0]["M"]["version"])
}

fn has_objects(state: &LakeState, version: &str) -> bool {
    state.objects.keys().any(|key| key.contains(version))
}

fn text(attribute: &Value) -> String {
    attribute["S"].as_str().unwrap_or_else(|| panic!("not a text: {attribute}")).to_owned()
}
