//! Schemas: the keywords of 3.1 in those of 3.0, `allOf` merged into one object, and each keyword
//! that nothing enforces found.
//!
//! The result is a reference, a plain value, a list, an object, alternatives, or a schema that
//! takes anything. No such schema refers to itself without an object, a list or an alternative
//! between.

use std::collections::BTreeSet;

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use super::merge::keep_other_members;
use super::{Checked, Lower, MAX_MERGED, MAX_SCHEMAS, MAX_TEXT, component_name};
use crate::given::RUST_TYPE;
use crate::names::clean;
use crate::patterns::is_regular;
use crate::read::escape;
use crate::schema::KEYWORDS;

/// Keywords that say nothing about which values are valid.
const ANNOTATIONS: [&str; 16] = [
    "example",
    "examples",
    "xml",
    "$comment",
    "$id",
    "$schema",
    "$anchor",
    "$defs",
    "definitions",
    "discriminator",
    "contentMediaType",
    "contentEncoding",
    "externalDocs",
    "$dynamicAnchor",
    "$vocabulary",
    "deprecated",
];

/// Keywords that the constraint table of a whole schema enforces, and no Rust type.
pub(super) const TABLE_ONLY: [&str; 17] = [
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "contains",
    "minContains",
    "maxContains",
    "prefixItems",
    "contentSchema",
];

/// Keywords that nothing enforces.
pub(super) const UNENFORCED: [&str; 5] =
    ["dependencies", "unevaluatedProperties", "unevaluatedItems", "additionalItems", "$dynamicRef"];

const NUMBER_BOUNDS: [&str; 2] = ["minimum", "maximum"];
pub(super) const LIST_BOUNDS: [&str; 2] = ["minItems", "maxItems"];

impl Lower<'_> {
    /// The schema without the type that it gives.
    pub(super) fn own_schema(&mut self, source: &Value, at: &str, checked: Checked) -> Value {
        if !self.count_schema() {
            return json!({});
        }
        let object = match source {
            Value::Bool(true) => return json!({}),
            Value::Bool(false) => return json!({}),
            Value::Object(object) => object,
            other => return other.clone(),
        };
        let description = object.get("description").and_then(Value::as_str);
        let example = object.get("example").map(Value::to_string).unwrap_or_default();
        if !self.count_text(description.unwrap_or_default()) || !self.count_text(&example) {
            return json!({});
        }
        let mut object = object.clone();
        object.remove(RUST_TYPE);
        keep_other_members(&mut object);
        if let Some(name) = object.get("$ref").and_then(Value::as_str).and_then(component_name) {
            let reference = json!({ "$ref": self.reference(&name) });
            object.remove("$ref");
            let says_more = |(key, value): (&String, &Value)| match key.as_str() {
                "readOnly" | "writeOnly" | "deprecated" => value == true,
                key => !is_annotation(key),
            };
            // OpenAPI 3.0 ignores keywords beside a reference.
            if self.is_3_0 || !object.iter().any(says_more) {
                return reference;
            }
            let all = object.entry("allOf").or_insert_with(|| json!([]));
            if let Some(all) = all.as_array_mut() {
                all.push(json!({ "$ref": format!("#/components/schemas/{}", escape(&name)) }));
            }
        }
        self.rewrite_types(&mut object);
        if let Some(alternatives) = several_types(&object) {
            return self.schema(&alternatives, at, checked);
        }
        if let Some(all) =
            object.get("allOf").and_then(Value::as_array).filter(|all| !all.is_empty()).cloned()
        {
            if let Some(kept) = self.lone_reference(&object, &all, at, checked) {
                return kept;
            }
            let mut components = BTreeSet::new();
            let merged = self.merged(object.clone(), &mut components);
            let is_cyclic = self.merging.iter().any(|outer| !outer.is_disjoint(&components));
            if is_cyclic || self.merging.len() >= MAX_MERGED {
                let first = all.iter().find_map(|part| component_name(part.get("$ref")?.as_str()?));
                return first
                    .map_or_else(|| json!({}), |name| json!({ "$ref": self.reference(&name) }));
            }
            self.merging.push(components);
            object = merged;
            self.rewrite_types(&mut object);
            let merged = self.unmerged(object, at, checked);
            self.merging.pop();
            return merged;
        }
        self.unmerged(object, at, checked)
    }

    /// Counts a schema. `false` if there are too many.
    pub(super) fn count_schema(&mut self) -> bool {
        self.count_schemas(1)
    }

    pub(super) fn count_schemas(&mut self, count: usize) -> bool {
        self.schemas += count;
        self.limit().is_none()
    }

    /// Counts a description. `false` if there are too many.
    pub(super) fn count_text(&mut self, text: &str) -> bool {
        self.text += text.len();
        self.limit().is_none()
    }

    /// The limit that the document exceeds.
    pub(super) fn limit(&self) -> Option<String> {
        if self.schemas > MAX_SCHEMAS {
            return Some(format!(
                "the document has more than {MAX_SCHEMAS} schemas and choices, counted again in \
                 each place where `allOf` merges them, enums fourfold: `--only` takes a part of it"
            ));
        }
        (self.text > MAX_TEXT).then(|| {
            format!(
                "the document has more than {} MB of descriptions and examples, counted in each \
                 place that refers to one: `--only` takes a part of it",
                MAX_TEXT >> 20
            )
        })
    }

    /// A schema without `allOf`.
    fn unmerged(&mut self, mut object: Map<String, Value>, at: &str, checked: Checked) -> Value {
        self.leave_out(&mut object, at, checked);
        if let Some(alternatives) = self.alternatives(&mut object, at, checked) {
            return alternatives;
        }
        self.choices(&mut object, at);
        self.bounds(&mut object, checked);
        self.inner(&mut object, at, checked);
        describe(&mut object);
        Value::Object(object)
    }

    fn reference(&self, name: &str) -> String {
        format!("#/components/schemas/{}", self.names.get(name).map_or(name, String::as_str))
    }

    /// A keyword that nothing enforces, which matters in requests alone.
    fn unchecked(&mut self, at: &str, reason: &str, checked: Checked) {
        if checked != Checked::Never {
            self.unenforced(at, reason);
        }
    }

    /// `type` and `const` as 3.0 has them.
    pub(super) fn rewrite_types(&self, object: &mut Map<String, Value>) {
        let types = object.get("type").and_then(Value::as_array);
        if let Some(types) = types.filter(|types| types.iter().all(Value::is_string)).cloned() {
            let named: Vec<&Value> = types.iter().filter(|kind| *kind != "null").collect();
            if named.len() < types.len() {
                object.insert("nullable".to_owned(), json!(true));
            }
            match named.as_slice() {
                [] => object.remove("type"),
                [only] => object.insert("type".to_owned(), (*only).clone()),
                several => object.insert("type".to_owned(), json!(several)),
            };
        }
        if object.get("type").is_some_and(|kind| kind == "null") {
            object.remove("type");
            object.insert("nullable".to_owned(), json!(true));
        }
        if let Some(value) = object.remove("const") {
            object.entry("enum").or_insert_with(|| json!([value]));
        }
        for (exclusive, bound, is_lower) in
            [("exclusiveMinimum", "minimum", true), ("exclusiveMaximum", "maximum", false)]
        {
            let Some(limit) = object.get(exclusive).and_then(Value::as_f64) else { continue };
            let value = object.remove(exclusive).unwrap_or_default();
            let other = object.get(bound).and_then(Value::as_f64);
            let is_stricter =
                other.is_none_or(|other| if is_lower { limit >= other } else { limit <= other });
            if is_stricter {
                object.insert(bound.to_owned(), value);
                object.insert(exclusive.to_owned(), json!(true));
            }
        }
        if !object.contains_key("type") {
            let implied =
                [("properties", "object"), ("additionalProperties", "object"), ("items", "array")];
            let says = |keyword: &str| object.get(keyword).is_some_and(Value::is_object);
            let is_combined = ["allOf", "oneOf", "anyOf", "enum"]
                .iter()
                .any(|keyword| object.contains_key(*keyword));
            if let Some((_, kind)) =
                implied.iter().find(|(keyword, _)| says(keyword) && !is_combined)
            {
                object.insert("type".to_owned(), json!(kind));
            }
        }
    }

    /// `allOf` with one reference, by which keywords stand beside it.
    fn lone_reference(
        &mut self,
        object: &Map<String, Value>,
        all: &[Value],
        at: &str,
        checked: Checked,
    ) -> Option<Value> {
        let [only] = all else { return None };
        let name = only.get("$ref")?.as_str().and_then(component_name)?;
        let shapes =
            ["properties", "required", "additionalProperties", "oneOf", "anyOf", "enum", "items"];
        if shapes.iter().any(|keyword| object.contains_key(*keyword)) {
            return None;
        }
        let mut kept = object.clone();
        kept.remove("type");
        kept.insert("allOf".to_owned(), json!([{ "$ref": self.reference(&name) }]));
        self.leave_out(&mut kept, at, checked);
        self.bounds(&mut kept, checked);
        kept.remove("default");
        describe(&mut kept);
        Some(Value::Object(kept))
    }

    /// Takes out annotations and the keywords that nothing enforces.
    fn leave_out(&mut self, object: &mut Map<String, Value>, at: &str, checked: Checked) {
        for keyword in TABLE_ONLY {
            object.remove(keyword);
        }
        for keyword in UNENFORCED {
            // `check_keywords` reports it.
            object.remove(keyword);
        }
        if object.get("additionalProperties").is_some_and(|value| value == false) {
            object.remove("additionalProperties");
        }
        let unknown: Vec<String> = object.keys().filter(|key| !is_known(key)).cloned().collect();
        for keyword in unknown {
            let at = format!("{at}/{}", escape(&keyword));
            self.unchecked(&at, &not_a_keyword(&keyword), checked);
            object.remove(&keyword);
        }
        let kept = if self.is_3_0 {
            &["example", "externalDocs", "deprecated"][..]
        } else {
            &["deprecated"]
        };
        object
            .retain(|key, _| !ANNOTATIONS.contains(&key.as_str()) || kept.contains(&key.as_str()));
    }

    /// Takes out bounds that no row holds in this place, and patterns of another dialect, which
    /// `check_keywords` reports.
    fn bounds(&self, object: &mut Map<String, Value>, checked: Checked) {
        let pattern = object.get("pattern").and_then(Value::as_str);
        if pattern.is_some_and(|pattern| !is_regular(pattern)) {
            object.remove("pattern");
        }
        if checked == Checked::Type {
            let exclusive = ["exclusiveMinimum", "exclusiveMaximum", "pattern"];
            let held = NUMBER_BOUNDS.into_iter().chain(LIST_BOUNDS).chain(exclusive);
            held.for_each(|bound| drop(object.remove(bound)));
        }
    }

    fn inner(&mut self, object: &mut Map<String, Value>, at: &str, checked: Checked) {
        let kind = object.get("type").and_then(Value::as_str).map(str::to_owned);
        if let Some(kind) = &kind
            && !["string", "integer", "number", "boolean", "array", "object"]
                .contains(&kind.as_str())
        {
            object.remove("type");
            self.unchecked(
                &format!("{at}/type"),
                &format!("`{}` is no type: it is not enforced", clean(kind)),
                checked,
            );
        }
        // Without a type its values are any JSON, whose items the table alone holds.
        if kind.is_none() {
            object.remove("items");
        }
        if kind.as_deref() == Some("array") {
            let items = object.get("items").cloned().unwrap_or_else(|| json!({}));
            let inside = if items["type"] == "array" { inside(checked) } else { checked };
            object.insert("items".to_owned(), self.schema(&items, &format!("{at}/items"), inside));
        }
        // A keyword of another type says nothing of this one.
        let other: &[&str] = match kind.as_deref() {
            Some("array") => &[
                "properties",
                "required",
                "additionalProperties",
                "minLength",
                "maxLength",
                "pattern",
            ],
            Some("object") => &[
                "items",
                "minItems",
                "maxItems",
                "minLength",
                "maxLength",
                "pattern",
                "enum",
                "format",
            ],
            Some("string") => {
                &["items", "properties", "required", "additionalProperties", "minItems", "maxItems"]
            }
            Some("integer" | "number" | "boolean") => {
                &["items", "properties", "required", "additionalProperties"]
            }
            _ => &[],
        };
        object.retain(|keyword, _| !other.contains(&keyword.as_str()));
        if matches!(kind.as_deref(), Some("string" | "object" | "array" | "boolean")) {
            let numbers = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
            object.retain(|keyword, _| !numbers.contains(&keyword.as_str()));
        }
        if let Some(properties) = object.get("properties").and_then(Value::as_object).cloned() {
            self.chosen_fields(object, &properties, at);
            let mut lowered = Map::new();
            for (name, property) in &properties {
                let is_sent = property.get("readOnly") != Some(&json!(true));
                let checked = if is_sent { checked } else { Checked::Never };
                let at = format!("{at}/properties/{}", escape(name));
                lowered.insert(name.clone(), self.schema(property, &at, checked));
            }
            object.insert("properties".to_owned(), Value::Object(lowered));
        }
        if let Some(required) = object.get("required").and_then(Value::as_array).cloned()
            && required.iter().all(Value::is_string)
        {
            let properties = object.get("properties").and_then(Value::as_object);
            let known = |name: &Value| {
                properties.is_some_and(|all| all.contains_key(name.as_str().unwrap_or_default()))
            };
            let (kept, missing): (Vec<Value>, Vec<Value>) = required.into_iter().partition(known);
            if !missing.is_empty() {
                object.insert("required".to_owned(), Value::Array(kept));
            }
        }
        if object.get("required").is_some_and(Value::is_boolean) {
            // A habit of JSON Schema 3, which means nothing here.
            object.remove("required");
        }
        if let Some(values) =
            object.get("additionalProperties").filter(|values| values.is_object()).cloned()
        {
            let lowered =
                self.schema(&values, &format!("{at}/additionalProperties"), inside(checked));
            object.insert("additionalProperties".to_owned(), lowered);
        }
        let keep_default =
            object.get("default").is_none_or(|default| is_default_of(default, object));
        if !keep_default {
            object.remove("default");
        }
        if object.get("format").is_some_and(|format| !format.is_string()) {
            object.remove("format");
        }
        if object.get("nullable").is_some_and(|nullable| nullable == false) {
            object.remove("nullable");
        }
    }
}

/// How the members of an alternative or the values of a map are checked.
pub(super) fn inside(checked: Checked) -> Checked {
    if checked == Checked::Never { Checked::Never } else { Checked::Type }
}

/// Whether a keyword is one of a schema, in 3.0 or 3.1.
pub(super) fn is_known(keyword: &str) -> bool {
    is_annotation(keyword)
        || keyword == "const"
        || KEYWORDS.contains(&keyword)
        || TABLE_ONLY.contains(&keyword)
        || UNENFORCED.contains(&keyword)
}

pub(super) fn not_a_keyword(keyword: &str) -> String {
    format!("`{}` is no keyword of a schema", clean(keyword))
}

/// Whether a keyword constrains no value.
pub(super) fn is_annotation(keyword: &str) -> bool {
    ANNOTATIONS.contains(&keyword) || keyword.starts_with("x-") || is_text_of_humans(keyword)
}

fn is_text_of_humans(keyword: &str) -> bool {
    ["title", "description", "default", "summary"].contains(&keyword)
}

/// Texts of humans, in characters that a comment can hold.
pub(super) fn describe(object: &mut Map<String, Value>) {
    for key in ["title", "description"] {
        match object.get(key) {
            Some(Value::String(text)) => {
                let text = clean(text);
                object.insert(key.to_owned(), json!(text));
            }
            Some(_) => drop(object.remove(key)),
            None => {}
        }
    }
    if object
        .get("title")
        .is_some_and(|title| title.as_str().is_some_and(|t| t.to_pascal_case().is_empty()))
    {
        object.remove("title");
    }
}

/// One schema per type, where `type` lists several.
fn several_types(object: &Map<String, Value>) -> Option<Value> {
    let types =
        object.get("type")?.as_array().filter(|types| types.iter().all(Value::is_string))?;
    let mut outer: Map<String, Value> = Map::new();
    let mut inner = object.clone();
    for key in ["nullable", "readOnly", "writeOnly", "title", "description"] {
        outer.extend(inner.remove(key).map(|value| (key.to_owned(), value)));
    }
    inner.remove("default");
    let of_type = |kind: &Value| {
        let mut one = inner.clone();
        one.insert("type".to_owned(), kind.clone());
        Value::Object(one)
    };
    outer.insert("anyOf".to_owned(), types.iter().map(of_type).collect());
    Some(Value::Object(outer))
}

/// Whether a default is a value of its schema, as far as the generators look.
fn is_default_of(default: &Value, object: &Map<String, Value>) -> bool {
    if let Some(choices) = object.get("enum").and_then(Value::as_array) {
        return choices.contains(default);
    }
    let format = object.get("format").and_then(Value::as_str);
    match object.get("type").and_then(Value::as_str) {
        Some("string") => {
            default.is_string() && !matches!(format, Some(f) if f != "password" && f != "email")
        }
        Some("integer") => {
            default.is_i64()
                && object
                    .get("minimum")
                    .and_then(Value::as_f64)
                    .is_none_or(|min| default.as_f64().is_some_and(|default| default >= min))
        }
        Some("number") => default.is_number(),
        Some("boolean") => default.is_boolean(),
        Some("array") => default.as_array().is_some_and(Vec::is_empty),
        _ => false,
    }
}
