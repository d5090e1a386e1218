//! Counts of what changed between two documents.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::canonical::is_method;
use crate::compatibility::render::{SEVERITIES, with_severity};
use crate::compatibility::wire_path;
use crate::formats::{self, DocumentPair};
use crate::policy::Outcome;
use crate::quoting::code;

/// Names that came, went and changed.
struct Counts {
    added: usize,
    removed: usize,
    changed: usize,
}

impl Counts {
    fn of(old: &BTreeSet<String>, new: &BTreeSet<String>, changed: &BTreeSet<String>) -> Counts {
        Counts {
            added: new.difference(old).count(),
            removed: old.difference(new).count(),
            changed: changed
                .iter()
                .filter(|name| old.contains(*name) && new.contains(*name))
                .count(),
        }
    }

    fn json(&self) -> Value {
        json!({"added": self.added, "removed": self.removed, "changed": self.changed})
    }
}

/// What changed, in numbers.
pub(crate) struct Summary {
    title: String,
    operations: Counts,
    schemas: Counts,
    severities: Vec<(&'static str, usize)>,
    accepted: usize,
}

impl Summary {
    pub fn of(sides: DocumentPair<'_>, outcome: &Outcome) -> Summary {
        let (old, new) = (&sides.old.value, &sides.new.value);
        let verdicts = &outcome.verdicts;
        let every = || verdicts.iter().chain(outcome.accepted.iter().map(|(verdict, _)| verdict));
        let used = every().flat_map(|verdict| &verdict.operations);
        let used = used.map(|name| operation(name)).collect();
        let schema = |pointer: &str| {
            let name = pointer.strip_prefix("/components/schemas/")?.split('/').next()?;
            Some(name.replace("~1", "/").replace("~0", "~"))
        };
        let touched = every().filter_map(|verdict| schema(&verdict.difference.path)).collect();
        let schemas = |document: &Value| {
            let all = document["components"]["schemas"].as_object().into_iter().flatten();
            all.map(|(name, _)| name.clone()).collect()
        };
        Summary {
            title: formats::title(sides),
            operations: Counts::of(&operations(old), &operations(new), &used),
            schemas: Counts::of(&schemas(old), &schemas(new), &touched),
            severities: SEVERITIES
                .map(|(each, name)| (name, with_severity(verdicts, each).len()))
                .to_vec(),
            accepted: outcome.accepted.len(),
        }
    }

    pub fn json(&self) -> Value {
        let mut changes = json!({"accepted": self.accepted});
        for (name, count) in &self.severities {
            changes[*name] = json!(count);
        }
        json!({
            "title": self.title,
            "operations": self.operations.json(),
            "schemas": self.schemas.json(),
            "changes": changes,
        })
    }

    pub fn text(&self) -> String {
        let line = |name: &str, Counts { added, removed, changed }: &Counts| {
            format!("{name:<11} {added} added, {removed} removed, {changed} changed\n")
        };
        let changes: Vec<String> =
            self.severities.iter().map(|(name, count)| format!("{count} {name}")).collect();
        format!(
            "{}\n{}{}changes     {}, {} accepted\n",
            self.title,
            line("operations", &self.operations),
            line("schemas", &self.schemas),
            changes.join(", "),
            self.accepted
        )
    }

    pub fn markdown(&self) -> String {
        let row = |name: &str, Counts { added, removed, changed }: &Counts| {
            format!("| {name} | {added} | {removed} | {changed} |\n")
        };
        let changes: Vec<String> =
            self.severities.iter().map(|(name, count)| format!("{count} {name}")).collect();
        format!(
            "### {}\n\n| | added | removed | changed |\n| --- | --- | --- | --- |\n{}{}\n{}, {} \
             accepted\n",
            code(&self.title),
            row("operations", &self.operations),
            row("schemas", &self.schemas),
            changes.join(", "),
            self.accepted
        )
    }
}

/// `POST /a/{}`: names of path variables do not count.
fn operation(name: &str) -> String {
    let (method, path) = name.split_once(' ').unwrap_or(("", name));
    format!("{method} {}", wire_path(path))
}

fn operations(document: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for section in ["paths", "webhooks"] {
        for (path, item) in document[section].as_object().into_iter().flatten() {
            let methods = item.as_object().into_iter().flatten().map(|(method, _)| method);
            let methods = methods.filter(|method| is_method(method));
            all.extend(
                methods.map(|method| operation(&format!("{} {path}", method.to_uppercase()))),
            );
        }
    }
    all
}
