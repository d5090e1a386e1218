//! The policy file `specbound.toml`: severities, accepted findings, the life of an API and its
//! version.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::compatibility::{self, Severity, Verdict};
use crate::date::Day;
use crate::lifecycle::Lifecycle;
use crate::select::{Selection, matches};
use crate::{Document, lifecycle, version};

/// Why a policy cannot be used. One line.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The file is no TOML, or has a key that a policy does not have.
    #[error("{}", .0.to_string().trim().replace('\n', " "))]
    Syntax(#[from] toml::de::Error),
    /// A date is no day.
    #[error("`until = \"{0}\"` is not a date of the form 2030-12-31")]
    Date(String),
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It breaks clients.
    Breaking,
    /// It must be judged by hand, and counts as breaking.
    Unclear,
    /// It breaks nothing.
    Compatible,
    /// It is not reported.
    Ignore,
}

/// The severity of findings that match. An absent condition matches all; `*` stands for any text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeverityRule {
    rule: Option<String>,
    path: Option<String>,
    operation: Option<String>,
    tag: Option<String>,
    level: Level,
}

/// A finding that the team accepts until a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    fingerprint: String,
    reason: String,
    until: Option<String>,
}

/// How versions are counted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scheme {
    /// Semantic Versioning.
    Semver,
}

/// How `info.version` must rise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub scheme: Scheme,
}

/// A policy. The default one changes nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The document that is compared without arguments: a file, a folder or a pattern.
    pub document: Option<String>,
    /// The branch that it is compared with, from where the two parted.
    pub base: Option<String>,
    /// The part that is compared. A list of the command line replaces that of the same name.
    #[serde(default)]
    pub select: Selection,
    #[serde(default)]
    severity: Vec<SeverityRule>,
    #[serde(default)]
    accept: Vec<Acceptance>,
    lifecycle: Option<Lifecycle>,
    version: Option<Version>,
}

/// The verdicts that count, and the policy's decisions about the rest.
#[derive(Debug)]
pub struct Outcome {
    /// The verdicts, with the severities of the policy.
    pub verdicts: Vec<Verdict>,
    /// Accepted findings, each with the reason.
    pub accepted: Vec<(Verdict, String)>,
    /// Lines for a reader: acceptances that have ended or match nothing.
    pub notes: Vec<String>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// [`PolicyError`]; an unknown key is an error.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        let policy: Policy = toml::from_str(text)?;
        for until in policy.accept.iter().filter_map(|accepted| accepted.until.as_ref()) {
            Day::parse(until).ok_or_else(|| PolicyError::Date(until.clone()))?;
        }
        Ok(policy)
    }

    /// Compares two documents by this policy. Of each only the outline is left.
    pub(crate) fn compare(&self, old: &mut Document, new: &mut Document, today: Day) -> Outcome {
        let verdicts = match &self.lifecycle {
            None => compatibility::compare_owned(old.take(), new.take()),
            Some(policy) => {
                let mut verdicts = compatibility::compare(&old.value, &new.value);
                lifecycle::allow_removals(&mut verdicts, &old.value, today);
                verdicts.extend(lifecycle::check(&old.value, &new.value, policy, today));
                verdicts
            }
        };
        let mut verdicts = verdicts;
        let tags = Tags::of([&old.value, &new.value]);
        self.set_levels(&mut verdicts, &tags);
        if let Some(Version { scheme: Scheme::Semver }) = self.version {
            let mut finding = version::check(&old.value, &new.value, &verdicts)
                .map_or_else(Vec::new, |one| vec![one]);
            self.set_levels(&mut finding, &tags);
            verdicts.extend(finding);
        }
        self.accept(verdicts, today)
    }

    fn set_levels(&self, verdicts: &mut Vec<Verdict>, tags: &Tags) {
        verdicts.retain_mut(|verdict| match self.level(verdict, tags) {
            None => true,
            Some(Level::Ignore) => false,
            Some(level) => {
                verdict.severity = match level {
                    Level::Breaking => Severity::Breaking,
                    Level::Unclear => Severity::Unclear,
                    Level::Compatible | Level::Ignore => Severity::Compatible,
                };
                true
            }
        });
    }

    /// The level of the last matching rule.
    fn level(&self, verdict: &Verdict, tags: &Tags) -> Option<Level> {
        let is = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|all| matches(all, text))
        };
        // For a finding with several operations, one match suffices.
        let any = |pattern: &Option<String>, texts: Vec<&String>| {
            pattern.as_ref().is_none_or(|all| texts.iter().any(|text| matches(all, text)))
        };
        let tagged =
            || verdict.operations.iter().flat_map(|name| tags.of_operation(name)).collect();
        let applies = |rule: &&SeverityRule| {
            is(&rule.rule, &verdict.rule)
                && is(&rule.path, &verdict.difference.path)
                && any(&rule.operation, verdict.operations.iter().collect())
                && (rule.tag.is_none() || any(&rule.tag, tagged()))
        };
        self.severity.iter().rfind(applies).map(|rule| rule.level)
    }

    fn accept(&self, verdicts: Vec<Verdict>, today: Day) -> Outcome {
        let mut outcome = Outcome { verdicts: Vec::new(), accepted: Vec::new(), notes: Vec::new() };
        let mut used = vec![false; self.accept.len()];
        for verdict in verdicts {
            let fingerprint = verdict.fingerprint();
            let harmless = verdict.severity == Severity::Compatible;
            let found = self
                .accept
                .iter()
                .position(|accepted| accepted.fingerprint == fingerprint && !harmless);
            let Some(index) = found else {
                outcome.verdicts.push(verdict);
                continue;
            };
            used[index] = true;
            let accepted = &self.accept[index];
            match accepted.until.as_deref().and_then(Day::parse).is_some_and(|until| until < today)
            {
                true => {
                    let until = accepted.until.as_deref().unwrap_or_default();
                    outcome.notes.push(format!("the acceptance of {fingerprint} ended on {until}"));
                    outcome.verdicts.push(verdict);
                }
                false => outcome.accepted.push((verdict, accepted.reason.clone())),
            }
        }
        for (accepted, _) in self.accept.iter().zip(used).filter(|(_, used)| !used) {
            outcome.notes.push(format!(
                "the acceptance of {} matches no finding: remove it",
                accepted.fingerprint
            ));
        }
        outcome
    }
}

/// The tags of each operation, in either document.
struct Tags(HashMap<String, Vec<String>>);

impl Tags {
    fn of(documents: [&Value; 2]) -> Tags {
        let mut tags = HashMap::<String, Vec<String>>::new();
        let sections = documents.into_iter().flat_map(|one| [&one["paths"], &one["webhooks"]]);
        for (path, item) in sections.filter_map(Value::as_object).flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let own = operation["tags"].as_array().into_iter().flatten();
                let own = own.filter_map(Value::as_str).map(str::to_owned);
                tags.entry(format!("{} {path}", method.to_uppercase())).or_default().extend(own);
            }
        }
        Tags(tags)
    }

    fn of_operation(&self, name: &str) -> impl Iterator<Item = &String> {
        self.0.get(name).into_iter().flatten()
    }
}

/// Entries for `specbound.toml` that accept findings, as text to append to it.
pub fn acceptances(verdicts: &[Verdict], reason: &str, until: Option<&str>) -> String {
    // A TOML basic string escapes as JSON does.
    let quoted = |text: &str| json!(text).to_string();
    let breaking = verdicts.iter().filter(|verdict| verdict.severity != Severity::Compatible);
    let entry = |verdict: &Verdict| {
        let what = format!("{}: {}", verdict.rule, verdict.location)
            .replace(|c: char| c.is_control(), " ");
        let until = until.map(|until| format!("until = {}\n", quoted(until))).unwrap_or_default();
        let (fingerprint, reason) = (quoted(&verdict.fingerprint()), quoted(reason));
        format!("\n# {what}\n[[accept]]\nfingerprint = {fingerprint}\nreason = {reason}\n{until}")
    };
    breaking.map(entry).collect()
}

impl Verdict {
    /// Names this finding for as long as rule, place and both values are the same.
    pub fn fingerprint(&self) -> String {
        let side = |side: &Option<Value>| side.as_ref().map_or_else(String::new, Value::to_string);
        let parts = [
            &self.rule,
            &self.difference.path,
            &side(&self.difference.old),
            &side(&self.difference.new),
        ];
        // FNV-1a, 64 bits: stable between versions of Rust.
        let bytes = parts.into_iter().flat_map(|part| part.bytes().chain([0xff]));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}
