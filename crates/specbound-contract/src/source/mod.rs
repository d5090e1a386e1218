//! Reads a text as JSON or YAML, with the position of each value.
//!
//! Text that a reader may take in two ways is refused, never guessed: duplicate keys, keys that are
//! not scalars, unknown tags, numbers without a value. Depth, size and the expansion of aliases are
//! bounded, so that a hostile text costs no more than its length.

mod json;
mod yaml;

use serde_json::{Map, Value};
use thiserror::Error;

/// Largest document, with all files that it refers to.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

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
    /// Whether the text has the syntax of its format, and only its meaning is refused.
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
        let key = crate::compatibility::quoting::code(key);
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
pub(crate) struct Parsed {
    pub value: Value,
    pub marks: Marks,
}

/// The position of a value and of its children. A list's children have empty keys.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    pub position: Position,
    children: Vec<(Box<str>, Marks)>,
}

impl Marks {
    fn leaf(position: Position) -> Marks {
        Marks { position, children: Vec::new() }
    }

    /// The position of the value at a path of keys, or of the nearest one above it.
    pub fn find<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Position {
        let mut marks = self;
        for key in keys {
            let by_name =
                marks.children.iter().find(|(name, _)| **name == *key && !name.is_empty());
            let by_index = || {
                marks.children.get(key.parse::<usize>().ok()?).filter(|(name, _)| name.is_empty())
            };
            match by_name.or_else(by_index) {
                Some((_, child)) => marks = child,
                None => break,
            }
        }
        marks.position
    }
}

/// Collects the members of an object.
struct Members {
    map: Map<String, Value>,
    marks: Marks,
    seen: std::collections::HashMap<String, Position>,
}

impl Members {
    fn new(position: Position) -> Members {
        Members {
            map: Map::new(),
            marks: Marks::leaf(position),
            seen: std::collections::HashMap::new(),
        }
    }

    fn check(&mut self, key: &str, position: Position) -> Result<(), SyntaxError> {
        match self.seen.insert(key.to_owned(), position) {
            None => Ok(()),
            Some(first) => Err(SyntaxError::duplicate_key(key, position, first)),
        }
    }

    /// The position of a member is that of its key.
    fn insert(&mut self, key: String, at: Position, Parsed { value, marks }: Parsed) {
        self.marks.children.push((key.clone().into(), Marks { position: at, ..marks }));
        self.map.insert(key, value);
    }

    fn finish(self) -> Parsed {
        Parsed { value: Value::Object(self.map), marks: self.marks }
    }
}

/// Reads a text. JSON is read by JSON's rules; a text in braces that is no JSON may still be YAML.
pub(crate) fn read(text: &str) -> Result<Parsed, SyntaxError> {
    // A byte order mark is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) {
        match json::read(text) {
            Err(error) if !error.refused => {}
            result => return result,
        }
    }
    yaml::read(text)
}

/// The value of a number's text. A number that no `f64` tells apart from its neighbours stays a
/// text, so that two of them are never taken for equal.
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
        read(text).unwrap_or_else(|error| panic!("{text}: {error}")).value
    }

    fn error(text: &str) -> String {
        read(text).map(|parsed| parsed.value).expect_err(text).to_string()
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
    fn merge_keys_are_applied_and_own_keys_win() {
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
    fn numbers_that_a_float_cannot_tell_apart_stay_different() {
        for (one, other) in [
            ("18446744073709551616", "18446744073709551617"),
            ("0.10000000000000000001", "0.1"),
            ("9007199254740993.5", "9007199254740993.25"),
        ] {
            assert_ne!(value(&format!("[{one}]")), value(&format!("[{other}]")));
            assert_ne!(value(&format!("- {one}")), value(&format!("- {other}")));
        }
        assert_eq!(value("[1e300, 0.1, 18446744073709551615]"), json!([1e300, 0.1, u64::MAX]));
        assert!(read("[1e999]").is_err());
    }

    #[test]
    fn hostile_texts_end_early() {
        for text in [
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
            "- ".repeat(100_000),
            "{a: ".repeat(100_000),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains("nested deeper"), "{error}");
        }
        let bomb: String = std::iter::once("a0: &a0 [x, x]\n".to_owned())
            .chain((1..40).map(|i| format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)))
            .collect();
        assert!(error(&bomb).contains("aliases"));
        assert!(read("a: &a [*a]").is_err());
        assert!(read("a: *b").is_err());
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
            let _ = read(text);
        }
    }

    #[test]
    fn each_value_has_its_position() {
        let at = |text: &str, path: &[&str]| {
            let Position { line, column } = read(text).unwrap().marks.find(path.iter().copied());
            (line, column)
        };
        let yaml = "a:\n  é: [1, {c: 2}]\n";
        assert_eq!(at(yaml, &["a"]), (1, 1));
        assert_eq!(at(yaml, &["a", "é", "1", "c"]), (2, 11));
        assert_eq!(at(yaml, &["a", "gone", "x"]), (1, 1));
        let json = "{\n \"é\": {\"b\": [1,\n 2]}}";
        assert_eq!(at(json, &["é", "b"]), (2, 8));
        assert_eq!(at(json, &["é", "b", "1"]), (3, 2));
    }
}
