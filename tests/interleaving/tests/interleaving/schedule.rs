//! The order in which runs make their calls, and the steps of a run.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use commit_bookmark::RunOutcome;
use function_runtime::ErrorName;
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::HourFailure;
use pipeline::publish::RollBackTo;

use crate::hour::{Lake, hour, source, version};

#[derive(Clone, Debug)]
pub(crate) struct RunSchedule {
    /// Decides the order of all calls.
    pub(crate) seed: u64,
    /// One entry for each run: the version that it finds at the source. `None` rolls back to the previous version.
    pub(crate) versions: Vec<Option<usize>>,
    /// Run and turn: this run is cut off at this turn, counted from 1, and starts again.
    pub(crate) cuts: Vec<(usize, u32)>,
    /// How many replaced versions are kept.
    pub(crate) keep: usize,
}

/// How often a run starts over before it gives up, as in `process-hour`.
const REPLANS: u32 = 2;

type RunFuture<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

struct SharedState<'a> {
    lake: &'a Lake,
    /// Which of the runs wait for a lease.
    waiting: Vec<Cell<bool>>,
}

/// Ends when all runs have ended.
pub(crate) async fn run(plan: &RunSchedule, lake: &Lake) {
    let shared = SharedState { lake, waiting: plan.versions.iter().map(|_| Cell::new(false)).collect() };
    // Every third run starts before the others publish, and is overtaken; the others seem to start after every publication.
    let began = |number: usize| lake.now() + SignedDuration::from_hours(if number % 3 == 2 { -1 } else { 1_000 });
    let start =
        |number: usize| -> RunFuture<'_> { Box::pin(process(&shared, number, plan.versions[number], began(number))) };
    let mut runs: Vec<(usize, u32, RunFuture<'_>)> =
        (0..plan.versions.len()).map(|number| (number, 0, start(number))).collect();
    let (mut random, mut trail) = (plan.seed | 1, String::new());
    poll_fn(|context| {
        if runs.is_empty() {
            return Poll::Ready(());
        }
        if runs.iter().all(|(number, ..)| shared.waiting[*number].get()) {
            // Every run waits, so the leases belong to runs that were cut off: they expire.
            lake.pass(60);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) as usize % runs.len();
        let (number, turns, future) = &mut runs[at];
        let number = *number;
        *turns += 1;
        if plan.cuts.contains(&(number, *turns)) {
            trail += &["cut", &number.to_string(), " "].concat();
            shared.waiting[number].set(false);
            runs[at].2 = start(number);
        } else if future.as_mut().poll(context).is_ready() {
            drop(runs.remove(at));
        }
        trail += &[&number.to_string(), " "].concat();
        lake.check(&trail);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The steps of `process-hour` that change the hour, with its retries, and its restarts after an error that another run caused.
async fn process(shared: &SharedState<'_>, number: usize, version: Option<usize>, started_at: Timestamp) {
    let run = InterleavedRun { lake: shared.lake, number, version, execution_arn: format!("arn:{number}"), started_at };
    for _ in 0..=REPLANS {
        if let Some(version) = version {
            shared.lake.convert(version);
        }
        let Err(error) = retry(&shared.waiting[number], async || run.publish().await).await else { return };
        if version.is_none() && error == "VersionNotKept" {
            return;
        }
        if error == "HourWouldShrink" {
            let recorded = retry(&shared.waiting[number], async || run.fail(&error).await).await;
            assert_eq!(recorded, Err(error), "commit-bookmark records the failure and returns it");
            return;
        }
        let again = ["VersionOvertaken", "ObjectMissing", "PlanNotFound", "LeaseLost"];
        assert!(again.contains(&error.as_str()), "run {number} ended with {error}");
    }
}

/// Retries a step until no other run is in its way.
async fn retry(waiting: &Cell<bool>, step: impl AsyncFn() -> Result<(), String>) -> Result<(), String> {
    loop {
        match step().await {
            Err(error) if ["PartitionConflict", "BookmarkConflict"].contains(&error.as_str()) => wait(waiting).await,
            ended => return ended,
        }
    }
}

/// Waits for 40 turns, in which other runs may work.
async fn wait(waiting: &Cell<bool>) {
    waiting.set(true);
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
    waiting.set(false);
}

struct InterleavedRun<'a> {
    lake: &'a Lake,
    number: usize,
    version: Option<usize>,
    execution_arn: String,
    started_at: Timestamp,
}

impl InterleavedRun<'_> {
    async fn publish(&self) -> Result<(), String> {
        let input = register_partition::Input {
            hour: hour(),
            version: self.version.map(version),
            source: self.version.map(|_| source()),
            roll_back_to: self.version.is_none().then_some(RollBackTo::Previous),
            execution_arn: self.execution_arn.clone(),
            started_at: self.started_at,
            force: self.number % 2 == 1 && self.version.is_some(),
        };
        let registered = register_partition::handle(input, &self.lake.register).await;
        let publication = registered.map_err(|error| error.name().to_owned())?.publication;
        self.commit(match self.version {
            Some(_) => RunOutcome::Published(publication),
            None => RunOutcome::RolledBack(publication),
        })
        .await
    }

    async fn fail(&self, name: &str) -> Result<(), String> {
        self.commit(RunOutcome::Failed(HourFailure::new(name, "fewer rows"))).await
    }

    async fn commit(&self, outcome: RunOutcome) -> Result<(), String> {
        let input = commit_bookmark::Input {
            hour: hour(),
            job_id: "job".to_owned(),
            execution_arn: self.execution_arn.clone(),
            started_at: self.started_at,
            redrive_count: 0,
            resumed_redrive: 0,
            outcome,
        };
        let committed = Box::pin(commit_bookmark::handle(input, &self.lake.commit)).await;
        committed.map(drop).map_err(|error| error.name().to_owned())
    }
}
