//! Reports for other programs: SARIF, JUnit, GitHub annotations and Code Climate, each with the
//! places of both sides.

use serde_json::{Value, json};

use crate::compatibility::{Severity, Verdict, explain};
use crate::{Document, SourcePlace};

/// Both documents of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'a> {
    pub old: &'a Document,
    pub new: &'a Document,
}

impl Sides<'_> {
    /// Where a verdict is to be read: in the new document, unless only the old one has the place.
    fn place(&self, verdict: &Verdict) -> SourcePlace {
        match verdict.difference.new {
            None if verdict.difference.old.is_some() => self.old.place(&verdict.difference.path),
            _ => self.new.place(&verdict.difference.path),
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

fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// SARIF 2.1.0: one result for each verdict, unclear ones as warnings, compatible ones as notes.
pub(crate) fn sarif(verdicts: &[Verdict], sides: Sides<'_>) -> Value {
    let mut ids: Vec<&str> = verdicts.iter().map(|verdict| verdict.rule.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let rules = ids.iter().map(|id| {
        let about = explain(id).unwrap_or_else(|| (*id).to_owned());
        json!({"id": id, "shortDescription": {"text": id}, "fullDescription": {"text": about}})
    });
    let results = verdicts.iter().map(|verdict| {
        let level = match verdict.severity {
            Severity::Breaking => "error",
            Severity::Unclear => "warning",
            Severity::Compatible => "note",
        };
        let SourcePlace { file, position } = sides.place(verdict);
        json!({
            "ruleId": verdict.rule,
            "level": level,
            "message": {"text": format!("{}: \
             {}", plain(&verdict.location), plain(&verdict.message))},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": uri(&file)},
                "region": {"startLine": position.line, "startColumn": position.column},
            }}],
            "partialFingerprints": {"specbound/v1": verdict.fingerprint()},
        })
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
    percent_encoding::utf8_percent_encode(&path.replace('\\', "/"), SAFE).to_string()
}

/// JUnit: one test case for each verdict, which fails unless it is compatible.
pub(crate) fn junit(verdicts: &[Verdict], sides: Sides<'_>) -> String {
    let failures =
        verdicts.iter().filter(|verdict| verdict.severity != Severity::Compatible).count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{0}\" \
         failures=\"{failures}\">\n  <testsuite \
         name=\"specbound\" tests=\"{0}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">\n",
        verdicts.len()
    );
    for verdict in verdicts {
        let SourcePlace { file, position } = sides.place(verdict);
        let (name, class) = (xml(&plain(&verdict.location)), xml(&verdict.rule));
        text += &format!("    <testcase name=\"{name}\" classname=\"{class}\"");
        if verdict.severity == Severity::Compatible {
            text += "/>\n";
            continue;
        }
        let message = xml(&plain(&verdict.message));
        let at = xml(&format!("{file}:{}:{}", position.line, position.column));
        text += &format!(
            ">\n      <failure type=\"{class}\" message=\"{message}\">{at}</failure>\n    \
             </testcase>\n"
        );
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
pub(crate) fn github(verdicts: &[Verdict], sides: Sides<'_>) -> String {
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
            data(&format!("{}: {}", plain(&verdict.location), plain(&verdict.message)))
        )
    };
    verdicts.iter().map(line).collect()
}

/// Code Climate, as GitLab reads it. It has no compatible changes.
pub(crate) fn code_climate(verdicts: &[Verdict], sides: Sides<'_>) -> Value {
    let worse = verdicts.iter().filter(|verdict| verdict.severity != Severity::Compatible);
    let entry = |verdict: &Verdict| {
        let SourcePlace { file, position } = sides.place(verdict);
        json!({
            "type": "issue",
            "check_name": verdict.rule,
            "description": format!("{}: {}", plain(&verdict.location), plain(&verdict.message)),
            "categories": ["Compatibility"],
            "severity": if verdict.severity == Severity::Breaking { "major" } else { "minor" },
            "fingerprint": verdict.fingerprint(),
            "location": {"path": file, "lines": {"begin": position.line}},
        })
    };
    worse.map(entry).collect()
}
