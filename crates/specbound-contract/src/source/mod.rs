//! Reads a text as JSON or YAML, with the position of each value.
//!
//! Ambiguous text is refused, never guessed: duplicate keys, keys that are not scalars, unknown
//! tags, numbers without a value. Depth, size and the expansion of aliases are bounded, so the cost
//! of hostile input is linear in its length.

mod json;
mod yaml;

use serde_json::{Map, Value};
use thiserror::Error;

/// Largest document, with all files that it refers to.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// Most memory for the values of a file, in bytes, where the caller does not say. A document of
/// 14 MB takes 90 MB.
pub(crate) const MAX_MEMORY: usize = 400 << 20;

/// Deepest nesting of objects and lists.
const MAX_DEPTH: usize = 200;

/// Where a value starts in its text. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text cannot be read. One line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{position}: {message}")]
pub struct SyntaxError {
    /// Where it was found.
    pub position: Position,
    /// The reason.
    pub message: String,
    /// Whether the syntax is valid and only the content is refused.
    refused: bool,
}

impl SyntaxError {
    fn syntax(position: Position, message: impl Into<String>) -> SyntaxError {
        SyntaxError { position, message: message.into(), refused: false }
    }

    fn refused(position: Position, message: impl Into<String>) -> SyntaxError {
        SyntaxError { position, message: message.into(), refused: true }
    }

    fn duplicate_key(key: &str, position: Position, first: Position) -> SyntaxError {
        let key = crate::quoting::code(key);
        Self::refused(
            position,
            format!("duplicate key {key}, which line {} has already", first.line),
        )
    }

    fn too_deep(position: Position) -> SyntaxError {
        Self::refused(position, format!("nested deeper than {MAX_DEPTH} levels"))
    }
}

/// A value and the positions in it.
#[derive(Debug, Clone)]
struct Parsed {
    value: Value,
    marks: PositionTree,
}

/// The position of a value and of its children.
#[derive(Debug, Clone)]
pub(crate) struct PositionTree {
    position: Position,
    /// By key; those of a list by the name that a difference gives to an item.
    children: Vec<(Box<str>, PositionTree)>,
    is_list: bool,
}

impl PositionTree {
    fn leaf(position: Position) -> PositionTree {
        PositionTree { position, children: Vec::new(), is_list: false }
    }

    fn list(position: Position) -> PositionTree {
        PositionTree { is_list: true, ..PositionTree::leaf(position) }
    }

    /// The position of the value at a path of keys, or of the nearest one above it. Items of a list
    /// are found by name (see [`item_name`]) or by number.
    pub fn find<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Position {
        let mut marks = self;
        for key in keys {
            let by_name = marks.children.iter().find(|(name, _)| **name == *key);
            let by_index = || {
                let index = key.parse::<usize>().ok().filter(|_| marks.is_list)?;
                marks.children.get(index)
            };
            match by_name.or_else(by_index) {
                Some((_, child)) => marks = child,
                None => break,
            }
        }
        marks.position
    }
}

/// Most values in an item of a list that has a name.
const MAX_NAMED_VALUES: usize = 16;

/// The name of an item of a list in the path of a difference: `in:name` for a parameter, otherwise
/// its value. None for a large one.
fn item_name(item: &Value) -> Box<str> {
    fn is_small(value: &Value, left: &mut usize) -> bool {
        *left = left.saturating_sub(1);
        *left > 0
            && match value {
                Value::Object(members) => members.values().all(|value| is_small(value, left)),
                Value::Array(items) => items.iter().all(|item| is_small(item, left)),
                _ => true,
            }
    }
    match (item.get("in").and_then(Value::as_str), item.get("name").and_then(Value::as_str)) {
        (Some(location), Some(name)) => format!("{location}:{name}").into(),
        _ if is_small(item, &mut MAX_NAMED_VALUES.clone()) => crate::diff::name(item).into(),
        _ => "".into(),
    }
}

/// What a parser retains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retain {
    /// Values only: fastest, but without the position of the first of duplicate keys.
    Values,
    /// Positions, and values only as far as they name items.
    Positions,
    Both,
}

impl Retain {
    fn positions(self) -> bool {
        self != Retain::Values
    }

    /// A value within another one, in so many lists.
    fn retained(self, value: Value, lists: usize) -> Value {
        match value {
            Value::Object(_) | Value::Array(_) if self == Retain::Positions && lists == 0 => {
                Value::Null
            }
            value => value,
        }
    }
}

/// Memory budget for parsed values, roughly in bytes.
#[derive(Debug, Clone, Copy)]
struct Memory {
    left: usize,
    all: usize,
}

impl Memory {
    /// A node of a map, in which an object has its first members.
    const NODE: usize = 640;
    /// A value within another one, and an owned text.
    const VALUE: usize = 64;

    fn new(bytes: usize) -> Memory {
        Memory { left: bytes, all: bytes }
    }

    fn take(&mut self, bytes: usize, position: Position) -> Result<(), SyntaxError> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let message = format!(
                "the document takes more memory than there is for it, {} MB: `--max-memory` sets \
                 the limit",
                self.all >> 20
            );
            SyntaxError::refused(position, message)
        })?;
        Ok(())
    }

    fn member(&mut self, key: &str, is_first: bool, at: Position) -> Result<(), SyntaxError> {
        let node = if is_first { Memory::NODE } else { Memory::VALUE };
        self.take(node + Memory::VALUE + key.len(), at)
    }
}

/// Collects the members of an object.
struct Members {
    map: Map<String, Value>,
    marks: PositionTree,
    retain: Retain,
}

impl Members {
    fn new(position: Position, retain: Retain) -> Members {
        Members { map: Map::new(), marks: PositionTree::leaf(position), retain }
    }

    fn check(&mut self, key: &str, position: Position) -> Result<(), SyntaxError> {
        if !self.map.contains_key(key) {
            return Ok(());
        }
        let first = self.marks.children.iter().find(|(name, _)| **name == *key);
        let first = first.map_or(position, |(_, marks)| marks.position);
        Err(SyntaxError::duplicate_key(key, position, first))
    }

    /// The position of a member is that of its key. `lists` is the number of lists around it.
    fn insert(&mut self, key: String, at: Position, member: Parsed, lists: usize) {
        let Parsed { value, marks } = member;
        if self.retain.positions() {
            self.marks.children.push((key.clone().into(), PositionTree { position: at, ..marks }));
        }
        self.map.insert(key, self.retain.retained(value, lists));
    }

    fn finish(mut self) -> Parsed {
        self.marks.children.shrink_to_fit();
        Parsed { value: Value::Object(self.map), marks: self.marks }
    }
}

/// Reads a text. JSON is read by JSON's rules; a text in braces that is no JSON may still be YAML.
/// The positions come with the value where reading the text again would take long.
pub(crate) fn read(
    text: &str,
    memory: usize,
) -> Result<(Value, Option<PositionTree>), SyntaxError> {
    let memory = Memory::new(memory);
    let text = without_byte_order_mark(text);
    if is_in_braces(text) {
        match json::read(text, Retain::Values, memory) {
            Ok(Parsed { value, .. }) => return Ok((value, None)),
            // The error names the positions.
            Err(error) if error.refused => {
                return json::read(text, Retain::Both, memory).map(|parsed| (parsed.value, None));
            }
            Err(_) => {}
        }
    }
    let Parsed { value, marks } = yaml::read(text, Retain::Both, memory)?;
    Ok((value, Some(marks)))
}

/// The positions in a text that can be read.
pub(crate) fn positions(text: &str) -> Option<PositionTree> {
    // It was read before.
    let memory = Memory::new(usize::MAX);
    let text = without_byte_order_mark(text);
    let json =
        is_in_braces(text).then(|| json::read(text, Retain::Positions, memory).ok()).flatten();
    json.or_else(|| yaml::read(text, Retain::Positions, memory).ok()).map(|parsed| parsed.marks)
}

/// A byte order mark is no part of the text.
fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn is_in_braces(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// Parses a number. One that `f64` cannot represent exactly enough stays text, so that two
/// different numbers never become equal.
fn number(text: &str) -> Option<Value> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Some(integer.into());
    }
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    match significant <= 15 || float.to_string() == text {
        true => Some(float.into()),
        false => Some(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        read(text, MAX_MEMORY).unwrap_or_else(|error| panic!("{text}: {error}")).0
    }

    fn error(text: &str) -> String {
        read(text, MAX_MEMORY).map(|(value, _)| value).expect_err(text).to_string()
    }

    #[test]
    fn json_and_yaml_have_the_same_values() {
        let expected = json!({"a": [1, -2, 1.5, true, null, "x"], "b": {"c": "d\u{1f600}"}});
        assert_eq!(
            value(r#"{"a": [1, -2, 1.5, true, null, "x"], "b": {"c": "d\ud83d\ude00"}}"#),
            expected
        );
        assert_eq!(value("a: [1, -2, 1.5, true, ~, x]\nb: {c: \"d\\U0001F600\"}"), expected);
        assert_eq!(value("{a: [1, -2, 1.5, true, null, x], b: {c: d\u{1f600}}}"), expected);
        assert_eq!(value("\u{feff}{\"a\": 1}"), json!({"a": 1}));
        assert_eq!(value(""), json!(null));
    }

    #[test]
    fn yaml_scalars_follow_the_core_schema() {
        let text =
            "[0x10, 0o10, +1, 007, 1e3, .5, yes, 'true', !!str 3.0, 2020-01-01, True, \"\", 3.0]";
        let expected = json!([
            16,
            8,
            1,
            "007",
            1000.0,
            0.5,
            "yes",
            "true",
            "3.0",
            "2020-01-01",
            true,
            "",
            3.0
        ]);
        assert_eq!(value(text), expected);
        assert_eq!(
            value("{200: a, null: b, true: c}"),
            json!({"200": "a", "null": "b", "true": "c"})
        );
        assert!(error("a: .inf").contains("no JSON value"), "{}", error("a: .inf"));
        assert!(error("a: !secret b").contains("tag"));
        assert!(error("? [a]\n: b").contains("key"));
        assert!(error("a: 1\n---\nb: 1").contains("more than one document"));
    }

    #[test]
    fn duplicate_keys_are_refused_with_both_lines() {
        assert_eq!(
            error("{\"a\": 1,\n\"b\": 2,\n\"a\": 3}"),
            "line 3, column 1: duplicate key `a`, which line 1 has already"
        );
        assert_eq!(
            error("x:\n  a: 1\n  b: 2\n  a: 3\n"),
            "line 4, column 3: duplicate key `a`, which line 2 has already"
        );
        assert!(error("{\"a\": 1, \"\\u0061\": 2}").contains("duplicate key"));
    }

    #[test]
    fn explicit_keys_override_merge_keys() {
        let merged = value(
            "base: &b {a: 1, b: 2}\nother: &o {b: 5, d: 6}\none: {<<: *b, b: 3}\nmany: {c: 4, <<: \
             [*b, *o]}",
        );
        assert_eq!(merged["one"], json!({"a": 1, "b": 3}));
        assert_eq!(merged["many"], json!({"a": 1, "b": 2, "c": 4, "d": 6}));
        assert!(error("a: {<<: 1}").contains("merge"));
        assert_eq!(value("a: {'<<': 1}"), json!({"a": {"<<": 1}}));
    }

    #[test]
    fn numbers_beyond_float_precision_stay_distinct() {
        for (one, other) in [
            ("18446744073709551616", "18446744073709551617"),
            ("0.10000000000000000001", "0.1"),
            ("9007199254740993.5", "9007199254740993.25"),
        ] {
            assert_ne!(value(&format!("[{one}]")), value(&format!("[{other}]")));
            assert_ne!(value(&format!("- {one}")), value(&format!("- {other}")));
        }
        assert_eq!(value("[1e300, 0.1, 18446744073709551615]"), json!([1e300, 0.1, u64::MAX]));
        assert!(read("[1e999]", MAX_MEMORY).is_err());
    }

    #[test]
    fn hostile_input_is_refused_early() {
        for text in [
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
            "- ".repeat(100_000),
            "{a: ".repeat(100_000),
        ] {
            let error = read(&text, MAX_MEMORY).unwrap_err().to_string();
            assert!(error.contains("nested deeper"), "{error}");
        }
        let bomb: String = std::iter::once("a0: &a0 [x, x]\n".to_owned())
            .chain((1..40).map(|i| format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)))
            .collect();
        assert!(error(&bomb).contains("aliases"));
        assert!(read("a: &a [*a]", MAX_MEMORY).is_err());
        assert!(read("a: *b", MAX_MEMORY).is_err());
        for text in ["[1, 2, {\"a\": 3}]", "- 1\n- 2\n- {a: 3}"] {
            let error = read(text, 500).unwrap_err().to_string();
            assert!(error.contains("takes more memory than there is for it, 0 MB"), "{error}");
            assert!(read(text, 2_000).is_ok());
        }
        for text in [
            "{",
            "{\"a\" 1}",
            "[1,]x",
            "a: [b",
            "\"",
            "{\"a\": tru}",
            "{\"a\": \"\\ud83d\"}",
            "\t- a",
        ] {
            let _ = read(text, MAX_MEMORY);
        }
    }

    #[test]
    fn each_value_has_its_position() {
        let at = |text: &str, path: &[&str]| {
            let found = |marks: PositionTree| marks.find(path.iter().copied());
            let position = found(positions(text).unwrap());
            let with_values = read(text, MAX_MEMORY).unwrap().1.map(found);
            assert_eq!(with_values.unwrap_or(position), position, "{path:?}");
            (position.line, position.column)
        };
        let yaml = "a:\n  é: [7, {c: 2}]\n";
        assert_eq!(at(yaml, &["a"]), (1, 1));
        assert_eq!(at(yaml, &["a", "é", "1", "c"]), (2, 11));
        assert_eq!(at(yaml, &["a", "gone", "x"]), (1, 1));
        let items = "a:\n- {in: query, name: b}\n- c\n- {d: [e]}\nf: {x: {y: [z,\n w]}}\n";
        assert_eq!(at(items, &["a", "query:b"]), (2, 3));
        assert_eq!(at(items, &["a", "c"]), (3, 3));
        assert_eq!(at(items, &["a", "{\"d\":[\"e\"]}", "d", "e"]), (4, 8));
        assert_eq!(at(items, &["f", "x", "y", "w"]), (6, 2));
        assert_eq!(at(items, &["f", "1"]), (5, 1));
        let json = "{\n \"é\": {\"b\": [7,\n 2]}}";
        assert_eq!(at(json, &["é", "b"]), (2, 8));
        assert_eq!(at(json, &["é", "b", "1"]), (3, 2));
    }
}
