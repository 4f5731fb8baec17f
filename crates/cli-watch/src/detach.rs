//! Handles Ctrl-C while an execution is followed: the command ends, the execution continues.

use std::sync::{Arc, Mutex, PoisonError};

use cli_core::interrupt::on_stop;
use cli_core::progress::clear;
use indicatif::MultiProgress;

use crate::arn::ExecutionArn;

/// Ends the command at Ctrl-C with a line that names the execution, if one was started.
pub struct Detach(Arc<Mutex<Option<Watched>>>);

struct Watched {
    arn: ExecutionArn,
    bars: Option<MultiProgress>,
}

impl Detach {
    /// Handles Ctrl-C from here on.
    pub fn at_ctrl_c() -> Self {
        let watched = Arc::new(Mutex::new(None::<Watched>));
        let known = Arc::clone(&watched);
        let detach = move || match known.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => eprintln!("ghactivity: stopped"),
            Some(Watched { arn, bars }) => {
                bars.iter().for_each(clear);
                eprintln!("ghactivity: detached; the execution continues. To attach again: ghactivity watch {arn}");
            }
        };
        if let Err(error) = on_stop(detach) {
            eprintln!("ghactivity: cannot handle Ctrl-C, which will end the command without a message: {error}");
        }
        Self(watched)
    }

    /// Sets the execution that is followed, and the bars that show it.
    pub fn set(&self, arn: &ExecutionArn, bars: Option<&MultiProgress>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Watched { arn: arn.clone(), bars: bars.cloned() });
    }
}
