//! `oneOf`, `anyOf` and `enum`: one type for all choices, each of which becomes a variant.

use std::collections::{BTreeSet, HashSet};

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use super::schema::{describe, inside};
use super::{CONVERSIONS, Checked, Lower};
use crate::openapi::is_null;

impl Lower<'_> {
    /// `oneOf` and `anyOf` with two members at least, or the one that is left.
    pub(super) fn alternatives(
        &mut self,
        object: &mut Map<String, Value>,
        at: &str,
        checked: Checked,
    ) -> Option<Value> {
        let keyword =
            ["oneOf", "anyOf"].into_iter().find(|keyword| object.contains_key(*keyword))?;
        let Some(Value::Array(members)) = object.remove(keyword) else { return None };
        object.remove("anyOf");
        let at = format!("{at}/{keyword}");
        if members.is_empty() {
            self.refuse(&at, "a non-empty list is required here");
            return None;
        }
        if ["properties", "additionalProperties", "items"]
            .iter()
            .any(|shape| object.contains_key(*shape))
        {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), json!({}));
            }
            return None;
        }
        let only_requires = |member: &Value| {
            member.as_object().is_some_and(|keywords| {
                !keywords.is_empty()
                    && keywords
                        .keys()
                        .all(|keyword| ["required", "not"].contains(&keyword.as_str()))
            })
        };
        if members.iter().any(only_requires) {
            return None;
        }
        if members.iter().any(is_null) && !self.is_3_0 {
            object.insert("nullable".to_owned(), json!(true));
        }
        let mut lowered: Vec<Value> = Vec::new();
        let mut seen = HashSet::new();
        let is_3_0 = self.is_3_0;
        // The one that is left has the rows of the place.
        let checked = if are_one(&members) { checked } else { inside(checked) };
        for (n, member) in
            members.iter().enumerate().filter(|(_, member)| is_3_0 || !is_null(member))
        {
            let member = self.schema(member, &format!("{at}/{n}"), checked);
            if seen.insert(member.clone()) {
                lowered.push(member);
            }
        }
        let mut outer = object.clone();
        outer.retain(|key, _| {
            ["nullable", "readOnly", "writeOnly", "description", "title", "deprecated"]
                .contains(&key.as_str())
        });
        describe(&mut outer);
        match lowered.as_slice() {
            [] => {}
            [only] if only.get("$ref").is_some() => {
                drop(outer.insert("allOf".to_owned(), json!([only])))
            }
            [only] => {
                let Value::Object(mut only) = only.clone() else { return Some(only.clone()) };
                only.extend(outer.into_iter().filter(|(key, _)| key != "title"));
                outer = only;
            }
            _ => drop(outer.insert(keyword.to_owned(), Value::Array(lowered))),
        }
        Some(Value::Object(outer))
    }

    /// `enum`, with one type for all choices.
    pub(super) fn choices(&mut self, object: &mut Map<String, Value>, at: &str) {
        let Some(choices) = object.get("enum").and_then(Value::as_array).cloned() else { return };
        if choices.is_empty() {
            return;
        }
        let has_null = choices.iter().any(Value::is_null);
        let mut left: Vec<Value> = Vec::new();
        let mut seen = HashSet::new();
        self.count_schemas(CONVERSIONS);
        for choice in choices.iter().filter(|choice| !choice.is_null()) {
            // Each becomes a variant.
            if !self.count_schema() {
                break;
            }
            if seen.insert(choice) {
                left.push(choice.clone());
            }
        }
        let kind = object.get("type").and_then(Value::as_str).map(str::to_owned);
        if left.is_empty() {
            // `NullEnum` of drf-spectacular stays as it is.
            return;
        }
        if has_null && (kind.is_some() || !self.is_3_0) {
            object.insert("nullable".to_owned(), json!(true));
        }
        let all = |is: fn(&Value) -> bool| left.iter().all(is);
        let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
        match kind.as_deref() {
            Some("string") if all(is_scalar) => {
                if !all(Value::is_string) {
                    let reason = "choices that are no texts are read as text, as the type says";
                    self.note(&format!("{at}/enum"), reason);
                }
                left = left
                    .iter()
                    .map(|c| c.as_str().map_or_else(|| json!(c.to_string()), |text| json!(text)))
                    .collect();
            }
            None if all(Value::is_string) => {
                drop(object.insert("type".to_owned(), json!("string")))
            }
            None | Some("integer") if all(|c| c.is_i64()) => {
                drop(object.insert("type".to_owned(), json!("integer")))
            }
            None if all(Value::is_boolean) => {
                drop(object.insert("type".to_owned(), json!("boolean")))
            }
            None | Some("number") if all(Value::is_number) => {
                drop(object.insert("type".to_owned(), json!("number")))
            }
            Some("boolean") if all(Value::is_boolean) => {}
            _ => {
                object.remove("enum");
                return;
            }
        }
        let texts: Vec<&str> = left.iter().filter_map(Value::as_str).collect();
        if texts.len() == left.len() && !make_variants(&texts) {
            // Not distinct as Rust names: the table checks the same choices by a pattern.
            let escaped: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
            object.insert("pattern".to_owned(), json!(format!("^(?:{})$", escaped.join("|"))));
            object.remove("enum");
            return;
        }
        match object.get("type").and_then(Value::as_str) {
            Some("boolean" | "number") => {
                object.remove("enum");
            }
            _ => {
                // The order and null stay as the document has them, unless something had to change.
                let without_null: Vec<Value> =
                    choices.iter().filter(|choice| !choice.is_null()).cloned().collect();
                if without_null != left || (has_null && !self.is_3_0) {
                    object.insert("enum".to_owned(), Value::Array(left));
                }
            }
        }
    }
}

/// Whether alternatives are one, and null perhaps.
pub(super) fn are_one(members: &[Value]) -> bool {
    members.iter().filter(|member| !is_null(member)).count() == 1
}

/// Whether the choices are distinct as names of Rust variants.
fn make_variants(choices: &[&str]) -> bool {
    let mut names = BTreeSet::new();
    choices.iter().all(|choice| {
        let name = match *choice {
            "+1" => "Plus1".to_owned(),
            "-1" => "Minus1".to_owned(),
            other => other
                .replace('\'', "")
                .replace(|c: char| !c.is_alphanumeric() && c != '_', "-")
                .to_pascal_case(),
        };
        // typify begins a name that starts with no letter with `X`, which `X1` beside `1` has too.
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        names.insert(if is_name { name } else { format!("X{name}") })
    })
}
