//! Follows executions of `csv-load` and `csv-undo`.

use std::time::Instant;

use cli_core::CliError;
use cli_core::progress::clear;
use cli_stack::AwsClients;
use cli_watch::{Detach, ExecutionArn, Poller, RetryWindow, waits};

use crate::progress::LoadProgress;
use crate::report::LoadReport;

/// Follows an execution until it ends, and reads its receipt.
pub async fn follow_load(aws: &AwsClients, arn: &ExecutionArn, detach: &Detach) -> Result<LoadReport, CliError> {
    let poller = Poller::new(aws.clone());
    let mut root = poller.attach(arn.as_str(), String::new()).await?;
    let mut progress = LoadProgress::new();
    detach.set(arn, Some(&progress.bars));
    let mut window = RetryWindow::new(arn);
    for wait in waits() {
        let polled = poller.refresh(&mut root).await;
        for failure in window.check(polled, Instant::now(), |line| progress.say(line))?.unwrap_or_default() {
            progress.failure(&failure);
        }
        progress.update(aws, &root).await;
        if root.end.is_some() {
            break;
        }
        tokio::time::sleep(wait).await;
    }
    clear(&progress.bars);
    LoadReport::of(aws, &root).await
}
