//! Starts executions of the stack's state machines and follows them until they end.
//!
//! [`Poller`] reads new events from Step Functions, [`ExecutionProgress`] is computed from them, the board draws it, and
//! [`ExecutionReport`] is the result. Ctrl-C detaches: the execution continues, and this machine stores nothing about it.

mod arn;
mod board;
mod detach;
mod follow;
mod poll;
mod progress;
mod retry_window;
mod start;
mod summary;

pub use arn::{ExecutionArn, ExecutionKind};
pub use detach::Detach;
pub use follow::{follow, now, waits};
pub use poll::{FollowedExecution, Poller};
pub use progress::{ExecutionProgress, TaskFailure};
pub use retry_window::RetryWindow;
pub use start::{FollowArguments, begin};
pub use summary::{ExecutionError, ExecutionReport, HourReport, cause_of, failure_of, output_of, status_of};
