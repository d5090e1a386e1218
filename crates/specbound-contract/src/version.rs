//! The version that a change requires: Semantic Versioning of `info.version`, by a policy.
//!
//! A change that breaks clients, or may, demands a new major version; one that clients can make use
//! of a new minor version; any other one a new patch version. Before 1.0.0 a new minor version is
//! enough for a change that breaks clients, as for Cargo. Findings that the policy accepts count:
//! they break clients all the same.

use semver::Version;
use serde_json::Value;

use crate::compatibility::witness::Witness;
use crate::compatibility::{Audience, Severity, Verdict};
use crate::diff::Difference;
use crate::quoting::code;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Patch,
    Minor,
    Major,
}

/// The finding about `info.version`, if it does not rise as the verdicts demand.
pub(crate) fn check(old: &Value, new: &Value, verdicts: &[Verdict]) -> Option<Verdict> {
    let changes = verdicts.iter().filter(|verdict| !verdict.rule.starts_with("document-info-"));
    let step = changes.map(step).max();
    let (old, new) = (&old["info"]["version"], &new["info"]["version"]);
    let (Some(before), Some(now)) = (version(old), version(new)) else {
        let message = format!(
            "`info.version` is {}, before {}: one of them is no version of Semantic Versioning.",
            text(new),
            text(old)
        );
        return Some(finding("version-invalid", message, old, new));
    };
    let enough = match step {
        None => now >= before,
        // A version before a release promises nothing yet.
        Some(_) if !before.pre.is_empty() => now > before,
        Some(step) => {
            let triple = |version: &Version| (version.major, version.minor, version.patch);
            triple(&now) >= triple(&next(&before, step))
        }
    };
    let message = match step {
        _ if enough => return None,
        Some(step) if before.pre.is_empty() => format!(
            "`info.version` is {}, before {}: the changes demand {} at least.",
            text(new),
            text(old),
            code(&next(&before, step).to_string())
        ),
        _ => format!("`info.version` is {}, before {}: it must rise.", text(new), text(old)),
    };
    Some(finding("version-too-low", message, old, new))
}

fn step(verdict: &Verdict) -> Step {
    match (verdict.severity, verdict.audience) {
        (Severity::Breaking | Severity::Unclear, _) => Step::Major,
        (Severity::Compatible, Audience::None | Audience::GeneratedCode) => Step::Patch,
        (Severity::Compatible, _) => Step::Minor,
    }
}

/// The least version after a step.
fn next(version: &Version, step: Step) -> Version {
    let Version { major, minor, patch, .. } = *version;
    match (step, major) {
        (Step::Major, 0) => Version::new(0, minor.saturating_add(1), 0),
        (Step::Major, _) => Version::new(major.saturating_add(1), 0, 0),
        (Step::Minor, 1..) => Version::new(major, minor.saturating_add(1), 0),
        (Step::Minor | Step::Patch, _) => Version::new(major, minor, patch.saturating_add(1)),
    }
}

/// Reads `1`, `1.2`, `v1.2.3` and `1.2.3-rc.1`.
fn version(value: &Value) -> Option<Version> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text = text.strip_prefix('v').unwrap_or(&text);
    let core = &text[..text.find(['-', '+']).unwrap_or(text.len())];
    let padding = ".0".repeat(2_usize.saturating_sub(core.matches('.').count()));
    Version::parse(&format!("{core}{padding}{}", &text[core.len()..])).ok()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        value => crate::quoting::value(value),
    }
}

fn finding(rule: &str, message: String, old: &Value, new: &Value) -> Verdict {
    let side = |value: &Value| (!value.is_null()).then(|| value.clone());
    let difference =
        Difference { path: "/info/version".to_owned(), old: side(old), new: side(new) };
    Verdict {
        rule: rule.to_owned(),
        severity: Severity::Breaking,
        audience: Audience::All,
        location: "`info`, `version`".to_owned(),
        operations: Vec::new(),
        message,
        difference,
        witness: Some(Witness::None("the policy asks for it, whatever messages carry")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BREAKS: (Severity, Audience) = (Severity::Breaking, Audience::Senders);
    const ADDS: (Severity, Audience) = (Severity::Compatible, Audience::Readers);
    const POLISHES: (Severity, Audience) = (Severity::Compatible, Audience::None);

    /// The rule that is found for a change between two versions.
    fn found(old: &str, new: &str, changes: &[(Severity, Audience)]) -> Option<String> {
        let document = |version: &str| json!({"info": {"version": version}});
        let verdict = |(severity, audience): &(Severity, Audience)| Verdict {
            severity: *severity,
            audience: *audience,
            ..finding("schema-type-changed", String::new(), &json!(1), &json!(2))
        };
        let verdicts: Vec<Verdict> = changes.iter().map(verdict).collect();
        check(&document(old), &document(new), &verdicts).map(|finding| finding.rule)
    }

    #[test]
    fn change_requires_a_version_bump() {
        let low = Some("version-too-low".to_owned());
        for (old, new, changes, expected) in [
            ("1.2.3", "1.3.0", &[BREAKS, ADDS][..], &low),
            ("1.2.3", "2.0.0", &[BREAKS], &None),
            ("1.2.3", "2.0.0-rc.1", &[BREAKS], &None),
            ("0.2.3", "0.3.0", &[BREAKS], &None),
            ("0.2.3", "0.2.4", &[BREAKS], &low),
            ("0.2.3", "0.2.4", &[ADDS], &None),
            ("1.2.3", "1.2.4", &[ADDS], &low),
            ("1.2", "1.3", &[ADDS], &None),
            ("v1", "v1.0.1", &[POLISHES], &None),
            ("1.0.0", "1.0.0", &[POLISHES], &low),
            ("1.0.0", "1.0.0", &[], &None),
            ("1.0.0", "0.9.0", &[], &low),
            ("2.0.0-rc.1", "2.0.0-rc.2", &[BREAKS], &None),
            ("2.0.0-rc.2", "2.0.0-rc.2", &[BREAKS], &low),
        ] {
            assert_eq!(&found(old, new, changes), expected, "{old} to {new}");
        }
    }

    #[test]
    fn invalid_version_is_reported() {
        let invalid = Some("version-invalid".to_owned());
        assert_eq!(found("2024-05", "1.0.0", &[]), invalid);
        assert_eq!(found("1.0.0", "", &[]), invalid);
        assert_eq!(found("1.0.0", "1.2.3.4", &[]), invalid);
    }
}
