//! Parameters, bodies, responses, links and headers.

use serde_json::{Value, json};

use super::*;

impl<'a> Visitor<'a> {
    pub(super) fn parameters(&mut self, at: &At, operation: &'a Value) {
        let list = at.member("parameters");
        let schema = json!({"type": "string"});
        let fresh = [
            ("parameter added", json!({"in": "query", "name": NEW, "schema": schema})),
            (
                "required parameter added",
                json!({"in": "query", "name": NEW, "required": true, "schema": schema}),
            ),
            ("header parameter added", json!({"in": "header", "name": NEW, "schema": schema})),
            ("cookie parameter added", json!({"in": "cookie", "name": NEW, "schema": schema})),
        ];
        for (kind, parameter) in fresh {
            let there = list.named("-", &self.parameter_name(&parameter));
            let step = match operation.get("parameters") {
                None => Put(list.pointer.clone(), json!([parameter])),
                Some(_) => Put(there.pointer.clone(), parameter),
            };
            self.add(kind, &there, vec![step]);
        }
        if operation.get("parameters").is_some() {
            self.saw(Object::Set, &list);
        }
        for (n, parameter) in items(operation, "parameters").iter().enumerate() {
            let there = list.named(&n.to_string(), &self.parameter_name(parameter));
            self.parameter(&list, &there, parameter);
        }
    }

    /// A parameter in a list, which must stay valid for its path.
    pub(super) fn parameter(&mut self, list: &At, at: &At, parameter: &'a Value) {
        let said = self.resolved(parameter);
        if said["in"] != "path" {
            self.take("parameter removed", at);
        }
        if self.reference_in(Some(list), at, parameter) {
            return;
        }
        if said["in"] != "path" {
            let location = said["in"].as_str().unwrap_or_default();
            let mut moved = |kind, key: &str, value: String, name: String| {
                let step = Put(at.member(key).pointer, json!(value));
                self.add_at(kind, &[at, &list.named("", &name)], vec![step]);
            };
            let name = said["name"].as_str().unwrap_or_default();
            moved("parameter renamed", "name", NEW.to_owned(), format!("{location}:{NEW}"));
            for other in
                ["query", "header", "cookie"].into_iter().filter(|other| *other != location)
            {
                moved("parameter moved", "in", other.to_owned(), format!("{other}:{name}"));
            }
        }
        self.parameter_object(at, parameter);
    }

    pub(super) fn parameter_object(&mut self, at: &At, parameter: &'a Value) {
        self.saw(Object::Parameter, at);
        let location = parameter["in"].as_str().unwrap_or_default();
        if location != "path" {
            self.flip("parameter required", at, parameter, "required");
        }
        if location == "query" {
            self.flip("empty value allowed", at, parameter, "allowEmptyValue");
        }
        let schema = self.resolved(&parameter["schema"]);
        if location == "query" && schema["type"] == "string" {
            self.flip("reserved letters allowed", at, parameter, "allowReserved");
        }
        if location == "path" {
            let style = if parameter["style"] == "label" { "matrix" } else { "label" };
            self.put("parameter style changed", &at.member("style"), json!(style));
        }
        if matches!(schema["type"].as_str(), Some("array" | "object")) {
            let form = parameter["style"]
                .as_str()
                .map_or(matches!(location, "query" | "cookie"), |s| s == "form");
            let explode = parameter["explode"].as_bool().unwrap_or(form);
            self.put("parameter explode flipped", &at.member("explode"), json!(!explode));
            if location == "query" && schema["type"] == "array" {
                let style = if parameter["style"] == "pipeDelimited" {
                    "spaceDelimited"
                } else {
                    "pipeDelimited"
                };
                // It determines the default of `explode`.
                self.add(
                    "parameter style changed",
                    at,
                    vec![Put(at.member("style").pointer, json!(style))],
                );
            }
        }
        self.flip("parameter deprecated", at, parameter, "deprecated");
        if let Some(schema) = parameter.get("schema") {
            let optional = !is_true(parameter, "required");
            self.schema(
                &at.member("schema"),
                schema,
                Role { is_property: false, may_default: optional },
            );
            let (old, new) = (at.member("schema"), at.member("content"));
            let content = Put(new.pointer.clone(), json!({"application/json": {"schema": schema}}));
            self.add_at(
                "parameter becomes content",
                &[&old, &new],
                vec![Take(old.pointer.clone()), content],
            );
        }
        self.content(&at.member("content"), &parameter["content"], 1);
    }

    pub(super) fn request_body(&mut self, at: &At, body: &'a Value) {
        if self.reference(at, body) {
            return;
        }
        self.saw(Object::RequestBody, at);
        self.flip("request body required", at, body, "required");
        self.content(&at.member("content"), &body["content"], usize::MAX);
    }

    /// `most` is the maximum number of content types.
    pub(super) fn content(&mut self, at: &At, content: &'a Value, max: usize) {
        let Some(types) = content.as_object() else { return };
        let first = types.values().next();
        if types.len() < max {
            let fresh = first.cloned().unwrap_or(json!({"schema": {"type": "object"}}));
            self.put("content type added", &at.member("application/vnd.mutant"), fresh);
        }
        for (media, said) in types {
            let there = at.member(media);
            // A parameter has exactly one.
            if max > 1 {
                self.take("content type removed", &there);
            }
            self.rename("content type renamed", at, media, "application/vnd.mutant");
            self.media_type(&there, media, said);
        }
    }

    pub(super) fn media_type(&mut self, at: &At, media: &str, said: &'a Value) {
        self.saw(Object::MediaType, at);
        let schema = at.member("schema");
        match said.get("schema") {
            None => self.put("schema added to a content type", &schema, json!({"type": "string"})),
            Some(old) => {
                self.take("schema removed from a content type", &schema);
                self.schema(&schema, old, Role::default());
            }
        }
        if media != "multipart/form-data" && media != "application/x-www-form-urlencoded" {
            return;
        }
        let encodings = at.member("encoding");
        if let Some((property, _)) = members(self.resolved(&said["schema"]), "properties")
            .find(|(name, _)| said["encoding"].get(name).is_none())
        {
            let fresh = json!({"contentType": "text/mutant"});
            match said.get("encoding") {
                None => self.put("encoding added", &encodings, json!({property.as_str(): fresh})),
                Some(_) => self.put("encoding added", &encodings.member(property), fresh),
            }
        }
        for (property, encoding) in members(said, "encoding") {
            let there = encodings.member(property);
            self.saw(Object::Encoding, &there);
            self.take("encoding removed", &there);
            let kinds = [
                "encoding content type added",
                "encoding content type changed",
                "encoding content type removed",
            ];
            self.keyword(kinds, &there, encoding, "contentType", json!("text/mutant"));
            self.headers(&there, encoding);
        }
    }

    pub(super) fn responses(&mut self, at: &At, responses: &'a Value) {
        let Some(all) = responses.as_object() else { return };
        let statuses = || all.iter().filter(|(status, _)| !status.starts_with("x-"));
        self.put("status added", &at.member("418"), json!({"description": "a teapot"}));
        if !all.contains_key("default") {
            self.put(
                "default response added",
                &at.member("default"),
                json!({"description": "anything else"}),
            );
        }
        for (status, response) in statuses() {
            if statuses().count() > 1 {
                self.take("status removed", &at.member(status));
            }
            let other = match status.parse::<u16>() {
                Ok(number) => (number + 1..).map(|n| n.to_string()).find(|n| !all.contains_key(n)),
                Err(_) => Some("5XX".to_owned())
                    .filter(|other| other != status && !all.contains_key(other)),
            };
            if let Some(other) = other {
                self.rename("status changed", at, status, &other);
            }
            self.response(&at.member(status), response);
        }
    }

    pub(super) fn response(&mut self, at: &At, response: &'a Value) {
        if self.reference(at, response) {
            return;
        }
        self.saw(Object::Response, at);
        let content = at.member("content");
        match response.get("content") {
            None => {
                let schema = |schema: Value| json!({"application/json": {"schema": schema}});
                self.put(
                    "empty response gains a schema",
                    &content,
                    schema(json!({"type": "string"})),
                );
                if let Some((name, _)) = members(&self.document["components"], "schemas").next() {
                    let reference = json!({"$ref": format!("#/components/schemas/{name}")});
                    self.put("empty response gains a schema", &content, schema(reference));
                }
                self.put(
                    "empty response gains a content type",
                    &content,
                    json!({"text/plain": {}}),
                );
            }
            Some(said) => {
                self.take("response loses its content", &content);
                self.content(&content, said, usize::MAX);
            }
        }
        self.headers(at, response);
        let links = at.member("links");
        let target = self.document["paths"].as_object().and_then(|paths| {
            paths
                .values()
                .flat_map(|item| item.as_object().into_iter().flatten())
                .find_map(|(_, o)| o["operationId"].as_str())
        });
        let fresh = json!({"operationId": target});
        match response.get("links") {
            None => self.put("link added", &links, json!({NEW: fresh})),
            Some(_) => self.put("link added", &links.member(NEW), fresh),
        }
        for (name, link) in members(response, "links") {
            self.take("link removed", &links.member(name));
            self.rename("link renamed", &links, name, NEW);
            self.link(&links.member(name), link);
        }
    }

    pub(super) fn link(&mut self, at: &At, link: &'a Value) {
        if self.reference(at, link) {
            return;
        }
        self.saw(Object::Link, at);
        self.text("link target changed", at, link, "operationId");
        let parameters = at.member("parameters");
        for (name, _) in members(link, "parameters") {
            self.take("link parameter removed", &parameters.member(name));
            self.put(
                "link parameter changed",
                &parameters.member(name),
                json!("$request.query.mutant"),
            );
        }
        let step = match link.get("parameters") {
            None => Put(parameters.pointer.clone(), json!({NEW: 1})),
            Some(_) => Put(parameters.member(NEW).pointer, json!(1)),
        };
        self.add("link parameter added", &parameters.member(NEW), vec![step]);
        let kinds = ["link body added", "link body changed", "link body removed"];
        self.keyword(kinds, at, link, "requestBody", json!("$request.query.mutant"));
    }

    pub(super) fn headers(&mut self, at: &At, object: &'a Value) {
        let headers = at.member("headers");
        let fresh = json!({"schema": {"type": "string"}});
        let step = match object.get("headers") {
            None => Put(headers.pointer.clone(), json!({"X-Mutant": fresh})),
            Some(_) => Put(headers.member("X-Mutant").pointer, fresh),
        };
        self.add("header added", &headers.member("X-Mutant"), vec![step]);
        for (name, header) in members(object, "headers") {
            self.take("header removed", &headers.member(name));
            self.rename("header renamed", &headers, name, "X-Mutant");
            self.header(&headers.member(name), header);
        }
    }

    pub(super) fn header(&mut self, at: &At, header: &'a Value) {
        if self.reference(at, header) {
            return;
        }
        self.saw(Object::Header, at);
        self.flip("header required", at, header, "required");
        self.flip("header deprecated", at, header, "deprecated");
        if let Some(schema) = header.get("schema") {
            self.schema(&at.member("schema"), schema, Role::default());
            if matches!(self.resolved(schema)["type"].as_str(), Some("object")) {
                self.flip("header explode flipped", at, header, "explode");
            }
        }
        self.content(&at.member("content"), &header["content"], 1);
    }
}
