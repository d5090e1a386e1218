//! Values that a schema accepts, chosen near the limits of another schema.
//!
//! The search is directed, not complete: each keyword contributes its limits and their neighbours.
//! Members that a schema does not name are sent by no client and are not made up, except where the
//! other schema forbids or limits them.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

use super::accept::{Schemas, integer_range};
use crate::canonical::KEYWORDS_OF_TYPES;
use crate::compatibility::flat::alternatives;
use crate::compatibility::usage::has_flag;

/// Deepest nesting of values.
const MAX_DEPTH: usize = 6;

/// Most values of one schema.
const MAX_VALUES: usize = 60;

/// Most alternatives of a schema that are looked at.
const MAX_ALTERNATIVES: usize = 8;

/// Longest text and list.
const MAX_LENGTH: usize = 2_000;

type Fields = Map<String, Value>;

/// A schema whose values are looked for, and one whose limits they should pass.
pub(super) struct Pair<'a> {
    pub accepting: Schemas<'a>,
    pub refusing: Schemas<'a>,
}

impl Pair<'_> {
    /// A value that the first schema accepts and the second refuses. The shortest one found.
    pub fn difference(&self, accepting: &Value, refusing: &Value) -> Option<Value> {
        let candidates = self.candidates(accepting, refusing, 0);
        let found = candidates.into_iter().filter(|value| {
            self.accepting.accepts(accepting, value) == Some(true)
                && self.refusing.accepts(refusing, value) == Some(false)
        });
        found.min_by_key(|value| value.to_string().len())
    }

    /// Values near the limits of both schemas. Not all of them are accepted.
    pub fn candidates(&self, accepting: &Value, refusing: &Value, depth: usize) -> Vec<Value> {
        let size = size(accepting) + size(refusing);
        if depth > MAX_DEPTH || !self.accepting.engine.consume(size) {
            return Vec::new();
        }
        let hints = hints(self.refusing.document, refusing);
        let all = alternatives(self.accepting.document, accepting, 0);
        let mut values = Vec::new();
        for one in all.iter().take(MAX_ALTERNATIVES).filter_map(Value::as_object) {
            values.extend(self.of_alternative(one, &hints, depth).into_iter().take(MAX_VALUES));
        }
        values.truncate(MAX_VALUES * 2);
        values
    }

    /// A value that a schema accepts.
    fn sample(&self, schema: &Value, depth: usize) -> Option<Value> {
        self.samples(schema, depth).into_iter().next()
    }

    fn samples(&self, schema: &Value, depth: usize) -> Vec<Value> {
        let mut values = self.candidates(schema, &json!({}), depth);
        values.retain(|value| self.accepting.accepts(schema, value) == Some(true));
        values
    }

    fn of_alternative(&self, own: &Fields, hints: &[Fields], depth: usize) -> Vec<Value> {
        let mut values = Vec::new();
        if let Some(listed) = own.get("enum").and_then(Value::as_array) {
            values.extend(listed.iter().take(MAX_VALUES).cloned());
            return values;
        }
        values.extend(own.get("const").cloned());
        let types = types(own);
        let is_open = types.is_empty();
        let has = |name: &str| types.iter().any(|one| one == name);
        let of_hints = |name: &str| hints.iter().any(|hint| keywords_of(hint) == Some(name));
        if has("string") || (is_open && keywords_of(own) != Some("object")) {
            values.extend(texts(own, hints));
        }
        if has("integer") || has("number") || is_open {
            values.extend(numbers(own, hints, !has("integer")));
        }
        if has("boolean") || is_open {
            values.extend([json!(true), json!(false)]);
        }
        if has("array") || (is_open && (keywords_of(own) == Some("array") || of_hints("array"))) {
            values.extend(self.lists(own, hints, depth));
        } else if is_open {
            values.push(json!([]));
        }
        if has("object") || is_open {
            // Objects are what most schemas without a type describe.
            let objects = self.objects(own, hints, depth);
            values.splice(0..0, objects.into_iter().take(MAX_VALUES));
        }
        if has("null") || is_open || own.contains_key("nullable") {
            values.push(Value::Null);
        }
        values
    }

    fn lists(&self, own: &Fields, hints: &[Fields], depth: usize) -> Vec<Value> {
        let any = json!({});
        let items = own.get("items").unwrap_or(&any);
        let prefix = own.get("prefixItems").and_then(Value::as_array);
        let schema = |index: usize| prefix.and_then(|all| all.get(index)).unwrap_or(items);
        let least = limit(own, "minItems").unwrap_or(0).min(MAX_LENGTH);
        let contained = own.get("contains");
        let is_unique = own.get("uniqueItems") == Some(&Value::Bool(true));
        let fill = |length: usize| -> Option<Vec<Value>> {
            let mut list: Vec<Value> = Vec::new();
            let mut samples = Vec::new();
            for index in 0..length {
                if index == 0 || prefix.is_some_and(|all| index <= all.len()) {
                    samples = self.samples(schema(index), depth + 1);
                    if let Some(contained) = contained {
                        samples.splice(0..0, self.samples(contained, depth + 1));
                    }
                }
                let free = |value: &&Value| !is_unique || !list.contains(value);
                list.push(samples.iter().find(free)?.clone());
            }
            Some(list)
        };
        let of_hints = |keyword: &str| {
            hints.iter().filter_map(|hint| limit(hint, keyword)).collect::<Vec<_>>()
        };
        let mut lengths = vec![least, 1, 0];
        for keyword in ["maxItems", "minContains", "maxContains"] {
            lengths.extend(limit(own, keyword));
        }
        for keyword in ["minItems", "minContains"] {
            lengths.extend(of_hints(keyword).into_iter().map(|least| least.saturating_sub(1)));
        }
        for keyword in ["maxItems", "maxContains"] {
            lengths.extend(of_hints(keyword).into_iter().map(|most| most + 1));
        }
        lengths.retain(|length| *length <= MAX_LENGTH);
        lengths.dedup();
        let mut lists: Vec<Vec<Value>> =
            lengths.iter().filter_map(|length| fill(*length)).collect();
        // One item at the limits of the other schema.
        let base = fill(least.max(1)).unwrap_or_default();
        for hint in hints {
            let others = hint.get("prefixItems").and_then(Value::as_array);
            let positions = prefix.map_or(0, Vec::len).max(others.map_or(0, Vec::len)) + 1;
            for index in 0..positions.min(MAX_ALTERNATIVES) {
                let other = others.and_then(|all| all.get(index)).or_else(|| hint.get("items"));
                let Some(other) = other else { continue };
                let start = fill(index.max(base.len().saturating_sub(1))).unwrap_or_default();
                for item in self.candidates(schema(index), other, depth + 1) {
                    let mut list = start.clone();
                    list.truncate(index.max(least));
                    list.insert(index.min(list.len()), item);
                    lists.push(list);
                }
            }
            if let Some(other) = hint.get("contains") {
                for item in self.candidates(items, other, depth + 1) {
                    lists.push(vec![item; least.max(1)]);
                }
            }
        }
        if hints.iter().any(|hint| hint.get("uniqueItems").is_some())
            && let Some(item) = self.sample(schema(0), depth + 1)
        {
            lists.push(vec![item; least.max(2)]);
        }
        lists.into_iter().map(Value::Array).collect()
    }

    fn objects(&self, own: &Fields, hints: &[Fields], depth: usize) -> Vec<Value> {
        let hides = self.accepting.direction.hiding_keyword();
        let empty = Map::new();
        let properties = own.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let any = json!({});
        let further = own.get("additionalProperties").unwrap_or(&any);
        let schema = |name: &str| properties.get(name).unwrap_or(further);
        let mut base = Map::new();
        let required: Vec<&str> = self.accepting.required(own).collect();
        for name in &required {
            let Some(value) = self.sample(schema(name), depth + 1) else { return Vec::new() };
            base.insert((*name).to_owned(), value);
        }
        self.fill(own, &mut base, limit(own, "minProperties").unwrap_or(0), depth);
        let with = |name: &str, value: Value| {
            let mut object = base.clone();
            object.insert(name.to_owned(), value);
            // A name may demand others.
            let demanded = own.get("dependentRequired").and_then(|all| all.get(name));
            for other in demanded.and_then(Value::as_array).into_iter().flatten() {
                if let Some(other) = other.as_str().filter(|other| !object.contains_key(*other))
                    && let Some(value) = self.sample(schema(other), depth + 1)
                {
                    object.insert(other.to_owned(), value);
                }
            }
            Value::Object(object)
        };
        let mut values = vec![Value::Object(base.clone())];
        for (name, own) in properties.iter().filter(|(_, schema)| !has_flag(schema, hides)) {
            if values.len() > MAX_VALUES {
                break;
            }
            let others: Vec<&Value> =
                hints.iter().filter_map(|hint| member_of(hint, name)).collect();
            let others = if others.is_empty() { vec![&any] } else { others };
            for other in others {
                let found = self.candidates(own, other, depth + 1);
                values.extend(found.into_iter().map(|value| with(name, value)));
            }
        }
        // Names that only the other schema knows or forbids, where this one says what they hold.
        if further != &json!(false) {
            let says =
                own.contains_key("additionalProperties") || own.contains_key("patternProperties");
            for name in hints.iter().flat_map(|hint| self.names(own, hint, depth)) {
                let limits = own.get("propertyNames").is_some();
                let other = hints.iter().find_map(|hint| member_of(hint, &name)).unwrap_or(&any);
                if says || limits || other != &any {
                    let found = self.candidates(schema(&name), other, depth + 1);
                    values.extend(found.into_iter().map(|value| with(&name, value)));
                }
            }
        }
        let demanded = hints.iter().filter_map(|hint| hint.get("required")?.as_array()).flatten();
        let unknown = demanded.filter_map(Value::as_str).filter(|name| !base.contains_key(*name));
        for name in unknown.take(MAX_ALTERNATIVES) {
            values.extend(self.sample(schema(name), depth + 1).map(|value| with(name, value)));
        }
        for most in hints.iter().filter_map(|hint| limit(hint, "maxProperties")) {
            let mut object = base.clone();
            self.fill(own, &mut object, most + 1, depth);
            values.push(Value::Object(object));
        }
        values
    }

    /// Adds properties up to this count.
    fn fill(&self, own: &Fields, object: &mut Fields, count: usize, depth: usize) {
        let hides = self.accepting.direction.hiding_keyword();
        let properties = own.get("properties").and_then(Value::as_object);
        let visible = properties.into_iter().flatten().filter(|(_, one)| !has_flag(one, hides));
        for (name, schema) in visible {
            if object.len() < count
                && !object.contains_key(name)
                && let Some(value) = self.sample(schema, depth + 1)
            {
                object.insert(name.clone(), value);
            }
        }
        let further = own.get("additionalProperties").cloned().unwrap_or_else(|| json!({}));
        for number in 0..count.min(MAX_VALUES) {
            if object.len() < count
                && let Some(value) = self.sample(&further, depth + 1)
            {
                object.insert(format!("member{number}"), value);
            }
        }
    }

    /// Names of members that one of the schemas limits without naming them.
    fn names(&self, own: &Fields, hint: &Fields, depth: usize) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let patterns =
            [own, hint].map(|one| one.get("patternProperties").and_then(Value::as_object));
        for pattern in patterns.into_iter().flatten().flat_map(|all| all.keys()) {
            names.extend(of_pattern(pattern, 0));
        }
        if hint.contains_key("additionalProperties") || hint.contains_key("unevaluatedProperties") {
            names.push("member".to_owned());
        }
        let any = json!({"type": "string"});
        if let Some(limits) = hint.get("propertyNames") {
            let own = own.get("propertyNames").unwrap_or(&any);
            let own = json!({"type": "string", "allOf": [own]});
            let found = self.candidates(&own, limits, depth + 1).into_iter();
            names.extend(found.filter_map(|name| name.as_str().map(str::to_owned)));
        }
        names.truncate(MAX_ALTERNATIVES);
        names
    }
}

/// What a schema says of a member.
fn member_of<'v>(hint: &'v Fields, name: &str) -> Option<&'v Value> {
    let own = hint.get("properties").and_then(|all| all.get(name));
    let pattern = || hint.get("patternProperties")?.as_object()?.values().next();
    own.or_else(pattern).or_else(|| hint.get("additionalProperties"))
}

/// The parts of a schema that each look at it goes through.
fn size(schema: &Value) -> usize {
    let properties = schema.get("properties").and_then(Value::as_object).map_or(0, Map::len);
    let members = ["allOf", "anyOf", "oneOf"].into_iter();
    let members = members.filter_map(|keyword| schema.get(keyword)?.as_array()).map(Vec::len);
    1 + properties + members.sum::<usize>()
}

/// The parts of a schema that limit a value, each flattened.
fn hints(document: &Value, schema: &Value) -> Vec<Fields> {
    let mut hints = Vec::new();
    for one in alternatives(document, schema, 0).into_iter().take(MAX_ALTERNATIVES) {
        let Value::Object(fields) = one else { continue };
        let branches = ["if", "then", "else", "not"].into_iter().filter_map(|key| fields.get(key));
        let dependent = fields.get("dependentSchemas").and_then(Value::as_object);
        let members = fields.get("allOf").and_then(Value::as_array);
        let parts = branches
            .chain(dependent.into_iter().flat_map(|all| all.values()))
            .chain(members.into_iter().flatten())
            .flat_map(|part| alternatives(document, part, 0))
            .filter_map(|part| part.as_object().cloned());
        let parts: Vec<Fields> = parts.take(MAX_ALTERNATIVES).collect();
        hints.push(fields);
        hints.extend(parts);
    }
    hints
}

fn types(own: &Fields) -> Vec<String> {
    match own.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => {
            many.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The type that the keywords of a schema are about.
fn keywords_of(fields: &Fields) -> Option<&'static str> {
    let typed = fields.get("type").and_then(Value::as_str);
    ["object", "array"].into_iter().find(|name| {
        let mut keywords = KEYWORDS_OF_TYPES.iter().filter(|(types, _)| types.contains(name));
        typed == Some(name)
            || keywords.any(|(_, all)| all.iter().any(|one| fields.contains_key(*one)))
    })
}

fn limit(fields: &Fields, keyword: &str) -> Option<usize> {
    fields.get(keyword)?.as_u64().and_then(|limit| usize::try_from(limit).ok())
}

fn numbers(own: &Fields, hints: &[Fields], fractions: bool) -> Vec<Value> {
    let step = own.get("multipleOf").and_then(Value::as_f64);
    let mut numbers = vec![0.0, 1.0, -1.0];
    for fields in std::iter::once(own).chain(hints) {
        for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            if let Some(bound) = fields.get(keyword).and_then(Value::as_f64) {
                numbers.extend([bound, bound - 1.0, bound + 1.0]);
                if fractions {
                    numbers.extend([bound - 0.5, bound + 0.5]);
                }
            }
        }
        if let Some(step) = fields.get("multipleOf").and_then(Value::as_f64) {
            numbers.push(step);
        }
        let range = fields.get("format").and_then(Value::as_str).and_then(integer_range);
        numbers.extend(range.into_iter().flat_map(|(least, most)| [least - 1.0, most + 1.0]));
        let listed = fields.get("enum").and_then(Value::as_array).into_iter().flatten();
        numbers.extend(listed.filter_map(Value::as_f64).map(|number| number + 1.0));
    }
    if fractions {
        numbers.push(0.5);
    }
    if let Some(step) = step {
        let near: Vec<f64> = numbers
            .iter()
            .flat_map(|number| [(number / step).floor() * step, (number / step).ceil() * step])
            .collect();
        numbers.extend(near);
    }
    let number = |number: f64| match number.fract() == 0.0 && number.abs() < 9e15 {
        true => Some(json!(number as i64)),
        false => fractions.then(|| json!(number)),
    };
    numbers.into_iter().filter_map(number).collect()
}

fn texts(own: &Fields, hints: &[Fields]) -> Vec<Value> {
    let least = limit(own, "minLength").unwrap_or(0);
    let mut lengths = vec![least, least.max(1)];
    lengths.extend(limit(own, "maxLength"));
    for hint in hints {
        lengths.extend(limit(hint, "minLength").map(|length| length.saturating_sub(1)));
        lengths.extend(limit(hint, "maxLength").map(|length| length + 1));
    }
    lengths.retain(|length| *length <= MAX_LENGTH);
    let format = own.get("format").and_then(Value::as_str).unwrap_or_default();
    let pattern = own.get("pattern").and_then(Value::as_str);
    let mut texts: Vec<String> = Vec::new();
    for length in lengths {
        texts.push(formatted(format, length));
        texts.extend(pattern.and_then(|pattern| of_pattern(pattern, length)));
    }
    let others = hints.iter().flat_map(|hint| {
        let pattern = hint.get("pattern").and_then(Value::as_str);
        let format = hint.get("format").and_then(Value::as_str).map(|format| formatted(format, 0));
        let listed = hint.get("enum").and_then(Value::as_array).into_iter().flatten();
        let listed = listed.filter_map(|value| value.as_str().map(str::to_owned));
        pattern.and_then(|pattern| of_pattern(pattern, 0)).into_iter().chain(format).chain(listed)
    });
    texts.extend(others.take(MAX_VALUES));
    texts.extend(["", "a", "A", "0", "a b", "a-b", "a_b", "\u{e9}", "?", "a\n"].map(str::to_owned));
    texts.dedup();
    texts.into_iter().map(Value::String).collect()
}

/// A text of a format, of that length if the format leaves a choice.
fn formatted(format: &str, length: usize) -> String {
    let fill = |used: usize| "a".repeat(length.saturating_sub(used).max(1));
    match format {
        "date" => "2026-01-31".to_owned(),
        "date-time" => "2026-01-31T00:00:00Z".to_owned(),
        "uuid" => "00000000-0000-4000-8000-000000000000".to_owned(),
        "ipv4" => "192.0.2.1".to_owned(),
        "ipv6" => "2001:db8::1".to_owned(),
        "email" if length < 70 => format!("{}@example.org", fill("@example.org".len())),
        // The part before `@` has at most 64 characters, and each label of a host at most 63.
        "email" => {
            let host = length - "a@".len();
            let dot = |at: usize| at % 60 == 59 && at + 1 < host;
            format!("a@{}", (0..host).map(|at| if dot(at) { '.' } else { 'a' }).collect::<String>())
        }
        "uri" | "url" => format!("https://example.org/{}", fill("https://example.org/".len())),
        _ => "a".repeat(length),
    }
}

/// A text that a pattern matches, at least of that length if it can be. `None` for a pattern that
/// is not understood.
fn of_pattern(pattern: &str, length: usize) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let shortest = write(&hir, 0);
    let missing = length.saturating_sub(shortest.chars().count());
    let longer = write(&hir, u32::try_from(missing).ok()?.min(MAX_LENGTH as u32));
    let fits = longer.chars().count() <= length.max(shortest.chars().count());
    Some(if fits { longer } else { shortest })
}

/// The first text of an expression. Each repetition takes as many more as there are.
fn write(hir: &Hir, more: u32) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).into_owned(),
        HirKind::Class(class) => first_of(class).into_iter().collect(),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            let times = repetition.min.saturating_add(more).min(most) as usize;
            let once = write(&repetition.sub, 0);
            // Repetitions within repetitions multiply.
            once.repeat(times.min(MAX_LENGTH / once.len().max(1)))
        }
        HirKind::Capture(capture) => write(&capture.sub, more),
        HirKind::Concat(parts) => parts.iter().map(|part| write(part, more)).collect(),
        HirKind::Alternation(parts) => {
            parts.first().map_or(String::new(), |part| write(part, more))
        }
    }
}

/// A letter or digit of a class, if it has one.
fn first_of(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    let has = |c: &char| ranges.iter().any(|(start, end)| start <= c && c <= end);
    let first = ranges.first().map(|(start, _)| *start);
    ['a', 'A', '0', '-', ' '].into_iter().find(has).or(first)
}
