//! The canonical form of an OpenAPI document of version 3.0, 3.1 or 3.2. Documents with the same
//! meaning have equal canonical forms, whatever their version: see `schema` for the spellings of
//! schemas.
//!
//! It drops annotations and stated defaults, writes inherited parameters and security into the
//! operations, and sorts sets. Unknown keywords are kept unchanged, so the worst outcome is a false
//! difference. It never fails: a document that is not OpenAPI is copied.
//!
//! The rules are safe because they follow the structure of OpenAPI: [`field_shape`] gives the shape
//! of each keyword of each object. `description` is an annotation only where it is such a keyword,
//! and an ordinary name among names chosen by the author: properties, schemas, paths, media types,
//! headers, scopes, mappings.
//!
//! The canonical form deviates from OpenAPI in three ways: each operation states its `security`,
//! `tags` and `parameters`; `parameters` is an object keyed by `in:name`; `scopes` is a list of
//! names.

mod schema;
mod structure;

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value, json};

use structure::is_default;
pub(crate) use structure::{FieldShape, ObjectKind, field_shape, is_method};

/// Brings a document to its canonical form.
pub fn canonical(document: &Value) -> Value {
    canonical_with(document, false)
}

/// With `deep`, schemas of the same meaning that one version spells in several ways are equal too.
pub(crate) fn canonical_with(document: &Value, deep: bool) -> Value {
    let version = document["openapi"].as_str().unwrap_or_default();
    let ref_siblings = !version.is_empty() && version != "3.0" && !version.starts_with("3.0.");
    Visitor { document, ref_siblings, deep }.place(FieldShape::One(ObjectKind::Document), document)
}

/// The canonical forms of two documents. Header names have no case (RFC 9110, section 5.1): both
/// documents get the spelling that comes first.
pub(crate) fn canonical_pair(old: &Value, new: &Value, deep: bool) -> (Value, Value) {
    let (mut old, mut new) = (canonical_with(old, deep), canonical_with(new, deep));
    let mut spellings = BTreeMap::new();
    let mut differs = false;
    for side in [&old, &new] {
        header_names(side, &mut |name| {
            let first = spellings.entry(name.to_ascii_lowercase()).or_insert(name.to_owned());
            differs |= first != name;
        });
    }
    if differs {
        respell_headers(&mut old, &spellings);
        respell_headers(&mut new, &spellings);
    }
    (old, new)
}

/// The maps whose keys are header names: the entries of canonical `parameters` are keyed by
/// `in:name`, those of `headers` by name. A component has a name of its own, with case.
fn is_keyed_by_header(parent: &str, key: &str) -> bool {
    parent != "components" && matches!(key, "parameters" | "headers")
}

fn header_names(value: &Value, found: &mut impl FnMut(&str)) {
    header_names_below("", value, found);
}

fn header_names_below(parent: &str, value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if let (true, Value::Object(all)) = (is_keyed_by_header(parent, key), value) {
                    let prefix = if key == "parameters" { "header:" } else { "" };
                    all.keys().filter_map(|name| name.strip_prefix(prefix)).for_each(&mut *found);
                }
                header_names_below(key, value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| header_names_below("", item, found)),
        _ => {}
    }
}

fn respell_headers(value: &mut Value, spellings: &BTreeMap<String, String>) {
    respell_headers_below("", value, spellings);
}

fn respell_headers_below(parent: &str, value: &mut Value, spellings: &BTreeMap<String, String>) {
    let Value::Object(members) = value else {
        value
            .as_array_mut()
            .into_iter()
            .flatten()
            .for_each(|item| respell_headers_below("", item, spellings));
        return;
    };
    let spelling =
        |name: &str| spellings.get(&name.to_ascii_lowercase()).filter(|spelling| *spelling != name);
    for (key, value) in members.iter_mut() {
        if let (true, Value::Object(all)) = (is_keyed_by_header(parent, key), &mut *value) {
            let prefix = if key == "parameters" { "header:" } else { "" };
            let renamed: Vec<(String, String)> = all
                .keys()
                .filter_map(|name| {
                    Some((name.clone(), spelling(name.strip_prefix(prefix)?)?.clone()))
                })
                .filter(|(_, spelling)| !all.contains_key(&format!("{prefix}{spelling}")))
                .collect();
            for (name, spelling) in renamed {
                let Some(mut entry) = all.remove(&name) else { continue };
                if prefix == "header:" && entry["name"].is_string() {
                    entry["name"] = spelling.as_str().into();
                }
                all.insert(format!("{prefix}{spelling}"), entry);
            }
        }
        respell_headers_below(key, value, spellings);
    }
    let sorted = std::mem::take(members);
    *members = sorted.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
}

/// Visits one document. Holds it for references and for inherited security.
struct Visitor<'a> {
    document: &'a Value,
    /// Whether the keywords beside a schema's `$ref` count: from 3.1 on.
    ref_siblings: bool,
    deep: bool,
}

impl Visitor<'_> {
    fn place(&self, place: FieldShape, value: &Value) -> Value {
        match (place, value) {
            (FieldShape::One(kind), Value::Object(object)) => self.object(kind, object),
            (FieldShape::One(ObjectKind::Schema), Value::Bool(true)) => json!({}),
            (FieldShape::One(ObjectKind::Schema), Value::Bool(false)) => json!({ "not": {} }),
            (FieldShape::Map(ObjectKind::MediaType), Value::Object(map)) => self.media_types(map),
            (FieldShape::List(kind), Value::Array(items)) => self.items(kind, items).into(),
            (FieldShape::Set(kind), Value::Array(items)) => {
                let mut items = sorted(self.items(kind, items));
                items.dedup();
                items.into()
            }
            (FieldShape::Bag(kind), Value::Array(items)) => sorted(self.items(kind, items)).into(),
            (FieldShape::Map(kind), Value::Object(map)) => object(
                map.iter()
                    .map(|(name, value)| (name.clone(), self.place(FieldShape::One(kind), value))),
            ),
            (FieldShape::Parameters, Value::Array(items)) => self.parameters(items),
            (FieldShape::Names, Value::Object(map)) => {
                sorted(map.keys().map(|name| json!(name)).collect()).into()
            }
            (_, other) => data(other),
        }
    }

    fn items(&self, kind: ObjectKind, items: &[Value]) -> Vec<Value> {
        items.iter().map(|item| self.place(FieldShape::One(kind), item)).collect()
    }

    /// Media types without regard to case, white space and the character set that is the default.
    fn media_types(&self, map: &Map<String, Value>) -> Value {
        let mut keyed = BTreeMap::new();
        for (name, value) in map {
            let normal = media_type(name);
            // Two spellings of one media type are both kept.
            let taken =
                keyed.contains_key(&normal) || (normal != *name && map.contains_key(&normal));
            let key = if taken { name.clone() } else { normal };
            keyed.insert(key, self.place(FieldShape::One(ObjectKind::MediaType), value));
        }
        object(keyed)
    }

    fn object(&self, kind: ObjectKind, fields: &Map<String, Value>) -> Value {
        match (kind, fields.get("$ref")) {
            (ObjectKind::Data, _) => {
                object(fields.iter().map(|(key, value)| (key.clone(), data(value))))
            }
            (ObjectKind::PathItem, _) => self.fields(kind, &self.path_item(fields)),
            (ObjectKind::Schema, Some(Value::String(reference)))
                if self.ref_siblings && fields.len() > 1 =>
            {
                let mut fields = fields.clone();
                fields.remove("$ref");
                let members = fields.entry("allOf").or_insert_with(|| json!([]));
                if let Value::Array(members) = members {
                    members.push(json!({ "$ref": reference }));
                }
                schema::normal(self.fields(kind, &fields), self.deep)
            }
            // A schema is called by its name without a mapping.
            (ObjectKind::Discriminator, _) => {
                let mut fields = fields.clone();
                if let Some(Value::Object(mapping)) = fields.get_mut("mapping") {
                    mapping.retain(|name, to| *to != format!("#/components/schemas/{name}"));
                }
                self.fields(kind, &fields)
            }
            // OpenAPI 3.0 ignores the siblings of `$ref`.
            (_, Some(Value::String(reference))) => json!({ "$ref": reference }),
            (ObjectKind::Schema, _) => schema::normal(self.fields(kind, fields), self.deep),
            _ => self.fields(kind, fields),
        }
    }

    fn fields(&self, kind: ObjectKind, fields: &Map<String, Value>) -> Value {
        let fields = fields
            .iter()
            .filter_map(|(keyword, value)| match field_shape(kind, keyword) {
                FieldShape::Nothing => None,
                place => Some((keyword.clone(), self.place(place, value))),
            })
            .filter(|(keyword, value)| !is_default(kind, keyword, value));
        let mut fields: BTreeMap<String, Value> = fields.collect();
        drop_default_style(kind, &mut fields);
        object(fields)
    }

    /// Writes inherited content into the operations of a path item. They also state empty lists, so
    /// that a first element is reported as that element.
    fn path_item(&self, item: &Map<String, Value>) -> Map<String, Value> {
        let mut item = item.clone();
        let shared = match item.get("parameters") {
            Some(Value::Array(shared)) => shared.clone(),
            _ => Vec::new(),
        };
        // A reference may add operations that share them.
        if !shared.is_empty() && !item.contains_key("$ref") {
            item.remove("parameters");
        }
        let security = self.document.get("security").cloned();
        let security = security.unwrap_or_else(|| json!([]));
        // OpenAPI 3.2 lists other methods by themselves.
        if let Some(Value::Object(additional)) = item.get("additionalOperations").cloned()
            && additional.keys().all(|method| is_method(method) && !item.contains_key(method))
        {
            item.remove("additionalOperations");
            item.extend(additional);
        }
        for (keyword, operation) in &mut item {
            let Value::Object(operation) = operation else {
                continue;
            };
            if !is_method(keyword) {
                continue;
            }
            operation.entry("security").or_insert_with(|| security.clone());
            operation.entry("tags").or_insert_with(|| json!([]));
            let own = operation.entry("parameters").or_insert_with(|| json!([]));
            if let Value::Array(own) = own {
                let overridden: Vec<String> = own.iter().map(|p| self.parameter_key(p)).collect();
                let inherited =
                    shared.iter().filter(|p| !overridden.contains(&self.parameter_key(p)));
                own.extend(inherited.cloned());
            }
        }
        item
    }

    fn parameters(&self, items: &[Value]) -> Value {
        let mut keyed = BTreeMap::new();
        for parameter in self.items(ObjectKind::Parameter, items) {
            let mut key = self.parameter_key(&parameter);
            // Repeating a parameter is an error, but must not lose one here.
            while keyed.contains_key(&key) {
                key.push('\'');
            }
            keyed.insert(key, parameter);
        }
        object(keyed)
    }

    /// `in:name`, behind a reference if it resolves, else the parameter's own text.
    fn parameter_key(&self, parameter: &Value) -> String {
        let target = parameter
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.document.pointer(reference.strip_prefix('#')?))
            .unwrap_or(parameter);
        match (&target["in"], &target["name"]) {
            (Value::String(location), Value::String(name)) => format!("{location}:{name}"),
            _ => parameter.to_string(),
        }
    }
}

/// `Application/JSON; charset=UTF-8` is `application/json`: UTF-8 is the default.
fn media_type(name: &str) -> String {
    let mut parts = name.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let parameters = parts.filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
        Some((key, value)) => format!("{}={value}", key.trim_end().to_ascii_lowercase()),
        None => part.to_owned(),
    });
    let is_default = |part: &String| {
        let unquoted = part.replace('"', "").to_ascii_lowercase();
        unquoted == "charset=utf-8"
    };
    let parameters: Vec<String> = parameters.filter(|part| !is_default(part)).collect();
    [vec![essence], parameters].concat().join("; ")
}

/// Drops `style` and `explode` where they are the default, which depends on the location and on
/// `style`.
fn drop_default_style(kind: ObjectKind, fields: &mut BTreeMap<String, Value>) {
    let default_style = match (kind, fields.get("in").and_then(Value::as_str)) {
        (ObjectKind::Parameter, Some("path" | "header")) | (ObjectKind::Header, _) => "simple",
        (ObjectKind::Parameter | ObjectKind::Encoding, _) => "form",
        _ => return,
    };
    let style = fields.get("style").cloned();
    let style = style.unwrap_or_else(|| json!(default_style));
    if fields.get("explode") == Some(&json!(style == json!("form"))) {
        fields.remove("explode");
    }
    if style == json!(default_style) {
        fields.remove("style");
    }
}

/// A value without keywords. Settles only the order of keys and the spelling of integers (1.0 for
/// 1).
fn data(value: &Value) -> Value {
    match value {
        Value::Object(map) => object(map.iter().map(|(key, value)| (key.clone(), data(value)))),
        Value::Array(items) => items.iter().map(data).collect(),
        Value::Number(number) => Value::Number(integer(number).unwrap_or_else(|| number.clone())),
        other => other.clone(),
    }
}

/// The integer equal to a floating-point number, where it is exact.
fn integer(number: &Number) -> Option<Number> {
    let exact = (1_u64 << 53) as f64;
    let float = number.as_f64().filter(|_| number.is_f64())?;
    (float.fract() == 0.0 && float.abs() <= exact).then(|| Number::from(float as i64))
}

/// An object with sorted keys, with or without `serde_json`'s `preserve_order`.
fn object(entries: impl IntoIterator<Item = (String, Value)>) -> Value {
    let entries: BTreeMap<String, Value> = entries.into_iter().collect();
    Value::Object(entries.into_iter().collect())
}

fn sorted(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_cached_key(Value::to_string);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(document: Value) -> Value {
        canonical(&document)["paths"]["/a/"]["get"].clone()
    }

    fn schema(schema: Value) -> Value {
        let document = json!({"components": {"schemas": {"A": schema}}});
        canonical(&document)["components"]["schemas"]["A"].clone()
    }

    #[test]
    fn an_operation_without_security_takes_that_of_the_document() {
        let with = |own: Value| {
            operation(json!({"security": [{"k": []}], "paths": {"/a/": {"get": own}}}))
        };
        assert_eq!(with(json!({}))["security"], json!([{"k": []}]));
        assert_eq!(with(json!({"security": []}))["security"], json!([]));
        assert_eq!(with(json!({"security": [{"b": []}, {}]}))["security"], json!([{"b": []}, {}]));
    }

    #[test]
    fn security_has_no_order_and_no_repetition() {
        let one = json!([{"b": [], "a": ["y", "x", "y"]}, {}, {"c": []}, {}]);
        let document = json!({"paths": {"/a/": {"get": {"security": one}}}});
        let expected = json!([{"a": ["x", "y"], "b": []}, {"c": []}, {}]);
        assert_eq!(operation(document)["security"], expected);
    }

    #[test]
    fn an_operation_inherits_the_parameters_it_does_not_override() {
        let document = json!({
            "components": {"parameters": {"Limit": {"in": "query", "name": "limit"}}},
            "paths": {"/a/": {
                "parameters": [
                    {"in": "path", "name": "id", "required": true},
                    {"in": "query", "name": "limit", "required": true},
                ],
                "get": {"parameters": [
                    {"$ref": "#/components/parameters/Limit", "description": "ignored"},
                    {"in": "header", "name": "id"},
                ]},
            }},
        });
        assert_eq!(canonical(&document)["paths"]["/a/"].get("parameters"), None);
        assert_eq!(
            operation(document)["parameters"],
            json!({
                "header:id": {"in": "header", "name": "id"},
                "path:id": {"in": "path", "name": "id", "required": true},
                "query:limit": {"$ref": "#/components/parameters/Limit"},
            })
        );
    }

    #[test]
    fn no_parameter_is_lost() {
        let twice = json!([{"in": "query", "name": "a"}, {"in": "query", "name": "a", "required": true}, 7, {}]);
        let document = json!({"paths": {"/a/": {"get": {"parameters": twice}}}});
        let parameters = operation(document)["parameters"].clone();
        assert_eq!(parameters.as_object().map(Map::len), Some(4));
    }

    #[test]
    fn style_and_explode_are_dropped_only_where_they_are_the_default() {
        let parameter = |parameter: Value| {
            let document = json!({"components": {"parameters": {"A": parameter}}});
            canonical(&document)["components"]["parameters"]["A"].clone()
        };
        for location in ["query", "cookie"] {
            let plain = json!({"in": location});
            assert_eq!(parameter(json!({"in": location, "style": "form", "explode": true})), plain);
            assert_ne!(parameter(json!({"in": location, "explode": false})), plain);
        }
        for location in ["path", "header"] {
            let plain = json!({"in": location});
            assert_eq!(
                parameter(json!({"in": location, "style": "simple", "explode": false})),
                plain
            );
            assert_ne!(parameter(json!({"in": location, "explode": true})), plain);
        }
        let delimited = json!({"in": "query", "style": "pipeDelimited"});
        let stated = json!({"in": "query", "style": "pipeDelimited", "explode": false});
        assert_eq!(parameter(stated), delimited);
    }

    #[test]
    fn keywords_that_annotate_go_and_properties_of_that_name_stay() {
        let names = json!({
            "description": {}, "summary": {}, "example": {}, "examples": {}, "externalDocs": {},
            "title": {}, "default": {}, "$ref": {"type": "string"}, "x-foo": {}, "required": {},
        });
        let mut annotated = names.clone();
        annotated["title"] = json!({"description": "d", "example": 1, "x-a": 1, "nullable": false});
        assert_eq!(
            schema(json!({"description": "d", "x-foo": 1, "properties": annotated})),
            json!({"properties": names})
        );
    }

    #[test]
    fn data_is_left_alone() {
        let value = json!({"default": {"description": "d", "x-a": 1, "required": ["b", "a"]}});
        assert_eq!(schema(value.clone()), value);
        let discriminator = json!({"discriminator": {"propertyName": "t", "mapping": {"x-a": "#/a", "description": "#/b"}}});
        assert_eq!(schema(discriminator.clone()), discriminator);
    }

    #[test]
    fn a_reference_stands_alone() {
        assert_eq!(
            schema(json!({"$ref": "#/a", "nullable": true, "title": "t"})),
            json!({"$ref": "#/a"})
        );
    }

    #[test]
    fn what_states_a_default_goes() {
        let explicit = json!({
            "nullable": false, "readOnly": false, "writeOnly": false, "deprecated": false, "uniqueItems": false,
            "exclusiveMinimum": false, "exclusiveMaximum": false, "minLength": 0, "minItems": 0.0,
            "minProperties": 0, "required": [], "additionalProperties": {"description": "any"}, "properties": {},
        });
        assert_eq!(schema(explicit), json!({}));
        assert_eq!(schema(json!({"additionalProperties": true})), json!({}));
        let closed = json!({"additionalProperties": false});
        assert_eq!(schema(closed.clone()), closed);
    }

    #[test]
    fn a_number_has_one_form() {
        assert_eq!(schema(json!({"maximum": 1.0})), json!({"maximum": 1}));
        assert_eq!(schema(json!({"maximum": 1.5})), json!({"maximum": 1.5}));
        assert_eq!(schema(json!({"maximum": 1e300})), json!({"maximum": 1e300}));
    }

    #[test]
    fn scopes_are_names_and_their_descriptions_are_not_compared() {
        let scheme = json!({"type": "oauth2", "description": "d", "flows": {"implicit": {"scopes": {"w": "Write", "r": "Read"}}}});
        let document = json!({"components": {"securitySchemes": {"x-o": scheme}}});
        assert_eq!(
            canonical(&document)["components"]["securitySchemes"]["x-o"],
            json!({"type": "oauth2", "flows": {"implicit": {"scopes": ["r", "w"]}}})
        );
    }

    #[test]
    fn only_repetition_in_one_of_has_meaning() {
        let twice = json!([{"type": "string"}, {"type": "integer"}, {"type": "string"}]);
        let all = schema(json!({"allOf": twice, "oneOf": twice}));
        assert_eq!(all["allOf"].as_array().map(Vec::len), Some(2));
        assert_eq!(all["oneOf"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn the_normal_form_of_a_document_that_is_none_is_a_copy() {
        for garbage in
            [json!(null), json!([1, "a"]), json!("a"), json!({"paths": [], "components": "c"})]
        {
            assert_eq!(canonical(&garbage), garbage);
        }
    }
}
