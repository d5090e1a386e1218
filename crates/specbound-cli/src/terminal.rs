//! Decides whether output is coloured.

use std::io::IsTerminal;

use specbound_contract::report::Style;

/// Whether output is coloured.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// For standard output. `NO_COLOR` by <https://no-color.org>: set, and not empty.
    pub fn style(self) -> Style {
        let has_value = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match self {
            ColorChoice::Always => Style::Colour,
            ColorChoice::Auto
                if std::io::stdout().is_terminal() && !has_value("NO_COLOR") && !is_dumb() =>
            {
                Style::Colour
            }
            ColorChoice::Auto | ColorChoice::Never => Style::Plain,
        }
    }
}
