//! Components that references name, and security schemes.

use serde_json::{Value, json};

use super::*;

impl<'a> Visitor<'a> {
    pub(super) fn components(&mut self, at: &At, components: &'a Value) {
        if !components.is_object() {
            return;
        }
        self.saw(Object::Components, at);
        let fresh = [
            ("schemas", "schema added", json!({"type": "object"})),
            ("responses", "component response added", json!({"description": ""})),
            (
                "parameters",
                "component parameter added",
                json!({"in": "query", "name": NEW, "schema": {"type": "string"}}),
            ),
            (
                "requestBodies",
                "component request body added",
                json!({"content": {"application/json": {}}}),
            ),
            ("headers", "component header added", json!({"schema": {"type": "string"}})),
            ("links", "component link added", json!({"operationId": NEW})),
            ("callbacks", "component callback added", json!({"{$url}": {}})),
            ("securitySchemes", "security scheme added", json!({"type": "http", "scheme": NEW})),
        ];
        for (section, kind, value) in fresh {
            let map = at.member(section);
            let step = match components.get(section) {
                None => Put(map.pointer.clone(), json!({NEW: value})),
                Some(_) => Put(map.member(NEW).pointer, value),
            };
            self.add(kind, &map.member(NEW), vec![step]);
        }
        for (section, all) in components.as_object().into_iter().flatten() {
            let map = at.member(section);
            for (name, component) in all.as_object().into_iter().flatten() {
                let there = map.member(name);
                self.component(section, &map, &there, name);
                match section.as_str() {
                    "schemas" => self.schema(&there, component, Role::default()),
                    "responses" => self.response(&there, component),
                    "parameters" => self.component_parameter(&there, component),
                    "requestBodies" => self.request_body(&there, component),
                    "headers" => self.header(&there, component),
                    "links" => self.link(&there, component),
                    "callbacks" => self.callback(&there, component),
                    "securitySchemes" => self.security_scheme(&there, name, component),
                    _ => {}
                }
            }
        }
    }

    /// Renames a component with all references to it, or removes an unused one.
    pub(super) fn component(&mut self, section: &str, map: &At, at: &At, name: &str) {
        if section == "securitySchemes" {
            return;
        }
        let uses = self.uses(&format!("#/components/{section}/{name}"));
        if uses.is_empty() {
            self.take("component removed", at);
        }
        let new = format!("Mutant{name}");
        let target = json!(format!("#/components/{section}/{new}"));
        let mut steps = vec![Rename(at.pointer.clone(), new.clone())];
        // Places inside the component have moved with it.
        let moved = |pointer: &str| match pointer.strip_prefix(&at.pointer) {
            Some(rest) if rest.starts_with('/') => format!("{}{rest}", map.member(&new).pointer),
            _ => pointer.to_owned(),
        };
        steps.extend(
            uses.iter().map(|user| Put(format!("{}/$ref", moved(&user.pointer)), target.clone())),
        );
        let renamed = map.member(&new);
        let mut sites = vec![at, &renamed];
        sites.extend(uses.iter().filter(|user| moved(&user.pointer) == user.pointer));
        self.add_at("component renamed", &sites, steps);
    }

    pub(super) fn component_parameter(&mut self, at: &At, parameter: &'a Value) {
        self.parameter_object(at, parameter);
        let name = at.pointer.rsplit('/').next().unwrap_or_default();
        let uses = self.uses(&format!("#/components/parameters/{name}"));
        if parameter["in"] != "path" {
            let own = at.member("name");
            let mut sites = own.sites.clone();
            for user in &uses {
                sites.extend(user.sites.clone());
                let renamed = format!("{}:{NEW}", parameter["in"].as_str().unwrap_or_default());
                sites.extend(
                    self.lists(&user.pointer).iter().map(|list| format!("{list}/{renamed}")),
                );
            }
            let at = At { pointer: own.pointer.clone(), sites, in_set: false };
            self.put("parameter renamed", &at, json!(NEW));
        }
    }

    pub(super) fn security_scheme(&mut self, at: &At, name: &str, scheme: &'a Value) {
        if self.reference(at, scheme) {
            return;
        }
        self.saw(Object::SecurityScheme, at);
        match scheme["type"].as_str() {
            Some("apiKey") => {
                self.text("security scheme key renamed", at, scheme, "name");
                for other in
                    ["header", "query", "cookie"].into_iter().filter(|other| scheme["in"] != *other)
                {
                    self.put("security scheme moved", &at.member("in"), json!(other));
                }
            }
            Some("http") => {
                let other = if scheme["scheme"] == "bearer" { "basic" } else { "bearer" };
                self.put("security scheme changed", &at.member("scheme"), json!(other));
            }
            Some("openIdConnect") => {
                self.text("security scheme URL changed", at, scheme, "openIdConnectUrl")
            }
            _ => {}
        }
        let other = if scheme["type"] == "http" {
            json!({"type": "apiKey", "in": "header", "name": NEW})
        } else {
            json!({"type": "http", "scheme": "digest"})
        };
        self.put("security scheme type changed", at, other);
        let flows = at.member("flows");
        for (flow, said) in members(scheme, "flows") {
            let there = flows.member(flow);
            self.saw(Object::Flow, &there);
            if members(scheme, "flows").count() > 1 {
                self.take("flow removed", &there);
            }
            for url in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
                self.text("flow URL changed", &there, said, url);
            }
            let scopes = there.member("scopes");
            self.add("scope added", &scopes, vec![Put(scopes.member(NEW).pointer, json!(""))]);
            for (scope, _) in members(said, "scopes") {
                self.add("scope removed", &scopes, vec![Take(scopes.member(scope).pointer)]);
                self.add(
                    "scope renamed",
                    &scopes,
                    vec![Rename(scopes.member(scope).pointer, NEW.to_owned())],
                );
            }
        }
        self.security_scheme_uses(at, name);
    }

    /// Renames and removes a security scheme, with all its uses.
    pub(super) fn security_scheme_uses(&mut self, at: &At, name: &str) {
        let mut holders = vec![("/security".to_owned(), &self.document["security"])];
        for (path, item) in members(self.document, "paths") {
            for (method, operation) in item.as_object().into_iter().flatten() {
                holders.push((
                    format!("/paths/{}/{method}/security", escape(path)),
                    &operation["security"],
                ));
            }
        }
        let (mut renames, mut takes, mut sites) = (Vec::new(), Vec::new(), at.sites.clone());
        for (pointer, security) in holders {
            let alternatives = security.as_array().map(Vec::as_slice).unwrap_or_default();
            let using = alternatives.iter().enumerate().filter(|(_, one)| one.get(name).is_some());
            let using: Vec<usize> = using.map(|(n, _)| n).collect();
            renames.extend(
                using
                    .iter()
                    .map(|n| Rename(format!("{pointer}/{n}/{}", escape(name)), NEW.to_owned())),
            );
            takes.extend(using.iter().rev().map(|n| Take(format!("{pointer}/{n}"))));
            // For the document's own list, a report names the inheriting operations.
            if !using.is_empty() && pointer != "/security" {
                sites.push(pointer);
            } else if !using.is_empty() {
                for (path, item) in members(self.document, "paths") {
                    let inheritors = METHODS
                        .iter()
                        .filter(|m| item[**m].is_object() && item[**m].get("security").is_none());
                    sites.extend(
                        inheritors
                            .map(|method| format!("/paths/{}/{method}/security", escape(path))),
                    );
                }
            }
        }
        renames.push(Rename(at.pointer.clone(), NEW.to_owned()));
        takes.push(Take(at.pointer.clone()));
        let both = [sites.clone(), vec![format!("/components/securitySchemes/{NEW}")]].concat();
        let pointer = at.pointer.clone();
        let mutations = &mut self.found.mutations;
        mutations.push(Mutation {
            kind: "security scheme renamed",
            pointer: pointer.clone(),
            steps: renames,
            sites: both,
        });
        mutations.push(Mutation { kind: "security scheme removed", pointer, steps: takes, sites });
    }
}
