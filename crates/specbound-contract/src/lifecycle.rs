//! The lifecycle of an API: sunset of deprecated parts, stability levels and extensible
//! enumerations, by a policy.
//!
//! They are extensions (`x-sunset`, `x-stability-level`, `x-extensible-enum`), which the canonical
//! form drops. The two self-contained documents are therefore walked in parallel. All references
//! resolve to components, so each node is visited once.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::canonical::{FieldShape, ObjectKind, canonical, field_shape, is_method};
use crate::compatibility::witness::Witness;
use crate::compatibility::{Audience, Severity, Verdict, request_components};
use crate::date::Day;
use crate::diff::{Difference, join};
use crate::quoting::{code, value};

const LEVELS: [&str; 4] = ["draft", "alpha", "beta", "stable"];

/// How long something deprecated must stay.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lifecycle {
    /// Days from now to the sunset of stable parts.
    #[serde(default)]
    pub stable_days: u32,
    /// Days from now to the sunset of beta parts.
    #[serde(default)]
    pub beta_days: u32,
}

/// The findings of the policy.
pub(crate) fn check(old: &Value, new: &Value, policy: &Lifecycle, today: Day) -> Vec<Verdict> {
    let mut visitor = Visitor {
        policy,
        today,
        requested: request_components(&canonical(new)),
        findings: Vec::new(),
    };
    let node = Node::default();
    visitor.pair(ObjectKind::Document, Some(old), Some(new), &node);
    visitor.findings
}

/// Allows removals by the policy: of parts that were deprecated until their sunset, and of drafts.
pub(crate) fn allow_removals(verdicts: &mut [Verdict], old: &Value, today: Day) {
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.difference.new.is_none()) {
        let Some(elements) = removed(old, &verdict.difference.path) else { continue };
        if verdict.severity == Severity::Compatible || elements.is_empty() {
            continue;
        }
        let expired = |element: &&Value| {
            let sunset = element.get("x-sunset").map(|sunset| sunset.as_str().and_then(Day::parse));
            element["deprecated"] == true
                && sunset.is_none_or(|sunset| sunset.is_some_and(|day| day <= today))
        };
        let is_unstable = |element: &Value| {
            matches!(element["x-stability-level"].as_str(), Some("draft" | "alpha"))
        };
        let holder = enclosing_operation(old, &verdict.difference.path);
        let in_unstable = holder.is_some_and(is_unstable);
        let unstable = |element: &&Value| in_unstable || is_unstable(element);
        let why = match () {
            () if elements.iter().all(expired) => "it was deprecated, and its sunset has passed",
            () if elements.iter().all(|element| unstable(element) || expired(element)) => {
                "it was not stable yet"
            }
            () => continue,
        };
        verdict.severity = Severity::Compatible;
        verdict.witness = None;
        verdict.message = format!("{} The policy allows it: {why}.", verdict.message);
    }
}

/// The operation that contains a node.
fn enclosing_operation<'v>(document: &'v Value, pointer: &str) -> Option<&'v Value> {
    let mut steps = pointer.strip_prefix("/paths/")?.splitn(3, '/');
    let (path, method) = (steps.next()?, steps.next()?);
    steps.next().and_then(|_| document.pointer(&format!("/paths/{path}/{method}")))
}

/// The operations, parameter or property that a removed node of the canonical form represents.
fn removed<'v>(document: &'v Value, pointer: &str) -> Option<Vec<&'v Value>> {
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    match steps.as_slice() {
        ["paths"] => {
            let items = document["paths"].as_object()?.values();
            Some(items.flat_map(operations).collect())
        }
        ["paths", path] => Some(operations(&document["paths"][path]).collect()),
        ["paths", path, method] => Some(vec![document["paths"][path].get(method)?]),
        ["paths", path, method, "parameters", key] => {
            let item = &document["paths"][path];
            let lists = [&item[method]["parameters"], &item["parameters"]];
            let all = lists.into_iter().filter_map(Value::as_array).flatten();
            let found = all.map(|parameter| target(document, parameter)).find(|parameter| {
                let name = format!("{}:{}", text(&parameter["in"]), text(&parameter["name"]));
                name == *key
            })?;
            Some(vec![found])
        }
        [.., "properties", _] => Some(vec![document.pointer(pointer)?]),
        _ => None,
    }
}

/// The operations of a path item.
fn operations(item: &Value) -> impl Iterator<Item = &Value> {
    let members = item.as_object().into_iter().flatten();
    members.filter(|(key, _)| is_method(key)).map(|(_, operation)| operation)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn target<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let pointer =
        value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// A node in both documents, by its pointer in the new one.
#[derive(Default, Clone)]
struct Node {
    pointer: String,
    /// For a reader.
    words: String,
    operation: Option<String>,
    /// Whether requests carry it.
    requested: bool,
    /// The stability level of its parent.
    level: Option<String>,
}

impl Node {
    fn at(&self, key: &str) -> Node {
        let words = match self.words.is_empty() {
            true => code(key),
            false => format!("{}, {}", self.words, code(key)),
        };
        Node { pointer: join(&self.pointer, key), words, ..self.clone() }
    }
}

struct Visitor<'a> {
    policy: &'a Lifecycle,
    today: Day,
    /// Components that requests carry.
    requested: BTreeSet<String>,
    findings: Vec<Verdict>,
}

impl Visitor<'_> {
    fn pair(&mut self, kind: ObjectKind, old: Option<&Value>, new: Option<&Value>, node: &Node) {
        let (old_fields, new_fields) =
            (old.and_then(Value::as_object), new.and_then(Value::as_object));
        let Some(new_fields) = new_fields else { return };
        if kind == ObjectKind::Data || new_fields.contains_key("$ref") {
            return;
        }
        if [ObjectKind::Operation, ObjectKind::Parameter, ObjectKind::Schema].contains(&kind) {
            self.element(old_fields, new_fields, node);
        }
        for (keyword, new) in new_fields {
            let old = old_fields.and_then(|fields| fields.get(keyword));
            let mut node = node.at(keyword);
            if let Some(level) = new_fields.get("x-stability-level").and_then(Value::as_str) {
                node.level = Some(level.to_owned());
            }
            if kind == ObjectKind::PathItem && is_method(keyword) {
                let path =
                    node.words.rsplit_once(", ").map_or("", |(path, _)| path).replace('`', "");
                let name = format!("{} {path}", keyword.to_uppercase());
                node.words = code(&name);
                node.operation = Some(name);
            }
            node.requested |= matches!(
                (kind, keyword.as_str()),
                (ObjectKind::Operation, "requestBody" | "parameters")
            );
            match (field_shape(kind, keyword), new) {
                (FieldShape::One(kind), Value::Object(_)) => {
                    // Operations are reported by their path alone.
                    let node = if kind == ObjectKind::Paths {
                        Node { words: String::new(), ..node }
                    } else {
                        node
                    };
                    let old = if keyword.contains('{') {
                        old.or_else(|| same_path(old_fields, keyword))
                    } else {
                        old
                    };
                    self.pair(kind, old, Some(new), &node);
                }
                (FieldShape::Map(kind), Value::Object(entries)) => {
                    for (name, entry) in entries {
                        let mut node = node.at(name);
                        node.requested |= self.requested.contains(&node.pointer);
                        self.pair(kind, old.and_then(|old| old.get(name)), Some(entry), &node);
                    }
                }
                (FieldShape::Parameters, Value::Array(items)) => {
                    for (index, item) in items.iter().enumerate() {
                        let same = |other: &&Value| {
                            let renamed = item["in"] == "path" && other["in"] == "path";
                            other["in"] == item["in"] && (other["name"] == item["name"] || renamed)
                        };
                        let old =
                            old.and_then(Value::as_array).and_then(|all| all.iter().find(same));
                        let node = Node {
                            pointer: join(&node.pointer, &index.to_string()),
                            ..node.at(text(&item["name"]))
                        };
                        self.pair(ObjectKind::Parameter, old, Some(item), &node);
                    }
                }
                (
                    FieldShape::List(kind) | FieldShape::Set(kind) | FieldShape::Bag(kind),
                    Value::Array(items),
                ) => {
                    for (index, item) in items.iter().enumerate() {
                        self.pair(
                            kind,
                            old.and_then(|old| old.get(index)),
                            Some(item),
                            &node.at(&index.to_string()),
                        );
                    }
                }
                _ => {}
            }
        }
    }

    /// An operation, a parameter or a schema.
    fn element(&mut self, old: Option<&Map<String, Value>>, new: &Map<String, Value>, node: &Node) {
        let get = |fields: Option<&Map<String, Value>>, key: &str| {
            fields.and_then(|fields| fields.get(key)).cloned()
        };
        let (before, now) = (get(old, "x-stability-level"), new.get("x-stability-level").cloned());
        let level = |value: &Value| LEVELS.iter().position(|level| value.as_str() == Some(level));
        let sides = [before.as_ref(), now.as_ref()];
        // A part is never more stable than its parent.
        let own = node.level.as_deref();
        let holder = LEVELS.iter().position(|level| own == Some(level)).or(Some(LEVELS.len()));
        if sides.into_iter().flatten().any(|value| level(value).is_none()) {
            self.find("stability-invalid", node, "x-stability-level", before.clone(), now.clone());
        } else if let (Some(one), Some(other)) = (&before, &now)
            && level(other).min(holder) < level(one).min(holder)
        {
            self.find(
                "stability-decreased",
                node,
                "x-stability-level",
                before.clone(),
                now.clone(),
            );
        }
        let is_deprecated =
            |fields: &Map<String, Value>| fields.get("deprecated") == Some(&Value::Bool(true));
        if is_deprecated(new) {
            let was = old.is_some_and(is_deprecated);
            let days = match now.as_ref().and_then(Value::as_str).or(node.level.as_deref()) {
                Some("draft" | "alpha") => 0,
                Some("beta") => self.policy.beta_days,
                _ => self.policy.stable_days,
            };
            self.sunset(was, get(old, "x-sunset"), new.get("x-sunset").cloned(), days, node);
        }
        let values = |fields: Option<&Map<String, Value>>| {
            get(fields, "x-extensible-enum")
                .and_then(|values| values.as_array().cloned())
                .unwrap_or_default()
        };
        let left = values(Some(new));
        if node.requested {
            for gone in values(old).into_iter().filter(|value| !left.contains(value)) {
                self.find(
                    "extensible-enum-value-removed",
                    node,
                    "x-extensible-enum",
                    Some(gone),
                    None,
                );
            }
        }
    }

    fn sunset(
        &mut self,
        was_deprecated: bool,
        old: Option<Value>,
        new: Option<Value>,
        days: u32,
        node: &Node,
    ) {
        let day =
            |value: &Option<Value>| value.as_ref().and_then(Value::as_str).and_then(Day::parse);
        let earliest = self.today.plus(days);
        let invalid = |value: &Option<Value>| value.is_some() && day(value).is_none();
        let id = match (was_deprecated, &new) {
            (true, None) if old.is_some() => "sunset-removed",
            (true, _) if old == new => return,
            _ if invalid(&new) || (was_deprecated && invalid(&old)) => "sunset-invalid",
            (true, Some(_)) if old.is_some() && day(&new) >= day(&old) => return,
            (false, None) if days > 0 => "sunset-missing",
            (_, Some(_)) if day(&new).is_some_and(|day| day < earliest) => "sunset-too-soon",
            _ => return,
        };
        self.find(id, node, "x-sunset", old, new);
    }

    fn find(
        &mut self,
        id: &str,
        node: &Node,
        keyword: &str,
        old: Option<Value>,
        new: Option<Value>,
    ) {
        let about = crate::compatibility::lifecycle_rules().iter().find(|(own, _)| *own == id);
        let about = about.map_or("", |(_, about)| about);
        let side = |side: &Option<Value>| side.as_ref().map_or("nothing".to_owned(), value);
        let message =
            format!("{} now {}, before {}: {about}", code(keyword), side(&new), side(&old));
        self.findings.push(Verdict {
            rule: id.to_owned(),
            severity: Severity::Breaking,
            audience: Audience::All,
            location: node.words.clone(),
            operations: node.operation.iter().cloned().collect(),
            message,
            difference: Difference { path: join(&node.pointer, keyword), old, new },
            witness: Some(Witness::None("the policy asks for it, whatever messages carry")),
        });
    }
}

/// The path item of a path that differs only in the names of its variables.
fn same_path<'v>(paths: Option<&'v Map<String, Value>>, path: &str) -> Option<&'v Value> {
    let wire = crate::compatibility::wire_path(path);
    paths?
        .iter()
        .find(|(other, _)| crate::compatibility::wire_path(other) == wire)
        .map(|(_, item)| item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TODAY: &str = "2026-11-28";

    fn document(operation: &Value, field: &Value, parameter: &Value) -> Value {
        let schema = json!({"$ref": "#/components/schemas/S"});
        json!({"openapi": "3.0.3", "paths": {"/a/{id}": {
            "parameters": [parameter],
            "post": operation,
            "put": {"requestBody": {"content": {"a/b": {"schema": schema}}}, "responses": {}},
        }}, "components": {"schemas": {"S": {"properties": {"field": field}}}}})
    }

    /// The rules that a change of an operation, a property and a parameter meets: all three the
    /// same.
    fn found(old: Value, new: Value) -> Vec<String> {
        let plain = json!({"in": "query", "name": "q"});
        let with = |more: &Value| {
            let mut parameter = plain.clone();
            parameter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            document(more, more, &parameter)
        };
        let policy = Lifecycle { stable_days: 90, beta_days: 30 };
        let findings = check(&with(&old), &with(&new), &policy, Day::parse(TODAY).unwrap());
        let places: Vec<&str> =
            findings.iter().map(|finding| finding.difference.path.as_str()).collect();
        let expected = [
            "/components/schemas/S/properties/field/",
            "/paths/~1a~1{id}/parameters/0/",
            "/paths/~1a~1{id}/post/",
        ];
        let rules: Vec<String> = findings.iter().map(|finding| finding.rule.clone()).collect();
        if !rules.is_empty() && rules[0] != "extensible-enum-value-removed" {
            assert_eq!(places.len(), 3, "{places:?}");
            assert!(
                expected.iter().all(|one| places.iter().any(|place| place.starts_with(one))),
                "{places:?}"
            );
        }
        let mut rules = rules;
        rules.dedup();
        rules
    }

    #[test]
    fn deprecation_must_announce_its_sunset_in_time() {
        let deprecated = |sunset: Value| json!({"deprecated": true, "x-sunset": sunset});
        let none = json!({});
        assert_eq!(found(none.clone(), json!({"deprecated": true})), ["sunset-missing"]);
        assert_eq!(
            found(none.clone(), json!({"deprecated": true, "x-stability-level": "alpha"})),
            [""; 0]
        );
        assert_eq!(found(none.clone(), deprecated(json!("soon"))), ["sunset-invalid"]);
        assert_eq!(found(none.clone(), deprecated(json!({"a": 1}))), ["sunset-invalid"]);
        assert_eq!(found(none.clone(), deprecated(json!("2027-01-15"))), ["sunset-too-soon"]);
        assert_eq!(found(none.clone(), deprecated(json!("2027-03-01"))), [""; 0]);
        let mut beta = deprecated(json!("2027-01-15"));
        beta["x-stability-level"] = json!("beta");
        assert_eq!(found(none, beta), [""; 0]);
        let late = || deprecated(json!("2029-01-01"));
        assert_eq!(found(late(), json!({"deprecated": true})), ["sunset-removed"]);
        assert_eq!(found(late(), deprecated(json!("2026-12-01"))), ["sunset-too-soon"]);
        assert_eq!(found(late(), deprecated(json!("2028-01-01"))), [""; 0]);
        assert_eq!(found(late(), deprecated(json!("never"))), ["sunset-invalid"]);
        assert_eq!(found(deprecated(json!("never")), late()), ["sunset-invalid"]);
        assert_eq!(found(late(), late()), [""; 0]);
    }

    #[test]
    fn stability_does_not_decrease() {
        let level = |level: Value| json!({"x-stability-level": level});
        assert_eq!(found(level(json!("stable")), level(json!("beta"))), ["stability-decreased"]);
        assert_eq!(found(level(json!("alpha")), level(json!("stable"))), [""; 0]);
        assert_eq!(found(level(json!("ga")), level(json!("beta"))), ["stability-invalid"]);
        assert_eq!(found(json!({}), level(json!(1))), ["stability-invalid"]);
    }

    #[test]
    fn parts_of_a_draft_operation_are_drafts() {
        let with = |level: &str, own: &str| {
            let parameter = json!({"in": "query", "name": "q", "x-stability-level": own});
            json!({"paths": {"/a": {"get": {
                "x-stability-level": level, "parameters": [parameter], "responses": {},
            }}}})
        };
        let policy = Lifecycle { stable_days: 90, beta_days: 30 };
        let today = Day::parse(TODAY).unwrap();
        for (level, findings) in [("draft", 0), ("stable", 1)] {
            let (old, new) = (with(level, "stable"), with(level, "draft"));
            assert_eq!(check(&old, &new, &policy, today).len(), findings, "{level}");
        }
        let mut without = with("draft", "stable");
        without["paths"]["/a"]["get"]["parameters"] = json!([]);
        let old = with("draft", "stable");
        for new in [&without, &json!({"paths": {}})] {
            let mut verdicts = crate::compatibility::compare(&old, new);
            assert_eq!(verdicts[0].severity, Severity::Breaking);
            allow_removals(&mut verdicts, &old, today);
            assert!(verdicts.iter().all(|verdict| verdict.severity == Severity::Compatible));
        }
    }

    #[test]
    fn removed_extensible_enum_value_is_reported() {
        let values = |values: Value| json!({"x-extensible-enum": values});
        assert_eq!(
            found(values(json!(["a", "b"])), values(json!(["a", "c"]))),
            ["extensible-enum-value-removed"]
        );
        assert_eq!(found(values(json!(["a"])), values(json!(["a", "b"]))), [""; 0]);
    }

    #[test]
    fn removal_is_allowed_after_deprecation_or_if_never_stable() {
        let severity = |more: Value| {
            let old = document(&more, &json!({}), &json!({"in": "query", "name": "q"}));
            let mut new = old.clone();
            new["paths"]["/a/{id}"].as_object_mut().unwrap().remove("post");
            let mut verdicts = crate::compatibility::compare(&old, &new);
            allow_removals(&mut verdicts, &old, Day::parse(TODAY).unwrap());
            verdicts.iter().map(|verdict| verdict.severity).max().unwrap()
        };
        assert_eq!(severity(json!({})), Severity::Breaking);
        assert_eq!(severity(json!({"deprecated": true})), Severity::Compatible);
        assert_eq!(
            severity(json!({"deprecated": true, "x-sunset": "2026-11-01"})),
            Severity::Compatible
        );
        assert_eq!(
            severity(json!({"deprecated": true, "x-sunset": "2026-12-01"})),
            Severity::Breaking
        );
        assert_eq!(severity(json!({"deprecated": true, "x-sunset": "later"})), Severity::Breaking);
        assert_eq!(severity(json!({"x-stability-level": "draft"})), Severity::Compatible);
        assert_eq!(severity(json!({"x-stability-level": "beta"})), Severity::Breaking);
    }
}
