//! Names that become Rust identifiers: deterministic, without collisions, and unchanged where they
//! are good already.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToPascalCase, ToSnakeCase};
use serde_json::{Map, Value};

use super::openapi::METHODS;

/// Methods of the generated client, or of the traits that it brings into scope.
pub const RESERVED_METHODS: [&str; 10] = [
    "new",
    "new_with_client",
    "baseurl",
    "api_version",
    "client",
    "inner",
    "pre",
    "post",
    "exec",
    "send_target",
];

/// Names that typify's code uses without a path, of functions or of types.
const RESERVED_TYPES: [&str; 5] = ["Ok", "Err", "Some", "None", "String"];

/// Whether a text is a Rust identifier and no keyword of any edition.
pub fn is_identifier(text: &str) -> bool {
    text != "gen" && text.is_ascii() && syn::parse_str::<syn::Ident>(text).is_ok()
}

/// Numbers that are tried one by one before the steps double.
const TRIED_IN_ORDER: u32 = 64;

/// A name that is not taken, with a low number that makes it so. Takes it.
pub fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let free = if taken.contains(&name) { numbered(&name, taken) } else { name };
    taken.insert(free.clone());
    free
}

/// In a few steps, though thousands of texts have the same name.
fn numbered(name: &str, taken: &BTreeSet<String>) -> String {
    let of = |n: u32| format!("{name}{n}");
    let is_free = |n: &u32| !taken.contains(&of(*n));
    if let Some(n) = (2..TRIED_IN_ORDER).find(is_free) {
        return of(n);
    }
    let (mut used, mut free) = (TRIED_IN_ORDER - 1, TRIED_IN_ORDER);
    while !is_free(&free) {
        (used, free) = (free, free.saturating_mul(2));
    }
    while used + 1 < free {
        let middle = used + (free - used) / 2;
        if is_free(&middle) { free = middle } else { used = middle }
    }
    of(free)
}

/// Text for a comment: control and direction characters become spaces, since rustc refuses them
/// there.
pub fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let is_bad = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(is_bad, " ")
}

/// The Rust type name of a text: a fixed point of the conversion, which the generators apply more
/// than once.
pub fn type_name(text: &str) -> String {
    let mut name = text.replace(|c: char| !c.is_ascii_alphanumeric(), "-").to_pascal_case();
    for _ in 0..4 {
        let next = name.to_pascal_case();
        if next == name {
            break;
        }
        name = next;
    }
    match name.chars().next() {
        None => "Unnamed".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("X{name}").to_pascal_case(),
        Some(_) if is_identifier(&name) && !RESERVED_TYPES.contains(&name.as_str()) => name,
        Some(_) => format!("{name}Schema"),
    }
}

/// Field name as progenitor forms it: `virtual` becomes `virtual_`.
pub fn field_name(parameter: &str) -> String {
    let word = match parameter {
        "+1" => "plus1".to_owned(),
        "-1" => "minus1".to_owned(),
        other => other.replace(|c: char| !c.is_ascii_alphanumeric(), "-").to_snake_case(),
    };
    let word = match word.chars().next() {
        None => "x".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{word}"),
        Some(_) => word,
    };
    if is_identifier(&word) { word } else { format!("{word}_") }
}

/// The extension with which a document chooses the Rust name of a schema, an operation or a member.
pub const RUST_NAME: &str = "x-rust-name";

/// A name for each component schema. One that is a unique Rust name is kept, and one that
/// [`RUST_NAME`] chooses goes first.
pub fn component_names(source: &Value) -> BTreeMap<String, String> {
    let schemas = &source["components"]["schemas"];
    let chosen = |name: &str| schemas[name][RUST_NAME].as_str().map(type_name);
    let all = || schemas.as_object().into_iter().flatten().map(|(name, _)| name);
    let is_plain =
        |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let is_good = |name: &str| is_plain(name) && type_name(name) == name.to_pascal_case();
    // A good name comes first, so that a bad one, which is changed anyway, gives way.
    let mut order: Vec<&String> = all().collect();
    order.sort_by_cached_key(|name| {
        (chosen(name).is_none(), !is_good(name), name.to_pascal_case() != **name)
    });
    let mut taken = BTreeSet::new();
    let mut names = BTreeMap::new();
    for name in order {
        let of_document = type_name(name);
        let free = unique(chosen(name).unwrap_or_else(|| of_document.clone()), &mut taken);
        names.insert(
            name.clone(),
            if free == of_document && is_good(name) { name.clone() } else { free },
        );
    }
    names
}

/// Names of operations that are taken: each is the name of a method, and the beginning of the names
/// of types.
#[derive(Default)]
pub struct TakenNames {
    methods: BTreeSet<String>,
    types: BTreeSet<String>,
}

impl TakenNames {
    /// Takes a name. `false` if another operation has its method or its types.
    pub fn take(&mut self, name: &str) -> bool {
        let is_free = !self.methods.contains(name) && !self.types.contains(&name.to_pascal_case());
        if is_free {
            self.methods.insert(name.to_owned());
            self.types.insert(name.to_pascal_case());
        }
        is_free
    }

    /// A name that is not taken, made of this one. Takes it.
    pub fn unique(&mut self, name: String) -> String {
        let mut free = unique(name.trim_end_matches('_').to_owned(), &mut self.methods);
        while !self.types.insert(free.to_pascal_case()) {
            free = unique(format!("{free}_operation"), &mut self.methods);
        }
        free
    }
}

/// Names of operations.
pub struct OperationNames {
    /// By path and method.
    names: BTreeMap<(String, String), String>,
}

impl OperationNames {
    /// Operations with a good operationId keep it; the others are named after their method and
    /// path. A name that [`RUST_NAME`] chooses goes first.
    pub fn new(paths: &Map<String, Value>) -> OperationNames {
        let mut names = BTreeMap::new();
        let mut taken = TakenNames::default();
        let mut unnamed = Vec::new();
        for (path, item) in paths {
            let methods = METHODS.into_iter().filter(|method| item.get(*method).is_some());
            unnamed.extend(methods.map(|method| (path, method)));
        }
        for key in [RUST_NAME, "operationId"] {
            unnamed.retain(|(path, method)| {
                let id = paths[*path][*method][key]
                    .as_str()
                    .filter(|id| is_operation_name(&id.to_snake_case()));
                let Some(id) = id.filter(|id| taken.take(&id.to_snake_case())) else { return true };
                names.insert(((*path).clone(), (*method).to_owned()), id.to_owned());
                false
            });
        }
        for (path, method) in unnamed {
            let id = paths[path][method]["operationId"].as_str();
            let words = |text: &str| {
                text.replace(|c: char| !c.is_ascii_alphanumeric(), " ").to_snake_case()
            };
            let of_id = id.map(words).filter(|id| !id.is_empty());
            let name = match of_id {
                // Two operations have it: method and path tell them apart.
                Some(id) if !taken.methods.contains(&id) && is_operation_name(&id) => id,
                Some(id) if !taken.methods.contains(&id) => format!("{method}_{id}"),
                _ => format!("{method}_{}", words(path)).trim_end_matches('_').to_owned(),
            };
            let name = if is_operation_name(&name) { name } else { format!("{name}_operation") };
            // Snake case would take a number at the end for a part of the word before it.
            names.insert((path.clone(), method.to_owned()), taken.unique(name));
        }
        OperationNames { names }
    }

    pub fn get(&self, path: &str, method: &str) -> Option<&String> {
        self.names.get(&(path.to_owned(), method.to_owned()))
    }
}

fn is_operation_name(name: &str) -> bool {
    is_identifier(name) && !RESERVED_METHODS.contains(&name)
}

/// A path whose variables have names that dropshot takes.
pub struct Template {
    pub path: String,
    /// Old and new name of each variable.
    pub variables: Vec<(String, String)>,
}

/// `None` for a path that no request can match.
pub fn path_template(path: &str) -> Option<Template> {
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return None;
    }
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut taken = BTreeSet::new();
    let mut rest = path;
    let mut new = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        if name.is_empty() || name.contains(['{', '/']) || before.contains('}') {
            return None;
        }
        let is_good = name.chars().all(|c| c.is_ascii_graphic() && !":*\"\\".contains(c));
        let word = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let word = if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            word
        } else {
            format!("x{word}")
        };
        let word = unique(if is_good { name.to_owned() } else { word }, &mut taken);
        new.push_str(before);
        new.push_str(&format!("{{{word}}}"));
        variables.push((name.to_owned(), word));
        rest = after;
    }
    if rest.contains('}') {
        return None;
    }
    new.push_str(rest);
    Some(Template { path: new, variables })
}
