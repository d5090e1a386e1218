//! Schemas against the constraint tables that the runtime reads: a keyword is stated as its table
//! has it.
//!
//! Keywords that constrain no value (`default`, formats that are not of text, `xml`) are no
//! claim of the server and stay.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::location::{Draft, Location, pointer};
use crate::constraints::{Constraints, SchemaRef, Type, canonical};
use crate::formats::TextFormat;
use crate::keywords::Bound;

/// The keywords that constrain values. Any other one, known or not, is an annotation (JSON Schema
/// 2020-12, section 6.5).
const CONSTRAINTS: [&str; 43] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "type",
    "nullable",
    "enum",
    "const",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "required",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
];

/// A keyword that constrains no value.
fn is_hint(keyword: &str) -> bool {
    !CONSTRAINTS.contains(&keyword)
}

/// Compares schemas of requests or of responses.
pub struct Tables<'d, 'a> {
    draft: &'d mut Draft<'a>,
    is_3_0: bool,
    /// The keyword of members that the other side writes, and that no table constrains.
    hidden_by: &'static str,
    seen: BTreeSet<(Location, usize)>,
}

impl<'d, 'a> Tables<'d, 'a> {
    pub fn of_requests(draft: &'d mut Draft<'a>) -> Tables<'d, 'a> {
        Tables::new(draft, "readOnly")
    }

    pub fn of_responses(draft: &'d mut Draft<'a>) -> Tables<'d, 'a> {
        Tables::new(draft, "writeOnly")
    }

    fn new(draft: &'d mut Draft<'a>, hidden_by: &'static str) -> Tables<'d, 'a> {
        let version = draft.source["openapi"].as_str();
        let is_3_0 = version.is_some_and(|version| version.starts_with("3.0"));
        Tables { draft, is_3_0, hidden_by, seen: BTreeSet::new() }
    }

    /// A schema whose table may be that of the component that it refers to.
    pub fn schema(&mut self, place: &Location, table: SchemaRef, hidden: &BTreeSet<String>) {
        let place = &self.unwrap_single(place, table);
        let schema = self.draft.at(place);
        let Some(target) = schema["$ref"].as_str().and_then(pointer) else {
            return self.own(place, table, hidden);
        };
        if self.draft.source.pointer(target).is_none() {
            return self.draft.state(&place.join("$ref"), None);
        }
        let is_alone = self.is_3_0 || schema.as_object().is_some_and(|all| all.len() == 1);
        if is_alone || table.refers.is_none() {
            self.own(&Location::new(target), table, &BTreeSet::new());
        } else {
            self.own(place, table, hidden);
        }
    }

    /// The only schema of an `allOf`, `anyOf` or `oneOf` without keywords beside it: it means the
    /// same as the list, and the table may be that of the schema.
    fn unwrap_single(&self, place: &Location, table: SchemaRef) -> Location {
        let mut place = place.clone();
        while let Some(object) = self.draft.at(&place).as_object() {
            let mut keywords = object.iter().filter(|(keyword, _)| !is_hint(keyword));
            let (Some((keyword, value)), None) = (keywords.next(), keywords.next()) else { break };
            let held = match keyword.as_str() {
                "allOf" => table.all_of,
                "anyOf" => table.any_of,
                "oneOf" => table.one_of,
                _ => break,
            };
            if !held.is_empty() || value.as_array().is_none_or(|list| list.len() != 1) {
                break;
            }
            place = place.join(keyword).join("0");
        }
        place
    }

    fn own(&mut self, place: &Location, table: SchemaRef, hidden: &BTreeSet<String>) {
        if !self.seen.insert((place.clone(), std::ptr::from_ref(table) as usize)) {
            return;
        }
        let object = match self.draft.at(place) {
            Value::Object(object) => object,
            Value::Bool(false) => {
                if !table.never {
                    self.draft.state(place, Some(json!(true)));
                }
                return;
            }
            _ => return,
        };
        if let Some(target) = object.get("$ref").and_then(Value::as_str).and_then(pointer) {
            match table.refers {
                Some(inner) => self.own(&Location::new(target), inner, &BTreeSet::new()),
                None => self.draft.state(&place.join("$ref"), None),
            }
            if self.is_3_0 {
                return;
            }
        }
        let mut hidden = hidden.clone();
        self.hidden_members(place, &mut hidden);
        self.values(place, object, table, &hidden);
        for keyword in object.keys().filter(|keyword| !is_hint(keyword)) {
            let at = place.join(keyword);
            if !self.structure(&at, keyword, object, table, &hidden) {
                self.draft.state(&at, None);
            }
        }
    }

    /// Keywords about a value without its parts.
    fn values(
        &mut self,
        place: &Location,
        object: &Map<String, Value>,
        table: SchemaRef,
        hidden: &BTreeSet<String>,
    ) {
        let mut types: Vec<&str> = table.types.iter().map(|kind| type_name(*kind)).collect();
        types.sort_unstable();
        let mut stated: Vec<&str> = match object.get("type") {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            other => other.and_then(Value::as_str).into_iter().collect(),
        };
        stated.sort_unstable();
        if types != stated {
            self.draft.state(&place.join("type"), (!types.is_empty()).then(|| json!(types)));
        }
        let alternatives =
            ["anyOf", "oneOf"].into_iter().filter_map(|key| object.get(key)?.as_array());
        let is_nullable =
            object.get("nullable") == Some(&json!(true)) || alternatives.flatten().any(is_null);
        if is_nullable != table.nullable {
            self.draft.state(&place.join("nullable"), Some(json!(table.nullable)));
        }
        for (keyword, claim) in claims(table) {
            let stated = object.get(keyword).filter(|value| **value != json!(false));
            let is_same = match (stated, &claim) {
                (Some(stated), Some(claim)) => {
                    stated == claim || stated.as_f64().is_some_and(|n| Some(n) == claim.as_f64())
                }
                (stated, claim) => stated.is_none() && claim.is_none(),
            };
            if !is_same {
                self.draft.state(&place.join(keyword), claim);
            }
        }
        for (keyword, exclusive, bound) in [
            ("minimum", "exclusiveMinimum", &table.minimum),
            ("maximum", "exclusiveMaximum", &table.maximum),
        ] {
            if !is_bound(object, keyword, exclusive, bound.as_ref()) {
                let key =
                    if bound.as_ref().is_some_and(|b| b.exclusive) { exclusive } else { keyword };
                self.draft.state(&place.join(keyword), None);
                self.draft.state(&place.join(exclusive), None);
                self.draft.state(&place.join(key), bound.map(|bound| json!(bound.value)));
            }
        }
        let stated: Option<Vec<String>> = match (object.get("enum"), object.get("const")) {
            (Some(Value::Array(all)), _) => Some(all.iter().map(canonical).collect()),
            (_, Some(only)) => Some(vec![canonical(only)]),
            _ => None,
        };
        if stated.unwrap_or_default() != table.choices {
            let of_text = |text: &&str| serde_json::from_str::<Value>(text).unwrap_or_default();
            let claim: Vec<Value> = table.choices.iter().map(of_text).collect();
            self.draft.state(&place.join("const"), None);
            self.draft.state(&place.join("enum"), (!claim.is_empty()).then(|| json!(claim)));
        }
        if TextFormat::of(self.draft.at(place)) != table.format {
            self.draft.state(&place.join("format"), table.format.map(|held| json!(held.name())));
        }
        let required: BTreeSet<&str> = object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| !hidden.contains(*name))
            .collect();
        if required != table.required.iter().copied().collect() {
            self.draft.state(&place.join("required"), Some(json!(table.required)));
        }
        if let (Some(stated), Some(held)) = (object.get("discriminator"), table.discriminator)
            && stated["propertyName"] != held.property
        {
            self.draft.state(&place.join("discriminator"), None);
        }
    }

    /// Keywords with schemas. Whether the table has such a part.
    fn structure(
        &mut self,
        at: &Location,
        keyword: &str,
        object: &Map<String, Value>,
        table: SchemaRef,
        hidden: &BTreeSet<String>,
    ) -> bool {
        let none = BTreeSet::new();
        let value = &object[keyword];
        match keyword {
            "items" => self.one(at, table.items, &none),
            "additionalProperties" => self.one(at, table.additional_properties, &none),
            "propertyNames" => self.one(at, table.property_names, &none),
            "not" => self.one(at, table.not, &none),
            "contains" => {
                let count = |key: &str| object.get(key).and_then(Value::as_f64);
                table.contains.is_some_and(|(inner, min, max)| {
                    self.schema(at, inner, &none);
                    count("minContains").unwrap_or(1.0) == min as f64
                        && count("maxContains") == max.map(|max| max as f64)
                })
            }
            "if" => self.one(at, table.condition.map(|(condition, ..)| condition), hidden),
            "then" => self.one(at, table.condition.and_then(|(_, then, _)| then), hidden),
            "else" => self.one(at, table.condition.and_then(|(_, _, other)| other), hidden),
            "prefixItems" => self.list(at, table.prefix_items, hidden),
            "allOf" => self.list(at, table.all_of, hidden),
            "anyOf" => self.list(at, table.any_of, hidden),
            "oneOf" => self.list(at, table.one_of, hidden),
            "properties" => self.named(at, table.properties, hidden),
            "patternProperties" => self.named(at, table.pattern_properties, hidden),
            "dependentSchemas" => self.named(at, table.dependent_schemas, hidden),
            "dependentRequired" => {
                let held = table.dependent_required.iter();
                let held: Map<String, Value> =
                    held.map(|(name, others)| ((*name).to_owned(), json!(others))).collect();
                value == &Value::Object(held)
            }
            // `values` has stated them.
            "$ref" | "type" | "nullable" | "enum" | "const" | "required" | "minimum"
            | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minContains"
            | "maxContains" => true,
            other => claims(table).iter().any(|(known, _)| *known == other),
        }
    }

    fn one(&mut self, at: &Location, table: Option<SchemaRef>, hidden: &BTreeSet<String>) -> bool {
        match table {
            Some(table) => {
                self.schema(at, table, hidden);
                true
            }
            None => is_any(self.draft.at(at)),
        }
    }

    fn list(
        &mut self,
        at: &Location,
        tables: &'static [SchemaRef],
        hidden: &BTreeSet<String>,
    ) -> bool {
        let members = self.draft.at(at).as_array().map(Vec::as_slice).unwrap_or_default();
        let is_null_alone = !at.actual.ends_with("/allOf");
        let members: Vec<usize> =
            (0..members.len()).filter(|n| !(is_null_alone && is_null(&members[*n]))).collect();
        if members.len() != tables.len() {
            return false;
        }
        for (n, table) in members.into_iter().zip(tables) {
            self.schema(&at.join(&n.to_string()), table, hidden);
        }
        true
    }

    fn named(
        &mut self,
        at: &Location,
        tables: &'static [(&'static str, SchemaRef)],
        hidden: &BTreeSet<String>,
    ) -> bool {
        for (name, member) in self.draft.at(at).as_object().into_iter().flatten() {
            if hidden.contains(name) || member[self.hidden_by] == true {
                continue;
            }
            let at = at.join(name);
            match tables.iter().find(|(known, _)| known == name) {
                Some((_, table)) => self.schema(&at, table, &BTreeSet::new()),
                None => self.draft.state(&at, None),
            }
        }
        true
    }

    /// Adds the names of the members that the other side writes, those of all parts of `allOf`.
    fn hidden_members(&self, place: &Location, found: &mut BTreeSet<String>) {
        let mut seen = BTreeSet::new();
        let mut ahead = vec![self.draft.at(place)];
        while let Some(schema) = ahead.pop() {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let hidden = properties.filter(|(_, property)| property[self.hidden_by] == true);
            found.extend(hidden.map(|(name, _)| name.clone()));
            if let Some(target) = schema["$ref"].as_str().and_then(pointer)
                && seen.insert(target)
            {
                ahead.extend(self.draft.source.pointer(target));
            }
            ahead.extend(schema["allOf"].as_array().into_iter().flatten());
        }
    }
}

/// The keywords that have one value, as a table has them.
fn claims(table: &Constraints) -> [(&'static str, Option<Value>); 10] {
    let number = |value: Option<usize>| value.map(|value| json!(value));
    [
        ("minLength", number(table.min_length)),
        ("maxLength", number(table.max_length)),
        ("minItems", number(table.min_items)),
        ("maxItems", number(table.max_items)),
        ("minProperties", number(table.min_properties)),
        ("maxProperties", number(table.max_properties)),
        ("pattern", table.pattern.map(|pattern| json!(pattern))),
        ("multipleOf", table.multiple_of.map(|step| json!(step))),
        ("uniqueItems", table.unique_items.then_some(json!(true))),
        ("never", table.never.then_some(json!(true))),
    ]
}

/// Whether the two keywords of a bound, in either version's form, say the same as a table.
pub fn is_bound(
    object: &Map<String, Value>,
    keyword: &str,
    exclusive: &str,
    held: Option<&Bound>,
) -> bool {
    let inclusive = object.get(keyword).and_then(Value::as_f64);
    let stated = match object.get(exclusive) {
        Some(Value::Bool(is_exclusive)) => inclusive.map(|value| (value, *is_exclusive)),
        Some(Value::Number(other)) => {
            let other = other.as_f64().unwrap_or_default();
            let is_stricter = inclusive.is_none_or(|value| match keyword {
                "minimum" => other >= value,
                _ => other <= value,
            });
            if is_stricter { Some((other, true)) } else { inclusive.map(|value| (value, false)) }
        }
        _ => inclusive.map(|value| (value, false)),
    };
    stated == held.map(|bound| (bound.value, bound.exclusive))
}

/// A schema that every value meets.
pub fn is_any(schema: &Value) -> bool {
    schema == true || schema.as_object().is_some_and(|all| all.keys().all(|key| is_hint(key)))
}

/// Whether a value of a schema may be of one of these types.
pub fn may_be(schema: &Value, kinds: &[&str]) -> bool {
    match &schema["type"] {
        Value::Array(several) => several.iter().any(|one| kinds.iter().any(|kind| one == kind)),
        only => only.is_null() || kinds.iter().any(|kind| only == kind),
    }
}

/// The pattern that the generator makes of choices whose Rust names clash, as `-+1` and `--1`.
pub fn pattern_of(choices: Option<&Value>) -> Option<String> {
    let texts: Option<Vec<&str>> = choices?.as_array()?.iter().map(Value::as_str).collect();
    let mut seen = BTreeSet::new();
    let once = texts?.into_iter().filter(|text| seen.insert(*text));
    let escaped: Vec<String> = once.map(regex::escape).collect();
    Some(format!("^(?:{})$", escaped.join("|")))
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null" || schema["type"] == json!(["null"]) || schema["enum"] == json!([null])
}

fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::Null => "null",
        Type::Boolean => "boolean",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::String => "string",
        Type::Array => "array",
        Type::Object => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choice_patterns_match_those_of_the_generator() {
        let choices = json!(["reactions-+1", "reactions--1", "reactions-+1"]);
        let pattern = r"^(?:reactions\-\+1|reactions\-\-1)$";
        assert_eq!(pattern_of(Some(&choices)).as_deref(), Some(pattern));
        assert_eq!(pattern_of(Some(&json!([1]))), None);
    }
}
