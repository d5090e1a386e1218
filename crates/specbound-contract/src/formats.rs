//! Reports for other programs: SARIF, JUnit, GitHub annotations and Code Climate, each with the
//! places of both sides.

use serde_json::{Value, json};

use crate::compatibility::{Severity, Verdict, explain};
use crate::policy::Outcome;
use crate::{Document, SourcePlace};

/// Both documents of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct DocumentPair<'a> {
    pub old: &'a Document,
    pub new: &'a Document,
}

impl DocumentPair<'_> {
    /// Where a verdict is to be read: in the new document, unless only the old one has the place.
    fn place(&self, verdict: &Verdict) -> SourcePlace {
        match verdict.difference.new {
            None if verdict.difference.old.is_some() => self.old.place(&verdict.difference.path),
            _ => self.new.place(&verdict.difference.path),
        }
    }

    /// Both places for a reader: `new.yaml:3:5, before old.yaml:3:5`. `None` for texts without a
    /// file.
    pub fn places(&self, verdict: &Verdict) -> Option<String> {
        let side = |document: &Document| display_place(&document.place(&verdict.difference.path));
        let (old, new) = (side(self.old)?, side(self.new)?);
        Some(format!("{new}, before {old}"))
    }

    /// The place on the side that [`DocumentPair::place`] does not show.
    fn other_place(&self, verdict: &Verdict) -> SourcePlace {
        match verdict.difference.new {
            None if verdict.difference.old.is_some() => self.new.place(&verdict.difference.path),
            _ => self.old.place(&verdict.difference.path),
        }
    }

    /// `source` of the JSON report.
    pub fn source(&self, verdict: &Verdict) -> Value {
        let side = |document: &Document| {
            let SourcePlace { file, position } = document.place(&verdict.difference.path);
            json!({"file": file, "line": position.line, "column": position.column})
        };
        json!({"old": side(self.old), "new": side(self.new)})
    }
}

/// `new.yaml:3:5`. A name cannot break the line or the terminal.
fn display_place(SourcePlace { file, position }: &SourcePlace) -> Option<String> {
    let file = file.replace(|c: char| c.is_control(), "\u{fffd}");
    (!file.is_empty()).then(|| format!("{file}:{}:{}", position.line, position.column))
}

/// `Pets 1.0.0 to 1.1.0`: the API and both versions.
pub(crate) fn title(sides: DocumentPair<'_>) -> String {
    let info = |document: &Document, key: &str| match &document.value["info"][key] {
        Value::String(text) => text.replace(|c: char| c.is_control(), " "),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let (old, new) = (info(sides.old, "version"), info(sides.new, "version"));
    let versions = match old == new {
        true => new,
        false => format!("{old} to {new}"),
    };
    format!("{} {versions}", info(sides.new, "title")).trim().to_owned()
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// SARIF 2.1.0: one result for each verdict, unclear ones as warnings, compatible ones as notes.
/// Findings that the policy accepts are suppressed.
pub(crate) fn sarif(outcome: &Outcome, sides: DocumentPair<'_>) -> Value {
    let open = outcome.verdicts.iter().map(|verdict| (verdict, None));
    let accepted = outcome.accepted.iter().map(|(verdict, reason)| (verdict, Some(reason)));
    let all: Vec<(&Verdict, Option<&String>)> = open.chain(accepted).collect();
    let mut ids: Vec<&str> = all.iter().map(|(verdict, _)| verdict.rule.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let rules = ids.iter().map(|id| {
        let about = explain(id).unwrap_or_else(|| (*id).to_owned());
        json!({"id": id, "shortDescription": {"text": id}, "fullDescription": {"text": about}})
    });
    let location = |SourcePlace { file, position }: &SourcePlace| {
        json!({
            "artifactLocation": {"uri": uri(file)},
            "region": {"startLine": position.line, "startColumn": position.column},
        })
    };
    let results = all.iter().map(|(verdict, reason)| {
        let level = match verdict.severity {
            Severity::Breaking => "error",
            Severity::Unclear => "warning",
            Severity::Compatible => "note",
        };
        let mut result = json!({
            "ruleId": verdict.rule,
            "level": level,
            "message": {"text": format!("{}: \
             {}", plain(&verdict.location), plain(&verdict.message))},
            "locations": [{"physicalLocation": location(&sides.place(verdict))}],
            "relatedLocations": [{
                "physicalLocation": location(&sides.other_place(verdict)),
                "message": {"text": "the same place on the other side"},
            }],
            "partialFingerprints": {"specbound/v1": verdict.fingerprint()},
        });
        if let Some(witness) = &verdict.witness {
            result["properties"] = json!({"witness": witness.to_json()});
        }
        if let Some(reason) = reason {
            result["suppressions"] = json!([{"kind": "external", "justification": reason}]);
        }
        result
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "specbound",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

/// A relative URI reference for a path.
fn uri(path: &str) -> String {
    const SAFE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'.')
        .remove(b'-')
        .remove(b'_')
        .remove(b'~');
    if crate::files::is_url(path) {
        return path.to_owned();
    }
    percent_encoding::utf8_percent_encode(&path.replace('\\', "/"), SAFE).to_string()
}

/// JUnit: one test case for each verdict, which fails unless it is compatible. One that the policy
/// accepts is skipped.
pub(crate) fn junit(outcome: &Outcome, sides: DocumentPair<'_>) -> String {
    let Outcome { verdicts, accepted, .. } = outcome;
    let failures =
        verdicts.iter().filter(|verdict| verdict.severity != Severity::Compatible).count();
    let (tests, skipped) = (verdicts.len() + accepted.len(), accepted.len());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{tests}\" \
         failures=\"{failures}\">\n  <testsuite name=\"specbound\" tests=\"{tests}\" \
         failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n"
    );
    let open = verdicts.iter().map(|verdict| (verdict, None));
    for (verdict, reason) in open.chain(accepted.iter().map(|(verdict, why)| (verdict, Some(why))))
    {
        let (name, class) = (xml(&plain(&verdict.location)), xml(&verdict.rule));
        text += &format!("    <testcase name=\"{name}\" classname=\"{class}\"");
        text += &match (reason, verdict.severity) {
            (Some(reason), _) => {
                format!(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", xml(reason))
            }
            (None, Severity::Compatible) => "/>\n".to_owned(),
            (None, _) => {
                let message = xml(&plain(&verdict.message));
                let at = xml(&sides.places(verdict).unwrap_or_default());
                format!(
                    ">\n      <failure type=\"{class}\" message=\"{message}\">{at}</failure>\n    \
                     </testcase>\n"
                )
            }
        };
    }
    text + "  </testsuite>\n</testsuites>\n"
}

/// Text of XML 1.0. Characters that XML does not have are replaced.
fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Workflow commands of GitHub Actions, one line each.
pub(crate) fn github(verdicts: &[Verdict], sides: DocumentPair<'_>) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let line = |verdict: &Verdict| {
        let command = match verdict.severity {
            Severity::Breaking => "error",
            Severity::Unclear => "warning",
            Severity::Compatible => "notice",
        };
        let SourcePlace { file, position } = sides.place(verdict);
        format!(
            "::{command} file={},line={},col={},title={}::{}\n",
            property(&file),
            position.line,
            position.column,
            property(&verdict.rule),
            data(&format!(
                "{}: {}{}",
                plain(&verdict.location),
                plain(&verdict.message),
                display_place(&sides.other_place(verdict))
                    .map_or_else(String::new, |at| format!(" ({at})"))
            ))
        )
    };
    verdicts.iter().map(line).collect()
}

/// Code Climate, as GitLab reads it. It has no compatible changes.
pub(crate) fn code_climate(verdicts: &[Verdict], sides: DocumentPair<'_>) -> Value {
    let worse = verdicts.iter().filter(|verdict| verdict.severity != Severity::Compatible);
    let entry = |verdict: &Verdict| {
        let SourcePlace { file, position } = sides.place(verdict);
        let other = sides.other_place(verdict);
        json!({
            "type": "issue",
            "check_name": verdict.rule,
            "description": format!("{}: {}", plain(&verdict.location), plain(&verdict.message)),
            "categories": ["Compatibility"],
            "severity": if verdict.severity == Severity::Breaking { "major" } else { "minor" },
            "fingerprint": verdict.fingerprint(),
            "location": {"path": file, "lines": {"begin": position.line}},
            "other_locations": [{"path": other.file, "lines": {"begin": other.position.line}}],
        })
    };
    worse.map(entry).collect()
}
