//! Colours: on a terminal alone, and not where `NO_COLOR` is set.

use std::io::IsTerminal;

/// Whether, and so how, text is coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    colours: bool,
}

/// The colours, as terminals number them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
    Grey = 90,
}

impl Paint {
    /// For standard output, as the environment wants it.
    pub(crate) fn for_stdout() -> Self {
        let refused = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colours: std::io::stdout().is_terminal() && !refused("NO_COLOR") && !dumb }
    }

    /// Without colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { colours: false }
    }

    pub(crate) fn with(self, colour: Colour, text: &str) -> String {
        if self.colours { format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8) } else { text.to_owned() }
    }
}
