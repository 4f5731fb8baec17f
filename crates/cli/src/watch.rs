//! `ghactivity watch`, and what every subcommand does that starts an execution: follow it until it ends.
//!
//! [`poll`] asks Step Functions for what is new, [`run`] reads it, [`board`] draws it, [`summary`] says what became of it.
//! Ctrl-C detaches; the execution goes on, and nothing of the watching is kept anywhere.

mod board;
mod execution;
mod load;
mod patience;
mod poll;
mod run;
mod summary;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use indicatif::MultiProgress;

pub(crate) use execution::ExecutionArn;
pub(crate) use load::{LoadEnded, LoadPlanned, RejectedRow, describe_columns, follow as follow_load, rejected_lines};
pub(crate) use summary::{Ended, HourSummary};

use crate::output;
use crate::stack::{Aws, Problem, StackArguments};
use board::Board;
use execution::Kind;
use patience::Patience;
use poll::{Followed, Poller};

/// Which execution to follow.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The execution, as every subcommand that starts one prints it
    #[arg(value_name = "ARN")]
    execution: ExecutionArn,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Follows it until it ends, whoever started it and however long ago. Ctrl-C detaches: the execution goes on. It goes on too where
AWS cannot be asked about it: that is tried again for 5 minutes.

Examples:
  ghactivity watch arn:aws:states:us-east-1:123456789012:execution:ghactivity-ingest:6f1c
  ghactivity watch ARN --json | jq .hours

Exit status:
  0    the execution succeeded
  1    the command line makes no sense
  2    the execution failed, or cannot be followed
  130  detached by Ctrl-C";

/// Follows the execution, prints what became of it, and answers the exit status.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Problem> {
    let arn = arguments.execution;
    let detach = Detach::at_ctrl_c();
    let aws = arguments.stack.connect(Some(arn.region())).await?;
    // A wrong ARN or endpoint is told at once: only what could be followed before is borne with.
    Poller::new(aws.clone()).describe(arn.as_str()).await?;
    if matches!(arn.kind(), Kind::CsvLoad | Kind::CsvUndo) {
        return follow_load(&aws, &arn, &detach).await?.finish(arguments.json);
    }
    finish(follow(&aws, &arn, &detach).await?, arguments.json)
}

/// Prints what became of an execution; its failure is the command's.
pub(crate) fn finish(ended: Ended, json: bool) -> Result<(), Problem> {
    if json {
        output::json(&ended);
    } else {
        output::text(&ended.text());
    }
    ended.problem().map_or(Ok(()), Err)
}

/// Follows an execution until it ends.
pub(crate) async fn follow(aws: &Aws, arn: &ExecutionArn, detach: &Detach) -> Result<Ended, Problem> {
    let board = Board::new(arn.kind() != Kind::Hour);
    detach.knows(arn, Some(board.bars()));
    let poller = Poller::new(aws.clone());
    let mut patience = Patience::new(arn);
    let root = loop {
        let look = poller.attach(arn.as_str(), String::new()).await;
        if let Some(root) = patience.bear(look, Instant::now(), |line| board.say(line))? {
            break root;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let watching = Watching { board, poller, root, hours: BTreeMap::new(), patience };
    if arn.kind() == Kind::Hour { watching.follow_hour().await } else { watching.follow_parent(arn).await }
}

/// What Ctrl-C leaves behind: an execution that goes on, and the words for it.
pub(crate) struct Detach(Arc<Mutex<Option<Watched>>>);

/// An execution, and the bars that show it once there are any.
struct Watched {
    arn: ExecutionArn,
    bars: Option<MultiProgress>,
}

impl Detach {
    /// From here on, Ctrl-C ends the command with a word on what goes on.
    pub(crate) fn at_ctrl_c() -> Self {
        let watched = Arc::new(Mutex::new(None::<Watched>));
        let known = Arc::clone(&watched);
        let detach = move || match known.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => eprintln!("ghactivity: stopped"),
            Some(Watched { arn, bars }) => {
                bars.iter().for_each(board::clear);
                eprintln!("ghactivity: detached; it goes on. To attach again: ghactivity watch {arn}");
            }
        };
        if let Err(error) = crate::interrupt::on_stop(detach) {
            eprintln!("ghactivity: Ctrl-C will end this without a word: {error}");
        }
        Self(watched)
    }

    /// There is an execution, and perhaps bars that show it.
    pub(crate) fn knows(&self, arn: &ExecutionArn, bars: Option<&MultiProgress>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Watched { arn: arn.clone(), bars: bars.cloned() });
    }
}

struct Watching {
    board: Board,
    poller: Poller,
    root: Followed,
    hours: BTreeMap<String, Followed>,
    patience: Patience,
}

impl Watching {
    async fn follow_hour(mut self) -> Result<Ended, Problem> {
        for wait in waits() {
            let look = self.look_at_hour().await;
            let seen = self.patience.bear(look, Instant::now(), |line| self.board.say(line))?;
            if seen.is_some() && self.root.end.is_some() {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        self.board.clear();
        let summary = HourSummary::of(&self.root, now());
        Ok(Ended::of(&self.root, vec![summary], now()))
    }

    async fn look_at_hour(&mut self) -> Result<(), Problem> {
        if self.root.hour.is_empty() {
            self.root.hour = hour_of(&self.poller.describe(&self.root.arn).await?.input.unwrap_or_default());
        }
        for notice in self.poller.refresh(&mut self.root).await? {
            self.board.notice(&self.root.hour, &notice);
        }
        self.board.hour(&self.root, now());
        Ok(())
    }

    async fn follow_parent(mut self, arn: &ExecutionArn) -> Result<Ended, Problem> {
        for wait in waits() {
            let look = self.look_at_parent(arn).await;
            let seen = self.patience.bear(look, Instant::now(), |line| self.board.say(line))?;
            let ended = self.root.end.is_some() && self.hours.values().all(|hour| hour.end.is_some());
            if seen.is_some() && ended {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        self.board.clear();
        let mut hours: Vec<_> = self.hours.values().map(|hour| HourSummary::of(hour, now())).collect();
        hours.sort_by_key(|hour| hour.hour.parse::<pipeline::ArchiveHour>().ok());
        Ok(Ended::of(&self.root, hours, now()))
    }

    async fn look_at_parent(&mut self, arn: &ExecutionArn) -> Result<(), Problem> {
        for notice in self.poller.refresh(&mut self.root).await? {
            self.board.notice(&format!("({})", kind_name(arn)), &notice);
        }
        // After the parent's own end: none of its hours is missed.
        self.refresh_hours(arn).await?;
        self.draw();
        Ok(())
    }

    async fn refresh_hours(&mut self, arn: &ExecutionArn) -> Result<(), Problem> {
        for child in self.poller.children(arn, self.root.started_at, &self.hours).await? {
            let hour = child.name().split('_').next().unwrap_or_default().to_owned();
            let followed = self.poller.attach(child.execution_arn(), hour).await?;
            self.hours.insert(child.execution_arn().to_owned(), followed);
        }
        for followed in self.hours.values_mut().filter(|hour| hour.end.is_none()) {
            for notice in self.poller.refresh(followed).await? {
                self.board.notice(&followed.hour, &notice);
            }
            self.board.hour(followed, now());
        }
        Ok(())
    }

    fn draw(&self) {
        let ended = self.hours.values().filter(|hour| hour.end.is_some()).count() as u64;
        let (mut records, mut retries) = (0, self.root.run.retries());
        for hour in self.hours.values() {
            records += hour.run.counts.map_or(hour.run.records, |counts| counts.records);
            retries += hour.run.retries();
        }
        self.board.overall(self.root.run.hours, ended, records, retries, self.root.seconds(now()));
    }
}

fn kind_name(arn: &ExecutionArn) -> &'static str {
    match arn.kind() {
        Kind::Ingest => "ingest",
        Kind::Backfill => "backfill",
        _ => "execution",
    }
}

fn hour_of(input: &str) -> String {
    let input: serde_json::Value = serde_json::from_str(input).unwrap_or_default();
    input.get("hour").and_then(serde_json::Value::as_str).unwrap_or("?").to_owned()
}

/// How long to wait between looks: what is over in seconds is seen at once, what lasts costs few calls.
fn waits() -> impl Iterator<Item = Duration> {
    let quick = std::iter::repeat_n(Duration::from_millis(200), 50);
    let steady = std::iter::repeat_n(Duration::from_secs(1), 120);
    quick.chain(steady).chain(std::iter::repeat(Duration::from_secs(3)))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
