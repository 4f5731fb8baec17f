//! Follows an execution, and the hours that it starts, until it ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cli_core::CliError;
use cli_stack::AwsClients;

use crate::arn::{ExecutionArn, ExecutionKind};
use crate::board::{Board, BoardTotals};
use crate::detach::Detach;
use crate::poll::{FollowedExecution, Poller};
use crate::retry_window::RetryWindow;
use crate::summary::{ExecutionReport, HourReport};

/// Follows an execution until it ends.
///
/// # Errors
///
/// [`CliError::Unwatched`] if no request to Step Functions succeeds during the retry window.
pub async fn follow(aws: &AwsClients, arn: &ExecutionArn, detach: &Detach) -> Result<ExecutionReport, CliError> {
    let board = Board::new(arn.kind() != ExecutionKind::Hour);
    detach.set(arn, Some(board.bars()));
    let poller = Poller::new(aws.clone());
    let mut window = RetryWindow::new(arn);
    let root = loop {
        let attached = poller.attach(arn.as_str(), String::new()).await;
        if let Some(root) = window.check(attached, Instant::now(), |line| board.say(line))? {
            break root;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let watcher = Watcher { board, poller, root, hours: BTreeMap::new(), window };
    if arn.kind() == ExecutionKind::Hour { watcher.follow_hour().await } else { watcher.follow_parent(arn).await }
}

struct Watcher {
    board: Board,
    poller: Poller,
    root: FollowedExecution,
    hours: BTreeMap<String, FollowedExecution>,
    window: RetryWindow,
}

impl Watcher {
    async fn follow_hour(mut self) -> Result<ExecutionReport, CliError> {
        for wait in waits() {
            let polled = self.poll_hour().await;
            let polled = self.window.check(polled, Instant::now(), |line| self.board.say(line))?;
            if polled.is_some() && self.root.end.is_some() {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        self.board.clear();
        let summary = HourReport::of(&self.root, now());
        Ok(ExecutionReport::of(&self.root, vec![summary], now()))
    }

    async fn poll_hour(&mut self) -> Result<(), CliError> {
        if self.root.hour.is_empty() {
            self.root.hour = hour_of(&self.poller.describe(&self.root.arn).await?.input.unwrap_or_default());
        }
        for failure in self.poller.refresh(&mut self.root).await? {
            self.board.failure(&self.root.hour, &failure);
        }
        self.board.hour(&self.root, now());
        Ok(())
    }

    async fn follow_parent(mut self, arn: &ExecutionArn) -> Result<ExecutionReport, CliError> {
        for wait in waits() {
            let polled = self.poll_parent(arn).await;
            let polled = self.window.check(polled, Instant::now(), |line| self.board.say(line))?;
            let ended = self.root.end.is_some() && self.hours.values().all(|hour| hour.end.is_some());
            if polled.is_some() && ended {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        self.board.clear();
        let mut hours: Vec<_> = self.hours.values().map(|hour| HourReport::of(hour, now())).collect();
        hours.sort_by_key(|hour| hour.hour.parse::<pipeline::ArchiveHour>().ok());
        Ok(ExecutionReport::of(&self.root, hours, now()))
    }

    async fn poll_parent(&mut self, arn: &ExecutionArn) -> Result<(), CliError> {
        for failure in self.poller.refresh(&mut self.root).await? {
            self.board.failure(&format!("({})", kind_name(arn)), &failure);
        }
        // The list is read also after the parent has ended, so that no hour is missed.
        self.refresh_hours(arn).await?;
        self.draw();
        Ok(())
    }

    async fn refresh_hours(&mut self, arn: &ExecutionArn) -> Result<(), CliError> {
        for child in self.poller.children(arn, self.root.started_at, &self.hours).await? {
            let hour = child.name().split('_').next().unwrap_or_default().to_owned();
            let followed = self.poller.attach(child.execution_arn(), hour).await?;
            self.hours.insert(child.execution_arn().to_owned(), followed);
        }
        for followed in self.hours.values_mut().filter(|hour| hour.end.is_none()) {
            for failure in self.poller.refresh(followed).await? {
                self.board.failure(&followed.hour, &failure);
            }
            self.board.hour(followed, now());
        }
        Ok(())
    }

    fn draw(&self) {
        let mut totals = BoardTotals {
            named: self.root.progress.hours,
            ended: 0,
            records: 0,
            retries: self.root.progress.retries(),
            seconds: self.root.seconds(now()),
        };
        for hour in self.hours.values() {
            totals.ended += u64::from(hour.end.is_some());
            totals.records += hour.progress.counts.map_or(hour.progress.records, |counts| counts.records);
            totals.retries += hour.progress.retries();
        }
        self.board.overall(&totals);
    }
}

fn kind_name(arn: &ExecutionArn) -> &'static str {
    match arn.kind() {
        ExecutionKind::Ingest => "ingest",
        ExecutionKind::Backfill => "backfill",
        _ => "execution",
    }
}

fn hour_of(input: &str) -> String {
    let input: serde_json::Value = serde_json::from_str(input).unwrap_or_default();
    input.get("hour").and_then(serde_json::Value::as_str).unwrap_or("?").to_owned()
}

/// Waits between polls: short at first for executions of seconds, longer later to save calls.
pub fn waits() -> impl Iterator<Item = Duration> {
    let quick = std::iter::repeat_n(Duration::from_millis(200), 50);
    let steady = std::iter::repeat_n(Duration::from_secs(1), 120);
    quick.chain(steady).chain(std::iter::repeat(Duration::from_secs(3)))
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
