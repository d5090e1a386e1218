//! Whether a text may have colours.

use std::io::IsTerminal;

use specbound_contract::report::Style;

/// When a text has colours.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

impl When {
    /// For standard output. `NO_COLOR` by <https://no-color.org>: set, and not empty.
    pub fn style(self) -> Style {
        let has_value = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match self {
            When::Always => Style::Colour,
            When::Auto
                if std::io::stdout().is_terminal() && !has_value("NO_COLOR") && !is_dumb() =>
            {
                Style::Colour
            }
            When::Auto | When::Never => Style::Plain,
        }
    }
}
