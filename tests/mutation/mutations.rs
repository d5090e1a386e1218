//! Every change of meaning that can be made to an OpenAPI 3.0 document, one at a time, by walking it by its structure.
//!
//! It judges the gate, so it must never ask the gate what has a meaning: nothing of `src/contract` is used here. The
//! structure it follows is that of the specification, version 3.0.3. Beside the changes it notes which object stands
//! where, for the edits *without* meaning ([`super::edits`]).
//!
//! # Left out, because the edit would say nothing, or the document would be none
//!
//! - What states a default (`required: false`, `nullable: false`), repeats or reorders a set: that is `edits.rs`.
//! - `nullable` without `type`, or beside an `enum` without null: 3.0.3 gives both no effect. `nullable`, `readOnly` and
//!   everything else beside a `$ref`: ignored in 3.0.
//! - `readOnly` and `writeOnly` where no property is described, and both at once.
//! - `default` for what is required or readOnly: it never applies. Lengths beside an `enum`: they exclude nothing.
//! - `style`, `explode` and `allowReserved` for values that have one way to be written (an integer in a query).
//! - `xml` where no content type is XML; `encoding` but for forms; `bearerFormat`, which is a hint.
//! - A path parameter that is taken away or made optional while its path has the variable; the last response of an
//!   operation; a component that something refers to: the document would be invalid. Each is taken with its uses.
//! - A reference replaced by what it refers to: the same values, said otherwise.

use serde_json::{Map, Value, json};

/// One change of meaning.
pub struct Mutation {
    pub kind: &'static str,
    /// JSON pointer of the place in the document.
    pub pointer: String,
    pub steps: Vec<Step>,
    /// Where a report has to point: each of these, by itself, something in it, or what directly holds it. A parameter
    /// is named by `in:name`, at each operation that has it; an element of a set by the set.
    pub sites: Vec<String>,
}

/// One step of an edit, by JSON pointer.
#[derive(Clone, Debug)]
pub enum Step {
    /// A member or an element put in the place of another, or a new one; `-` is the end of a list.
    Put(String, Value),
    Take(String),
    /// The member keeps its place among its neighbours.
    Rename(String, String),
}

use Step::{Put, Rename, Take};

impl Mutation {
    pub fn of(&self, document: &Value) -> Value {
        edited(document, &self.steps)
    }
}

/// The document after some steps.
pub fn edited(document: &Value, steps: &[Step]) -> Value {
    let mut document = document.clone();
    for step in steps {
        let (Put(pointer, _) | Take(pointer) | Rename(pointer, _)) = step;
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer below the document");
        let key = key.replace("~1", "/").replace("~0", "~");
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("no such place: {step:?}"));
        match (step, parent) {
            (Put(_, value), Value::Object(members)) => drop(members.insert(key, value.clone())),
            (Put(_, value), Value::Array(items)) if key == "-" => items.push(value.clone()),
            (Put(_, value), Value::Array(items)) => items[key.parse::<usize>().expect("an index")] = value.clone(),
            (Take(_), Value::Object(members)) => drop(members.remove(&key).expect("a member to take")),
            (Take(_), Value::Array(items)) => drop(items.remove(key.parse().expect("an index"))),
            (Rename(_, new), Value::Object(members)) => {
                let rename = |name: String| if name == key { new.clone() } else { name };
                *members = std::mem::take(members).into_iter().map(|(name, value)| (rename(name), value)).collect();
            }
            (step, other) => panic!("{step:?} of {other}"),
        }
    }
    document
}

/// What an object of the document is, in the specification's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    Document,
    Info,
    Server,
    ServerVariable,
    PathItem,
    Operation,
    Parameter,
    RequestBody,
    Response,
    Header,
    MediaType,
    Encoding,
    Link,
    Components,
    Schema,
    Xml,
    SecurityScheme,
    Flow,
    Reference,
    /// An array without order.
    Set,
    /// The same, where repetition says nothing either.
    RepeatableSet,
}

/// What the walk through a document found.
pub struct Found {
    pub mutations: Vec<Mutation>,
    pub objects: Vec<(Object, String)>,
}

pub fn find(document: &Value) -> Found {
    let mut walk = Walk { document, found: Found { mutations: Vec::new(), objects: Vec::new() } };
    walk.document();
    walk.found
}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "patch", "head", "options", "trace"];

/// A name that no document has.
const NEW: &str = "mutant";

pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// A place in the document, and its names in a report.
#[derive(Clone)]
struct At {
    pointer: String,
    sites: Vec<String>,
    /// Inside an element of a set, whatever is deeper: the names end at the set.
    in_set: bool,
}

impl At {
    fn member(&self, key: &str) -> At {
        self.named(key, key)
    }

    /// The member `key`, which a report calls `name`.
    fn named(&self, key: &str, name: &str) -> At {
        let name = escape(name);
        let deeper = |site: &String| if self.in_set { site.clone() } else { format!("{site}/{name}") };
        At {
            pointer: format!("{}/{}", self.pointer, escape(key)),
            sites: self.sites.iter().map(deeper).collect(),
            in_set: self.in_set,
        }
    }

    /// An element of a set: a report names it by its content, somewhere in the set.
    fn element(&self, index: usize) -> At {
        At { pointer: format!("{}/{index}", self.pointer), sites: self.sites.clone(), in_set: true }
    }
}

struct Walk<'a> {
    document: &'a Value,
    found: Found,
}

type Members = Map<String, Value>;

fn members<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value[key].as_object().into_iter().flatten()
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_true(value: &Value, key: &str) -> bool {
    value[key] == json!(true)
}

impl<'a> Walk<'a> {
    // --- the ways to change something ---

    fn add(&mut self, kind: &'static str, at: &At, steps: Vec<Step>) {
        self.found.mutations.push(Mutation { kind, pointer: at.pointer.clone(), steps, sites: at.sites.clone() });
    }

    fn add_at(&mut self, kind: &'static str, all: &[&At], steps: Vec<Step>) {
        let pointer = all.first().map(|at| at.pointer.clone()).unwrap_or_default();
        let sites = all.iter().flat_map(|at| at.sites.clone()).collect();
        self.found.mutations.push(Mutation { kind, pointer, steps, sites });
    }

    fn put(&mut self, kind: &'static str, at: &At, value: Value) {
        self.add(kind, at, vec![Put(at.pointer.clone(), value)]);
    }

    fn take(&mut self, kind: &'static str, at: &At) {
        self.add(kind, at, vec![Take(at.pointer.clone())]);
    }

    fn rename(&mut self, kind: &'static str, parent: &At, from: &str, to: &str) {
        let (old, new) = (parent.member(from), parent.member(to));
        self.add_at(kind, &[&old, &new], vec![Rename(old.pointer.clone(), to.to_owned())]);
    }

    /// A keyword that is false unless it says true.
    fn flip(&mut self, kind: &'static str, at: &At, object: &Value, key: &str) {
        let there = at.member(key);
        if is_true(object, key) { self.take(kind, &there) } else { self.put(kind, &there, json!(true)) }
    }

    /// A keyword that gets another value, goes, or comes.
    fn keyword(&mut self, kinds: [&'static str; 3], at: &At, object: &Value, key: &str, other: Value) {
        let [added, changed, removed] = kinds;
        let there = at.member(key);
        match object.get(key) {
            None => self.put(added, &there, other),
            Some(old) => {
                assert_ne!(*old, other, "{}", there.pointer);
                self.put(changed, &there, other);
                self.take(removed, &there);
            }
        }
    }

    fn text(&mut self, kind: &'static str, at: &At, object: &Value, key: &str) {
        if let Some(text) = object[key].as_str() {
            self.put(kind, &at.member(key), json!(format!("{text}{NEW}")));
        }
    }

    fn saw(&mut self, what: Object, at: &At) {
        self.found.objects.push((what, at.pointer.clone()));
    }

    /// True, and noted, for `{"$ref": …}`, which gets another target of its kind.
    fn reference(&mut self, at: &At, object: &Value) -> bool {
        self.reference_in(None, at, object)
    }

    /// The same in a list of parameters, where another target has another name.
    fn reference_in(&mut self, list: Option<&At>, at: &At, object: &Value) -> bool {
        let Some(target) = object["$ref"].as_str() else { return false };
        self.saw(Object::Reference, at);
        let (parent, name) = target.rsplit_once('/').unwrap_or_default();
        let Some(all) = self.document.pointer(parent.trim_start_matches('#')) else { return true };
        let own = &all[name];
        // The next one by name that says something else, after the last one the first.
        let names: Vec<&String> = all.as_object().into_iter().flat_map(Members::keys).collect();
        let start = names.iter().position(|n| *n == name).map_or(0, |n| n + 1);
        let others = names.iter().cycle().skip(start).take(names.len());
        if let Some(other) = others.into_iter().find(|other| all[other.as_str()] != *own) {
            let mut sites = at.sites.clone();
            let name = self.parameter_name(&all[other.as_str()]);
            sites.extend(list.into_iter().flat_map(|list| list.named("", &name).sites));
            let steps = vec![Put(at.member("$ref").pointer, json!(format!("{parent}/{other}")))];
            self.found.mutations.push(Mutation {
                kind: "reference changed",
                pointer: at.pointer.clone(),
                steps,
                sites,
            });
        }
        true
    }

    /// Every `{"$ref": …}` of the document to this target: its pointer and its names in a report.
    fn uses(&self, target: &str) -> Vec<At> {
        fn collect(value: &Value, pointer: &str, target: &str, found: &mut Vec<String>) {
            match value {
                Value::Object(map) if map.get("$ref").is_some_and(|r| r == target) => found.push(pointer.to_owned()),
                Value::Object(map) => {
                    map.iter().for_each(|(k, v)| collect(v, &format!("{pointer}/{}", escape(k)), target, found));
                }
                Value::Array(list) => {
                    list.iter().enumerate().for_each(|(n, v)| collect(v, &format!("{pointer}/{n}"), target, found));
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        collect(self.document, "", target, &mut found);
        let at = |pointer: String| {
            let shared = pointer.rsplit_once('/').and_then(|(list, n)| Some((list.strip_suffix("/parameters")?, n)));
            let item =
                shared.and_then(|(item, n)| Some((item, self.document.pointer(item)?, n.parse::<usize>().ok()?)));
            let sites = match item.filter(|(_, item, _)| item.get("responses").is_none()) {
                Some((path, item, n)) => self.heirs(path, item, &item["parameters"][n]),
                None => vec![self.name_in_report(&pointer)],
            };
            At { pointer, sites, in_set: false }
        };
        found.into_iter().map(at).collect()
    }

    /// Steps into lists become names (`parameters`) or are left out (sets).
    fn name_in_report(&self, pointer: &str) -> String {
        let (mut site, mut here, mut last) = (String::new(), self.document, "");
        for step in pointer.split('/').skip(1) {
            let next = match here {
                Value::Array(list) => &list[step.parse::<usize>().expect("an index")],
                _ => &here[step.replace("~1", "/").replace("~0", "~")],
            };
            match here {
                Value::Array(_) if last == "parameters" => site += &format!("/{}", escape(&self.parameter_name(next))),
                Value::Array(_) => return site,
                _ => site += &format!("/{step}"),
            }
            (here, last) = (next, step);
        }
        site
    }

    fn resolved<'b>(&self, object: &'b Value) -> &'b Value
    where
        'a: 'b,
    {
        let target = object["$ref"].as_str().and_then(|r| self.document.pointer(r.trim_start_matches('#')));
        target.unwrap_or(object)
    }

    /// Where a report names a parameter of a path: at each operation that does not override it.
    fn heirs(&self, path_item: &str, item: &Value, parameter: &Value) -> Vec<String> {
        let name = self.parameter_name(parameter);
        let inherits = |method: &&str| {
            let mut own = items(&item[*method], "parameters").iter();
            item[*method].is_object() && own.all(|p| self.parameter_name(p) != name)
        };
        let site = |method: &str| format!("{path_item}/{method}/parameters/{}", escape(&name));
        METHODS.into_iter().filter(inherits).map(site).collect()
    }

    /// Where a report has the lists that a parameter stands in: those of all operations for one of their path.
    fn lists(&self, parameter: &str) -> Vec<String> {
        let (list, _) = parameter.rsplit_once('/').expect("a parameter in its list");
        let holder = list.strip_suffix("/parameters").expect("a list of parameters");
        let item = self.document.pointer(holder).expect("a place in the document");
        let methods = METHODS.iter().filter(|method| item[**method].is_object());
        let shared: Vec<String> = methods.map(|method| format!("{holder}/{method}/parameters")).collect();
        if shared.is_empty() { vec![list.to_owned()] } else { shared }
    }

    fn parameter_name(&self, parameter: &Value) -> String {
        let said = self.resolved(parameter);
        format!("{}:{}", said["in"].as_str().unwrap_or_default(), said["name"].as_str().unwrap_or_default())
    }

    // --- the walk ---

    fn document(&mut self) {
        let (document, at) = (self.document, At { pointer: String::new(), sites: vec![String::new()], in_set: false });
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

    fn servers(&mut self, at: &At, object: &Value) {
        let there = at.member("servers");
        let fresh = json!({"url": "https://mutant.example.org/v2"});
        if items(object, "servers").is_empty() {
            self.put("server added", &there, json!([fresh]));
            return;
        }
        self.put("server added", &there.member("-"), fresh);
        // A list with order: what comes after moves up.
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
                self.put("server variable default changed", &there.member("default"), value.unwrap_or(json!(NEW)));
                for (n, _) in items(variable, "enum").iter().enumerate().skip(1) {
                    self.take("server variable value removed", &there.member("enum").element(n));
                }
                if variable.get("enum").is_some() {
                    self.saw(Object::RepeatableSet, &there.member("enum"));
                    let set = there.member("enum");
                    self.add("server variable value added", &set, vec![Put(set.member("-").pointer, json!(NEW))]);
                }
                let url = server["url"].as_str().unwrap_or_default().replace(&format!("{{{name}}}"), "{mutant}");
                let steps = vec![Rename(there.pointer.clone(), NEW.into()), Put(at.member("url").pointer, json!(url))];
                self.add_at("server variable renamed", &[&there, &all.member(NEW), &at.member("url")], steps);
            }
        }
    }

    /// What operations without an own `security` take from the document.
    fn inherited_security(&mut self, at: &At) {
        let mut heirs = Vec::new();
        for (path, item) in members(self.document, "paths") {
            for method in METHODS.iter().filter(|m| item[**m].is_object() && item[**m].get("security").is_none()) {
                heirs.push(format!("/paths/{}/{method}/security", escape(path)));
            }
        }
        if heirs.is_empty() {
            return;
        }
        let there = At { pointer: at.member("security").pointer, sites: heirs, in_set: false };
        self.security(&there, self.document.get("security"), &json!([]));
    }

    fn path(&mut self, paths: &At, path: &str, item: &'a Value) {
        let at = paths.member(path);
        self.take("path removed", &at);
        self.rename("path renamed", paths, path, &format!("/mutant{path}"));
        let slash = path.strip_suffix('/').map_or(format!("{path}/"), str::to_owned);
        self.rename("last slash", paths, path, &slash);
        for variable in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let mut holders = vec![(at.clone(), item)];
            holders.extend(METHODS.iter().filter(|m| item[**m].is_object()).map(|m| (at.member(m), &item[*m])));
            let mut declared = Vec::new();
            for (holder, object) in holders {
                for (n, parameter) in items(object, "parameters").iter().enumerate() {
                    // One behind a reference belongs to other paths too.
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
            change("path variable renamed", renamed, &|p| Put(p.member("name").pointer, json!(NEW)));
            let without = path.replace(&template, "literal");
            change("path variable made a literal", without, &|p| Take(p.pointer.clone()));
        }
        self.path_item(&at, item);
    }

    fn path_item(&mut self, at: &At, item: &'a Value) {
        if self.reference(at, item) {
            return;
        }
        self.saw(Object::PathItem, at);
        let shared = items(item, "parameters");
        let present: Vec<&str> = METHODS.into_iter().filter(|m| item[*m].is_object()).collect();
        self.put("server added", &at.member("servers"), json!([{"url": "https://mutant.example.org"}]));
        // Every path parameter that a new operation has to declare.
        let own = present.first().map(|m| items(&item[*m], "parameters")).unwrap_or_default();
        let needed: Vec<Value> = own.iter().filter(|p| self.resolved(p)["in"] == "path").cloned().collect();
        for method in METHODS.into_iter().filter(|m| item.get(*m).is_none()) {
            self.put("operation added", &at.member(method), fresh_operation(&needed));
        }
        if !shared.is_empty() {
            // In a report they stand at every operation that does not override them.
            let list = at.member("parameters");
            self.saw(Object::Set, &list);
            let lists = present.iter().flat_map(|method| at.member(method).member("parameters").sites).collect();
            let parents = At { pointer: list.pointer.clone(), sites: lists, in_set: false };
            for (n, parameter) in shared.iter().enumerate() {
                let sites = at.sites.iter().flat_map(|at| self.heirs(at, item, parameter)).collect();
                let place = At { pointer: format!("{}/{n}", list.pointer), sites, in_set: false };
                self.parameter(&parents, &place, parameter);
            }
        }
        for method in &present {
            let operation = at.member(method);
            // A path needs an operation as little as a document needs a path: an empty path item is valid.
            self.take("operation removed", &operation);
            let free = METHODS.iter().find(|m| item.get(**m).is_none());
            if let Some(other) = free {
                self.rename("operation moved to another method", at, method, other);
            }
            self.operation(&operation, &item[*method], method);
        }
    }

    fn operation(&mut self, at: &At, operation: &'a Value, method: &str) {
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
        self.put("server added", &at.member("servers"), json!([{"url": "https://mutant.example.org"}]));
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
            // What a body means for the other methods is not defined.
            None if !["post", "put", "patch"].contains(&method) => {}
            None => {
                let fresh = json!({"content": {"application/json": {"schema": {"type": "object"}}}});
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

    fn callback(&mut self, at: &At, callback: &'a Value) {
        if self.reference(at, callback) {
            return;
        }
        for (expression, item) in callback.as_object().into_iter().flatten() {
            self.rename("callback expression changed", at, expression, "{$request.query.mutant}");
            self.path_item(&at.member(expression), item);
        }
    }

    fn security(&mut self, at: &At, own: Option<&Value>, inherited: &Value) {
        let alternatives: Vec<Value> = own.and_then(Value::as_array).cloned().unwrap_or_default();
        let schemes: Vec<&String> = members(&self.document["components"], "securitySchemes").map(|(n, _)| n).collect();
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
        let with = |walk: &mut Self, kind, alternative: Value| {
            if !alternatives.contains(&alternative) {
                walk.add(kind, at, vec![Put(at.member("-").pointer, alternative)]);
            }
        };
        with(self, "anonymous alternative added", json!({}));
        for scheme in &schemes {
            with(self, "security alternative added", json!({scheme.as_str(): []}));
        }
        for (n, alternative) in alternatives.iter().enumerate() {
            let there = at.element(n);
            let asked: Vec<&String> = alternative.as_object().into_iter().flat_map(Members::keys).collect();
            let anonymous = asked.is_empty();
            self.take(if anonymous { "anonymous alternative removed" } else { "security alternative removed" }, &there);
            for scheme in &asked {
                let is = self.document["components"]["securitySchemes"][scheme.as_str()]["type"].as_str();
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
                    self.add("scheme of an alternative changed", at, vec![Rename(scopes, (*other).clone())]);
                }
            }
            let more = schemes.iter().find(|scheme| !asked.contains(scheme));
            if let Some(more) = more {
                let steps = vec![Put(format!("{}/{}", there.pointer, escape(more)), json!([]))];
                self.add("scheme added to an alternative", at, steps);
            }
        }
    }

    fn parameters(&mut self, at: &At, operation: &'a Value) {
        let list = at.member("parameters");
        let schema = json!({"type": "string"});
        let fresh = [
            ("parameter added", json!({"in": "query", "name": NEW, "schema": schema})),
            ("required parameter added", json!({"in": "query", "name": NEW, "required": true, "schema": schema})),
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

    /// One in a list, which must stay valid for its path.
    fn parameter(&mut self, list: &At, at: &At, parameter: &'a Value) {
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
            for other in ["query", "header", "cookie"].into_iter().filter(|other| *other != location) {
                moved("parameter moved", "in", other.to_owned(), format!("{other}:{name}"));
            }
        }
        self.parameter_object(at, parameter);
    }

    fn parameter_object(&mut self, at: &At, parameter: &'a Value) {
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
            let form = parameter["style"].as_str().map_or(matches!(location, "query" | "cookie"), |s| s == "form");
            let explode = parameter["explode"].as_bool().unwrap_or(form);
            self.put("parameter explode flipped", &at.member("explode"), json!(!explode));
            if location == "query" && schema["type"] == "array" {
                let style = if parameter["style"] == "pipeDelimited" { "spaceDelimited" } else { "pipeDelimited" };
                // The default of `explode` hangs on it.
                self.add("parameter style changed", at, vec![Put(at.member("style").pointer, json!(style))]);
            }
        }
        self.flip("parameter deprecated", at, parameter, "deprecated");
        if let Some(schema) = parameter.get("schema") {
            let optional = !is_true(parameter, "required");
            self.schema(&at.member("schema"), schema, Role { is_property: false, may_default: optional });
            let (old, new) = (at.member("schema"), at.member("content"));
            let content = Put(new.pointer.clone(), json!({"application/json": {"schema": schema}}));
            self.add_at("parameter becomes content", &[&old, &new], vec![Take(old.pointer.clone()), content]);
        }
        self.content(&at.member("content"), &parameter["content"], 1);
    }

    fn request_body(&mut self, at: &At, body: &'a Value) {
        if self.reference(at, body) {
            return;
        }
        self.saw(Object::RequestBody, at);
        self.flip("request body required", at, body, "required");
        self.content(&at.member("content"), &body["content"], usize::MAX);
    }

    /// `most`: how many content types there may be.
    fn content(&mut self, at: &At, content: &'a Value, most: usize) {
        let Some(types) = content.as_object() else { return };
        let first = types.values().next();
        if types.len() < most {
            let fresh = first.cloned().unwrap_or(json!({"schema": {"type": "object"}}));
            self.put("content type added", &at.member("application/vnd.mutant"), fresh);
        }
        for (media, said) in types {
            let there = at.member(media);
            // A parameter has exactly one.
            if most > 1 {
                self.take("content type removed", &there);
            }
            self.rename("content type renamed", at, media, "application/vnd.mutant");
            self.media_type(&there, media, said);
        }
    }

    fn media_type(&mut self, at: &At, media: &str, said: &'a Value) {
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
        if let Some((property, _)) =
            members(self.resolved(&said["schema"]), "properties").find(|(name, _)| said["encoding"].get(name).is_none())
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
            let kinds =
                ["encoding content type added", "encoding content type changed", "encoding content type removed"];
            self.keyword(kinds, &there, encoding, "contentType", json!("text/mutant"));
            self.headers(&there, encoding);
        }
    }

    fn responses(&mut self, at: &At, responses: &'a Value) {
        let Some(all) = responses.as_object() else { return };
        let statuses = || all.iter().filter(|(status, _)| !status.starts_with("x-"));
        self.put("status added", &at.member("418"), json!({"description": "a teapot"}));
        if !all.contains_key("default") {
            self.put("default response added", &at.member("default"), json!({"description": "anything else"}));
        }
        for (status, response) in statuses() {
            if statuses().count() > 1 {
                self.take("status removed", &at.member(status));
            }
            let other = match status.parse::<u16>() {
                Ok(number) => (number + 1..).map(|n| n.to_string()).find(|n| !all.contains_key(n)),
                Err(_) => Some("5XX".to_owned()).filter(|other| other != status && !all.contains_key(other)),
            };
            if let Some(other) = other {
                self.rename("status changed", at, status, &other);
            }
            self.response(&at.member(status), response);
        }
    }

    fn response(&mut self, at: &At, response: &'a Value) {
        if self.reference(at, response) {
            return;
        }
        self.saw(Object::Response, at);
        let content = at.member("content");
        match response.get("content") {
            None => {
                let schema = |schema: Value| json!({"application/json": {"schema": schema}});
                self.put("empty response gains a schema", &content, schema(json!({"type": "string"})));
                if let Some((name, _)) = members(&self.document["components"], "schemas").next() {
                    let reference = json!({"$ref": format!("#/components/schemas/{name}")});
                    self.put("empty response gains a schema", &content, schema(reference));
                }
                self.put("empty response gains a content type", &content, json!({"text/plain": {}}));
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

    fn link(&mut self, at: &At, link: &'a Value) {
        if self.reference(at, link) {
            return;
        }
        self.saw(Object::Link, at);
        self.text("link target changed", at, link, "operationId");
        let parameters = at.member("parameters");
        for (name, _) in members(link, "parameters") {
            self.take("link parameter removed", &parameters.member(name));
            self.put("link parameter changed", &parameters.member(name), json!("$request.query.mutant"));
        }
        let step = match link.get("parameters") {
            None => Put(parameters.pointer.clone(), json!({NEW: 1})),
            Some(_) => Put(parameters.member(NEW).pointer, json!(1)),
        };
        self.add("link parameter added", &parameters.member(NEW), vec![step]);
        let kinds = ["link body added", "link body changed", "link body removed"];
        self.keyword(kinds, at, link, "requestBody", json!("$request.query.mutant"));
    }

    fn headers(&mut self, at: &At, object: &'a Value) {
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

    fn header(&mut self, at: &At, header: &'a Value) {
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

    fn components(&mut self, at: &At, components: &'a Value) {
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
            ("requestBodies", "component request body added", json!({"content": {"application/json": {}}})),
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

    /// A component by another name, with all that refers to it, or none where nothing does.
    fn component(&mut self, section: &str, map: &At, at: &At, name: &str) {
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
        // Places inside the component itself have moved with it.
        let moved = |pointer: &str| match pointer.strip_prefix(&at.pointer) {
            Some(rest) if rest.starts_with('/') => format!("{}{rest}", map.member(&new).pointer),
            _ => pointer.to_owned(),
        };
        steps.extend(uses.iter().map(|user| Put(format!("{}/$ref", moved(&user.pointer)), target.clone())));
        let renamed = map.member(&new);
        let mut sites = vec![at, &renamed];
        sites.extend(uses.iter().filter(|user| moved(&user.pointer) == user.pointer));
        self.add_at("component renamed", &sites, steps);
    }

    fn component_parameter(&mut self, at: &At, parameter: &'a Value) {
        self.parameter_object(at, parameter);
        let name = at.pointer.rsplit('/').next().unwrap_or_default();
        let uses = self.uses(&format!("#/components/parameters/{name}"));
        if parameter["in"] != "path" {
            let own = at.member("name");
            let mut sites = own.sites.clone();
            for user in &uses {
                sites.extend(user.sites.clone());
                let renamed = format!("{}:{NEW}", parameter["in"].as_str().unwrap_or_default());
                sites.extend(self.lists(&user.pointer).iter().map(|list| format!("{list}/{renamed}")));
            }
            let at = At { pointer: own.pointer.clone(), sites, in_set: false };
            self.put("parameter renamed", &at, json!(NEW));
        }
    }

    fn security_scheme(&mut self, at: &At, name: &str, scheme: &'a Value) {
        if self.reference(at, scheme) {
            return;
        }
        self.saw(Object::SecurityScheme, at);
        match scheme["type"].as_str() {
            Some("apiKey") => {
                self.text("security scheme key renamed", at, scheme, "name");
                for other in ["header", "query", "cookie"].into_iter().filter(|other| scheme["in"] != *other) {
                    self.put("security scheme moved", &at.member("in"), json!(other));
                }
            }
            Some("http") => {
                let other = if scheme["scheme"] == "bearer" { "basic" } else { "bearer" };
                self.put("security scheme changed", &at.member("scheme"), json!(other));
            }
            Some("openIdConnect") => self.text("security scheme URL changed", at, scheme, "openIdConnectUrl"),
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
                self.add("scope renamed", &scopes, vec![Rename(scopes.member(scope).pointer, NEW.to_owned())]);
            }
        }
        self.security_scheme_uses(at, name);
    }

    /// By another name, and gone, each with all its uses.
    fn security_scheme_uses(&mut self, at: &At, name: &str) {
        let mut holders = vec![("/security".to_owned(), &self.document["security"])];
        for (path, item) in members(self.document, "paths") {
            for (method, operation) in item.as_object().into_iter().flatten() {
                holders.push((format!("/paths/{}/{method}/security", escape(path)), &operation["security"]));
            }
        }
        let (mut renames, mut takes, mut sites) = (Vec::new(), Vec::new(), at.sites.clone());
        for (pointer, security) in holders {
            let alternatives = security.as_array().map(Vec::as_slice).unwrap_or_default();
            let using = alternatives.iter().enumerate().filter(|(_, one)| one.get(name).is_some());
            let using: Vec<usize> = using.map(|(n, _)| n).collect();
            renames.extend(using.iter().map(|n| Rename(format!("{pointer}/{n}/{}", escape(name)), NEW.to_owned())));
            takes.extend(using.iter().rev().map(|n| Take(format!("{pointer}/{n}"))));
            // Of the document's own, the heirs are what a report names.
            if !using.is_empty() && pointer != "/security" {
                sites.push(pointer);
            } else if !using.is_empty() {
                for (path, item) in members(self.document, "paths") {
                    let heirs = METHODS.iter().filter(|m| item[**m].is_object() && item[**m].get("security").is_none());
                    sites.extend(heirs.map(|method| format!("/paths/{}/{method}/security", escape(path))));
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

    fn schema(&mut self, at: &At, schema: &'a Value, role: Role) {
        if self.reference(at, schema) {
            let (other, pointer) = (json!({"type": "string", "enum": [NEW]}), at.pointer.clone());
            self.add("reference replaced by another schema", at, vec![Put(pointer, other)]);
            return;
        }
        self.saw(Object::Schema, at);
        let kind = schema["type"].as_str().unwrap_or_default();
        let put = |walk: &mut Self, kind, key: &str, value: Value| walk.put(kind, &at.member(key), value);
        if kind.is_empty() {
            let composed = ["allOf", "anyOf", "oneOf", "not", "enum"].iter().any(|key| schema.get(*key).is_some());
            if !composed {
                put(self, "type added", "type", json!("string"));
            }
        } else {
            put(self, "type changed", "type", json!(if kind == "string" { "integer" } else { "string" }));
            self.take("type removed", &at.member("type"));
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
            self.keyword(["format added", "format changed", "format removed"], at, schema, "format", json!(format));
        }
        let next = |key: &str, start: i64| json!(schema[key].as_i64().map_or(start, |old| old + 1));
        let mut bound = |kinds, key: &str, value: i64| {
            if !has_enum {
                self.keyword(kinds, at, schema, key, next(key, value));
            }
        };
        match kind {
            "string" => {
                bound(["maxLength added", "maxLength changed", "maxLength removed"], "maxLength", 77);
                bound(["minLength added", "minLength changed", "minLength removed"], "minLength", 3);
                if !has_enum {
                    let kinds = ["pattern added", "pattern changed", "pattern removed"];
                    self.keyword(kinds, at, schema, "pattern", json!("^mutant"));
                }
            }
            "integer" | "number" => {
                bound(["maximum added", "maximum changed", "maximum removed"], "maximum", 77);
                bound(["minimum added", "minimum changed", "minimum removed"], "minimum", -77);
                bound(["multipleOf added", "multipleOf changed", "multipleOf removed"], "multipleOf", 7);
                for (bound, exclusive) in [("maximum", "exclusiveMaximum"), ("minimum", "exclusiveMinimum")] {
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
                bound(["maxProperties added", "maxProperties changed", "maxProperties removed"], "maxProperties", 77);
                bound(["minProperties added", "minProperties changed", "minProperties removed"], "minProperties", 1);
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
            self.keyword(["default added", "default changed", "default removed"], at, schema, "default", value);
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
                    let steps = vec![Take(old.pointer.clone()), Put(new.pointer.clone(), json!(true))];
                    self.add_at(swapped, &[&old, &new], steps);
                }
            }
        }
        self.flip("schema deprecated", at, schema, "deprecated");
        // Generators name types by it.
        let title = format!("{NEW} {}", schema["title"].as_str().unwrap_or_default());
        self.keyword(["title added", "title changed", "title removed"], at, schema, "title", json!(title));
        self.composition(at, schema);
        self.discriminator(at, schema);
        self.xml(at, schema);
    }

    fn properties(&mut self, at: &At, schema: &'a Value, kind: &str) {
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
            self.add_at("required property added", &[&there, &required.member(NEW)], vec![step, require(NEW)]);
        }
        for (name, property) in members(schema, "properties") {
            let there = all.member(name);
            let place = names.iter().position(|required| required == name);
            let listed = place.map(|n| required.element(n).pointer);
            let (flag, renamed) = (required.member(name), all.member(NEW));
            let (mut taken, mut moved) =
                (vec![Take(there.pointer.clone())], vec![Rename(there.pointer.clone(), NEW.into())]);
            match &listed {
                Some(listed) => {
                    taken.push(Take(listed.clone()));
                    moved.push(Put(listed.clone(), json!(NEW)));
                    self.add_at("property removed", &[&there, &flag], taken);
                    self.add_at("property renamed", &[&there, &renamed, &flag, &required.member(NEW)], moved);
                    self.add("property no longer required", &flag, vec![Take(listed.clone())]);
                }
                None => {
                    self.add("property removed", &there, taken);
                    self.add_at("property renamed", &[&there, &renamed], moved);
                    self.add("property made required", &flag, vec![require(name)]);
                }
            }
            self.schema(&there, property, Role { is_property: true, may_default: listed.is_none() });
        }
    }

    fn additional_properties(&mut self, at: &At, schema: &'a Value) {
        let there = at.member("additionalProperties");
        match schema.get("additionalProperties") {
            None | Some(Value::Bool(true)) => {
                self.put("object closed", &there, json!(false));
                self.put("additional properties described", &there, json!({"type": "string", "enum": [NEW]}));
            }
            Some(Value::Bool(_)) => self.take("object opened", &there),
            Some(described) => {
                self.take("object opened", &there);
                self.put("object closed", &there, json!(false));
                self.schema(&there, described, Role::default());
            }
        }
    }

    fn enumeration(&mut self, at: &At, schema: &'a Value, kind: &str) {
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
                self.add("enum value added", &there, vec![Put(there.member("-").pointer, fresh.clone())]);
                for n in 0..values.len() {
                    // An enum of nothing is none.
                    if values.len() > 1 {
                        self.take("enum value removed", &there.element(n));
                    }
                    self.put("enum value changed", &there.element(n), fresh.clone());
                }
            }
        }
    }

    fn composition(&mut self, at: &At, schema: &'a Value) {
        let fresh = json!({"type": "object", "required": [NEW]});
        for (key, other) in [("allOf", "anyOf"), ("anyOf", "oneOf"), ("oneOf", "allOf")] {
            let there = at.member(key);
            let Some(parts) = schema.get(key).and_then(Value::as_array) else { continue };
            self.saw(if key == "oneOf" { Object::Set } else { Object::RepeatableSet }, &there);
            self.rename("composition changed", at, key, other);
            self.add("composition part added", &there, vec![Put(there.member("-").pointer, fresh.clone())]);
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

    fn discriminator(&mut self, at: &At, schema: &'a Value) {
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

    fn xml(&mut self, at: &At, schema: &'a Value) {
        if !self.document.to_string().contains("/xml\"") {
            return;
        }
        let there = at.member("xml");
        let Some(said) = schema.get("xml") else {
            return self.put("XML name added", &there, json!({"name": NEW}));
        };
        self.saw(Object::Xml, &there);
        self.keyword(["XML name added", "XML name changed", "XML name removed"], &there, said, "name", json!(NEW));
        self.flip("XML attribute flipped", &there, said, "attribute");
        if schema["type"] == "array" {
            self.flip("XML wrapped flipped", &there, said, "wrapped");
        }
    }
}

/// Where a schema stands.
#[derive(Clone, Copy, Default)]
struct Role {
    is_property: bool,
    /// Whether what it describes may be absent, so that a default says something.
    may_default: bool,
}

fn fresh_operation(parameters: &[Value]) -> Value {
    let mut operation = json!({"operationId": "mutant_operation", "responses": {"204": {"description": ""}}});
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    operation
}
