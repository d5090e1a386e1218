//! Values of parameters by `style` and `explode`: from text to JSON, as their schemas say (OpenAPI
//! 3.0, "Style Values").

use serde_json::{Map, Value};

use super::RawParameters;
use crate::constraints::{SchemaRef, Type};

/// How a parameter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `color=blue,black` or `color=blue&color=black`.
    Form,
    /// `blue,black`.
    Simple,
    /// `.blue.black`.
    Label,
    /// `;color=blue;color=black`.
    Matrix,
    /// `color=blue%20black`.
    SpaceDelimited,
    /// `color=blue|black`.
    PipeDelimited,
    /// `color[R]=100&color[G]=200`.
    DeepObject,
    /// JSON, by `content`.
    Json,
}

/// A parameter that is no plain value.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// `style`.
    pub style: Style,
    /// `explode`.
    pub explode: bool,
    /// Its schema.
    pub schema: SchemaRef,
}

/// Members within each other in the name of a deep object.
const MAX_DEPTH: usize = 16;

enum Shape {
    Scalar,
    List,
    Object,
}

impl Parameter {
    fn shape(&self) -> Shape {
        let types = self.schema.possible_types();
        match (types.contains(&Type::Array), types.contains(&Type::Object)) {
            (true, _) => Shape::List,
            (_, true) => Shape::Object,
            _ => Shape::Scalar,
        }
    }

    /// What was sent; `None` if it was not.
    ///
    /// # Errors
    ///
    /// A message for text that is not in this style.
    pub(super) fn value(&self, sent: &RawParameters<'_>) -> Result<Option<Value>, &'static str> {
        let is_exploded_form = self.explode
            && matches!(self.style, Style::Form | Style::SpaceDelimited | Style::PipeDelimited);
        if self.style == Style::DeepObject {
            return Ok(self.deep(&(sent.pairs)()));
        }
        if let (Shape::Object, true) = (self.shape(), is_exploded_form) {
            let pairs = (sent.pairs)().into_iter();
            let own = pairs.filter(|(name, _)| self.schema.member(name).is_some());
            let members = self.object(own);
            return Ok((!members.is_empty()).then_some(Value::Object(members)));
        }
        let texts = (sent.get)(self.name);
        let Some(text) = texts.last() else { return Ok(None) };
        if let (Shape::List, true) = (self.shape(), is_exploded_form) {
            return Ok(Some(self.list(texts.iter().map(String::as_str))));
        }
        if self.style == Style::Json {
            return serde_json::from_str(text).map(Some).map_err(|_| "This is no valid JSON.");
        }
        let (text, delimiter) = match self.style {
            Style::SpaceDelimited => (text.as_str(), ' '),
            Style::PipeDelimited => (text.as_str(), '|'),
            Style::Label => {
                let text = text.strip_prefix('.').ok_or("This must start with a dot.")?;
                (text, if self.explode { '.' } else { ',' })
            }
            Style::Matrix => {
                let text = text.strip_prefix(';').ok_or("This must start with a semicolon.")?;
                (text, if self.explode { ';' } else { ',' })
            }
            _ => (text.as_str(), ','),
        };
        // `;id=1` has the name before the value, but for the members of an exploded object.
        let name = format!("{}=", self.name);
        let unnamed = |part: &'_ str| part.strip_prefix(name.as_str()).map(str::to_owned);
        let is_object = matches!(self.shape(), Shape::Object);
        let text = match self.style {
            Style::Matrix if !(self.explode && is_object) => {
                let parts = if self.explode { text.split(';') } else { text.split('\0') };
                let parts: Option<Vec<String>> = parts.map(unnamed).collect();
                parts.ok_or("This must have the name of the parameter.")?.join(";")
            }
            _ => text.to_owned(),
        };
        let parts = text.split(delimiter).filter(|_| !text.is_empty());
        Ok(Some(match self.shape() {
            Shape::Scalar => coerced(self.schema, &text),
            Shape::List => self.list(parts),
            Shape::Object if self.explode => {
                Value::Object(self.object(parts.map(split).map(owned)))
            }
            Shape::Object => {
                let parts: Vec<&str> = parts.collect();
                let pairs = parts.chunks(2);
                let pair = |pair: &[&str]| {
                    let value = pair.get(1).copied().unwrap_or_default();
                    owned((pair.first().copied().unwrap_or_default(), value))
                };
                Value::Object(self.object(pairs.map(pair)))
            }
        }))
    }

    fn list<'t>(&self, parts: impl Iterator<Item = &'t str>) -> Value {
        let item = self.schema.item();
        parts.map(|part| item.map_or_else(|| part.into(), |item| coerced(item, part))).collect()
    }

    fn object(&self, pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
        let mut members = Map::new();
        for (name, text) in pairs {
            let schema = self.schema.member(&name);
            add(&mut members, name, schema, &text);
        }
        members
    }

    /// From `name[a][b]=text`.
    fn deep(&self, pairs: &[(String, String)]) -> Option<Value> {
        let mut whole = Map::new();
        for (name, text) in pairs {
            let Some(path) = name.strip_prefix(self.name).filter(|path| path.ends_with(']')) else {
                continue;
            };
            let Some(path) = path.strip_prefix('[') else { continue };
            let keys: Vec<&str> = path[..path.len() - 1].split("][").collect();
            if keys.len() <= MAX_DEPTH {
                add_deep(&mut whole, &keys, Some(self.schema), text);
            }
        }
        (!whole.is_empty()).then_some(Value::Object(whole))
    }
}

fn add_deep(
    members: &mut Map<String, Value>,
    keys: &[&str],
    schema: Option<SchemaRef>,
    text: &str,
) {
    let Some((key, rest)) = keys.split_first() else { return };
    let schema = schema.and_then(|schema| schema.member(key));
    match rest {
        // `name[]` is a usual way to write a list.
        [] | [""] => add(members, (*key).to_owned(), schema, text),
        rest => {
            let inner = members.entry(*key).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                add_deep(inner, rest, schema, text);
            }
        }
    }
}

/// Adds a member, or an item to a member that is a list.
fn add(members: &mut Map<String, Value>, name: String, schema: Option<SchemaRef>, text: &str) {
    let is_list = schema.is_some_and(|schema| schema.possible_types().contains(&Type::Array));
    if !is_list {
        let value = schema.map_or_else(|| text.into(), |schema| coerced(schema, text));
        members.insert(name, value);
        return;
    }
    let item = schema.and_then(SchemaRef::item_of);
    let value = item.map_or_else(|| text.into(), |item| coerced(item, text));
    if let Value::Array(items) = members.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
        items.push(value);
    }
}

trait ItemOf {
    fn item_of(self) -> Option<SchemaRef>;
}

impl ItemOf for SchemaRef {
    fn item_of(self) -> Option<SchemaRef> {
        self.item()
    }
}

fn split(part: &str) -> (&str, &str) {
    part.split_once('=').unwrap_or((part, ""))
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A text as a value of the first type of its schema that it can be; else a string.
fn coerced(schema: SchemaRef, text: &str) -> Value {
    let types = schema.possible_types();
    let has = |kind| types.contains(&kind);
    if (has(Type::Integer) || has(Type::Number))
        && let Ok(number) = text.parse::<serde_json::Number>()
    {
        return Value::Number(number);
    }
    match text {
        "true" if has(Type::Boolean) => true.into(),
        "false" if has(Type::Boolean) => false.into(),
        "" | "null" if has(Type::Null) && (!has(Type::String) || text == "null") => Value::Null,
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Constraints;

    static NUMBER: Constraints = Constraints { types: &[Type::Integer], ..Constraints::ANY };
    static TEXT: Constraints = Constraints { types: &[Type::String], ..Constraints::ANY };
    static LIST: Constraints =
        Constraints { types: &[Type::Array], items: Some(&NUMBER), ..Constraints::ANY };
    static OBJECT: Constraints = Constraints {
        types: &[Type::Object],
        properties: &[("a", &NUMBER), ("b", &TEXT), ("c", &LIST), ("d", &OBJECT)],
        ..Constraints::ANY
    };

    fn read(style: Style, explode: bool, schema: SchemaRef, pairs: &[(&str, &str)]) -> Value {
        let parameter = Parameter { name: "x", style, explode, schema };
        let get = |name: &str| {
            let own = pairs.iter().filter(|(known, _)| *known == name);
            own.map(|(_, value)| (*value).to_owned()).collect()
        };
        let all = || pairs.iter().map(|(name, value)| owned((name, value))).collect();
        let sent = RawParameters::new(&get, &all);
        match parameter.value(&sent) {
            Ok(value) => value.unwrap_or_else(|| json!("not sent")),
            Err(message) => json!({ "error": message }),
        }
    }

    #[test]
    fn every_parameter_style_is_parsed() {
        for (style, explode, list, object) in [
            (Style::Simple, false, "1,2", "a,1,b,z"),
            (Style::Simple, true, "1,2", "a=1,b=z"),
            (Style::Label, false, ".1,2", ".a,1,b,z"),
            (Style::Label, true, ".1.2", ".a=1.b=z"),
            (Style::Matrix, false, ";x=1,2", ";x=a,1,b,z"),
            (Style::Matrix, true, ";x=1;x=2", ";a=1;b=z"),
            (Style::Form, false, "1,2", "a,1,b,z"),
            (Style::SpaceDelimited, false, "1 2", "a 1 b z"),
            (Style::PipeDelimited, false, "1|2", "a|1|b|z"),
            (Style::Json, false, "[1,2]", r#"{"a": 1, "b": "z"}"#),
        ] {
            let of = |schema, text| read(style, explode, schema, &[("x", text)]);
            assert_eq!(of(&LIST, list), json!([1, 2]), "{style:?} {explode}");
            assert_eq!(of(&OBJECT, object), json!({"a": 1, "b": "z"}), "{style:?} {explode}");
        }
        for (style, text) in [(Style::Simple, "7"), (Style::Label, ".7"), (Style::Matrix, ";x=7")] {
            assert_eq!(read(style, false, &NUMBER, &[("x", text)]), json!(7), "{style:?}");
        }
    }

    #[test]
    fn exploded_forms_accept_pairs() {
        let pairs = [("x", "1"), ("other", "9"), ("x", "2"), ("a", "1"), ("b", "z")];
        assert_eq!(read(Style::Form, true, &LIST, &pairs), json!([1, 2]));
        assert_eq!(read(Style::Form, true, &OBJECT, &pairs), json!({"a": 1, "b": "z"}));
        assert_eq!(read(Style::Form, true, &OBJECT, &[("y", "1")]), json!("not sent"));
    }

    #[test]
    fn deep_objects_hold_lists_and_objects() {
        let pairs = [
            ("x[a]", "1"),
            ("x[c]", "2"),
            ("x[c]", "3"),
            ("x[d][c][]", "4"),
            ("x[d][b]", "z"),
            ("xy[a]", "5"),
            ("x", "6"),
        ];
        assert_eq!(
            read(Style::DeepObject, true, &OBJECT, &pairs),
            json!({"a": 1, "c": [2, 3], "d": {"c": [4], "b": "z"}})
        );
    }

    #[test]
    fn wrong_parameter_style_is_reported() {
        let message = read(Style::Matrix, false, &LIST, &[("x", "1,2")]);
        assert_eq!(message, json!({"error": "This must start with a semicolon."}));
        let message = read(Style::Json, false, &LIST, &[("x", "[1")]);
        assert_eq!(message, json!({"error": "This is no valid JSON."}));
        assert_eq!(read(Style::Simple, false, &LIST, &[("x", "1,z")]), json!([1, "z"]));
    }
}
