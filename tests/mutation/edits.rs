//! Edits without meaning, one at a time, at every applicable place of a document. The gate must
//! report none.
//!
//! The members of each OpenAPI 3.0.3 object are listed here from the specification, independent of
//! `src/contract`. Each edit is a text, since parsing loses order, white space and quotes.

use serde_json::{Map, Value, json};

use super::mutations::{Object, Step, edited, escape, find};
use Object::*;
use Step::{Put, Take};

pub struct Edit {
    pub kind: &'static str,
    pub pointer: String,
    pub text: String,
}

/// All edits of a published document.
pub fn all(source: &str) -> Vec<Edit> {
    let document: Value = serde_yaml_ng::from_str(source).expect("YAML");
    let mut editor = Editor { document: &document, edits: Vec::new() };
    for (object, pointer) in find(&document).objects {
        editor.annotations(object, &pointer);
        editor.stated_defaults(object, &pointer);
        editor.sets(object, &pointer);
    }
    editor.order(&document, "");
    editor.numbers(&document, "");
    editor.inheritance();
    let mut edits = editor.edits;
    edits.extend(presentation(source, &document));
    edits
}

struct Editor<'a> {
    document: &'a Value,
    edits: Vec<Edit>,
}

impl Editor<'_> {
    fn add(&mut self, kind: &'static str, pointer: &str, steps: &[Step]) {
        let edited = edited(self.document, steps);
        // Compared as texts: reordered keys are an edit although the values are equal.
        let (text, before) = (edited.to_string(), self.document.to_string());
        assert!(text != before, "{kind} at {pointer} is no edit");
        self.edits.push(Edit { kind, pointer: pointer.to_owned(), text });
    }

    fn put(&mut self, kind: &'static str, pointer: &str, key: &str, value: Value) {
        self.add(kind, pointer, &[Put(format!("{pointer}/{key}"), value)]);
    }

    fn at(&self, pointer: &str) -> &Value {
        self.document.pointer(pointer).expect("a place that the walk has seen")
    }

    fn annotations(&mut self, object: Object, pointer: &str) {
        let here = self.at(pointer).clone();
        let described = [
            Info,
            Server,
            ServerVariable,
            PathItem,
            Operation,
            Parameter,
            RequestBody,
            Response,
            Header,
            Link,
            Schema,
            SecurityScheme,
            Reference,
        ];
        if described.contains(&object) {
            let text =
                format!("Said otherwise. {}", here["description"].as_str().unwrap_or_default());
            self.put("description", pointer, "description", json!(text));
            // A response requires a description, which may be empty.
            if here.get("description").is_some() && object != Response {
                self.add("description removed", pointer, &[Take(format!("{pointer}/description"))]);
            }
        }
        if [PathItem, Operation].contains(&object) {
            self.put("summary", pointer, "summary", json!("In short."));
        }
        if [Document, Operation, Schema].contains(&object) {
            self.put(
                "external documentation",
                pointer,
                "externalDocs",
                json!({"url": "https://elsewhere.example.org"}),
            );
        }
        if [Parameter, Header, MediaType, Schema].contains(&object)
            && here.get("examples").is_none()
        {
            self.put("example", pointer, "example", json!({"required": ["mutant"]}));
        }
        if [Parameter, Header, MediaType].contains(&object)
            && here.get("example").or(here.get("examples")).is_none()
        {
            self.put("examples", pointer, "examples", json!({"one": {"value": 1}}));
        }
        for key in [
            "example",
            "examples",
            "externalDocs",
            "summary",
            "license",
            "contact",
            "termsOfService",
        ] {
            if here.get(key).is_some() {
                self.add("annotation removed", pointer, &[Take(format!("{pointer}/{key}"))]);
            }
        }
        if ![Set, RepeatableSet, Reference].contains(&object) {
            self.put(
                "extension",
                pointer,
                "x-mutant",
                json!({"type": "object", "required": ["mutant"]}),
            );
        }
        match object {
            Info => {
                self.put("licence", pointer, "license", json!({"name": "Another"}));
                self.put("contact", pointer, "contact", json!({"email": "someone@example.org"}));
                self.put("terms", pointer, "termsOfService", json!("https://terms.example.org"));
            }
            Document => self.put(
                "tags described",
                pointer,
                "tags",
                json!([{"name": "auth", "description": "All of it."}]),
            ),
            Components => {
                self.put("component example", pointer, "examples", json!({"one": {"value": 1}}))
            }
            Reference => self.put("beside a reference", pointer, "nullable", json!(true)),
            Flow => {
                let scopes: Vec<String> =
                    here["scopes"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
                for scope in scopes {
                    self.put(
                        "scope described",
                        pointer,
                        &format!("scopes/{}", escape(&scope)),
                        json!("Said otherwise."),
                    );
                }
            }
            _ => {}
        }
    }

    fn stated_defaults(&mut self, object: Object, pointer: &str) {
        let here = self.at(pointer).clone();
        let location = here["in"].as_str().unwrap_or_default();
        let kind = here["type"].as_str().unwrap_or_default();
        let form = here["style"]
            .as_str()
            .map_or(matches!(location, "query" | "cookie"), |style| style == "form");
        let style = if object == Header || matches!(location, "path" | "header") {
            "simple"
        } else {
            "form"
        };
        let no = json!(false);
        let defaults: Vec<(&str, Value)> = match object {
            Document => vec![("servers", json!([{"url": "/"}])), ("servers", json!([]))],
            Server => vec![("variables", json!({}))],
            Operation => vec![
                ("deprecated", no),
                ("parameters", json!([])),
                ("tags", json!([])),
                ("callbacks", json!({})),
                ("security", self.document.get("security").cloned().unwrap_or(json!([]))),
            ],
            Parameter => {
                let mut all = vec![
                    ("deprecated", no.clone()),
                    ("style", json!(style)),
                    ("explode", json!(form)),
                ];
                if location != "path" {
                    all.push(("required", no.clone()));
                }
                if location == "query" {
                    all.extend([("allowEmptyValue", no.clone()), ("allowReserved", no)]);
                }
                all
            }
            RequestBody => vec![("required", no)],
            Header => {
                vec![
                    ("required", no.clone()),
                    ("deprecated", no.clone()),
                    ("style", json!(style)),
                    ("explode", no),
                ]
            }
            Response => vec![("headers", json!({})), ("links", json!({})), ("content", json!({}))],
            MediaType => vec![("encoding", json!({}))],
            Link => vec![("parameters", json!({}))],
            Schema => {
                let mut all = vec![("deprecated", no.clone()), ("nullable", no.clone())];
                all.extend([("readOnly", no.clone()), ("writeOnly", no.clone())]);
                match kind {
                    "string" => all.push(("minLength", json!(0))),
                    "integer" | "number" => {
                        all.extend([("exclusiveMinimum", no.clone()), ("exclusiveMaximum", no)]);
                    }
                    "array" => all.extend([("minItems", json!(0)), ("uniqueItems", no)]),
                    "object" => all.extend([
                        ("minProperties", json!(0)),
                        ("additionalProperties", json!(true)),
                        ("additionalProperties", json!({})),
                        ("properties", json!({})),
                        ("required", json!([])),
                    ]),
                    _ => {}
                }
                all
            }
            Xml => vec![("attribute", no.clone()), ("wrapped", no)],
            _ => Vec::new(),
        };
        for (key, value) in defaults {
            match here.get(key) {
                None => self.put("default stated", pointer, key, value),
                Some(stated) if *stated == value => {
                    self.add("default left out", pointer, &[Take(format!("{pointer}/{key}"))]);
                }
                Some(_) => {}
            }
        }
    }

    fn sets(&mut self, object: Object, pointer: &str) {
        let Some(items) = self.at(pointer).as_array().cloned() else { return };
        let reversed: Value = items.iter().rev().cloned().collect();
        if items.len() > 1 && reversed != json!(items) {
            self.add("order of a set", pointer, &[Put(pointer.to_owned(), reversed)]);
        }
        if object == RepeatableSet && !items.is_empty() {
            self.put("repetition in a set", pointer, "-", items[0].clone());
        }
    }

    /// The members of one object in reverse order.
    fn order(&mut self, value: &Value, pointer: &str) {
        match value {
            Value::Object(map) => {
                if map.len() > 1 {
                    let text = json_text(self.document, "", Some(pointer));
                    self.edits.push(Edit {
                        kind: "order of keys",
                        pointer: pointer.to_owned(),
                        text,
                    });
                }
                map.iter().for_each(|(key, value)| {
                    self.order(value, &format!("{pointer}/{}", escape(key)))
                });
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(n, value)| self.order(value, &format!("{pointer}/{n}")));
            }
            _ => {}
        }
    }

    /// 128.0 for 128.
    fn numbers(&mut self, value: &Value, pointer: &str) {
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| {
                    self.numbers(value, &format!("{pointer}/{}", escape(key)))
                });
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(n, value)| self.numbers(value, &format!("{pointer}/{n}")));
            }
            Value::Number(number) => {
                let float = number.as_i64().map(|n| json!(n as f64));
                if let Some(float) = float {
                    self.add("form of a number", pointer, &[Put(pointer.to_owned(), float)]);
                }
            }
            _ => {}
        }
    }

    /// Moves members of operations to the path item or the document.
    fn inheritance(&mut self) {
        let paths = self.document["paths"].as_object().cloned().unwrap_or_default();
        let operations: Vec<(String, Value)> = paths
            .iter()
            .flat_map(|(path, item)| {
                let members = item.as_object().into_iter().flatten();
                let methods = members.filter(|(_, value)| value.get("responses").is_some());
                methods.map(move |(method, operation)| {
                    (format!("/paths/{}/{method}", escape(path)), operation.clone())
                })
            })
            .collect();
        // Only if no operation inherits it.
        if operations.iter().all(|(_, operation)| operation.get("security").is_some()) {
            self.put("security that nobody inherits", "", "security", json!([{"mutant": []}]));
            let mut said: Vec<&Value> =
                operations.iter().map(|(_, operation)| &operation["security"]).collect();
            said.sort_by_key(|security| security.to_string());
            said.dedup();
            for security in said {
                let inheritors =
                    operations.iter().filter(|(_, operation)| operation["security"] == *security);
                let mut steps: Vec<Step> =
                    inheritors.map(|(pointer, _)| Take(format!("{pointer}/security"))).collect();
                steps.push(Put("/security".to_owned(), security.clone()));
                self.add("security inherited", "/security", &steps);
            }
        }
        for (path, item) in &paths {
            let at = format!("/paths/{}", escape(path));
            let all: Vec<&(String, Value)> =
                operations.iter().filter(|(o, _)| o.starts_with(&format!("{at}/"))).collect();
            let shared = item.get("parameters");
            match (all.as_slice(), shared) {
                ([(operation, said)], None) if said.get("parameters").is_some() => {
                    let up = Put(format!("{at}/parameters"), said["parameters"].clone());
                    self.add(
                        "parameters inherited",
                        &at,
                        &[Take(format!("{operation}/parameters")), up],
                    );
                }
                (several, Some(shared)) => {
                    let mut steps = vec![Take(format!("{at}/parameters"))];
                    for (operation, said) in several {
                        let named = |p: &Value| {
                            let target =
                                p["$ref"].as_str().map(|r| self.at(r.trim_start_matches('#')));
                            let said = target.unwrap_or(p);
                            (said["in"].clone(), said["name"].clone())
                        };
                        let mut own = said["parameters"].as_array().cloned().unwrap_or_default();
                        let known: Vec<_> = own.iter().map(named).collect();
                        own.extend(
                            shared
                                .as_array()
                                .into_iter()
                                .flatten()
                                .filter(|p| !known.contains(&named(p)))
                                .cloned(),
                        );
                        steps.push(Put(format!("{operation}/parameters"), json!(own)));
                    }
                    self.add("parameters written out", &at, &steps);
                }
                _ => {}
            }
        }
    }
}

/// JSON with members in document order, and in reverse order at `reversed`.
fn json_text(value: &Value, at: &str, reversed: Option<&str>) -> String {
    match value {
        Value::Object(map) => {
            let member = |(key, value): (&String, &Value)| {
                format!(
                    "{}:{}",
                    json!(key),
                    json_text(value, &format!("{at}/{}", escape(key)), reversed)
                )
            };
            let mut members: Vec<String> = map.iter().map(member).collect();
            if reversed == Some(at) {
                members.reverse();
            }
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let item =
                |(n, value): (usize, &Value)| json_text(value, &format!("{at}/{n}"), reversed);
            format!("[{}]", items.iter().enumerate().map(item).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Other presentations of the same document.
fn presentation(source: &str, document: &Value) -> Vec<Edit> {
    let lines =
        |change: &dyn Fn(&str) -> String| source.lines().map(change).collect::<Vec<_>>().join("\n");
    let is_plain_key = |line: &str| {
        let key = line.trim_start().split(": ").next().unwrap_or_default().trim_end_matches(':');
        line.contains(':')
            && !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let quoted = |quote: char| {
        lines(&|line| {
            let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
            match rest.split_once(':').filter(|_| is_plain_key(line)) {
                Some((key, rest)) => format!("{indent}{quote}{key}{quote}:{rest}"),
                None => line.to_owned(),
            }
        })
    };
    // Comments are not allowed in a multi-line text, so they follow plain keys.
    let commented = lines(&|line| {
        if line.ends_with(':') { format!("{line} # mutant") } else { line.to_owned() }
    });
    let mut texts = vec![
        ("compact JSON", document.to_string()),
        ("pretty JSON", serde_json::to_string_pretty(document).expect("JSON")),
        ("YAML written afresh", serde_yaml_ng::to_string(document).expect("YAML")),
        ("document marks", format!("---\n{source}\n...\n")),
        ("comments above and below", format!("# mutant\n\n{source}\n# mutant\n")),
        ("comments", commented),
        ("empty lines", format!("\n\n{source}\n\n\n")),
        ("line ends of another system", source.replace('\n', "\r\n")),
        ("byte order mark", format!("\u{feff}{source}")),
        ("quoted keys", quoted('"')),
        ("singly quoted keys", quoted('\'')),
        ("all of it indented", lines(&|line| format!("  {line}"))),
        (
            "blanks at the end of lines",
            lines(&|line| if line.ends_with(':') { format!("{line}   ") } else { line.to_owned() }),
        ),
    ];
    // `$ref` objects in flow style, and repeated ones as an alias.
    let mut flow = String::new();
    let mut rest = source.lines().peekable();
    while let Some(line) = rest.next() {
        let reference = rest
            .peek()
            .map(|next| next.trim())
            .filter(|next| line.ends_with("schema:") && next.starts_with("$ref"));
        match reference {
            Some(reference) => {
                flow += &format!("{line} {{{reference}}}\n");
                rest.next();
            }
            None => flow += &format!("{line}\n"),
        }
    }
    let mut aliased = String::new();
    let mut known: Vec<String> = Vec::new();
    for line in flow.lines() {
        match line.split_once("schema: {$ref").map(|(head, target)| (head, target.to_owned())) {
            Some((head, target)) => match known.iter().position(|one| *one == target) {
                Some(n) => aliased += &format!("{head}schema: *s{n}\n"),
                None => {
                    aliased += &format!("{head}schema: &s{} {{$ref{target}\n", known.len());
                    known.push(target);
                }
            },
            None => aliased += &format!("{line}\n"),
        }
    }
    assert!(aliased.contains("schema: *s"), "no reference stands twice");
    texts.extend([("flow style", flow), ("anchors and aliases", aliased)]);
    texts.into_iter().map(|(kind, text)| Edit { kind, pointer: String::new(), text }).collect()
}
