//! Rewrites any OpenAPI 3.0, 3.1 or 3.2 document into the subset that [`super::document`] reads.
//!
//! The result has the same paths and operations. References to anything but schemas are written
//! out, 3.1's schemas have the keywords of 3.0, and each operation has a name. A keyword that the
//! generated code would not enforce on a request is refused, or with [`Mode::Lenient`] listed. All
//! refusals are found, not the first one alone.

mod choices;
mod chosen;
mod files;
mod keywords;
mod media;
mod merge;
mod operation;
mod parameters;
mod responses;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Item;
use super::constraints::PlainSchemas;
use super::names::{self, OperationNames, clean};
use super::openapi::METHODS;
use super::patterns;
use super::read::{component, escape, unescape};

/// The members of an OpenAPI document: any other one is listed.
const OF_DOCUMENT: [&str; 11] = [
    "openapi",
    "$self",
    "info",
    "jsonSchemaDialect",
    "servers",
    "paths",
    "webhooks",
    "components",
    "security",
    "tags",
    "externalDocs",
];

/// Most references that are followed in a row.
const MAX_REFERENCES: usize = 64;

const CIRCLE: &str = "this reference leads back to itself, or through many others";

/// Most schemas within each other that `allOf` merges.
const MAX_MERGED: usize = 8;

/// Most schemas of a document, counted where they are merged too. A document of 14 MB with 1,471
/// operations has 82,000; each becomes some ten lines, and takes up to 12 kB on the way.
const MAX_SCHEMAS: usize = 85_000;

/// The conversions of an enum, or of a type around another one, count as this many schemas.
const CONVERSIONS: usize = 3;

/// Most bytes of descriptions and examples, counted in each place that refers to one.
const MAX_TEXT: usize = 64 << 20;

/// The treatment of a part of the document that the generated code does not enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It is refused.
    #[default]
    Strict,
    /// It is left out and listed.
    Lenient,
}

/// A document in the subset, and the parts of the original that it left out.
pub struct Lowered {
    /// `None` if it is refused as a whole, or beyond a limit.
    pub document: Option<Value>,
    /// Names of component schemas, by their names in the document.
    pub names: BTreeMap<String, String>,
    pub unenforced: Vec<Item>,
    pub refused: Vec<Item>,
}

/// Whether and how a schema is checked in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Checked {
    /// Only in responses: the server writes it.
    Never,
    /// By its Rust type alone, as in an alternative or the values of a map.
    Type,
    /// By a row of a constraint table.
    Row,
}

pub fn lower(source: &Value, mode: Mode, crates: &[&str]) -> Lowered {
    let names = names::component_names(source);
    let mut lower = Lower {
        source,
        mode,
        crates,
        is_3_0: source["openapi"].as_str().is_none_or(|version| version.starts_with("3.0")),
        written: names.iter().map(|(old, new)| (new.clone(), old.clone())).collect(),
        names,
        reached: BTreeMap::new(),
        undefined_schemes: BTreeSet::new(),
        checked_keywords: BTreeSet::new(),
        plain: PlainSchemas::of_parameters(source),
        merging: Vec::new(),
        schemas: 0,
        text: 0,
        unenforced: Vec::new(),
        refused: Vec::new(),
    };
    if let Some(refused) = lower.refusal() {
        let (names, unenforced) = (lower.names, Vec::new());
        return Lowered { document: None, names, unenforced, refused: vec![refused] };
    }
    lower.reached = lower.find_reached();
    let mut document = Some(lower.document());
    // Behind a limit the rest is read as empty.
    if let Some(limit) = lower.limit() {
        lower.refused = vec![Item::new("", limit)];
        document = None;
    }
    let Lower { names, mut unenforced, mut refused, .. } = lower;
    let mut seen = BTreeSet::new();
    unenforced.retain(|item| seen.insert(item.clone()));
    seen.clear();
    refused.retain(|item| seen.insert(item.clone()));
    Lowered { document, names, unenforced, refused }
}

struct Lower<'a> {
    source: &'a Value,
    mode: Mode,
    /// Crates whose types are used, where a schema names one.
    crates: &'a [&'a str],
    is_3_0: bool,
    /// The names of component schemas, by their names in the document.
    names: BTreeMap<String, String>,
    /// The reverse.
    written: BTreeMap<String, String>,
    /// The component schemas that requests use.
    reached: BTreeMap<String, BTreeSet<Checked>>,
    undefined_schemes: BTreeSet<String>,
    /// Components whose keywords were reported, with whether a table alone is made of them.
    checked_keywords: BTreeSet<(String, bool)>,
    plain: PlainSchemas<'a>,
    /// Components merged into the schemas around the one that is read.
    merging: Vec<BTreeSet<String>>,
    /// Schemas so far.
    schemas: usize,
    /// Bytes of descriptions and examples so far.
    text: usize,
    unenforced: Vec<Item>,
    refused: Vec<Item>,
}

impl Lower<'_> {
    fn refuse(&mut self, at: &str, reason: &str) {
        self.refused.push(Item::new(at, reason));
    }

    /// A part that is left out, and whose absence changes no promise of the document.
    fn note(&mut self, at: &str, reason: &str) {
        self.unenforced.push(Item::new(at, reason));
    }

    /// Lists the members of an object that OpenAPI does not know: a wrong letter in `requestBody`
    /// loses the body.
    fn note_unknown(&mut self, object: &Map<String, Value>, known: &[&str], at: &str) {
        let is_unknown = |key: &&String| !known.contains(&key.as_str()) && !key.starts_with("x-");
        for key in object.keys().filter(is_unknown) {
            let reason = format!("`{}` is no member of OpenAPI here: it is left out", clean(key));
            self.note(&format!("{at}/{}", escape(key)), &reason);
        }
    }

    /// A part that the generated code does not enforce.
    fn unenforced(&mut self, at: &str, reason: &str) {
        match self.mode {
            Mode::Strict => self.refuse(at, reason),
            Mode::Lenient => self.note(at, reason),
        }
    }

    /// Why the document cannot be read at all.
    fn refusal(&self) -> Option<Item> {
        if let Some(at) = patterns::beyond_limit(self.source) {
            return Some(Item::new(at, patterns::limit()));
        }
        for section in ["parameters", "requestBodies", "responses", "headers"] {
            let mut components =
                self.source["components"][section].as_object().into_iter().flatten();
            let leads_nowhere =
                |component: &Value| self.follow(component, section).get("$ref").is_some();
            if let Some((name, _)) = components.find(|(_, component)| leads_nowhere(component)) {
                let path = format!("/components/{section}/{}", escape(name));
                return Some(Item::new(path, CIRCLE));
            }
        }
        None
    }

    /// The object behind a reference to `#/components/<section>/<name>`.
    fn follow<'v>(&'v self, mut value: &'v Value, section: &str) -> &'v Value {
        for _ in 0..MAX_REFERENCES {
            let prefix = format!("#/components/{section}/");
            let Some(name) =
                value["$ref"].as_str().and_then(|reference| reference.strip_prefix(&prefix))
            else {
                break;
            };
            match self.source.pointer(&format!("/components/{section}/{name}")) {
                Some(found) => value = found,
                None => break,
            }
        }
        value
    }

    fn document(&mut self) -> Value {
        let source = self.source;
        if let Some(all) = source.as_object() {
            self.note_unknown(all, &OF_DOCUMENT, "");
        }
        let mut document = Map::new();
        document.insert("openapi".to_owned(), json!("3.0.3"));
        let mut info = info(&source["info"]);
        for member in ["title", "version"] {
            if let Some(info) = info.as_object_mut().filter(|info| !info.contains_key(member)) {
                // OpenAPI requires it, though no request depends on it.
                info.insert(member.to_owned(), json!(""));
                self.note(&format!("/info/{member}"), "it is missing: an empty one stands for it");
            }
        }
        document.insert("info".to_owned(), info);
        if source
            .get("webhooks")
            .is_some_and(|hooks| hooks.as_object().is_none_or(|hooks| !hooks.is_empty()))
        {
            let reason = "`Sender` sends webhooks: nothing checks that the server asks it to";
            self.note("/webhooks", reason);
        }
        document.insert("paths".to_owned(), self.paths());
        if let Some(components) = source.get("components") {
            document.insert("components".to_owned(), self.components(components));
        }
        if let Some(requirements) =
            source.get("security").filter(|_| is_security_inherited(&document["paths"]))
        {
            let requirements = self.security(requirements, "/security");
            document.insert("security".to_owned(), requirements);
        }
        if !self.undefined_schemes.is_empty() {
            let components = document.entry("components").or_insert_with(|| json!({}));
            // Where either is no object, it is refused when the result is read.
            let schemes = components.as_object_mut().and_then(|components| {
                components.entry("securitySchemes").or_insert_with(|| json!({})).as_object_mut()
            });
            let undefined = std::mem::take(&mut self.undefined_schemes);
            if let Some(schemes) = schemes {
                schemes.extend(undefined.into_iter().map(|scheme| (scheme, json!({}))));
            }
        }
        Value::Object(document)
    }

    /// Security requirements. A scheme that the document does not define admits no caller that the
    /// server knows.
    fn security(&mut self, source: &Value, at: &str) -> Value {
        let Some(alternatives) = source.as_array() else { return source.clone() };
        let mut lowered = Vec::new();
        for (n, alternative) in alternatives.iter().enumerate() {
            let Some(schemes) = alternative.as_object() else {
                lowered.push(alternative.clone());
                continue;
            };
            let mut kept = Map::new();
            for (scheme, scopes) in schemes {
                let at = format!("{at}/{n}/{}", escape(scheme));
                let is_list = |scopes: &Vec<Value>| scopes.iter().all(Value::is_string);
                if !scopes.as_array().is_some_and(is_list) {
                    self.refuse(&at, "a list of scopes is needed here");
                }
                if self.source["components"]["securitySchemes"].get(scheme).is_none() {
                    self.unenforced(&at, "this is no security scheme of the document");
                    self.undefined_schemes.insert(scheme.clone());
                }
                kept.insert(scheme.clone(), scopes.clone());
            }
            lowered.push(Value::Object(kept));
        }
        Value::Array(lowered)
    }

    fn components(&mut self, components: &Value) -> Value {
        let Some(components) = components.as_object() else { return components.clone() };
        let mut lowered = Map::new();
        if let Some(schemas) = components.get("schemas") {
            let Some(schemas) = schemas.as_object() else {
                return Value::Object(components.clone());
            };
            let mut all = Map::new();
            for (name, schema) in schemas {
                let at = format!("/components/schemas/{}", escape(name));
                all.insert(
                    self.names.get(name).unwrap_or(name).clone(),
                    self.component(name, schema, &at),
                );
            }
            lowered.insert("schemas".to_owned(), Value::Object(all));
        }
        if let Some(schemes) = components.get("securitySchemes") {
            lowered.insert("securitySchemes".to_owned(), schemes.clone());
        }
        Value::Object(lowered)
    }

    fn component(&mut self, name: &str, schema: &Value, at: &str) -> Value {
        // A component that only leads back to itself says nothing.
        let mut seen = BTreeSet::from([name.to_owned()]);
        let mut target = schema;
        while let Some(next) = target["$ref"].as_str().and_then(component_name) {
            if !seen.insert(next.clone()) || seen.len() > MAX_REFERENCES {
                self.unenforced(at, CIRCLE);
                return json!({});
            }
            target = &self.source["components"]["schemas"][&next];
        }
        let checked = self.reached.get(name).cloned().unwrap_or_default();
        // Its rows hold what they can, wherever else a type alone stands for it.
        let checked = checked.into_iter().max().unwrap_or(Checked::Never);
        if !["properties", "enum", "$ref"].iter().any(|key| schema.get(*key).is_some()) {
            self.count_schemas(CONVERSIONS + 1);
        }
        self.note_chosen_name(name, schema, at);
        self.schema(schema, at, checked)
    }

    /// Lists a name that the document chooses and that cannot be had.
    fn note_chosen_name(&mut self, name: &str, schema: &Value, at: &str) {
        let Some(chosen) = schema.get(names::RUST_NAME) else { return };
        let given = names::type_name(self.names.get(name).map_or(name, String::as_str));
        if *chosen != *given {
            let reason = format!("`{}` cannot be had: the type is `{given}`", names::RUST_NAME);
            self.note(&format!("{at}/{}", names::RUST_NAME), &reason);
        }
    }

    /// The component schemas that requests use, and how they are checked there.
    fn find_reached(&self) -> BTreeMap<String, BTreeSet<Checked>> {
        let mut reached: BTreeMap<String, BTreeSet<Checked>> = BTreeMap::new();
        let mut ahead: Vec<(&Value, Checked)> = Vec::new();
        for item in self.source["paths"].as_object().into_iter().flatten().map(|(_, item)| item) {
            for operation in METHODS.iter().filter_map(|method| item.get(*method)) {
                let body = self.follow(&operation["requestBody"], "requestBodies");
                let content = body["content"].as_object().into_iter().flatten();
                ahead.extend(content.map(|(_, entry)| (&entry["schema"], Checked::Row)));
            }
        }
        while let Some((schema, checked)) = ahead.pop() {
            if let Some(name) = schema["$ref"].as_str().and_then(component_name)
                && reached.entry(name.clone()).or_default().insert(checked)
            {
                ahead.push((&self.source["components"]["schemas"][&name], checked));
            }
            let properties = schema["properties"].as_object().into_iter().flatten();
            let sent = properties.filter(|(_, property)| property["readOnly"] != json!(true));
            ahead.extend(sent.map(|(_, property)| (property, checked)));
            for keyword in ["allOf", "oneOf", "anyOf"] {
                let members = schema[keyword].as_array().map(Vec::as_slice).unwrap_or_default();
                // drf-spectacular's way to put keywords beside a reference.
                let is_alone = keyword == "allOf" || choices::are_one(members);
                let checked = if is_alone { checked } else { Checked::Type };
                ahead.extend(members.iter().map(|member| (member, checked)));
            }
            if let Some(items) = schema.get("items") {
                let checked = if items["type"] == "array" { Checked::Type } else { checked };
                ahead.push((items, checked));
            }
            if let Some(values) = schema.get("additionalProperties") {
                ahead.push((values, Checked::Type));
            }
        }
        reached
    }

    fn paths(&mut self) -> Value {
        let Some(paths) = self.source["paths"].as_object() else {
            return if self.source.get("paths").is_none() && !self.is_3_0 {
                json!({})
            } else {
                self.source["paths"].clone()
            };
        };
        let mut ids = OperationNames::new(paths);
        let mut lowered: Map<String, Value> = Map::new();
        for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
            let at = format!("/paths/{}", escape(path));
            let Some(item) = item.as_object() else {
                lowered.insert(path.clone(), item.clone());
                continue;
            };
            let Some(template) = names::path_template(path) else {
                self.unenforced(
                    &at,
                    "a path starts with a slash, and has no query, no fragment and closed braces",
                );
                continue;
            };
            let new = self.path_item(path, item, &template, &mut ids, &at);
            let known = lowered.entry(template.path.clone()).or_insert_with(|| json!({}));
            for (key, value) in new {
                if known.get(&key).is_some() {
                    self.refuse(
                        &at,
                        "another path differs from this one in the names of variables alone",
                    );
                } else if let Some(known) = known.as_object_mut() {
                    known.insert(key, value);
                }
            }
        }
        Value::Object(lowered)
    }
}

/// The name of the component schema that a reference leads to.
fn component_name(reference: &str) -> Option<String> {
    component(reference).map(unescape)
}

/// The members that the generated code shows.
fn info(info: &Value) -> Value {
    let Some(members) = info.as_object() else { return info.clone() };
    let kept = ["title", "description", "termsOfService", "version"];
    let kept = members.iter().filter(|(key, _)| kept.contains(&key.as_str()));
    let cleaned = kept.map(|(key, value)| match (key.as_str(), value) {
        (_, Value::String(text)) => (key.clone(), json!(clean(text))),
        // YAML reads an unquoted `1.0` or `1` as a number.
        ("version", Value::Number(number)) if number.is_f64() || number.is_u64() => {
            (key.clone(), json!(number.to_string()))
        }
        _ => (key.clone(), value.clone()),
    });
    Value::Object(cleaned.collect())
}

/// Whether an operation leaves its security to the document.
fn is_security_inherited(paths: &Value) -> bool {
    let items = paths.as_object().into_iter().flat_map(|paths| paths.values());
    let mut operations =
        items.flat_map(|item| METHODS.iter().filter_map(|method| item.get(*method)));
    operations.any(|operation| operation.get("security").is_none())
}
