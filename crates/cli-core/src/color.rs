//! Colours of the results. [`crate::output::styled`] removes them unless a terminal shows them.

use anstyle::{AnsiColor, Color, Style};

/// Text in one of the 16 colours of a terminal.
pub fn paint(color: AnsiColor, text: &str) -> String {
    let style = Style::new().fg_color(Some(Color::Ansi(color)));
    format!("{style}{text}{style:#}")
}

/// Text without its colours.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
