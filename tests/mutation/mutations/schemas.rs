//! Schemas, keyword by keyword.

use serde_json::{Value, json};

use super::*;

impl<'a> Visitor<'a> {
    pub(super) fn schema(&mut self, at: &At, schema: &'a Value, role: Role) {
        if self.reference(at, schema) {
            let (other, pointer) = (json!({"type": "string", "enum": [NEW]}), at.pointer.clone());
            self.add("reference replaced by another schema", at, vec![Put(pointer, other)]);
            return;
        }
        self.saw(Object::Schema, at);
        let kind = schema["type"].as_str().unwrap_or_default();
        let put = |visitor: &mut Self, kind, key: &str, value: Value| {
            visitor.put(kind, &at.member(key), value)
        };
        if kind.is_empty() {
            let composed = ["allOf", "anyOf", "oneOf", "not", "enum"]
                .iter()
                .any(|key| schema.get(*key).is_some());
            if !composed {
                put(self, "type added", "type", json!("string"));
            }
        } else {
            put(
                self,
                "type changed",
                "type",
                json!(if kind == "string" { "integer" } else { "string" }),
            );
            // Without a type, null is allowed with or without `nullable`: it goes as well.
            let limits = ["allOf", "anyOf", "oneOf", "not", "enum"];
            let is_limited = limits.iter().any(|key| schema.get(*key).is_some());
            let (own, null) = (at.member("type"), at.member("nullable"));
            match is_true(schema, "nullable") && !is_limited {
                true => {
                    let steps = vec![Take(own.pointer.clone())];
                    self.add_at("type removed", &[&own, &null], steps);
                }
                false => self.take("type removed", &own),
            }
        }
        let has_enum = schema.get("enum").is_some();
        let format = match kind {
            "string" if schema["format"] != "uuid" => "uuid",
            "string" => "email",
            "integer" if schema["format"] != "int32" => "int32",
            "integer" => "int64",
            "number" if schema["format"] != "float" => "float",
            "number" => "double",
            _ => "",
        };
        if !format.is_empty() && !has_enum {
            self.keyword(
                ["format added", "format changed", "format removed"],
                at,
                schema,
                "format",
                json!(format),
            );
        }
        let next = |key: &str, start: i64| json!(schema[key].as_i64().map_or(start, |old| old + 1));
        let mut bound = |kinds, key: &str, value: i64| {
            if !has_enum {
                self.keyword(kinds, at, schema, key, next(key, value));
            }
        };
        match kind {
            "string" => {
                bound(
                    ["maxLength added", "maxLength changed", "maxLength removed"],
                    "maxLength",
                    77,
                );
                bound(
                    ["minLength added", "minLength changed", "minLength removed"],
                    "minLength",
                    3,
                );
                if !has_enum {
                    let kinds = ["pattern added", "pattern changed", "pattern removed"];
                    self.keyword(kinds, at, schema, "pattern", json!("^mutant"));
                }
            }
            "integer" | "number" => {
                bound(["maximum added", "maximum changed", "maximum removed"], "maximum", 77);
                bound(["minimum added", "minimum changed", "minimum removed"], "minimum", -77);
                bound(
                    ["multipleOf added", "multipleOf changed", "multipleOf removed"],
                    "multipleOf",
                    7,
                );
                for (bound, exclusive) in
                    [("maximum", "exclusiveMaximum"), ("minimum", "exclusiveMinimum")]
                {
                    if schema.get(bound).is_some() {
                        self.flip("bound made exclusive", at, schema, exclusive);
                    }
                }
            }
            "array" => {
                bound(["maxItems added", "maxItems changed", "maxItems removed"], "maxItems", 77);
                bound(["minItems added", "minItems changed", "minItems removed"], "minItems", 1);
                self.flip("uniqueItems flipped", at, schema, "uniqueItems");
                if let Some(item) = schema.get("items") {
                    self.schema(&at.member("items"), item, Role::default());
                }
            }
            "object" => {
                bound(
                    ["maxProperties added", "maxProperties changed", "maxProperties removed"],
                    "maxProperties",
                    77,
                );
                bound(
                    ["minProperties added", "minProperties changed", "minProperties removed"],
                    "minProperties",
                    1,
                );
                self.additional_properties(at, schema);
            }
            _ => {}
        }
        self.properties(at, schema, kind);
        self.enumeration(at, schema, kind);
        let value = match kind {
            "string" if schema["default"] != NEW => json!(NEW),
            "integer" | "number" => next("default", 7),
            "boolean" => json!(schema["default"] != true),
            _ => Value::Null,
        };
        if !value.is_null() && role.may_default && !is_true(schema, "readOnly") {
            self.keyword(
                ["default added", "default changed", "default removed"],
                at,
                schema,
                "default",
                value,
            );
        }
        let takes_null = !has_enum || items(schema, "enum").contains(&Value::Null);
        if !kind.is_empty() && takes_null {
            self.flip("nullable flipped", at, schema, "nullable");
        }
        if role.is_property {
            for (key, other, flipped, swapped) in [
                ("readOnly", "writeOnly", "readOnly flipped", "readOnly becomes writeOnly"),
                ("writeOnly", "readOnly", "writeOnly flipped", "writeOnly becomes readOnly"),
            ] {
                if !is_true(schema, other) {
                    self.flip(flipped, at, schema, key);
                }
                if is_true(schema, key) {
                    let (old, new) = (at.member(key), at.member(other));
                    let steps =
                        vec![Take(old.pointer.clone()), Put(new.pointer.clone(), json!(true))];
                    self.add_at(swapped, &[&old, &new], steps);
                }
            }
        }
        self.flip("schema deprecated", at, schema, "deprecated");
        // Generators derive type names from it.
        let title = format!("{NEW} {}", schema["title"].as_str().unwrap_or_default());
        self.keyword(
            ["title added", "title changed", "title removed"],
            at,
            schema,
            "title",
            json!(title),
        );
        self.composition(at, schema);
        self.discriminator(at, schema);
        self.xml(at, schema);
    }

    pub(super) fn properties(&mut self, at: &At, schema: &'a Value, kind: &str) {
        let (all, required) = (at.member("properties"), at.member("required"));
        let names: Vec<&str> = items(schema, "required").iter().filter_map(Value::as_str).collect();
        if schema.get("required").is_some() {
            self.saw(Object::RepeatableSet, &required);
        }
        let require = |name: &str| match names.as_slice() {
            [] => Put(required.pointer.clone(), json!([name])),
            _ => Put(required.member("-").pointer, json!(name)),
        };
        if kind == "object" {
            let fresh = json!({"type": "string"});
            let step = match schema.get("properties") {
                None => Put(all.pointer.clone(), json!({NEW: fresh})),
                Some(_) => Put(all.member(NEW).pointer, fresh),
            };
            let there = all.member(NEW);
            self.add("property added", &there, vec![step.clone()]);
            self.add_at(
                "required property added",
                &[&there, &required.member(NEW)],
                vec![step, require(NEW)],
            );
        }
        for (name, property) in members(schema, "properties") {
            let there = all.member(name);
            let place = names.iter().position(|required| required == name);
            let listed = place.map(|n| required.element(n).pointer);
            let (flag, renamed) = (required.member(name), all.member(NEW));
            let (mut taken, mut moved) = (
                vec![Take(there.pointer.clone())],
                vec![Rename(there.pointer.clone(), NEW.into())],
            );
            match &listed {
                Some(listed) => {
                    taken.push(Take(listed.clone()));
                    moved.push(Put(listed.clone(), json!(NEW)));
                    self.add_at("property removed", &[&there, &flag], taken);
                    self.add_at(
                        "property renamed",
                        &[&there, &renamed, &flag, &required.member(NEW)],
                        moved,
                    );
                    self.add("property no longer required", &flag, vec![Take(listed.clone())]);
                }
                None => {
                    self.add("property removed", &there, taken);
                    self.add_at("property renamed", &[&there, &renamed], moved);
                    self.add("property made required", &flag, vec![require(name)]);
                }
            }
            self.schema(
                &there,
                property,
                Role { is_property: true, may_default: listed.is_none() },
            );
        }
    }

    pub(super) fn additional_properties(&mut self, at: &At, schema: &'a Value) {
        let there = at.member("additionalProperties");
        match schema.get("additionalProperties") {
            None | Some(Value::Bool(true)) => {
                self.put("object closed", &there, json!(false));
                self.put(
                    "additional properties described",
                    &there,
                    json!({"type": "string", "enum": [NEW]}),
                );
            }
            Some(Value::Bool(_)) => self.take("object opened", &there),
            Some(described) => {
                self.take("object opened", &there);
                self.put("object closed", &there, json!(false));
                self.schema(&there, described, Role::default());
            }
        }
    }

    pub(super) fn enumeration(&mut self, at: &At, schema: &'a Value, kind: &str) {
        let there = at.member("enum");
        let fresh = match kind {
            "string" => json!(NEW),
            "integer" | "number" => json!(77),
            _ => return,
        };
        match schema.get("enum").and_then(Value::as_array) {
            None => self.put("enum added", &there, json!([fresh])),
            Some(values) => {
                self.saw(Object::RepeatableSet, &there);
                self.take("enum removed", &there);
                self.add(
                    "enum value added",
                    &there,
                    vec![Put(there.member("-").pointer, fresh.clone())],
                );
                for n in 0..values.len() {
                    // An empty enum is invalid.
                    if values.len() > 1 {
                        self.take("enum value removed", &there.element(n));
                    }
                    self.put("enum value changed", &there.element(n), fresh.clone());
                }
            }
        }
    }

    pub(super) fn composition(&mut self, at: &At, schema: &'a Value) {
        let fresh = json!({"type": "object", "required": [NEW]});
        for (key, other) in [("allOf", "anyOf"), ("anyOf", "oneOf"), ("oneOf", "allOf")] {
            let there = at.member(key);
            let Some(parts) = schema.get(key).and_then(Value::as_array) else { continue };
            self.saw(if key == "oneOf" { Object::Set } else { Object::RepeatableSet }, &there);
            self.rename("composition changed", at, key, other);
            self.add(
                "composition part added",
                &there,
                vec![Put(there.member("-").pointer, fresh.clone())],
            );
            for (n, part) in parts.iter().enumerate() {
                if parts.len() > 1 {
                    self.take("composition part removed", &there.element(n));
                }
                self.schema(&there.element(n), part, Role::default());
            }
        }
        let there = at.member("not");
        match schema.get("not") {
            None if schema["type"] == "object" => self.put("exclusion added", &there, fresh),
            None => {}
            Some(excluded) => {
                self.take("exclusion removed", &there);
                self.schema(&there, excluded, Role::default());
            }
        }
    }

    pub(super) fn discriminator(&mut self, at: &At, schema: &'a Value) {
        let Some(said) = schema.get("discriminator") else { return };
        let there = at.member("discriminator");
        self.take("discriminator removed", &there);
        self.text("discriminator property changed", &there, said, "propertyName");
        let mapping = there.member("mapping");
        for (value, _) in members(said, "mapping") {
            self.take("discriminator value removed", &mapping.member(value));
            self.rename("discriminator value renamed", &mapping, value, NEW);
            self.put(
                "discriminator value mapped elsewhere",
                &mapping.member(value),
                json!("#/components/schemas/Mutant"),
            );
        }
    }

    pub(super) fn xml(&mut self, at: &At, schema: &'a Value) {
        if !self.document.to_string().contains("/xml\"") {
            return;
        }
        let there = at.member("xml");
        let Some(said) = schema.get("xml") else {
            return self.put("XML name added", &there, json!({"name": NEW}));
        };
        self.saw(Object::Xml, &there);
        self.keyword(
            ["XML name added", "XML name changed", "XML name removed"],
            &there,
            said,
            "name",
            json!(NEW),
        );
        self.flip("XML attribute flipped", &there, said, "attribute");
        if schema["type"] == "array" {
            self.flip("XML wrapped flipped", &there, said, "wrapped");
        }
    }
}
