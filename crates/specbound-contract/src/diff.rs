//! The differences in meaning between two OpenAPI documents.
//!
//! Both are brought to their canonical form first, so only meaning is compared. Each smallest
//! location that differs is one [`Difference`]. Invariant: no inequality is missed. If no rule
//! below finds a smaller location, the whole value is reported, so an empty list means that the
//! canonical forms are equal.
//!
//! An element of a set (`required`, `security`, …) differs by its value, not by its position, and
//! its path ends in the element: `/…/security/{"basicAuth":[]}`.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value, json};

use crate::canonical::{canonical_pair, is_never};

/// One place where the documents differ. `None` means absent on that side.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// JSON pointer (RFC 6901) into the canonical form.
    pub path: String,
    /// The value in the first document.
    pub old: Option<Value>,
    /// The value in the second document.
    pub new: Option<Value>,
}

/// How a report names the two documents.
#[derive(Debug, Clone, Copy)]
pub struct DocumentNames {
    /// The first document.
    pub old: &'static str,
    /// The second document.
    pub new: &'static str,
}

impl DocumentNames {
    /// Two versions of one document.
    pub const OLD_NEW: DocumentNames = DocumentNames { old: "old", new: "new" };
    /// A document, and the export of a server built from it.
    pub const SOURCE_SERVER: DocumentNames = DocumentNames { old: "source", new: "server" };
}

/// Keywords whose arrays are sets in the canonical form.
const SETS: [&str; 8] =
    ["required", "tags", "security", "enum", "allOf", "anyOf", "oneOf", "scopes"];

/// Longest value shown in the text report, in characters.
const MAX_SHOWN_CHARS: usize = 120;

/// All differences in meaning, in path order.
pub fn diff(old: &Value, new: &Value) -> Vec<Difference> {
    let (old, new) = canonical_pair(old.clone(), new.clone(), false);
    diff_canonical(&old, &new)
}

/// As [`diff`], for values in canonical form: whole documents, or the same place in both.
pub(crate) fn diff_canonical(old: &Value, new: &Value) -> Vec<Difference> {
    let mut collector = Collector::default();
    collector.compare("", "", Some(old), Some(new));
    collector.0.sort_by(|a, b| a.path.cmp(&b.path));
    collector.0
}

/// A text report: one block per difference, then the count. Long values are shortened.
pub fn to_text(differences: &[Difference], names: DocumentNames) -> String {
    let blocks = differences.iter().map(|difference| {
        let path = printable(&difference.path);
        let (old, new) = (shortened(difference.old.as_ref()), shortened(difference.new.as_ref()));
        format!("{path}\n  {}: {old}\n  {}: {new}\n\n", names.old, names.new)
    });
    let count = match differences.len() {
        0 => "no differences\n".to_owned(),
        1 => "1 difference\n".to_owned(),
        count => format!("{count} differences\n"),
    };
    blocks.chain([count]).collect()
}

/// A JSON report: a list of objects with `path` and the two sides, in full. An absent side has no
/// key, since `null` is a value.
pub fn to_json(differences: &[Difference], names: DocumentNames) -> Value {
    let entry = |difference: &Difference| {
        let members = [
            ("path", Some(json!(difference.path))),
            (names.old, difference.old.clone()),
            (names.new, difference.new.clone()),
        ];
        let present = |(key, value): (&str, Option<Value>)| Some((key.to_owned(), value?));
        Value::Object(members.into_iter().filter_map(present).collect())
    };
    differences.iter().map(entry).collect()
}

#[derive(Default)]
struct Collector(Vec<Difference>);

impl Collector {
    /// `key` is the last step of `path`, unescaped.
    fn compare(&mut self, path: &str, key: &str, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new)))
                if is_reference(old) == is_reference(new) && is_never(old) == is_never(new) =>
            {
                let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for key in keys {
                    self.compare(&join(path, key), key, old.get(key), new.get(key));
                }
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) if SETS.contains(&key) => {
                self.sets(path, old, new);
            }
            // No `required` is an empty one; no `enum` is not.
            (Some(Value::Array(only)), None) if key == "required" && !only.is_empty() => {
                self.sets(path, only, &[]);
            }
            (None, Some(Value::Array(only))) if key == "required" && !only.is_empty() => {
                self.sets(path, &[], only);
            }
            // The types of a schema are one constraint.
            (Some(Value::Array(old)), Some(Value::Array(new))) if key != "type" => {
                for index in 0..old.len().max(new.len()) {
                    let path = join(path, &index.to_string());
                    self.compare(&path, "", old.get(index), new.get(index));
                }
            }
            _ => self.add(path.to_owned(), old, new),
        }
    }

    fn sets(&mut self, path: &str, old: &[Value], new: &[Value]) {
        let before = self.0.len();
        let (in_old, in_new) = (HashSet::<_>::from_iter(old), HashSet::<_>::from_iter(new));
        for element in old.iter().filter(|element| !in_new.contains(element)) {
            self.add(join(path, &name(element)), Some(element), None);
        }
        for element in new.iter().filter(|element| !in_old.contains(element)) {
            self.add(join(path, &name(element)), None, Some(element));
        }
        // The same elements, yet unequal: data under the name of a set, or a repetition that
        // matters.
        if self.0.len() == before {
            self.add(path.to_owned(), Some(&json!(old)), Some(&json!(new)));
        }
    }

    fn add(&mut self, path: String, old: Option<&Value>, new: Option<&Value>) {
        self.0.push(Difference { path, old: old.cloned(), new: new.cloned() });
    }
}

/// A reference that gives way to something written out, or the reverse, is one change and not one
/// for each keyword.
pub(crate) fn is_reference(object: &Map<String, Value>) -> bool {
    object.get("$ref").is_some_and(Value::is_string)
}

pub(crate) fn join(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The step in a path for an element of a set.
pub(crate) fn name(element: &Value) -> String {
    match element {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shortened(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "absent".to_owned();
    };
    let text = value.to_string();
    if text.chars().count() <= MAX_SHOWN_CHARS {
        return printable(&text);
    }
    let start: String = text.chars().take(MAX_SHOWN_CHARS - 1).collect();
    printable(&start) + "…"
}

/// Escapes text of a document, which must neither add lines nor control the terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests;
