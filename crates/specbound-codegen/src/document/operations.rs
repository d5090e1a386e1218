//! Operations with their bodies, responses and security.

use std::collections::BTreeSet;
use std::rc::Rc;

use heck::ToPascalCase;
use serde_json::{Map, Value};

use super::parameters::{has_plain_type, parameters};
use super::{
    Body, Content, FileForm, FileMember, Operation, Parameter, ParameterLocation, RangeResponse,
    Requirement, Response, ResponseHeader,
};
use crate::Error;
use crate::names::{field_name, type_name, unique};
use crate::openapi::{EVENT_DATA, EVENTS, FILES, FORMS, IS_JSON, JSON, RAW, is_json_type};
use crate::read::{
    component, escape, flag, list, members, reject_unknown_keys, strings, text, unsupported,
};
use crate::schema::Schema;

pub(super) struct Reader<'a> {
    source: &'a Value,
    /// The security of the document, which operations share.
    inherited: Option<Rc<Vec<Vec<Requirement>>>>,
    pub inline: Vec<Schema>,
    /// Names of Rust types.
    pub taken: BTreeSet<String>,
}

fn component_type_names(source: &Value) -> BTreeSet<String> {
    let schemas = source.pointer("/components/schemas").and_then(Value::as_object);
    schemas.into_iter().flatten().map(|(name, _)| name.to_pascal_case()).collect()
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a Value) -> Reader<'a> {
        let taken = component_type_names(source);
        Reader { source, inherited: None, inline: Vec::new(), taken }
    }

    pub fn operation(
        &mut self,
        path: &str,
        method: &str,
        source: &Value,
        inherited: &[Parameter],
        at: &str,
    ) -> Result<Operation, Error> {
        let operation =
            source.as_object().ok_or_else(|| unsupported(at, "an operation must be an object"))?;
        let id = text(operation, "operationId", at)?.ok_or_else(|| {
            unsupported(at, "an operationId is needed: it names the trait's method")
        })?;
        let taken = [
            "operationId",
            "summary",
            "description",
            "tags",
            "deprecated",
            "parameters",
            "requestBody",
        ];
        reject_unknown_keys(
            operation,
            &[&taken[..], &["responses", "security", "externalDocs"]].concat(),
            at,
        )?;
        let mut own = parameters(operation, at)?;
        let overridden = |inherited: &&Parameter| own.iter().any(|own| own.is_same(inherited));
        let inherited: Vec<Parameter> =
            inherited.iter().filter(|p| !overridden(p)).cloned().collect();
        own.extend(inherited);
        for parameter in &mut own {
            let Some(wire) = parameter.wire.as_mut().filter(|w| !has_plain_type(&w.schema)) else {
                continue;
            };
            let schema = match wire.schema["allOf"].as_array().map(Vec::as_slice) {
                Some([only]) => only.clone(),
                _ => wire.schema.clone(),
            };
            let name = format!("{id}_{}", parameter.name);
            wire.named = Some(self.named(&schema, &name, format!("{at}/x-{name}/schema"))?);
        }
        for location in
            [ParameterLocation::Path, ParameterLocation::Query, ParameterLocation::Header]
        {
            let mut taken = BTreeSet::new();
            for parameter in own.iter_mut().filter(|parameter| parameter.location == location) {
                parameter.field = unique(std::mem::take(&mut parameter.field), &mut taken);
            }
        }
        Ok(Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            route: path.to_owned(),
            choices: Vec::new(),
            description: text(operation, "description", at)?.unwrap_or_default(),
            deprecated: flag(operation, "deprecated", at)?,
            tags: strings(operation, "tags", at)?
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            security: self.security(operation, at)?,
            parameters: own,
            body: self.body(operation, &id, at)?,
            responses: self.responses(operation, &id, at)?,
            ranges: self.ranges(operation, &id, at)?,
            id,
        })
    }

    fn security(
        &mut self,
        operation: &Map<String, Value>,
        at: &str,
    ) -> Result<Rc<Vec<Vec<Requirement>>>, Error> {
        if operation.contains_key("security") {
            return Ok(Rc::new(alternatives(operation, self.source, at)?));
        }
        if self.inherited.is_none() {
            self.inherited = Some(Rc::new(alternatives(operation, self.source, at)?));
        }
        Ok(self.inherited.clone().unwrap_or_default())
    }

    fn body(
        &mut self,
        operation: &Map<String, Value>,
        id: &str,
        at: &str,
    ) -> Result<Option<Body>, Error> {
        let Some(body) = members(operation, "requestBody", at)? else { return Ok(None) };
        let required = flag(body, "required", &format!("{at}/requestBody"))?;
        let at = format!("{at}/requestBody/content");
        let raw = strings(body, RAW, &at)?;
        let is_json = body.get(IS_JSON).is_some();
        let files = match body.get(FILES) {
            Some(form) => Some(self.file_form(form, id, &at)?),
            None => None,
        };
        let is_empty = body.get("content").and_then(Value::as_object).is_some_and(Map::is_empty);
        if is_empty && (!raw.is_empty() || files.is_some()) {
            let content_types = Vec::new();
            return Ok(Some(Body { schema: None, is_json, content_types, raw, files, required }));
        }
        let content =
            body.get("content").and_then(Value::as_object).filter(|content| !content.is_empty());
        let content = content.ok_or_else(|| unsupported(&at, "a request body needs content"))?;
        let mut schemas: Vec<&Value> = content.values().map(|entry| &entry["schema"]).collect();
        for (media, entry) in content {
            let at = format!("{at}/{}", escape(media));
            self.media_type(entry, &at)?;
            if !is_json && !is_json_type(media) && !FORMS.contains(&media.as_str()) {
                return Err(unsupported(
                    &at,
                    &format!("a request body is {JSON}, {}", FORMS.join(" or ")),
                ));
            }
        }
        schemas.dedup();
        let (Some(schema), None) = (schemas.first(), schemas.get(1)) else {
            return Err(unsupported(
                &at,
                "every content type of a request body must have the same schema",
            ));
        };
        // The content type that progenitor's copy keeps.
        let media = if let Some(json) = content.keys().find(|media| is_json_type(media)) {
            json
        } else {
            content.keys().next().map_or(JSON, String::as_str)
        };
        let at = format!("{at}/{}/schema", escape(media));
        let schema = self.named(schema, &format!("{id}_request"), at)?;
        let mut content_types: Vec<String> = content.keys().cloned().collect();
        content_types.sort_by_key(|media| (!is_json_type(media), media.clone()));
        Ok(Some(Body { schema: Some(schema), is_json, content_types, raw, files, required }))
    }

    fn file_form(&mut self, form: &Value, id: &str, at: &str) -> Result<FileForm, Error> {
        let at = at.strip_suffix("/content").unwrap_or(at);
        let schema =
            self.named(&form["schema"], &format!("{id}_form"), format!("{at}/{FILES}/schema"))?;
        let mut taken = BTreeSet::new();
        let field = |file: &Value| match file["field"].as_str() {
            Some(chosen) => chosen.to_owned(),
            None => field_name(file["name"].as_str().unwrap_or_default()),
        };
        let file = |file: &Value| {
            let name = file["name"].as_str().unwrap_or_default();
            let types = file["contentTypes"].as_array().into_iter().flatten();
            FileMember {
                name: name.to_owned(),
                field: unique(field(file), &mut taken),
                required: file["required"] == true,
                is_array: file["isArray"] == true,
                min_items: file["minItems"].as_u64(),
                max_items: file["maxItems"].as_u64(),
                max_length: file["maxLength"].as_u64(),
                content_types: types.filter_map(Value::as_str).map(str::to_owned).collect(),
            }
        };
        let files = form["files"].as_array().into_iter().flatten().map(file).collect();
        Ok(FileForm { schema, content_types: vec![FORMS[1].to_owned()], files })
    }

    fn responses(
        &mut self,
        operation: &Map<String, Value>,
        id: &str,
        at: &str,
    ) -> Result<Vec<Response>, Error> {
        let at = format!("{at}/responses");
        let responses = operation.get("responses").and_then(Value::as_object);
        let mut read = Vec::new();
        for (key, response) in
            responses.into_iter().flatten().filter(|(status, _)| !is_range(status))
        {
            let at = format!("{at}/{key}");
            let number = key.parse().ok().filter(|number| (200..600).contains(number));
            let status =
                number.ok_or_else(|| unsupported(&at, "a status must be a number, such as 200"))?;
            let (content, headers) =
                self.response(response, &format!("{id}_response_{key}"), &at)?;
            read.push(Response { status, content, headers });
        }
        read.sort_by_key(|response| response.status);
        if read.is_empty() {
            return Err(unsupported(&at, "a response is needed, such as 200"));
        }
        Ok(read)
    }

    fn ranges(
        &mut self,
        operation: &Map<String, Value>,
        id: &str,
        at: &str,
    ) -> Result<Vec<RangeResponse>, Error> {
        let responses = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
        let read = |(range, response): (&String, &Value)| {
            let at = format!("{at}/responses/{range}");
            let (content, headers) =
                self.response(response, &format!("{id}_response_{range}"), &at)?;
            Ok(RangeResponse { range: range.clone(), content, headers })
        };
        responses.filter(|(status, _)| is_range(status)).map(read).collect()
    }

    fn response(
        &mut self,
        response: &Value,
        name: &str,
        at: &str,
    ) -> Result<(Content, Vec<ResponseHeader>), Error> {
        let response = response.as_object().filter(|response| !response.contains_key("$ref"));
        let response = response
            .ok_or_else(|| unsupported(at, "a response must be an object, and no reference"))?;
        reject_unknown_keys(response, &["description", "headers", "content"], at)?;
        let content = self.content(members(response, "content", at)?, name, at)?;
        let mut taken = BTreeSet::new();
        let header = |(name, header): (&String, &Value)| ResponseHeader {
            name: name.clone(),
            field: unique(field_name(name), &mut taken),
            required: header["required"] == true,
            description: header["description"].as_str().unwrap_or_default().to_owned(),
            schema: header["schema"].clone(),
        };
        let headers = members(response, "headers", at)?.into_iter().flatten().map(header);
        Ok((content, headers.collect()))
    }

    fn content(
        &mut self,
        content: Option<&Map<String, Value>>,
        name: &str,
        at: &str,
    ) -> Result<Content, Error> {
        let mut parts: Vec<Content> = Vec::new();
        let mut schemas: Vec<&Value> = Vec::new();
        let mut content: Vec<(&String, &Value)> = content.into_iter().flatten().collect();
        content.sort_by_key(|(media, _)| (*media != JSON, !is_json_type(media), *media));
        for (media, entry) in content {
            let at = format!("{at}/content/{}", escape(media));
            self.media_type(entry, &at)?;
            let schema = &entry["schema"];
            if media == EVENTS {
                let data = entry.get(EVENT_DATA);
                let name = format!("{name}_event");
                let named = |data| self.named(data, &name, format!("{at}/{EVENT_DATA}"));
                parts.push(Content::Events(data.map(named).transpose()?));
                continue;
            }
            if !is_json_type(media) {
                let is_bytes = schema["type"] == "string"
                    && schema.as_object().is_some_and(|s| !s.contains_key("enum"));
                if !is_bytes || media.contains('*') {
                    let reason = "a response that is no JSON has a schema of type string";
                    return Err(unsupported(&at, reason));
                }
                parts.push(Content::Bytes(media.clone()));
                continue;
            }
            // JSON comes first, so that the places in both lists are the same.
            let known = schemas.iter().position(|known| *known == schema);
            if let Some(Content::Json(_, types)) = known.and_then(|place| parts.get_mut(place)) {
                types.push(media.clone());
                continue;
            }
            let name = if parts.is_empty() { name.to_owned() } else { format!("{name}_{media}") };
            let named = self.named(schema, &name, format!("{at}/schema"))?;
            parts.push(Content::Json(named, vec![media.clone()]));
            schemas.push(schema);
        }
        Ok(match parts.len() {
            0 => Content::Nothing,
            1 => parts.remove(0),
            _ => Content::OneOf(parts),
        })
    }

    fn media_type(&self, entry: &Value, at: &str) -> Result<(), Error> {
        let none = Map::new();
        reject_unknown_keys(
            entry.as_object().unwrap_or(&none),
            &["schema", "example", "examples"],
            at,
        )?;
        match entry.get("schema") {
            Some(schema) if schema.is_object() => Ok(()),
            _ => Err(unsupported(&format!("{at}/schema"), "a schema is needed here")),
        }
    }

    /// The component that `schema` refers to, or a generated name for an inline schema.
    fn named(&mut self, schema: &Value, name: &str, at: String) -> Result<String, Error> {
        if let Some(reference) = schema.get("$ref") {
            let name = reference.as_str().and_then(component);
            return name
                .map(str::to_owned)
                .ok_or_else(|| unsupported(&at, "only component schemas are referred to"));
        }
        let usual = name.to_pascal_case();
        let free = unique(type_name(name), &mut self.taken);
        let name = if free == usual.to_pascal_case() { usual } else { free };
        self.inline.push(Schema::read(&name, schema, at)?);
        Ok(name)
    }
}

/// Whether a key of `responses` stands for several statuses.
fn is_range(status: &str) -> bool {
    status == "default"
        || (status.len() == 3 && status.ends_with("XX") && status.starts_with(['2', '3', '4', '5']))
}

/// The security of an operation, else of the document. A value that is no list is refused: read as
/// an empty list it would grant anonymous access.
fn alternatives(
    operation: &Map<String, Value>,
    document: &Value,
    at: &str,
) -> Result<Vec<Vec<Requirement>>, Error> {
    let (says, at) = match document.as_object() {
        Some(document) if !operation.contains_key("security") => (document, ""),
        _ => (operation, at),
    };
    let mut found: Vec<Vec<Requirement>> = Vec::new();
    let security = list(says, "security", at)?;
    let at = format!("{at}/security");
    for alternative in security {
        let alternative = alternative
            .as_object()
            .ok_or_else(|| unsupported(&at, "a security requirement must be an object"))?;
        let mut requirements = Vec::new();
        for scheme in alternative.keys() {
            if document
                .pointer(&format!("/components/securitySchemes/{}", escape(scheme)))
                .is_none()
            {
                return Err(unsupported(
                    &at,
                    &format!("`{scheme}` is no security scheme of this document"),
                ));
            }
            let scopes = strings(alternative, scheme, &at)?;
            let scopes: BTreeSet<String> = scopes.into_iter().collect();
            let scopes = scopes.into_iter().collect();
            requirements.push(Requirement { scheme: scheme.clone(), scopes });
        }
        found.push(requirements);
    }
    // Order and repetition mean nothing, so they must not change a generated name. Anonymous access
    // comes last.
    found.iter_mut().for_each(|schemes| schemes.sort_unstable());
    found.sort_by_key(|schemes| (schemes.is_empty(), schemes.clone()));
    found.dedup();
    Ok(found)
}
