//! The schema of a request's object against the rows that the runtime reads, where those and the
//! Rust types enforce all of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::location::{Draft, Location, pointer};
use super::tables::{is_bound, may_be, pattern_of};
use crate::fields::{Kind, Property};
use crate::formats::TextFormat;

/// Compares objects with their rows.
pub struct Rows<'d, 'a> {
    draft: &'d mut Draft<'a>,
    seen: BTreeSet<Location>,
    /// Members without a row: the files of a form.
    files: BTreeSet<String>,
}

impl<'d, 'a> Rows<'d, 'a> {
    pub fn new(draft: &'d mut Draft<'a>, files: BTreeSet<String>) -> Rows<'d, 'a> {
        Rows { draft, seen: BTreeSet::new(), files }
    }

    /// An object and its members.
    pub fn object(&mut self, place: &Location, rows: &'static [Property]) {
        let place = self.places(place).pop().unwrap_or_else(|| place.clone());
        if self.draft.at(&place).get("$ref").is_some() {
            return self.draft.state(&place.join("$ref"), None);
        }
        if !self.seen.insert(place.clone()) {
            return;
        }
        let schema = self.draft.at(&place);
        if schema.get("type").is_some_and(|kind| kind != "object") {
            self.draft.state(&place.join("type"), Some(json!("object")));
        }
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            if member["readOnly"] == true || self.files.contains(name) {
                continue;
            }
            let at = place.join("properties").join(name);
            let Some(row) = rows.iter().find(|row| row.name == name) else {
                self.draft.state(&at, None);
                continue;
            };
            if row.required != required.contains(&json!(name)) {
                let names = rows.iter().filter(|row| row.required).map(|row| row.name);
                self.draft.state(&place.join("required"), Some(names.collect()));
            }
            self.member(&at, row);
        }
    }

    fn member(&mut self, at: &Location, row: &'static Property) {
        let mut places = self.places(at);
        let Some(last) = places.last().cloned() else { return };
        // A reference that leads nowhere.
        if self.draft.at(&last).get("$ref").is_some() {
            return self.draft.state(&last.join("$ref"), None);
        }
        let is_array = self.draft.at(&last)["type"] == "array";
        let number = |value: Option<usize>| value.map(|value| json!(value));
        if is_array {
            self.keyword(&places, "minItems", number(row.min_items));
            self.keyword(&places, "maxItems", number(row.max_items));
            places = self.places(&last.join("items"));
        }
        let is_nullable = |place: &Location| {
            let schema = self.draft.at(place);
            let types = schema["type"].as_array();
            schema["nullable"] == true || types.is_some_and(|all| all.contains(&json!("null")))
        };
        let all = self.places(at);
        if is_nullable(at) && !row.nullable || row.nullable && !all.iter().any(is_nullable) {
            self.draft.state(&at.join("nullable"), Some(json!(row.nullable)));
        }
        // A keyword of another type says nothing.
        let end = places.last().map_or(&Value::Null, |last| self.draft.at(last));
        let is_number = may_be(end, &["integer", "number"]);
        if may_be(end, &["string"]) {
            self.keyword(&places, "minLength", number(row.min_length));
            self.keyword(&places, "maxLength", number(row.max_length));
            // Choices whose Rust names clash are a pattern in the row.
            let mut choices = places.iter().map(|place| self.draft.at(place).get("enum"));
            if row.pattern.is_none()
                || !choices.any(|all| pattern_of(all).as_deref() == row.pattern)
            {
                self.keyword(&places, "pattern", row.pattern.map(|pattern| json!(pattern)));
            }
        }
        let bounds = [
            ("minimum", "exclusiveMinimum", &row.minimum),
            ("maximum", "exclusiveMaximum", &row.maximum),
        ];
        for (keyword, exclusive, bound) in bounds.into_iter().filter(|_| is_number) {
            let stated = places.iter().find(|place| {
                let schema = self.draft.at(place);
                schema.get(keyword).is_some() || schema[exclusive].is_number()
            });
            let Some(place) = stated.or(places.first()).cloned() else { continue };
            if let Some(schema) = self.draft.at(&place).as_object()
                && !is_bound(schema, keyword, exclusive, bound.as_ref())
            {
                self.draft.state(&place.join(keyword), bound.map(|bound| json!(bound.value)));
                self.draft.state(&place.join(exclusive), None);
            }
        }
        let Some(last) = places.last() else { return };
        let schema = self.draft.at(last);
        let is_held = |format: TextFormat| match format {
            TextFormat::Email => row.kind == Kind::Email,
            other => other.has_a_type(),
        };
        if TextFormat::of(schema).is_some_and(|format| !is_held(format)) {
            self.draft.state(&last.join("format"), None);
        }
        let kind = match row.kind {
            Kind::Text | Kind::Email | Kind::Uri => Some("string"),
            Kind::Integer => Some("integer"),
            Kind::Number => Some("number"),
            Kind::Boolean => Some("boolean"),
            Kind::Object | Kind::Any => None,
        };
        let is_of_kind = |kind: &str| match &schema["type"] {
            Value::Array(several) => several.contains(&json!(kind)),
            only => only == kind,
        };
        if let Some(kind) = kind.filter(|kind| !is_of_kind(kind)) {
            self.draft.state(&last.join("type"), Some(json!(kind)));
        }
        if let Some(members) = row.members {
            let last = last.clone();
            self.object(&last, members());
        }
    }

    /// States a keyword as a row has it. The first of the places that has it decides.
    fn keyword(&mut self, places: &[Location], keyword: &str, held: Option<Value>) {
        let stated = places.iter().find(|place| self.draft.at(place).get(keyword).is_some());
        let Some(place) = stated.or(places.first()) else { return };
        let value = self.draft.at(place).get(keyword);
        let is_same = match (value, &held) {
            (Some(value), Some(held)) => {
                value == held || value.as_f64().is_some_and(|n| Some(n) == held.as_f64())
            }
            (value, held) => value.is_none() && held.is_none(),
        };
        if !is_same {
            self.draft.state(&place.join(keyword), held);
        }
    }

    /// A schema, and those that it stands for: by reference, or as an `allOf` of one.
    fn places(&self, place: &Location) -> Vec<Location> {
        let mut places = vec![place.clone()];
        // More are a circle.
        while let Some(last) = places.last().filter(|_| places.len() < 64) {
            let schema = self.draft.at(last);
            let is_one = schema["allOf"].as_array().is_some_and(|all| all.len() == 1);
            match schema["$ref"].as_str().and_then(pointer) {
                Some(target) if self.draft.source.pointer(target).is_some() => {
                    places.push(Location::new(target));
                }
                Some(_) => break,
                None if is_one => places.push(last.join("allOf").join("0")),
                None => break,
            }
        }
        places
    }
}
