//! Ctrl-C and its like: put away what is unfinished, then stop.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// Runs `put_away` at the first signal that asks to stop, then ends the process with 128 plus the signal's number.
///
/// A write beyond the limit of a file's size (`ulimit -f`) becomes an error like any other from here on.
pub fn on_stop(put_away: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGXFSZ])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().find(|signal| *signal != SIGXFSZ) {
            put_away();
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}
