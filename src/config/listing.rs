//! The table of settings as text: `check-config --list`, docs/settings.md, the man page.

use super::settings::{DefaultValue, Kind, SECTIONS, Setting, file_name};

/// A setting as an operator writes it. A secret has two: its value and its file.
#[derive(Debug)]
pub struct ListedSetting {
    pub name: String,
    pub accepts: String,
    pub default: String,
    pub help: &'static str,
}

pub fn settings() -> impl Iterator<Item = ListedSetting> {
    SECTIONS.iter().flat_map(|section| section.settings).flat_map(listed)
}

fn listed(setting: &Setting) -> impl Iterator<Item = ListedSetting> + use<> {
    let value = ListedSetting {
        name: setting.name.to_owned(),
        accepts: match setting.kind {
            Kind::Secret(accepted) => format!("{accepted} (secret)"),
            kind => kind.to_string(),
        },
        default: setting.default.to_string(),
        help: setting.help,
    };
    let file = setting.is_secret().then(|| ListedSetting {
        name: file_name(setting.name),
        accepts: "the path of a file that holds it".to_owned(),
        default: DefaultValue::Unset.to_string(),
        help: "",
    });
    std::iter::once(value).chain(file)
}

impl ListedSetting {
    /// Accepted values and default on one line, without Markdown.
    pub fn summary(&self) -> String {
        format!("{} [default: {}]", self.accepts, self.default.trim_end()).replace('`', "")
    }

    /// The help, without Markdown: a link to a page becomes its title and its file.
    pub fn plain_help(&self) -> String {
        let mut plain = self.help.replace('`', "");
        for (page, link) in plain.clone().split('[').skip(1).filter_map(link) {
            plain = plain.replace(&format!("[{page}]({link})"), &format!("{page} (docs/{link})"));
        }
        plain
    }
}

/// Title and target of a link, from behind its `[`.
fn link(text: &str) -> Option<(&str, &str)> {
    let (title, rest) = text.split_once("](")?;
    Some((title, rest.split_once(')')?.0))
}

/// The settings as text, for `check-config --list`.
pub fn describe() -> String {
    let mut text = String::new();
    for setting in settings() {
        text.push_str(&format!("{}: {}\n", setting.name, setting.summary()));
        if !setting.help.is_empty() {
            text.push_str(&format!("    {}\n", setting.plain_help()));
        }
    }
    text
}

/// docs/settings.md.
pub fn page() -> String {
    let mut page = PREAMBLE.to_owned();
    for section in SECTIONS {
        page.push_str(&format!("\n## {}\n\n", section.title));
        if !section.intro.is_empty() {
            page.push_str(&format!("{}\n\n", section.intro));
        }
        page.push_str("| setting | value | default | |\n| --- | --- | --- | --- |\n");
        for setting in section.settings {
            let is_literal = matches!(setting.default, DefaultValue::Value(_));
            for (n, row) in listed(setting).enumerate() {
                let quote = if is_literal && n == 0 { "`" } else { "" };
                let ListedSetting { name, accepts, default, help } = row;
                let cells = format!("| `{name}` | {accepts} | {quote}{default}{quote} | {help} |");
                page.push_str(cells.replace("|  |", "| |").as_str());
                page.push('\n');
            }
        }
    }
    page
}

const PREAMBLE: &str = "\
# Settings

<!-- Generated from src/config/settings.rs; \
`REFRESH_GENERATED=1 cargo test --test docs settings` writes it. -->

Settings come from the environment or from `serve --config FILE` (YAML, TOML or `.env`, the same \
names). The environment wins. An
unknown name or an invalid value stops the server at start with one line that names the setting \
and its accepted values.
`inventree-auth check-config --list` prints all of them; the names are InvenTree's own where \
InvenTree has the setting.

An empty value counts as unset. Booleans are `true` or `false` (also `yes`/`no`, `on`/`off`, \
`1`/`0`), lists are separated
by commas. A secret is given by value or as a file (`_FILE`), not both.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_on_the_terminal_has_no_markdown() {
        let listing = describe();
        assert!(listing.contains("see Branding (docs/branding.md)"));
        for line in listing.lines() {
            assert!(!line.contains('`') && !line.contains("]("), "{line}");
        }
    }
}
