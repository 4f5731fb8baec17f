//! The nine scenarios: what happens before, and the run whose calls meet faults. `tests/e2e/test_faults.py` has the same ones.

use serde_json::{Value, json};

use crate::lake::{FunctionError, JOB, hour};
use crate::run::{FIRST, Run, SECOND, THIRD, expect_error};
use crate::source::Body;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    Published,
    Replaced,
    RolledBack,
    Failed,
    Redriven,
    Refused,
    Missing,
    PutByOthers,
    LookedAt,
}

type Ended<T = ()> = Result<T, FunctionError>;

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Replaced => "replaced by another version",
            Self::RolledBack => "rolled back",
            Self::Failed => "failed",
            Self::Redriven => "redriven",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::PutByOthers => "put by others",
            Self::LookedAt => "looked at",
        }
    }

    /// The fewest calls that the run makes. Fewer would mean that the scenario tests little.
    pub(crate) fn least_calls(self) -> usize {
        match self {
            Self::Failed => 4,
            Self::Missing => 5,
            Self::RolledBack => 12,
            Self::Published | Self::PutByOthers | Self::LookedAt => 20,
            Self::Replaced | Self::Redriven | Self::Refused => 25,
        }
    }

    /// Calls whose failure no step reports: the upload of a file that is damaged, and giving a lease back.
    pub(crate) fn quiet_calls(self) -> usize {
        match self {
            Self::Failed => 3,
            Self::Refused => 2,
            _ => 0,
        }
    }

    /// Whether an object that arrives after the run has ended may stay: the hour's next publication removes it.
    pub(crate) fn keeps_late_objects(self) -> bool {
        self == Self::Refused
    }

    /// What happened before the run.
    pub(crate) async fn before(self, run: &mut Run<'_>) -> Ended {
        match self {
            Self::Published | Self::Failed => Ok(()),
            Self::Replaced => publish_two(run, Body::Smallest, Body::Usual).await,
            Self::RolledBack => publish_two(run, Body::Usual, Body::Largest).await,
            Self::Redriven => {
                begin_job(run).await?;
                fail(run).await
            }
            Self::Refused => publish_first(run, Body::Largest).await,
            Self::Missing => begin_job(run).await,
            Self::PutByOthers => {
                begin_job(run).await?;
                run.lake.s3.put(&format!("landing/ghactivity/{}.json.gz", hour()), Body::Smallest.bytes());
                Ok(())
            }
            Self::LookedAt => publish_first(run, Body::Usual).await,
        }
    }

    /// The run. Its value is part of what must be equal.
    pub(crate) async fn run(self, run: &mut Run<'_>) -> Ended<Value> {
        match self {
            Self::Published => publish_first(run, Body::Usual).await?,
            Self::Replaced => {
                run.lake.source.serve(Body::Largest);
                run.publish(THIRD, "upstream", 0).await?;
            }
            Self::RolledBack => run.roll_back(THIRD).await?,
            Self::Failed => fail(run).await?,
            Self::Redriven => redriven(run).await?,
            Self::Refused => refuse(run).await?,
            Self::Missing => miss(run).await?,
            Self::PutByOthers => run.publish(FIRST, "landing", 0).await?,
            Self::LookedAt => return look_at(run).await,
        }
        Ok(Value::Null)
    }
}

async fn begin_job(run: &mut Run<'_>) -> Ended {
    run.step("next-file", json!({"job_id": JOB, "max_hours": 1, "from": hour()})).await?;
    Ok(())
}

async fn publish_first(run: &mut Run<'_>, body: Body) -> Ended {
    begin_job(run).await?;
    run.lake.source.serve(body);
    run.publish(FIRST, "upstream", 0).await
}

async fn publish_two(run: &mut Run<'_>, first: Body, second: Body) -> Ended {
    publish_first(run, first).await?;
    run.lake.source.serve(second);
    run.publish(SECOND, "upstream", 0).await
}

/// The file turns out to be damaged when most of it has been uploaded.
async fn fail(run: &mut Run<'_>) -> Ended {
    run.lake.source.serve(Body::Damaged);
    run.step_fails("fetch", json!({"hour": hour()}), "CorruptArchive").await?;
    expect_error(run.fail(FIRST, "CorruptArchive", 0).await, "CorruptArchive")
}

/// Continues after a redrive and publishes, also if the response `retrying` of `commit-bookmark` was lost.
async fn redriven(run: &mut Run<'_>) -> Ended {
    if run.resumed_redrive == 0 {
        let committed = run.fail(FIRST, "CorruptArchive", 1).await?;
        assert_eq!(committed["status"], "retrying");
        run.resumed_redrive = 1;
    }
    run.lake.source.serve(Body::Usual);
    run.publish(FIRST, "upstream", 1).await
}

/// The source has fewer rows than the published version.
async fn refuse(run: &mut Run<'_>) -> Ended {
    run.lake.source.serve(Body::Smallest);
    expect_error(run.publish(SECOND, "upstream", 0).await.map(|()| Value::Null), "HourWouldShrink")?;
    expect_error(run.fail(SECOND, "HourWouldShrink", 0).await, "HourWouldShrink")
}

async fn miss(run: &mut Run<'_>) -> Ended {
    run.lake.source.unpublish();
    run.step_fails("fetch", json!({"hour": hour()}), "SourceNotPublished").await?;
    let committed = run.fail(FIRST, "SourceNotPublished", 0).await?;
    assert_eq!(committed["status"], "missing");
    Ok(())
}

/// Calls the functions of ingest, backfill, prove and the ledger's stream that do not change the hour.
async fn look_at(run: &mut Run<'_>) -> Ended<Value> {
    let due = run.step("next-file", json!({"job_id": JOB, "max_hours": 1, "from": hour()})).await?;
    let replaced = run.step("next-file", json!({"job_id": JOB, "max_hours": 1, "recheck_days": 1})).await?;
    let request = json!({"from": hour(), "to": hour(), "force": true});
    let listed = run.step("list-hours", json!({"request": request, "manifest": JOB})).await?;
    let proven = run.step("prove-hour", json!({"proof": JOB, "hour": hour()})).await?;
    let sums = run.step("prove-hour", json!({"proof": JOB, "hours": 1})).await?;
    let exported = run.step("export-ledger", json!({"from": hour(), "to": hour()})).await?;
    assert_eq!(proven["proven"], true);
    assert_eq!(listed["statuses"]["published"], 1);
    assert_eq!(exported["months"], json!(["2016-06"]));
    Ok(json!([due["hours"], replaced["hours"], listed, proven, sums, exported]))
}
