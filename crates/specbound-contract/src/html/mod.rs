//! The report as one page: no network, readable without scripts, light and dark.
//!
//! The script only hides findings. All text of the documents is escaped here, and the page's
//! Content-Security-Policy refuses everything that is not in the page.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::compatibility::render::{SEVERITIES, with_severity};
use crate::compatibility::witness::Witness;
use crate::compatibility::{Severity, Verdict, explain};
use crate::formats::{self, DocumentPair};
use crate::policy::Outcome;

/// Longest value shown, in characters.
const MAX_VALUE_CHARS: usize = 2_000;

/// Most operations that a finding names.
const MAX_OPERATIONS: usize = 12;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The page.
pub(crate) fn page(outcome: &Outcome, sides: DocumentPair<'_>) -> String {
    let Outcome { verdicts, accepted, notes } = outcome;
    let title = escaped(&formats::title(sides));
    let heading = match verdicts.iter().map(|verdict| verdict.severity).max() {
        None => "The contract has not changed",
        Some(Severity::Breaking) => "This change breaks clients",
        Some(Severity::Unclear) => "This change may break clients",
        Some(Severity::Compatible) => "This change breaks no client",
    };
    let mut counts = String::new();
    let mut body = String::new();
    for (severity, name) in SEVERITIES {
        let group = with_severity(verdicts, severity);
        let count = group.len();
        counts += &format!(
            "<label class=\"count {name}\"><input type=\"checkbox\" value=\"{name}\" checked> \
             <b>{count}</b> {name}</label>\n"
        );
        if count > 0 {
            let items: String =
                group.iter().map(|verdict| finding(verdict, name, None, sides)).collect();
            body += &section(name, name, &items);
        }
    }
    if !accepted.is_empty() {
        counts += &format!(
            "<label class=\"count accepted\"><input type=\"checkbox\" value=\"accepted\" checked> \
             <b>{}</b> accepted</label>\n",
            accepted.len()
        );
        let items = accepted
            .iter()
            .map(|(verdict, reason)| finding(verdict, "accepted", Some(reason), sides));
        body += &section("accepted", "accepted by the policy", &items.collect::<String>());
    }
    let notes: String =
        notes.iter().map(|note| format!("<p class=\"note\">{}</p>\n", escaped(note))).collect();
    let rules: BTreeSet<&str> = verdicts
        .iter()
        .chain(accepted.iter().map(|(verdict, _)| verdict))
        .map(|verdict| verdict.rule.as_str())
        .collect();
    let rules: String = rules.into_iter().map(rule).collect();
    let rules = match rules.is_empty() {
        true => rules,
        false => format!("<section class=\"rules\"><h2>Rules</h2>\n{rules}</section>\n"),
    };
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'; script-src 'unsafe-inline'\">
<title>{title}: changes</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<p class=\"api\">{title}</p>
<h1>{heading}</h1>
<div class=\"bar\" hidden>
<input type=\"search\" id=\"search\" placeholder=\"Search place, operation, rule or text\" \
         aria-label=\"Search findings\" autocomplete=\"off\" spellcheck=\"false\">
<button type=\"button\" id=\"theme\" aria-label=\"Switch between light and dark\"></button>
</div>
<div class=\"counts\">
{counts}</div>
<p id=\"shown\" role=\"status\"></p>
</header>
<main>
{notes}{body}{rules}</main>
<footer>specbound {version}</footer>
<script>
{SCRIPT}</script>
</body>
</html>
"
    )
}

fn section(class: &str, title: &str, items: &str) -> String {
    let title = format!("{}{}", title[..1].to_uppercase(), &title[1..]);
    format!("<section class=\"group {class}\">\n<h2>{title}</h2>\n{items}</section>\n")
}

fn finding(
    verdict: &Verdict,
    class: &str,
    reason: Option<&String>,
    sides: DocumentPair<'_>,
) -> String {
    let mut rows = String::new();
    let mut row = |name: &str, content: &str| {
        rows += &format!("<dt>{name}</dt><dd>{content}</dd>\n");
    };
    if let Some(reason) = reason {
        row("Accepted", &escaped(reason));
    }
    let named = verdict.operations.iter().take(MAX_OPERATIONS);
    let mut operations: Vec<String> =
        named.map(|name| format!("<code>{}</code>", escaped(name))).collect();
    if let Some(more) = verdict.operations.len().checked_sub(MAX_OPERATIONS + 1) {
        operations.push(format!("{} more", more + 1));
    }
    if !operations.is_empty() {
        row("Used by", &operations.join(", "));
    }
    for (name, side) in [("Before", &verdict.difference.old), ("Now", &verdict.difference.new)] {
        if let Some(value) = side {
            row(name, &format!("<pre>{}</pre>", escaped(&indented_json(value))));
        }
    }
    match &verdict.witness {
        Some(Witness::None(why)) => row("Shown by", &format!("nothing: {}", escaped(why))),
        Some(witness) => {
            if let Some(line) = witness.to_line() {
                row("Shown by", &rich(&line));
            }
        }
        None => {}
    }
    if let Some(places) = sides.places(verdict) {
        let places: Vec<String> = places
            .split(", before ")
            .map(|place| format!("<code>{}</code>", escaped(place)))
            .collect();
        row("Place", &places.join(", before "));
    }
    row("Rule", &format!("<a href=\"#{0}\"><code>{0}</code></a>", escaped(&verdict.rule)));
    row("Fingerprint", &format!("<code>{}</code>", verdict.fingerprint()));
    format!(
        "<article class=\"finding {class}\" data-kind=\"{class}\">\n<h3>{}</h3>\n<p>{}</p>\n\
         <details><summary>Details</summary>\n<dl>\n{rows}</dl></details>\n</article>\n",
        rich(&verdict.location),
        rich(&verdict.message)
    )
}

fn rule(id: &str) -> String {
    let about = explain(id).unwrap_or_default();
    let about = about.split_once("\n\n").map_or("", |(_, about)| about);
    format!(
        "<details id=\"{0}\"><summary><code>{0}</code></summary><pre>{1}</pre></details>\n",
        escaped(id),
        escaped(about.trim())
    )
}

/// A value as indented JSON, shortened.
fn indented_json(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    };
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A text with code spans. Quoted text contains no backticks.
fn rich(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| match index % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    parts.collect()
}

/// Text of HTML, also within quotes. Characters that change the reading order are shown by number.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_bidi_control(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::report::{Comparison, FailOn, Format, Style};
    use crate::{Day, Document};

    #[test]
    fn document_texts_are_escaped() {
        let evil = "</style><script>alert(1)</script>'\\\"`&\u{202e}";
        let old = format!(
            "{{\"openapi\": \"3.0.3\", \"info\": {{\"title\": \"{evil}\", \"version\": \"1\"}}, \
             \"paths\": {{\"/{evil}\": {{\"get\": {{\"responses\": {{}}}}}}}}}}"
        );
        let (old, new) = (Document::parse(&old), Document::parse("openapi: 3.0.3\npaths: {}"));
        let (old, new) = (old.unwrap(), new.unwrap());
        let comparison = Comparison::new(old, new, &Policy::default(), Day::today());
        let page = comparison.report(Format::Html, Style::Plain, FailOn::None).text;
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&lt;/style&gt;") && !page.contains('\u{202e}'));
    }

    #[test]
    fn page_loads_no_external_resources() {
        for text in [STYLE, SCRIPT] {
            for word in ["url(", "@import", "fetch(", "http:", "https:", "src="] {
                assert!(!text.contains(word), "{word}");
            }
        }
    }
}
