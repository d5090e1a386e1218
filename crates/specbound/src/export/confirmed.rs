//! The export of any server with generated code: its source document, with each part stated as the
//! code has it.
//!
//! A part stays as the document spells it where the running code confirms it: operations, their
//! parameters, content types, responses and security by the registered signatures; schemas by the
//! tables that the runtime reads. Any other part is replaced by the code's own, or left out. The
//! parts that the generator lists as not enforced stay, and `x-not-enforced` names each of them.
//!
//! From the document alone come annotations, examples, `servers`, the definitions of security
//! schemes, and keywords that constrain no value, such as `default`.

use std::collections::{BTreeMap, BTreeSet};

use dropshot::{ApiDescription, ServerContext};
use serde_json::{Map, Value, json};

use super::location::{Draft, Location};
use super::rows::Rows;
use super::spelling::{base, held_as, template};
use super::tables::{Tables, is_any, may_be, pattern_of};
use super::{ExportError, registered};
use crate::Operation;
use crate::constraints::SchemaRef;
use crate::documented::{DocumentedResponses, EVENTS, JsonSchemas};
use crate::fields::Property;
use crate::files::FileRow;
use crate::formats::TextFormat;
use crate::routes::variables;

/// The tables of generated code.
#[derive(Debug, Clone, Copy)]
pub struct Enforced {
    /// By operation: its body.
    pub requests: &'static [(&'static str, RequestTables)],
    /// By operation: its responses.
    pub responses: DocumentedResponses,
    /// Parts of the document that the code does not enforce: pointer and reason.
    pub not_enforced: &'static [(&'static str, &'static str)],
}

/// The tables of a body that the runtime reads into a type.
#[derive(Debug, Clone, Copy)]
pub struct RequestTables {
    /// Content types.
    pub media_types: &'static [&'static str],
    /// The table of the whole schema, if rows and types do not enforce all of it.
    pub schema: Option<SchemaRef>,
    /// The rows of its members.
    pub rows: &'static [Property],
    /// The members that are files.
    pub files: &'static [FileRow],
}

/// Exports the document of a server: `api` is what it registers, `operations` and `enforced` are
/// generated, and `source` is the document that they were generated from.
///
/// # Errors
///
/// [`ExportError`] if the registered API yields no document.
pub fn confirmed<C: ServerContext>(
    api: &ApiDescription<C>,
    operations: &[Operation],
    enforced: &Enforced,
    source: &Value,
) -> Result<Value, ExportError> {
    let mut claims: BTreeMap<String, RegisteredOperation> = BTreeMap::new();
    for (route, _, operation) in registered(api, operations)? {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        claims.insert(id, RegisteredOperation { route, operation });
    }
    let listed = enforced.not_enforced.iter().map(|(pointer, _)| *pointer);
    let mut draft = Draft::new(source, listed);
    let mut found = BTreeSet::new();
    let top = Location::new("/paths");
    for (path, _) in source["paths"].as_object().into_iter().flatten() {
        let item = draft.follow(&top.join(path));
        for (method, _) in draft.at(&item).as_object().into_iter().flatten() {
            let at = item.join(method);
            match method.as_str() {
                "parameters" | "summary" | "description" => {}
                extension if extension.starts_with("x-") => {}
                "servers" | "$ref" => draft.state(&at, None),
                _ => {
                    let is_method = |row: &&Operation| row.method.eq_ignore_ascii_case(method);
                    // The generator renames variables that no Rust code can have.
                    let mut rows = operations.iter().filter(is_method);
                    let row = rows
                        .clone()
                        .find(|row| row.path == path)
                        .or_else(|| rows.find(|row| template(row.path) == template(path)));
                    match row.and_then(|row| Some((row, claims.get(row.id)?))) {
                        Some((row, claim)) => {
                            found.insert(row.id);
                            Confirmation { draft: &mut draft, row, claim, enforced, path }
                                .operation(&item, &at);
                        }
                        None => draft.state(&at, None),
                    }
                }
            }
        }
    }
    draft.require(&Location::new("/webhooks"), source.get("webhooks").is_none());
    let mut document = draft.finish();
    // Operations that the document does not have.
    for row in operations.iter().filter(|row| !found.contains(row.id)) {
        let claim = claims.get(row.id).map(|claim| claim.operation.clone());
        document["paths"][row.path][row.method.to_ascii_lowercase()] = claim.unwrap_or_default();
    }
    if !enforced.not_enforced.is_empty() {
        let item = |(at, reason): &(&str, &str)| json!({ "at": at, "reason": reason });
        document["x-not-enforced"] = enforced.not_enforced.iter().map(item).collect();
    }
    Ok(document)
}

/// An operation as it is registered.
struct RegisteredOperation {
    /// With the names of variables that the router has.
    route: String,
    operation: Value,
}

struct Confirmation<'d, 'a> {
    draft: &'d mut Draft<'a>,
    row: &'d Operation,
    claim: &'d RegisteredOperation,
    enforced: &'d Enforced,
    path: &'d str,
}

impl Confirmation<'_, '_> {
    fn operation(&mut self, item: &Location, at: &Location) {
        let source = self.draft.at(at);
        let claim = &self.claim.operation;
        if source.get("operationId").is_some_and(|id| id != self.row.id) {
            self.draft.state(&at.join("operationId"), Some(json!(self.row.id)));
        }
        let set = |value: &Value| -> BTreeSet<String> {
            value.as_array().into_iter().flatten().map(Value::to_string).collect()
        };
        if set(&source["tags"]) != set(&claim["tags"]) {
            self.draft.state(&at.join("tags"), claim.get("tags").cloned());
        }
        if (source["deprecated"] == true) != (claim["deprecated"] == true) {
            self.draft.state(&at.join("deprecated"), claim.get("deprecated").cloned());
        }
        for keyword in ["callbacks", "servers"] {
            self.draft.require(&at.join(keyword), source.get(keyword).is_none());
        }
        let own = source.get("security");
        let stated = own.or_else(|| self.draft.source.get("security")).unwrap_or(&Value::Null);
        if alternatives(stated) != alternatives(&claim["security"]) {
            self.draft.state(&at.join("security"), Some(claim["security"].clone()));
        }
        self.parameters(item, at);
        self.body(at);
        self.responses(at);
    }

    fn parameters(&mut self, item: &Location, at: &Location) {
        let registered = self.claim.operation["parameters"].as_array();
        let registered = registered.map(Vec::as_slice).unwrap_or_default();
        let mut confirmed = vec![false; registered.len()];
        for list in [item.join("parameters"), at.join("parameters")] {
            let count = self.draft.at(&list).as_array().map_or(0, Vec::len);
            for n in 0..count {
                let place = self.draft.follow(&list.join(&n.to_string()));
                let stated = self.draft.at(&place);
                let name = self.registered_name(stated);
                let is_same = |claim: &&Value| {
                    claim["in"] == stated["in"] && name.is_some_and(|name| claim["name"] == name)
                };
                match registered.iter().position(|claim| is_same(&claim)) {
                    Some(n) => {
                        confirmed[n] = true;
                        self.parameter(&place, &registered[n]);
                    }
                    // OpenAPI ignores them.
                    None if is_ignored(stated) => {}
                    None => self.draft.state(&place, None),
                }
            }
        }
        // A variable of the path need not be declared.
        let mut missing =
            registered.iter().zip(confirmed).filter(|(_, is_confirmed)| !is_confirmed);
        if missing.any(|(claim, _)| claim["in"] != "path") {
            self.draft.state(&at.join("parameters"), Some(json!(registered)));
        }
    }

    /// The name under which a parameter is registered. The router has names of its own for the
    /// variables of some paths, in the same order.
    fn registered_name<'v>(&'v self, stated: &'v Value) -> Option<&'v str> {
        let name = stated["name"].as_str()?;
        if stated["in"] != "path" {
            return Some(name);
        }
        let place = variables(self.path).position(|variable| variable == name)?;
        variables(&self.claim.route).nth(place)
    }

    fn parameter(&mut self, place: &Location, claim: &Value) {
        let stated = self.draft.at(place);
        if (stated["required"] == true) != (claim["required"] == true) {
            self.draft.state(&place.join("required"), Some(json!(claim["required"] == true)));
        }
        let (schema, held) = match stated["content"].as_object().and_then(|all| all.keys().next()) {
            Some(media) => {
                let held = claim["content"].as_object().and_then(|all| all.values().next());
                (place.join("content").join(media).join("schema"), held.map(|held| &held["schema"]))
            }
            None => (place.join("schema"), claim.get("schema")),
        };
        let Some(held) = held else { return self.draft.state(&schema, None) };
        for key in ["style", "explode"] {
            if let (Some(own), Some(claimed)) = (stated.get(key), claim.get(key))
                && own != claimed
            {
                self.draft.state(&place.join(key), Some(claimed.clone()));
            }
        }
        self.parameter_schema(&schema, held);
    }

    /// Each keyword that the reader of the parameter checks.
    fn parameter_schema(&mut self, place: &Location, held: &Value) {
        let mut place = self.draft.follow(place);
        if let Some([_]) = self.draft.at(&place)["allOf"].as_array().map(Vec::as_slice) {
            place = self.draft.follow(&place.join("allOf").join("0"));
        }
        let stated = self.draft.at(&place);
        let is_of_type = |kind: &Value| match &stated["type"] {
            Value::Array(several) => several.contains(kind),
            only => only.is_null() || only == kind,
        };
        if let Some(kind) = held.get("type").filter(|kind| kind.is_string() && !is_of_type(kind)) {
            self.draft.state(&place.join("type"), Some(kind.clone()));
        }
        let (choices, pattern) = (stated.get("enum"), held["pattern"].as_str());
        let are_by_pattern = pattern.is_some() && pattern_of(choices).as_deref() == pattern;
        let text = ["minLength", "maxLength", "pattern"].map(|keyword| (keyword, &["string"][..]));
        let number = ["minimum", "maximum"].map(|keyword| (keyword, &["integer", "number"][..]));
        // A keyword of another type says nothing.
        let read = text.into_iter().chain(number).filter(|(_, kinds)| may_be(stated, kinds));
        let choices = (!are_by_pattern).then_some("enum");
        for keyword in choices.into_iter().chain(read.map(|(keyword, _)| keyword)) {
            let (stated, held) = (stated.get(keyword), held.get(keyword));
            let numbers = (stated.and_then(Value::as_f64), held.and_then(Value::as_f64));
            let is_same = stated == held || numbers.0.is_some() && numbers.0 == numbers.1;
            if let (Some(_), false) = (stated, is_same) {
                self.draft.state(&place.join(keyword), held.cloned());
            }
        }
        if TextFormat::of(stated) != TextFormat::of(held) {
            self.draft.state(&place.join("format"), held.get("format").cloned());
        }
        if stated.get("items").is_some() && held.get("items").is_some() {
            self.parameter_schema(&place.join("items"), &held["items"]);
        }
    }

    fn body(&mut self, at: &Location) {
        let at = at.join("requestBody");
        let body = self.draft.follow(&at);
        let (stated, held) = (self.draft.at(&body), &self.claim.operation["requestBody"]);
        if stated.is_null() || held.is_null() {
            if stated.is_null() != held.is_null() {
                self.draft.state(&at, (!held.is_null()).then(|| held.clone()));
            }
            return;
        }
        if (stated["required"] == true) != (held["required"] == true) {
            self.draft.state(&body.join("required"), Some(held["required"].clone()));
        }
        let read = self.enforced.requests.iter().filter(|(id, _)| *id == self.row.id);
        let content = body.join("content");
        for (media, _) in stated["content"].as_object().into_iter().flatten() {
            let place = content.join(media);
            let name = held_as(media, &stated["content"], &held["content"]);
            if held["content"].get(&name).is_none() {
                self.draft.state(&place, None);
                continue;
            }
            let schema = place.join("schema");
            let tables = read
                .clone()
                .find(|(_, tables)| tables.media_types.contains(&name.as_str()))
                .map(|(_, tables)| tables);
            let files = tables.map(|tables| tables.files).unwrap_or_default();
            self.encoding(&place.join("encoding"), files);
            let hidden: BTreeSet<String> = files.iter().map(|row| row.name.to_owned()).collect();
            match tables {
                Some(RequestTables { schema: Some(table), .. }) => {
                    let schema = match files {
                        [] => schema,
                        _ => self.draft.follow(&schema),
                    };
                    Tables::of_requests(self.draft).schema(&schema, table, &hidden);
                }
                Some(tables) => Rows::new(self.draft, hidden).object(&schema, tables.rows),
                None => self.bytes(&schema),
            }
            self.files(&self.draft.follow(&place.join("schema")), files);
        }
        let names: BTreeSet<String> = stated["content"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(media, _)| held_as(media, &stated["content"], &held["content"]))
            .collect();
        for (media, entry) in held["content"].as_object().into_iter().flatten() {
            if !names.contains(media) {
                self.draft.state(&content.join(media), Some(entry.clone()));
            }
        }
    }

    /// Content types that the files of a form must have. Nothing else of `encoding` is held.
    fn encoding(&mut self, at: &Location, files: &[FileRow]) {
        for (name, encoding) in self.draft.at(at).as_object().into_iter().flatten() {
            let types = encoding["contentType"].as_str().unwrap_or_default().split(',');
            let types = types.map(|one| one.trim().to_ascii_lowercase());
            let types: Vec<String> = types.filter(|one| !one.is_empty()).collect();
            let row = files.iter().find(|row| row.name == name);
            let is_held = row.is_some_and(|row| {
                row.content_types == types
                    && encoding.as_object().is_some_and(|keys| keys.len() == 1)
            });
            self.draft.require(&at.join(name), is_held);
        }
    }

    /// The members of a form that are files.
    fn files(&mut self, schema: &Location, files: &[FileRow]) {
        let stated = self.draft.at(schema);
        let required = stated["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        for row in files.iter().filter(|row| stated["properties"].get(row.name).is_some()) {
            let at = schema.join("properties").join(row.name);
            let list = self.draft.follow(&at);
            let is_array = self.draft.at(&list)["type"] == "array";
            let file = match is_array {
                true => self.draft.follow(&list.join("items")),
                false => list.clone(),
            };
            let stated = self.draft.at(&file);
            let is_text = stated.get("type").is_none_or(|kind| kind == "string");
            let is_same = is_text
                && !stated.is_null()
                && stated.get("$ref").is_none()
                && is_array == row.is_array
                && row.required == required.contains(&json!(row.name));
            self.draft.require(&at, is_same);
            let bound = |bound: Option<usize>| bound.map(|bound| bound as u64);
            for (place, keyword, held) in [
                (&list, "minItems", bound(row.min_items)),
                (&list, "maxItems", bound(row.max_items)),
                (&file, "maxLength", row.max_length),
            ] {
                if self.draft.at(place)[keyword].as_u64() != held {
                    self.draft.state(&place.join(keyword), held.map(|held| json!(held)));
                }
            }
        }
    }

    /// Bytes that no table constrains.
    fn bytes(&mut self, schema: &Location) {
        let place = self.draft.follow(schema);
        let stated = self.draft.at(&place);
        let is_text = stated["type"] == "string"
            && ["enum", "minLength", "maxLength", "pattern"]
                .iter()
                .all(|key| stated.get(*key).is_none());
        let is_free = stated.is_null() || is_any(stated) || is_text;
        self.draft.require(schema, is_free);
    }

    fn responses(&mut self, at: &Location) {
        let at = at.join("responses");
        let held = &self.claim.operation["responses"];
        let tables = self.enforced.responses.iter().find(|(id, _)| *id == self.row.id);
        let tables = tables.map(|(_, responses)| *responses).unwrap_or_default();
        let stated = self.draft.at(&at);
        let mut confirmed = BTreeSet::new();
        for (status, _) in stated.as_object().into_iter().flatten() {
            if status.starts_with("x-") {
                continue;
            }
            let key = status.to_ascii_uppercase().replace("DEFAULT", "default");
            let Some(held) = held.get(&key) else {
                self.draft.state(&at.join(status), None);
                continue;
            };
            confirmed.insert(key.clone());
            let place = self.draft.follow(&at.join(status));
            let tables = tables.iter().find(|(known, _)| *known == key);
            self.response(&place, held, tables.map(|(_, tables)| *tables).unwrap_or_default());
        }
        for (status, held) in held.as_object().into_iter().flatten() {
            // A handler returns 200 for a range or a default that stands alone.
            let general = ["2XX", "default"].into_iter().find(|key| confirmed.contains(*key));
            let is_general = status == "200" && general.is_some();
            if !confirmed.contains(status) && !is_general {
                self.draft.state(&at.join(status), Some(held.clone()));
            }
        }
    }

    fn response(&mut self, place: &Location, held: &Value, tables: JsonSchemas) {
        let stated = self.draft.at(place);
        let has_no_links = stated.get("links").is_none_or(|all| all == &json!({}));
        self.draft.require(&place.join("links"), has_no_links);
        self.headers(&place.join("headers"), held["headers"].as_object());
        let held = &held["content"];
        let content = place.join("content");
        let mut written = BTreeSet::new();
        for (media, _) in stated["content"].as_object().into_iter().flatten() {
            let at = content.join(media);
            let name = held_as(media, &stated["content"], held);
            let is_held = |known: &&String| base(known) == name;
            // Several may differ in their parameters alone.
            let known = || held.as_object().into_iter().flatten().map(|(known, _)| known);
            let same = known().find(|known| *known == media);
            let Some(known) = same.or_else(|| known().find(is_held)) else {
                self.draft.state(&at, None);
                continue;
            };
            written.insert(known);
            match tables.iter().find(|(json, _)| *json == name) {
                Some((_, table)) if name != EVENTS => Tables::of_responses(self.draft).schema(
                    &at.join("schema"),
                    table,
                    &BTreeSet::new(),
                ),
                _ => self.bytes(&at.join("schema")),
            }
        }
        let all = held.as_object().into_iter().flatten();
        for (media, entry) in all.filter(|(media, _)| !written.contains(media)) {
            self.draft.state(&content.join(media), Some(entry.clone()));
        }
    }

    fn headers(&mut self, at: &Location, held: Option<&Map<String, Value>>) {
        let held = || held.into_iter().flatten();
        let mut written = BTreeSet::new();
        for (name, _) in self.draft.at(at).as_object().into_iter().flatten() {
            let place = at.join(name);
            match held().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((known, claim)) => {
                    written.insert(known);
                    self.parameter(&self.draft.follow(&place), claim);
                }
                None => self.draft.state(&place, None),
            }
        }
        for (name, claim) in held().filter(|(name, _)| !written.contains(name)) {
            self.draft.state(&at.join(name), Some(claim.clone()));
        }
    }
}

/// Parameters that OpenAPI ignores: they are parts of HTTP.
fn is_ignored(parameter: &Value) -> bool {
    let name = parameter["name"].as_str().unwrap_or_default().to_ascii_lowercase();
    parameter["in"] == "header" && ["accept", "content-type", "authorization"].contains(&&*name)
}

/// Security alternatives as sets of schemes with their scopes.
fn alternatives(security: &Value) -> BTreeSet<Vec<String>> {
    let schemes = |schemes: &Value| {
        let schemes = schemes.as_object().into_iter().flatten();
        let mut all: Vec<String> = schemes
            .map(|(name, scopes)| {
                let scopes = scopes.as_array().into_iter().flatten().map(Value::to_string);
                format!("{name} {:?}", scopes.collect::<BTreeSet<_>>())
            })
            .collect();
        all.sort_unstable();
        all
    };
    security.as_array().into_iter().flatten().map(schemes).collect()
}
