//! Whose turn it is, and what a run does with its turns.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use function_runtime::ErrorName;
use jiff::{SignedDuration, Timestamp};
use pipeline::publish::RollBackTo;

use crate::hour::{Lake, hour, source, version};

/// What is tried.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Decides the order of all calls.
    pub(crate) seed: u64,
    /// The runs, by the version that each of them finds at the source; without one, it rolls back to the version before.
    pub(crate) versions: Vec<Option<usize>>,
    /// Runs that are cut off at their so manieth turn, and then started again.
    pub(crate) cuts: Vec<(usize, u32)>,
    /// How many replaced versions are kept.
    pub(crate) keep: usize,
}

/// How often a run looks at its hour again before it gives up, as in `process-hour`.
const REPLANS: u32 = 2;

type Turn<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What all runs know of each other.
struct Shared<'a> {
    lake: &'a Lake,
    /// Which of the runs wait for a lease.
    waiting: Vec<Cell<bool>>,
}

/// Runs everything to its end.
pub(crate) async fn run(plan: &Plan, lake: &Lake) {
    let shared = Shared { lake, waiting: plan.versions.iter().map(|_| Cell::new(false)).collect() };
    // A third of the runs are overtaken by what others publish; the rest begin, as far as they can tell, after that.
    let began = |number: usize| lake.now() + SignedDuration::from_hours(if number % 3 == 2 { -1 } else { 1_000 });
    let start =
        |number: usize| -> Turn<'_> { Box::pin(process(&shared, number, plan.versions[number], began(number))) };
    let mut runs: Vec<(usize, u32, Turn<'_>)> =
        (0..plan.versions.len()).map(|number| (number, 0, start(number))).collect();
    let (mut random, mut trail) = (plan.seed | 1, String::new());
    poll_fn(|context| {
        if runs.is_empty() {
            return Poll::Ready(());
        }
        if runs.iter().all(|(number, ..)| shared.waiting[*number].get()) {
            // Nobody is at work: the leases of runs that were cut off are all that they wait for.
            lake.pass(60);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) as usize % runs.len();
        let (number, turns, future) = &mut runs[at];
        let number = *number;
        *turns += 1;
        if plan.cuts.contains(&(number, *turns)) {
            trail.push_str(&format!("cut{number} "));
            shared.waiting[number].set(false);
            runs[at].2 = start(number);
        } else if future.as_mut().poll(context).is_ready() {
            drop(runs.remove(at));
        }
        trail.push_str(&format!("{number} "));
        lake.check(&trail);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The steps of `process-hour` that touch what is shared, with its retries and its way back.
async fn process(shared: &Shared<'_>, number: usize, version: Option<usize>, started_at: Timestamp) {
    let execution_arn = format!("arn:{number}");
    for _ in 0..=REPLANS {
        if let Some(version) = version {
            shared.lake.convert(version);
        }
        let error = loop {
            let error = match publish(shared.lake, version, &execution_arn, started_at).await {
                Ok(()) => return,
                Err(error) => error,
            };
            if !["PartitionConflict", "BookmarkConflict"].contains(&error.as_str()) {
                break error;
            }
            wait(&shared.waiting[number]).await;
        };
        if version.is_none() && error == "VersionNotKept" {
            return;
        }
        let again = ["VersionOvertaken", "ObjectMissing", "PlanNotFound", "LeaseLost"];
        assert!(again.contains(&error.as_str()), "run {number} ended with {error}");
    }
}

/// Waits for some turns. Others may be at work meanwhile.
async fn wait(waiting: &Cell<bool>) {
    waiting.set(true);
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
    waiting.set(false);
}

async fn publish(lake: &Lake, number: Option<usize>, execution_arn: &str, started_at: Timestamp) -> Result<(), String> {
    let input = register_partition::Input {
        hour: hour(),
        version: number.map(version),
        source: number.map(|_| source()),
        roll_back_to: number.is_none().then_some(RollBackTo::Previous),
        execution_arn: execution_arn.to_owned(),
        started_at,
        force: false,
    };
    let registered = register_partition::handle(input, &lake.register).await;
    let publication = registered.map_err(|error| error.name().to_owned())?.publication;
    let input = commit_bookmark::Input {
        hour: hour(),
        job_id: "job".to_owned(),
        execution_arn: execution_arn.to_owned(),
        started_at,
        redrive_count: 0,
        resumed_redrive: 0,
        outcome: match number {
            Some(_) => commit_bookmark::Outcome::Published(publication),
            None => commit_bookmark::Outcome::RolledBack(publication),
        },
    };
    let committed = commit_bookmark::handle(input, &lake.commit).await;
    committed.map(drop).map_err(|error| error.name().to_owned())
}
