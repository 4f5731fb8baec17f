//! Progress bars on standard error. They appear only on a terminal.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);

/// A bar of unknown length.
pub fn open_bar(template: &str) -> ProgressBar {
    ticking(ProgressBar::no_length().with_style(style(template)))
}

/// A bar of this length.
pub fn bar(template: &str, length: u64) -> ProgressBar {
    ticking(ProgressBar::new(length).with_style(style(template)))
}

/// Several bars below each other.
pub fn bars() -> MultiProgress {
    MultiProgress::with_draw_target(ProgressDrawTarget::stderr())
}

/// Removes the bars permanently, even if other threads still move them.
pub fn clear(bars: &MultiProgress) {
    let _ = bars.clear();
    bars.set_draw_target(ProgressDrawTarget::hidden());
}

/// The style of a template of `indicatif`.
pub fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn ticking(bar: ProgressBar) -> ProgressBar {
    bar.enable_steady_tick(TICK);
    bar
}
