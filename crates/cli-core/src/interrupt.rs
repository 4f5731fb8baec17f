//! Ctrl-C and other signals that end the command: clean up, then exit.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// Runs `clean_up` at the first SIGINT, SIGTERM or SIGHUP, then exits with 128 plus the signal's number.
///
/// SIGXFSZ is ignored from here on, so a write beyond the file size limit (`ulimit -f`) returns an error.
///
/// # Errors
///
/// If the signal handlers cannot be installed.
pub fn on_stop(clean_up: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGXFSZ])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().find(|signal| *signal != SIGXFSZ) {
            clean_up();
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}
