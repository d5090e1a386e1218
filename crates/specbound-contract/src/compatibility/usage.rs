//! Resolves references, and indexes which requests and responses use a location. Both work on
//! canonical forms.
//!
//! References form a graph: each location is visited once per context, and the sets of operations
//! are propagated from a worklist until nothing changes. So cycles terminate, and long chains need
//! no deep recursion.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::usage_set::{Direction, Operations, UsageSet};
use crate::canonical::{
    FieldShape, ObjectKind, are_independent, field_shape, is_method, null_of_both,
};
use crate::diff::join;

/// Longest chain of references and single-member `allOf`s; a longer one is taken for a cycle.
const MAX_REFERENCE_CHAIN: usize = 64;

/// The JSON pointer of a local reference.
pub(crate) fn pointer(reference: &str) -> Option<Cow<'_, str>> {
    Some(percent_decode_str(reference.strip_prefix('#')?).decode_utf8_lossy())
}

/// Resolves references and single-member `allOf`s, which are equivalent to references. `None` for
/// references out of the document, to a missing target, or in a cycle.
pub fn resolve_aliases<'a>(document: &'a Value, value: &'a Value) -> Option<Cow<'a, Value>> {
    let mut value = Cow::Borrowed(value);
    for _ in 0..MAX_REFERENCE_CHAIN {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            value = Cow::Borrowed(document.pointer(&pointer(reference)?)?);
            continue;
        }
        let Some([only]) = value.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else {
            return Some(value);
        };
        let only = match only.get("$ref").and_then(Value::as_str) {
            Some(reference) => document.pointer(&pointer(reference)?)?.clone(),
            None => only.clone(),
        };
        let Value::Object(mut merged) = only else {
            return Some(value);
        };
        if merged.contains_key("$ref") {
            // Resolve the inner reference first, then merge the rest of this schema.
            let mut outer = value.into_owned();
            outer["allOf"] = json!([merged]);
            value = Cow::Owned(outer);
            continue;
        }
        let mut beside = value.as_object().cloned().unwrap_or_default();
        beside.remove("allOf");
        let differs =
            |(key, own): (&String, &Value)| merged.get(key).is_some_and(|inner| inner != own);
        if beside.iter().any(differs) || !are_independent(&beside, &merged) {
            return Some(value);
        }
        let null = null_of_both(&beside, &merged);
        merged.extend(beside);
        null.apply(&mut merged);
        value = Cow::Owned(Value::Object(merged));
    }
    None
}

/// Whether a schema itself is `readOnly` or `writeOnly`. A flag behind a reference does not count:
/// a change of that flag must be seen in both directions.
pub fn has_flag(schema: &Value, keyword: &str) -> bool {
    schema.get(keyword) == Some(&json!(true))
}

/// The usage of each location, by JSON pointer.
#[derive(Default)]
pub struct UsageIndex(BTreeMap<String, UsageSet>);

impl UsageIndex {
    pub fn of(document: &Value, operations: &mut Operations) -> UsageIndex {
        let mut graph = Graph { document, nodes: HashMap::new(), all: Vec::new(), subtypes: None };
        let mut waiting = WorkQueue::default();
        // The server sends the request of a webhook.
        for (section, flipped) in [("paths", false), ("webhooks", true)] {
            for (path, item) in document[section].as_object().into_iter().flatten() {
                for (method, operation) in
                    item.as_object().into_iter().flatten().filter(|(key, _)| is_method(key))
                {
                    let number = operations.number(&format!("{} {path}", method.to_uppercase()));
                    let kind = ObjectKind::Operation;
                    let start =
                        Context { kind, direction: Direction::Request, negated: false, flipped };
                    for node in graph.references(start, operation) {
                        let Context { direction, negated, .. } = graph.all[node].context;
                        if graph.all[node].uses.extend(&UsageSet::one(number, direction, negated)) {
                            waiting.add(node);
                        }
                    }
                }
            }
        }
        graph.propagate(waiting);
        let mut usage = BTreeMap::<String, UsageSet>::new();
        for node in graph.all {
            usage.entry(node.pointer.into_owned()).or_default().extend(&node.uses);
        }
        UsageIndex(usage)
    }

    /// The usage common to both documents, by operation and direction. Other usage is added or
    /// removed as a whole, and reported there.
    pub fn both(&self, other: &UsageIndex) -> UsageIndex {
        let shared = self.0.iter().filter_map(|(pointer, uses)| {
            Some((pointer.clone(), uses.common(other.0.get(pointer)?)))
        });
        UsageIndex(shared.collect())
    }

    pub fn at(&self, pointer: &str) -> UsageSet {
        self.0.get(pointer).cloned().unwrap_or_default()
    }

    /// The locations that are used in a direction.
    pub fn of_direction(&self, direction: Direction) -> BTreeSet<String> {
        self.0
            .iter()
            .filter(|(_, uses)| uses.has(direction))
            .map(|(pointer, _)| pointer.clone())
            .collect()
    }

    /// Whether a location or any below it is used.
    pub fn is_used(&self, pointer: &str) -> bool {
        let below = format!("{pointer}/");
        self.0.contains_key(pointer)
            || self.0.range(below.clone()..).next().is_some_and(|(at, _)| at.starts_with(&below))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Context {
    kind: ObjectKind,
    direction: Direction,
    negated: bool,
    /// In a callback the server sends the request and the client responds.
    flipped: bool,
}

/// Nodes whose operations changed, each once.
#[derive(Default)]
struct WorkQueue {
    queue: VecDeque<usize>,
    queued: HashSet<usize>,
}

impl WorkQueue {
    fn add(&mut self, node: usize) {
        if self.queued.insert(node) {
            self.queue.push_back(node);
        }
    }

    fn take(&mut self) -> Option<usize> {
        let node = self.queue.pop_front()?;
        self.queued.remove(&node);
        Some(node)
    }
}

/// A referenced place in one context.
struct Node<'a> {
    pointer: Cow<'a, str>,
    context: Context,
    uses: UsageSet,
    /// The nodes that it refers to, once they are known.
    next: Option<Vec<usize>>,
}

/// The references of a document. Each place is visited once in each context, however many
/// operations reach it.
struct Graph<'a> {
    document: &'a Value,
    nodes: HashMap<(Cow<'a, str>, Context), usize>,
    all: Vec<Node<'a>>,
    /// The subtypes of each schema, once they are known.
    subtypes: Option<HashMap<String, Vec<String>>>,
}

impl<'a> Graph<'a> {
    /// Adds the operations of each node to those that it refers to, until nothing changes.
    fn propagate(&mut self, mut waiting: WorkQueue) {
        while let Some(node) = waiting.take() {
            let next = match self.all[node].next.take() {
                Some(next) => next,
                None => self.next(node),
            };
            let uses = self.all[node].uses.clone();
            let negated = self.all[node].context.negated;
            for target in &next {
                let Context { direction, negated: now, .. } = self.all[*target].context;
                let other = match direction {
                    Direction::Request => Direction::Response,
                    Direction::Response => Direction::Request,
                };
                // A callback is the other way round: its operations move to the direction of the
                // target.
                let moved = match (uses.has(other), negated == now) {
                    (false, true) => uses.clone(),
                    (false, false) => uses.clone().negated(),
                    (true, _) => uses.in_direction(direction, now),
                };
                if self.all[*target].uses.extend(&moved) {
                    waiting.add(*target);
                }
            }
            self.all[node].next = Some(next);
        }
    }

    fn next(&mut self, node: usize) -> Vec<usize> {
        let Node { pointer, context, .. } = &self.all[node];
        let (pointer, context) = (pointer.clone(), *context);
        let document: &'a Value = self.document;
        let Some(target) = document.pointer(&pointer) else { return Vec::new() };
        let mut next = self.references(context, target);
        if target.get("discriminator").is_some() {
            let all = self.subtypes.get_or_insert_with(|| subtypes(document));
            for subtype in all.get(pointer.as_ref()).cloned().unwrap_or_default() {
                next.push(self.node(subtype.into(), context));
            }
        }
        next
    }

    fn node(&mut self, pointer: Cow<'a, str>, context: Context) -> usize {
        let next = self.all.len();
        let node = *self.nodes.entry((pointer.clone(), context)).or_insert(next);
        if node == next {
            self.all.push(Node { pointer, context, uses: UsageSet::default(), next: None });
        }
        node
    }

    fn references(&mut self, context: Context, value: &'a Value) -> Vec<usize> {
        let mut found = Vec::new();
        visit(context, value, &mut found);
        let mut nodes: Vec<usize> =
            found.into_iter().map(|(pointer, context)| self.node(pointer, context)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

/// A JSON pointer, and the context of what refers to it.
type Reference<'a> = (Cow<'a, str>, Context);

/// Collects the references in a value, each with its context.
fn visit<'a>(context: Context, value: &'a Value, found: &mut Vec<Reference<'a>>) {
    let Value::Object(members) = value else {
        return;
    };
    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
        if let Some(pointer) = pointer(reference) {
            found.push((pointer, context));
        }
        return;
    }
    for (keyword, value) in members {
        let mut context = context;
        match (context.kind, keyword.as_str()) {
            (ObjectKind::Operation, "security") => schemes(value, context, found),
            (ObjectKind::Operation, "callbacks") => context.flipped = !context.flipped,
            (ObjectKind::Operation, "responses") => {
                context.direction = Direction::Response.flipped_if(context.flipped);
            }
            (ObjectKind::Operation, _) => {
                context.direction = Direction::Request.flipped_if(context.flipped)
            }
            (ObjectKind::Schema, "not" | "if") => context.negated = true,
            (ObjectKind::Schema, "contains") if members.contains_key("maxContains") => {
                context.negated = true;
            }
            (ObjectKind::Discriminator, "mapping") => mapped(value, context, found),
            _ => {}
        }
        let hidden = (context.kind == ObjectKind::Schema && keyword == "properties")
            .then(|| context.direction.hiding_keyword());
        match (field_shape(context.kind, keyword), value) {
            (FieldShape::One(kind), value) => visit(Context { kind, ..context }, value, found),
            (
                FieldShape::List(kind) | FieldShape::Set(kind) | FieldShape::Bag(kind),
                Value::Array(items),
            ) => {
                items.iter().for_each(|item| visit(Context { kind, ..context }, item, found));
            }
            (FieldShape::Map(kind), Value::Object(map)) => {
                let visible = map
                    .values()
                    .filter(|value| !hidden.is_some_and(|hidden| has_flag(value, hidden)));
                visible.for_each(|value| visit(Context { kind, ..context }, value, found));
            }
            (FieldShape::Parameters, Value::Object(map)) => {
                let kind = ObjectKind::Parameter;
                map.values().for_each(|value| visit(Context { kind, ..context }, value, found));
            }
            _ => {}
        }
    }
}

fn schemes<'a>(security: &'a Value, context: Context, found: &mut Vec<Reference<'a>>) {
    let names = security
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(|one| one.keys());
    found.extend(names.map(|name| {
        (
            join("/components/securitySchemes", name).into(),
            Context { kind: ObjectKind::SecurityScheme, ..context },
        )
    }));
}

/// The schemas that a discriminator maps to, by reference or by bare name.
fn mapped<'a>(mapping: &'a Value, context: Context, found: &mut Vec<Reference<'a>>) {
    let targets =
        mapping.as_object().into_iter().flat_map(|map| map.values()).filter_map(Value::as_str);
    found.extend(targets.map(|target| {
        let pointer = pointer(target).unwrap_or_else(|| join("/components/schemas", target).into());
        (pointer, Context { kind: ObjectKind::Schema, ..context })
    }));
}

/// The schemas that extend each schema.
fn subtypes(document: &Value) -> HashMap<String, Vec<String>> {
    let mut subtypes = HashMap::<String, Vec<String>>::new();
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let members = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        // A schema that is only a reference is a subtype of its target.
        let lone = schema.get("$ref").map(|_| schema);
        for parent in
            members.chain(lone).filter_map(|member| pointer(member.get("$ref")?.as_str()?))
        {
            subtypes
                .entry(parent.into_owned())
                .or_default()
                .push(join("/components/schemas", name));
        }
    }
    subtypes
}

#[cfg(test)]
mod tests;
