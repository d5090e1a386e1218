//! Changes as a reader of release notes expects them: by kind, also those that harm no client.

use serde_json::Value;

use crate::compatibility::render::{self, FindPlace, Style};
use crate::compatibility::{Severity, Verdict};
use crate::quoting::code;

/// The sections, in order. Each verdict is in one of them.
const SECTIONS: [&str; 6] =
    ["Breaking", "May break clients", "Added", "Changed", "Deprecated", "Removed"];

fn section(verdict: &Verdict) -> usize {
    let difference = &verdict.difference;
    match (verdict.severity, &difference.old, &difference.new) {
        (Severity::Breaking, ..) => 0,
        (Severity::Unclear, ..) => 1,
        (_, _, Some(Value::Bool(true))) if difference.path.ends_with("/deprecated") => 4,
        (_, None, Some(_)) => 2,
        (_, Some(_), None) => 5,
        _ => 3,
    }
}

fn sections(verdicts: &[Verdict]) -> impl Iterator<Item = (usize, Vec<&Verdict>)> {
    let groups = (0..SECTIONS.len()).map(|index| {
        (index, verdicts.iter().filter(|verdict| section(verdict) == index).collect::<Vec<_>>())
    });
    groups.filter(|(_, group)| !group.is_empty())
}

/// For a terminal.
pub(crate) fn text(
    title: &str,
    verdicts: &[Verdict],
    places: FindPlace<'_>,
    style: Style,
) -> String {
    let mut text = format!("{}\n", style.paint("1", title));
    for (index, group) in sections(verdicts) {
        let code = match index {
            0 => Style::code(Severity::Breaking),
            1 => Style::code(Severity::Unclear),
            _ => Style::code(Severity::Compatible),
        };
        text += &format!("\n{}\n", style.paint(code, &SECTIONS[index].to_uppercase()));
        group.iter().for_each(|verdict| text += &render::item(verdict, places, style));
    }
    text + "\n" + &render::count(verdicts) + "\n"
}

/// As a section of a changelog.
pub(crate) fn markdown(title: &str, verdicts: &[Verdict], places: FindPlace<'_>) -> String {
    let mut text = format!("## {}\n", code(title));
    if verdicts.is_empty() {
        text += "\nNo changes of meaning.\n";
    }
    for (index, group) in sections(verdicts) {
        text += &format!("\n### {}\n\n", SECTIONS[index]);
        group.iter().for_each(|verdict| text += &render::markdown_item(verdict, places));
    }
    text
}
