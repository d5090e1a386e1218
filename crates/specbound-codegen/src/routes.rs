//! Which paths dropshot's router can hold beside each other, and other paths for the operations
//! that it cannot.
//!
//! dropshot panics at start on a variable beside a literal segment (`/users/{id}`, `/users/me`), on
//! two names for one variable, on a segment with text around a variable (`{x}.json`), and on two
//! paths that differ in the last slash alone. Such an operation is registered under a path of its
//! own, below [`PREFIX`]. The generated table `ROUTES` leads to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Operation, ParameterLocation};
use super::{Error, Item, Mode};

/// First segment of the paths that only dropshot knows. A document's own variable is never the
/// first segment there.
const PREFIX: &str = "/-operation";

/// Gives each operation the path under which dropshot holds it.
///
/// # Errors
///
/// In strict mode, two operations with one method whose paths match the same requests.
pub fn assign(
    operations: &mut [Operation],
    mode: Mode,
    unenforced: &mut Vec<Item>,
) -> Result<(), Error> {
    let mut same_shape: BTreeMap<(&str, String), Vec<OperationChoices<'_>>> = BTreeMap::new();
    let mut by_choices: BTreeSet<String> = BTreeSet::new();
    let mut refused: Vec<Item> = Vec::new();
    for operation in operations.iter() {
        if operation.path.contains("}{") {
            let reason = "two variables without text between them have no values of their own";
            match mode {
                Mode::Strict => refused.push(Item::new(operation.at(), reason)),
                Mode::Lenient => unenforced.push(Item::new(operation.at(), reason)),
            }
        }
        let others = same_shape.entry((&operation.method, shape(&operation.path))).or_default();
        let chosen = OperationChoices::new(operation);
        if let Some(other) = others.iter().find(|other| !other.is_distinct(&chosen)) {
            let Operation { method, path, .. } = other.operation;
            let reason = format!("{method} {path} and this path match the same requests");
            match mode {
                Mode::Strict => refused.push(Item::new(operation.at(), reason)),
                Mode::Lenient => unenforced.push(Item::new(operation.at(), reason)),
            }
        }
        if !others.is_empty() {
            by_choices.extend(others.iter().take(1).map(|other| other.operation.id.clone()));
            by_choices.insert(operation.id.clone());
        }
        others.push(chosen);
    }
    if !refused.is_empty() {
        return Err(Error::Unsupported(refused));
    }
    for operation in operations.iter_mut().filter(|o| by_choices.contains(&o.id)) {
        let variables = variables(&operation.path).into_iter();
        operation.choices = variables
            .filter_map(|name| Some((name.to_owned(), choices(operation, name)?)))
            .collect();
    }
    // Literal segments come before variables, so the order in the document changes no route.
    let mut order: Vec<&mut Operation> = operations.iter_mut().collect();
    order.sort_by_key(|operation| {
        (shape(&operation.path).replace("{}", "\u{10ffff}"), operation.path.clone())
    });
    let mut root = Node::default();
    for operation in order {
        let segments = segments(&operation.path);
        let fits = segments
            .as_deref()
            .is_some_and(|segments| root.takes(segments, &operation.method, &operation.path));
        operation.route = match segments.filter(|_| fits) {
            Some(segments) => {
                root.insert(&segments, &operation.method, &operation.path);
                operation.path.clone()
            }
            None => {
                let variables =
                    variables(&operation.path).into_iter().map(|name| format!("/{{{name}}}"));
                format!("{PREFIX}/{}{}", operation.id, variables.collect::<String>())
            }
        };
    }
    Ok(())
}

/// An operation with the choices of each variable.
struct OperationChoices<'a> {
    operation: &'a Operation,
    choices: Vec<Option<BTreeSet<String>>>,
}

impl OperationChoices<'_> {
    fn new(operation: &Operation) -> OperationChoices<'_> {
        let of = |name: &str| choices(operation, name).map(|all| all.into_iter().collect());
        OperationChoices {
            operation,
            choices: variables(&operation.path).into_iter().map(of).collect(),
        }
    }

    /// Whether a variable in the same place has other choices in each.
    fn is_distinct(&self, other: &OperationChoices<'_>) -> bool {
        self.choices.iter().zip(&other.choices).any(|pair| match pair {
            (Some(one), Some(other)) => one.is_disjoint(other),
            _ => false,
        })
    }
}

/// The choices of a path parameter.
fn choices(operation: &Operation, name: &str) -> Option<Vec<String>> {
    let parameters = operation.parameters_in(ParameterLocation::Path);
    let parameter = parameters.into_iter().find(|parameter| parameter.name == name)?;
    let text = |choice: &Value| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
    Some(parameter.schema.get("enum")?.as_array()?.iter().map(text).collect())
}

/// A path with all variables alike.
fn shape(path: &str) -> String {
    let mut shape = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        shape.push_str(before);
        shape.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    shape + rest
}

pub fn variables(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

enum Segment<'a> {
    Literal(&'a str),
    Variable(&'a str),
}

/// Whether dropshot finds a literal segment by its text: it decodes that of a request, and takes no
/// dots.
fn is_plain(text: &str) -> bool {
    !["", ".", ".."].contains(&text)
        && text.chars().all(|c| c.is_ascii_graphic() && !"{}%".contains(c))
}

/// The segments of a path that dropshot can hold by itself, without the last slash.
fn segments<'a>(path: &'a str) -> Option<Vec<Segment<'a>>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    let segment = |(n, text): (usize, &'a str)| match text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        // A variable as the first segment would leave no place for `PREFIX`.
        Some(name) if n > 0 && !name.contains(['{', '}', ':']) => Some(Segment::Variable(name)),
        None if is_plain(text) => Some(Segment::Literal(text)),
        _ => None,
    };
    path.split('/').enumerate().map(segment).collect()
}

/// As dropshot's own tree.
#[derive(Default)]
struct Node {
    literals: BTreeMap<String, Node>,
    variable: Option<(String, Box<Node>)>,
    methods: BTreeSet<String>,
    /// The first path that ends here: another one differs in the last slash.
    path: Option<String>,
}

impl Node {
    fn takes(&self, segments: &[Segment<'_>], method: &str, path: &str) -> bool {
        match segments {
            [] => {
                self.path.as_deref().is_none_or(|known| known == path)
                    && !self.methods.contains(method)
            }
            [Segment::Literal(text), rest @ ..] => {
                self.variable.is_none()
                    && self.literals.get(*text).is_none_or(|next| next.takes(rest, method, path))
            }
            [Segment::Variable(name), rest @ ..] => {
                let next_takes = |(known, next): &(String, Box<Node>)| {
                    known == name && next.takes(rest, method, path)
                };
                self.literals.is_empty() && self.variable.as_ref().is_none_or(next_takes)
            }
        }
    }

    fn insert(&mut self, segments: &[Segment<'_>], method: &str, path: &str) {
        match segments {
            [] => {
                self.path = Some(path.to_owned());
                self.methods.insert(method.to_owned());
            }
            [Segment::Literal(text), rest @ ..] => {
                self.literals.entry((*text).to_owned()).or_default().insert(rest, method, path);
            }
            [Segment::Variable(name), rest @ ..] => {
                let (_, next) =
                    self.variable.get_or_insert_with(|| ((*name).to_owned(), Box::default()));
                next.insert(rest, method, path);
            }
        }
    }
}
