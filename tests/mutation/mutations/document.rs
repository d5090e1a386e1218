//! Servers, paths, operations and their security.

use serde_json::{Value, json};

use super::*;

impl<'a> Visitor<'a> {
    pub(super) fn document(&mut self) {
        let (document, at) = (
            self.document,
            At { pointer: String::new(), sites: vec![String::new()], in_set: false },
        );
        self.saw(Object::Document, &at);
        self.put("openapi version changed", &at.member("openapi"), json!("3.1.0"));
        let info = at.member("info");
        self.saw(Object::Info, &info);
        self.text("title of the API changed", &info, &document["info"], "title");
        self.text("version of the API changed", &info, &document["info"], "version");
        self.servers(&at, document);
        self.inherited_security(&at);
        let paths = at.member("paths");
        let fresh = json!({"get": fresh_operation(&[])});
        self.put("path added", &paths.member("/mutant/"), fresh);
        for (path, item) in members(document, "paths") {
            self.path(&paths, path, item);
        }
        self.components(&at.member("components"), &document["components"]);
    }

    pub(super) fn servers(&mut self, at: &At, object: &Value) {
        let there = at.member("servers");
        let fresh = json!({"url": "https://mutant.example.org/v2"});
        if items(object, "servers").is_empty() {
            self.put("server added", &there, json!([fresh]));
            return;
        }
        self.put("server added", &there.member("-"), fresh);
        // An ordered list: later elements move up.
        let list = self.found.mutations.last_mut().expect("just added");
        list.sites.clone_from(&there.sites);
        for (n, server) in items(object, "servers").iter().enumerate() {
            let at = there.member(&n.to_string());
            self.saw(Object::Server, &at);
            self.text("server URL changed", &at, server, "url");
            self.add("server removed", &there, vec![Take(at.pointer.clone())]);
            for (name, variable) in members(server, "variables") {
                let all = at.member("variables");
                let there = all.member(name);
                self.saw(Object::ServerVariable, &there);
                let value = variable["enum"].as_array().and_then(|values| values.last().cloned());
                self.put(
                    "server variable default changed",
                    &there.member("default"),
                    value.unwrap_or(json!(NEW)),
                );
                for (n, _) in items(variable, "enum").iter().enumerate().skip(1) {
                    self.take("server variable value removed", &there.member("enum").element(n));
                }
                if variable.get("enum").is_some() {
                    self.saw(Object::RepeatableSet, &there.member("enum"));
                    let set = there.member("enum");
                    self.add(
                        "server variable value added",
                        &set,
                        vec![Put(set.member("-").pointer, json!(NEW))],
                    );
                }
                let url = server["url"]
                    .as_str()
                    .unwrap_or_default()
                    .replace(&format!("{{{name}}}"), "{mutant}");
                let steps = vec![
                    Rename(there.pointer.clone(), NEW.into()),
                    Put(at.member("url").pointer, json!(url)),
                ];
                self.add_at(
                    "server variable renamed",
                    &[&there, &all.member(NEW), &at.member("url")],
                    steps,
                );
            }
        }
    }

    /// The inherited `security` of operations without their own.
    pub(super) fn inherited_security(&mut self, at: &At) {
        let mut inheritors = Vec::new();
        for (path, item) in members(self.document, "paths") {
            for method in METHODS
                .iter()
                .filter(|m| item[**m].is_object() && item[**m].get("security").is_none())
            {
                inheritors.push(format!("/paths/{}/{method}/security", escape(path)));
            }
        }
        if inheritors.is_empty() {
            return;
        }
        let there = At { pointer: at.member("security").pointer, sites: inheritors, in_set: false };
        self.security(&there, self.document.get("security"), &json!([]));
    }

    pub(super) fn path(&mut self, paths: &At, path: &str, item: &'a Value) {
        let at = paths.member(path);
        self.take("path removed", &at);
        self.rename("path renamed", paths, path, &format!("/mutant{path}"));
        let slash = path.strip_suffix('/').map_or(format!("{path}/"), str::to_owned);
        self.rename("last slash", paths, path, &slash);
        for variable in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let mut holders = vec![(at.clone(), item)];
            holders.extend(
                METHODS.iter().filter(|m| item[**m].is_object()).map(|m| (at.member(m), &item[*m])),
            );
            let mut declared = Vec::new();
            for (holder, object) in holders {
                for (n, parameter) in items(object, "parameters").iter().enumerate() {
                    // A referenced parameter may belong to other paths too.
                    if parameter["in"] == "path" && parameter["name"] == variable {
                        declared.push(holder.member("parameters").member(&n.to_string()));
                    }
                }
            }
            if declared.is_empty() {
                continue;
            }
            let mut change = |kind, new_path: String, step: &dyn Fn(&At) -> Step| {
                let mut steps: Vec<Step> = declared.iter().map(step).collect();
                steps.push(Rename(at.pointer.clone(), new_path.clone()));
                self.add_at(kind, &[&at, &paths.member(&new_path)], steps);
            };
            let template = format!("{{{variable}}}");
            let renamed = path.replace(&template, "{mutant}");
            change("path variable renamed", renamed, &|p| {
                Put(p.member("name").pointer, json!(NEW))
            });
            let without = path.replace(&template, "literal");
            change("path variable made a literal", without, &|p| Take(p.pointer.clone()));
        }
        self.path_item(&at, item);
    }

    pub(super) fn path_item(&mut self, at: &At, item: &'a Value) {
        if self.reference(at, item) {
            return;
        }
        self.saw(Object::PathItem, at);
        let shared = items(item, "parameters");
        let present: Vec<&str> = METHODS.into_iter().filter(|m| item[*m].is_object()).collect();
        self.put(
            "server added",
            &at.member("servers"),
            json!([{"url": "https://mutant.example.org"}]),
        );
        // Every path parameter that a new operation must declare.
        let own = present.first().map(|m| items(&item[*m], "parameters")).unwrap_or_default();
        let needed: Vec<Value> =
            own.iter().filter(|p| self.resolved(p)["in"] == "path").cloned().collect();
        for method in METHODS.into_iter().filter(|m| item.get(*m).is_none()) {
            self.put("operation added", &at.member(method), fresh_operation(&needed));
        }
        if !shared.is_empty() {
            // A report lists them at every operation that does not override them.
            let list = at.member("parameters");
            self.saw(Object::Set, &list);
            let lists = present
                .iter()
                .flat_map(|method| at.member(method).member("parameters").sites)
                .collect();
            let parents = At { pointer: list.pointer.clone(), sites: lists, in_set: false };
            for (n, parameter) in shared.iter().enumerate() {
                let sites =
                    at.sites.iter().flat_map(|at| self.inheritors(at, item, parameter)).collect();
                let place = At { pointer: format!("{}/{n}", list.pointer), sites, in_set: false };
                self.parameter(&parents, &place, parameter);
            }
        }
        for method in &present {
            let operation = at.member(method);
            // An empty path item is valid, so its last operation may be removed.
            self.take("operation removed", &operation);
            let free = METHODS.iter().find(|m| item.get(**m).is_none());
            if let Some(other) = free {
                self.rename("operation moved to another method", at, method, other);
            }
            self.operation(&operation, &item[*method], method);
        }
    }

    pub(super) fn operation(&mut self, at: &At, operation: &'a Value, method: &str) {
        self.saw(Object::Operation, at);
        let id = format!("{NEW}_{}", operation["operationId"].as_str().unwrap_or_default());
        self.keyword(
            ["operationId added", "operationId changed", "operationId removed"],
            at,
            operation,
            "operationId",
            json!(id),
        );
        self.flip("operation deprecated", at, operation, "deprecated");
        self.put(
            "server added",
            &at.member("servers"),
            json!([{"url": "https://mutant.example.org"}]),
        );
        let tags = at.member("tags");
        match operation.get("tags") {
            None => self.put("tag added", &tags, json!([NEW])),
            Some(list) => {
                self.saw(Object::RepeatableSet, &tags);
                self.add("tag added", &tags, vec![Put(tags.member("-").pointer, json!(NEW))]);
                for n in 0..list.as_array().map_or(0, Vec::len) {
                    self.take("tag removed", &tags.element(n));
                    self.put("tag renamed", &tags.element(n), json!(NEW));
                }
            }
        }
        let inherited = self.document.get("security").cloned().unwrap_or(json!([]));
        if operation.get("security").is_some() {
            self.security(&at.member("security"), operation.get("security"), &inherited);
        }
        self.parameters(at, operation);
        let body = at.member("requestBody");
        match operation.get("requestBody") {
            // OpenAPI does not define request bodies for the other methods.
            None if !["post", "put", "patch"].contains(&method) => {}
            None => {
                let fresh =
                    json!({"content": {"application/json": {"schema": {"type": "object"}}}});
                self.put("request body added", &body, fresh);
            }
            Some(said) => {
                self.take("request body removed", &body);
                self.request_body(&body, said);
            }
        }
        self.responses(&at.member("responses"), &operation["responses"]);
        let callbacks = at.member("callbacks");
        let fresh = json!({"{$request.body#/url}": {"post": fresh_operation(&[])}});
        match operation.get("callbacks") {
            None => self.put("callback added", &callbacks, json!({NEW: fresh})),
            Some(_) => self.put("callback added", &callbacks.member(NEW), fresh),
        }
        for (name, callback) in members(operation, "callbacks") {
            self.take("callback removed", &callbacks.member(name));
            self.rename("callback renamed", &callbacks, name, NEW);
            self.callback(&callbacks.member(name), callback);
        }
    }

    pub(super) fn callback(&mut self, at: &At, callback: &'a Value) {
        if self.reference(at, callback) {
            return;
        }
        for (expression, item) in callback.as_object().into_iter().flatten() {
            self.rename("callback expression changed", at, expression, "{$request.query.mutant}");
            self.path_item(&at.member(expression), item);
        }
    }

    pub(super) fn security(&mut self, at: &At, own: Option<&Value>, inherited: &Value) {
        let alternatives: Vec<Value> = own.and_then(Value::as_array).cloned().unwrap_or_default();
        let schemes: Vec<&String> =
            members(&self.document["components"], "securitySchemes").map(|(n, _)| n).collect();
        if own.is_none() {
            for scheme in &schemes {
                self.put("security alternative added", at, json!([{scheme.as_str(): []}]));
            }
            return;
        }
        self.saw(Object::RepeatableSet, at);
        if own != Some(inherited) {
            self.take("security removed", at);
        }
        if !alternatives.is_empty() {
            self.put("security emptied", at, json!([]));
        }
        let with = |visitor: &mut Self, kind, alternative: Value| {
            if !alternatives.contains(&alternative) {
                visitor.add(kind, at, vec![Put(at.member("-").pointer, alternative)]);
            }
        };
        with(self, "anonymous alternative added", json!({}));
        for scheme in &schemes {
            with(self, "security alternative added", json!({scheme.as_str(): []}));
        }
        for (n, alternative) in alternatives.iter().enumerate() {
            let there = at.element(n);
            let asked: Vec<&String> =
                alternative.as_object().into_iter().flat_map(Members::keys).collect();
            let anonymous = asked.is_empty();
            self.take(
                if anonymous {
                    "anonymous alternative removed"
                } else {
                    "security alternative removed"
                },
                &there,
            );
            for scheme in &asked {
                let is = self.document["components"]["securitySchemes"][scheme.as_str()]["type"]
                    .as_str();
                let scopes = there.named(scheme, "").pointer;
                if matches!(is, Some("oauth2" | "openIdConnect")) {
                    self.add("scope added", at, vec![Put(format!("{scopes}/-"), json!(NEW))]);
                    for (n, _) in items(alternative, scheme).iter().enumerate() {
                        self.add("scope removed", at, vec![Take(format!("{scopes}/{n}"))]);
                    }
                }
                if asked.len() > 1 {
                    self.add("scheme removed from an alternative", at, vec![Take(scopes.clone())]);
                }
                let swapped = |other: &&&String| {
                    let mut changed = alternative.clone();
                    let scopes = changed.as_object_mut().expect("checked").remove(scheme.as_str());
                    changed[other.as_str()] = scopes.unwrap_or(json!([]));
                    !asked.contains(other) && !alternatives.contains(&changed)
                };
                if let Some(other) = schemes.iter().find(swapped) {
                    self.add(
                        "scheme of an alternative changed",
                        at,
                        vec![Rename(scopes, (*other).clone())],
                    );
                }
            }
            let more = schemes.iter().find(|scheme| !asked.contains(scheme));
            if let Some(more) = more {
                let steps = vec![Put(format!("{}/{}", there.pointer, escape(more)), json!([]))];
                self.add("scheme added to an alternative", at, steps);
            }
        }
    }
}
