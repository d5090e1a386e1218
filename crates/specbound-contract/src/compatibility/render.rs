//! Renders verdicts as text, as JSON, and as a Markdown review comment.
//!
//! Text from a document is always quoted as code (see `quoting`), so a property name is never
//! Markdown, HTML or a mention.

use serde_json::{Value, json};

use super::witness::Witness;
use super::{Audience, Severity, Verdict};
use crate::quoting::{code, list};

/// Most operations that a verdict names.
const MAX_OPERATIONS_SHOWN: usize = 6;

/// Longest list of compatible changes that Markdown shows unfolded.
const MAX_UNFOLDED: usize = 5;

pub(crate) const SEVERITIES: [(Severity, &str); 3] = [
    (Severity::Breaking, "breaking"),
    (Severity::Unclear, "unclear"),
    (Severity::Compatible, "compatible"),
];

pub(crate) fn with_severity(verdicts: &[Verdict], severity: Severity) -> Vec<&Verdict> {
    verdicts.iter().filter(|verdict| verdict.severity == severity).collect()
}

/// `3 changes: 1 breaking, 0 unclear, 2 compatible`.
pub(crate) fn count(verdicts: &[Verdict]) -> String {
    let each = SEVERITIES
        .map(|(severity, name)| format!("{} {name}", with_severity(verdicts, severity).len()));
    let changes = if verdicts.len() == 1 { "change" } else { "changes" };
    format!("{} {changes}: {}", verdicts.len(), each.join(", "))
}

/// The operations of a verdict, unless its location names them.
fn operations(verdict: &Verdict) -> Option<String> {
    let names: Vec<String> =
        verdict.operations.iter().map(|name| crate::quoting::code(name)).collect();
    let named = names.iter().all(|name| verdict.location.starts_with(name.as_str()));
    (!named).then(|| list(&names, MAX_OPERATIONS_SHOWN))
}

/// Whether a text has the colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With escape sequences (ECMA-48, SGR).
    Colour,
}

impl Style {
    /// A text in the graphic rendition of a code.
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    pub(crate) const fn code(severity: Severity) -> &'static str {
        match severity {
            Severity::Breaking => "1;31",
            Severity::Unclear => "1;33",
            Severity::Compatible => "1;32",
        }
    }
}

/// Where a verdict is found, for a reader: `new.yaml:3:5, before old.yaml:3:5`.
pub(crate) type FindPlace<'a> = &'a dyn Fn(&Verdict) -> Option<String>;

/// A text report, grouped by severity, the worst first, with the counts last.
pub fn to_text(verdicts: &[Verdict]) -> String {
    text(verdicts, &|_| None, Style::Plain)
}

pub(crate) fn text(verdicts: &[Verdict], places: FindPlace<'_>, style: Style) -> String {
    if verdicts.is_empty() {
        return "no changes of meaning\n".to_owned();
    }
    let mut text = String::new();
    for (severity, name) in SEVERITIES {
        let group = with_severity(verdicts, severity);
        if group.is_empty() {
            continue;
        }
        text += &format!("{}\n", style.paint(Style::code(severity), &name.to_uppercase()));
        group.iter().for_each(|verdict| text += &item(verdict, places, style));
        text.push('\n');
    }
    text + &count(verdicts) + "\n"
}

/// The lines of one verdict.
pub(crate) fn item(verdict: &Verdict, places: FindPlace<'_>, style: Style) -> String {
    let mut text = format!("  {}\n", style.paint("1", &verdict.location.replace('`', "")));
    if let Some(all) = operations(verdict) {
        text += &format!("    used by {}\n", all.replace('`', ""));
    }
    text += &format!("    {}\n", verdict.message);
    if let Some(shown) = verdict.witness.as_ref().and_then(Witness::to_line) {
        text += &format!("    shown by {}\n", shown.replace('`', ""));
    }
    if let Some(place) = places(verdict) {
        text += &format!("    {}\n", style.paint("2", &place));
    }
    text
}

/// A Markdown comment for a pull request.
pub fn to_markdown(verdicts: &[Verdict]) -> String {
    markdown(verdicts, &|_| None)
}

pub(crate) fn markdown(verdicts: &[Verdict], places: FindPlace<'_>) -> String {
    let worst = verdicts.iter().map(|verdict| verdict.severity).max();
    let heading = match worst {
        None => return "### The contract has not changed\n".to_owned(),
        Some(Severity::Breaking) => "This change breaks clients",
        Some(Severity::Unclear) => "This change may break clients",
        Some(Severity::Compatible) => "This change breaks no client",
    };
    let mut text = format!("### {heading}\n\n{}\n", count(verdicts));
    for (severity, name) in SEVERITIES {
        let group = with_severity(verdicts, severity);
        if group.is_empty() {
            continue;
        }
        let folded = severity == Severity::Compatible && group.len() > MAX_UNFOLDED;
        let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        text += &match folded {
            true => format!("\n<details>\n<summary>{title} ({})</summary>\n\n", group.len()),
            false => format!("\n#### {title}\n\n"),
        };
        group.iter().for_each(|verdict| text += &markdown_item(verdict, places));
        if folded {
            text += "\n</details>\n";
        }
    }
    text
}

/// The line of one verdict in a list.
pub(crate) fn markdown_item(verdict: &Verdict, places: FindPlace<'_>) -> String {
    let used = operations(verdict).map(|all| format!(" (used by {all})")).unwrap_or_default();
    let spans = |place: String| place.split(", before ").map(code).collect::<Vec<_>>();
    let place =
        places(verdict).map(|place| format!(" <sub>{}</sub>", spans(place).join(", before ")));
    let witness = verdict.witness.as_ref().and_then(Witness::to_line);
    let shown = witness.map(|line| format!(" Shown by {line}.")).unwrap_or_default();
    let (location, message) = (&verdict.location, &verdict.message);
    format!("- **{location}**{used}: {message}{shown}{}\n", place.unwrap_or_default())
}

/// A JSON report: a list of objects. An absent side has no key, since `null` is a value.
pub fn to_json(verdicts: &[Verdict]) -> Value {
    let entry = |verdict: &Verdict| {
        let severity = SEVERITIES.iter().find(|(severity, _)| *severity == verdict.severity);
        let mut entry = json!({
            "rule": verdict.rule,
            "fingerprint": verdict.fingerprint(),
            "severity": severity.map(|(_, name)| name),
            "concerns": match verdict.audience {
                Audience::Senders => json!(["senders"]),
                Audience::Readers => json!(["readers"]),
                Audience::All => json!(["senders", "readers"]),
                Audience::GeneratedCode => json!(["generated code"]),
                Audience::None => json!([]),
            },
            "place": verdict.location.replace('`', ""),
            "operations": verdict.operations,
            "message": verdict.message,
            "path": verdict.difference.path,
        });
        if verdict.severity != Severity::Compatible {
            let by_policy = Witness::None("the policy says so");
            entry["witness"] = verdict.witness.as_ref().unwrap_or(&by_policy).to_json();
        }
        for (key, side) in [("old", &verdict.difference.old), ("new", &verdict.difference.new)] {
            if let Some(value) = side {
                entry[key] = value.clone();
            }
        }
        entry
    };
    verdicts.iter().map(entry).collect()
}
