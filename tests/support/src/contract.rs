//! The contract checker for all test traffic: each response, and each accepted request, must
//! conform to the checked-in document.
//!
//! It reads the document itself and uses a JSON Schema validator. Only the translation from
//! OpenAPI 3.0 to JSON Schema is written by hand, and the rules that the document omits: the
//! format of errors and the headers of every response. It must never use the server's generated
//! types or export, or it would compare the server with itself.

mod responses;
mod values;

use std::cell::Cell as Flag;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::sync::{LazyLock, Mutex};

use http::HeaderMap;
use jsonschema::Validator;
use percent_encoding::percent_decode_str;
use responses::{check_common_headers, check_head, check_refusal};
use serde_json::Value;
use values::{coerce, compile, content_type, json_of, members, parts, text, translate, validate};

pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const MULTIPART: &str = "multipart/form-data";
/// The content type of requests without a body.
pub const NO_BODY: &str = "no body";
/// The security scheme of the alternative `{}`.
pub const ANONYMOUS: &str = "anonymous";

/// Paths that the document omits on purpose.
const UNPUBLISHED: [&str; 5] =
    ["/api/schema/", "/api-doc/", "/platform", "/accounts/", "/.well-known/"];
/// Methods that the server handles. dropshot rejects any other with its own message.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Statuses of errors, which the document omits: those of InvenTree, and 408 and 413 for slow and
/// large bodies.
const REFUSALS: [u16; 10] = [400, 401, 403, 404, 405, 406, 408, 413, 415, 429];

pub static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let path = crate::root().join("spec/inventree-auth-v291.yaml");
    Document::new(&serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
});

/// A cell of the coverage table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub operation: String,
    pub content_type: String,
    /// The first scheme of the operation, in document order, whose credentials the request has.
    pub security: String,
    pub status: u16,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} | {} | {} | {}",
            self.operation, self.content_type, self.security, self.status
        )
    }
}

impl std::str::FromStr for Cell {
    type Err = String;

    fn from_str(line: &str) -> Result<Cell, String> {
        let parts: Vec<&str> = line.split(" | ").collect();
        let bad = || format!("no cell: {line}");
        let [operation, content_type, security, status] = parts[..] else { return Err(bad()) };
        let [operation, content_type, security] =
            [operation, content_type, security].map(str::to_owned);
        Ok(Cell { operation, content_type, security, status: status.parse().map_err(|_| bad())? })
    }
}

/// A sent request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Reply<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

pub struct Document {
    pub operations: Vec<Operation>,
}

pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    /// By location and name.
    parameters: Vec<Parameter>,
    /// By content type.
    bodies: BTreeMap<String, Body>,
    body_required: bool,
    /// Names of schemes, or [`ANONYMOUS`].
    pub security: Vec<String>,
    pub successes: BTreeMap<u16, Option<Validator>>,
}

struct Parameter {
    name: String,
    location: String,
    required: bool,
    schema: Value,
    validator: Validator,
}

struct Body {
    schema: Value,
    validator: Validator,
}

/// The direction of a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Reply,
}

tokio::task_local! {
    static LENIENT: Flag<bool>;
}

/// For requests that the document forbids and the server accepts on purpose. Fails if there was no
/// such request.
pub async fn lenient<T>(reason: &str, requests: impl Future<Output = T>) -> T {
    let (result, was_needed) =
        LENIENT.scope(Flag::new(false), async { (requests.await, LENIENT.with(Flag::get)) }).await;
    assert!(
        was_needed,
        "every request was valid, so there is nothing to be lenient about: {reason}"
    );
    result
}

/// Panics on a violation; otherwise records the cell of the table.
pub fn check(request: &Request, reply: &Reply) -> Option<Cell> {
    match DOCUMENT.examine(request, reply) {
        Ok(cell) => {
            cell.iter().for_each(record);
            cell
        }
        Err(why) => panic!("against the contract: {why}\n{}", in_short(request, reply)),
    }
}

fn in_short(request: &Request, reply: &Reply) -> String {
    let text = |body: &[u8]| String::from_utf8_lossy(body).chars().take(500).collect::<String>();
    let (sent, came) = (text(&request.body), text(reply.body));
    format!(
        "{} {} {sent}\n{} {:?} {came}",
        request.method, request.target, reply.status, reply.headers
    )
}

/// Each process appends to a file of its own program, so that parallel processes do not interfere.
fn record(cell: &Cell) {
    static SEEN: Mutex<BTreeSet<Cell>> = Mutex::new(BTreeSet::new());
    let Some(folder) = crate::temporary_folder() else { return };
    let is_new = SEEN.lock().is_ok_and(|mut seen| seen.insert(cell.clone()));
    let (true, Ok(program)) = (is_new, std::env::current_exe()) else { return };
    let folder = folder.join("contract-coverage");
    // A missing record is visible in the table, so a write error need not fail the test.
    let _ = std::fs::create_dir_all(&folder);
    let file = folder.join(program.file_stem().unwrap_or_default());
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(file) {
        let _ = file.write_all(format!("{cell}\n").as_bytes());
    }
}

impl Document {
    pub fn new(document: &Value) -> Document {
        let mut operations = Vec::new();
        for (path, item) in members(&document["paths"]) {
            for (method, operation) in members(item) {
                operations.push(Operation::new(document, path, method, operation));
            }
        }
        Document { operations }
    }

    /// Every operation x content type x security alternative x documented success. An optional
    /// body may be left out, which counts as one more content type.
    pub fn cells(&self) -> BTreeSet<Cell> {
        let mut cells = BTreeSet::new();
        for operation in &self.operations {
            for content_type in operation.content_types() {
                for security in &operation.security {
                    for status in operation.successes.keys() {
                        cells.insert(Cell {
                            operation: operation.id.clone(),
                            content_type: content_type.to_owned(),
                            security: security.clone(),
                            status: *status,
                        });
                    }
                }
            }
        }
        cells
    }

    fn at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().filter(move |operation| operation.id_in(path).is_some())
    }

    /// The methods in `Allow` for a documented path; none for other paths.
    pub fn methods(&self, path: &str) -> BTreeSet<&str> {
        let mut methods: BTreeSet<&str> = self
            .operations
            .iter()
            .filter(|o| o.id_in(path).is_some())
            .map(|o| o.method.as_str())
            .collect();
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        if !methods.is_empty() {
            methods.insert("OPTIONS");
        }
        methods
    }

    /// Returns the cell of the table, if any, or the violation.
    pub fn examine(&self, request: &Request, reply: &Reply) -> Result<Option<Cell>, String> {
        if !METHODS.contains(&request.method.as_str()) {
            return Ok(None);
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        // dropshot rejects a path that is not UTF-8 by itself, with its own message.
        let Ok(path) = percent_decode_str(path).decode_utf8() else { return Ok(None) };
        let methods = self.methods(&path);
        let is_unpublished =
            path == "/" || UNPUBLISHED.iter().any(|prefix| path.starts_with(prefix));
        check_common_headers(request, reply, &methods)?;
        if reply.status >= 500 {
            return Err("the server failed".to_owned());
        }
        let wanted = if request.method == "HEAD" { "GET" } else { &request.method };
        let operation = self.at(&path).find(|operation| operation.method == wanted);
        let cell = operation.map(|operation| operation.cell(request, reply.status));
        if (400..500).contains(&reply.status) {
            check_refusal(request, reply, operation)?;
            return Ok(cell.filter(|_| request.method != "HEAD"));
        }
        match operation {
            _ if request.method == "OPTIONS" && reply.status == 200 => Ok(None),
            None if is_unpublished => Ok(None),
            None => Err(format!(
                "{} is answered at a path or for a method that is not documented",
                reply.status
            )),
            Some(operation) => {
                operation.check_security(request)?;
                operation.check_request(request, &path, query).or_else(allow_invalid)?;
                operation.check_reply(request.method == "HEAD", reply)?;
                Ok(cell.filter(|_| request.method != "HEAD"))
            }
        }
    }
}

/// Ignores a violation by the request inside [`lenient`].
fn allow_invalid(why: String) -> Result<(), String> {
    LENIENT
        .try_with(|was_needed| was_needed.set(true))
        .map_err(|_| format!("this was taken, although {why}"))
}

impl Operation {
    fn new(document: &Value, path: &str, method: &str, operation: &Value) -> Operation {
        let parameters =
            operation["parameters"].as_array().into_iter().flatten().map(|parameter| Parameter {
                name: text(&parameter["name"]),
                location: text(&parameter["in"]),
                required: parameter["required"] == true,
                schema: translate(document, &parameter["schema"], Direction::Request),
                validator: compile(&translate(document, &parameter["schema"], Direction::Request)),
            });
        let bodies = members(&operation["requestBody"]["content"]).map(|(content_type, media)| {
            let schema = translate(document, &media["schema"], Direction::Request);
            (content_type.clone(), Body { validator: compile(&schema), schema })
        });
        let successes = members(&operation["responses"]).map(|(status, response)| {
            let schema = response["content"].get(JSON).map(|media| &media["schema"]);
            let validator =
                schema.map(|schema| compile(&translate(document, schema, Direction::Reply)));
            (status.parse().unwrap(), validator)
        });
        let security = operation["security"].as_array().into_iter().flatten().map(|alternative| {
            let schemes: Vec<&str> = members(alternative).map(|(name, _)| name.as_str()).collect();
            if schemes.is_empty() { ANONYMOUS.to_owned() } else { schemes.join("+") }
        });
        Operation {
            id: text(&operation["operationId"]),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            parameters: parameters.collect(),
            bodies: bodies.collect(),
            body_required: operation["requestBody"]["required"] == true,
            security: security.collect(),
            successes: successes.collect(),
        }
    }

    pub fn content_types(&self) -> Vec<&str> {
        let mut content_types: Vec<&str> = self.bodies.keys().map(String::as_str).collect();
        if !self.body_required {
            content_types.push(NO_BODY);
        }
        content_types
    }

    /// The path variable, empty for a path without one; `None` for another path.
    fn id_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        let Some((before, rest)) = self.path.split_once('{') else {
            return (path == self.path).then_some("");
        };
        let value = path.strip_prefix(before)?.strip_suffix(rest.split_once('}')?.1)?;
        (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())).then_some(value)
    }

    fn cell(&self, request: &Request, status: u16) -> Cell {
        let content_type = match content_type(&request.headers) {
            _ if self.bodies.is_empty() || request.body.is_empty() => NO_BODY.to_owned(),
            Some(content_type) if self.bodies.contains_key(&content_type) => content_type,
            _ => "other".to_owned(),
        };
        let shown = self.security.iter().find(|scheme| shows(&request.headers, scheme));
        Cell {
            operation: self.id.clone(),
            content_type,
            security: shown.map_or(ANONYMOUS, String::as_str).to_owned(),
            status,
        }
    }

    /// Applies inside [`lenient`] too.
    fn check_security(&self, request: &Request) -> Result<(), String> {
        let is_open = self.security.iter().any(|scheme| scheme == ANONYMOUS);
        if !is_open && !self.security.iter().any(|scheme| shows(&request.headers, scheme)) {
            return Err(format!("this was taken, although it shows none of {:?}", self.security));
        }
        Ok(())
    }

    fn check_request(&self, request: &Request, path: &str, query: &str) -> Result<(), String> {
        for parameter in &self.parameters {
            let values: Vec<String> = match parameter.location.as_str() {
                "path" => self.id_in(path).map(str::to_owned).into_iter().collect(),
                "query" => {
                    let pairs = form_urlencoded::parse(query.as_bytes());
                    pairs
                        .filter(|(name, _)| *name == parameter.name)
                        .map(|(_, value)| value.into_owned())
                        .collect()
                }
                other => panic!("parameters in {other} are not read here yet"),
            };
            if values.is_empty() && parameter.required {
                return Err(format!("the parameter {} is missing", parameter.name));
            }
            for value in values {
                validate(
                    &parameter.validator,
                    &coerce(&value, &parameter.schema),
                    &parameter.name,
                )?;
            }
        }
        if self.bodies.is_empty() {
            return Ok(());
        }
        if request.body.is_empty() {
            return if self.body_required { Err("the body is missing".to_owned()) } else { Ok(()) };
        }
        let content_type = content_type(&request.headers).ok_or("the body has no content type")?;
        let body = self
            .bodies
            .get(&content_type)
            .ok_or_else(|| format!("{content_type} is not documented"))?;
        let pairs = match content_type.as_str() {
            JSON => {
                let value = serde_json::from_slice(&request.body)
                    .map_err(|e| format!("the body is no JSON: {e}"))?;
                return validate(&body.validator, &value, "the body");
            }
            FORM => form_urlencoded::parse(&request.body).into_owned().collect(),
            MULTIPART => parts(request)?,
            other => return Err(format!("{other} is not read here yet")),
        };
        let coerced = pairs.into_iter().map(|(name, value)| {
            let value = coerce(&value, &body.schema["properties"][&name]);
            (name, value)
        });
        validate(&body.validator, &Value::Object(coerced.collect()), "the body")
    }

    fn check_reply(&self, is_head: bool, reply: &Reply) -> Result<(), String> {
        // The reference's redirect of a browser that posted `mfa`: it leaves the API for a page.
        let to_second_step = "/accounts/authenticate/";
        if reply.status == 302
            && reply.headers.get("location").is_some_and(|target| target == to_second_step)
        {
            return Ok(());
        }
        let Some(validator) = self.successes.get(&reply.status) else {
            let documented: Vec<u16> = self.successes.keys().copied().collect();
            return Err(format!(
                "the status is {}, and documented is {documented:?}",
                reply.status
            ));
        };
        if is_head {
            return check_head(reply);
        }
        let body = json_of(reply)?;
        validator.as_ref().map_or(Ok(()), |validator| validate(validator, &body, "the reply"))
    }
}

/// Returns whether a request has the credential of this scheme.
fn shows(headers: &HeaderMap, scheme: &str) -> bool {
    let text = |name: &str| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let authorization = text("authorization").unwrap_or_default().to_ascii_lowercase();
    match scheme {
        "tokenAuth" => authorization.starts_with("token "),
        "basicAuth" => authorization.starts_with("basic "),
        "cookieAuth" => text("cookie")
            .is_some_and(|cookies| cookies.split("; ").any(|c| c.starts_with("sessionid="))),
        ANONYMOUS => false,
        other => panic!("what does the scheme {other} ask for?"),
    }
}

/// The unreachable cells, from a file that may only shrink.
pub fn uncovered() -> BTreeSet<Cell> {
    let lines = include_str!("../../conformance/uncovered.txt").lines();
    let cells = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    cells.map(|line| line.parse().unwrap_or_else(|e| panic!("{e}"))).collect()
}
