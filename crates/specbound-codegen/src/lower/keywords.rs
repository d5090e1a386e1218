//! Keywords of request schemas that a constraint table cannot hold: patterns of another dialect,
//! values of another type, and keywords that nothing enforces. They stand in any subschema, also
//! where lowering has no type for it, as under `not` and `if`. Each is reported by its pointer;
//! none is dropped without a report.

use serde_json::{Map, Value};

use super::schema::{TABLE_ONLY, UNENFORCED, is_known, not_a_keyword};
use super::{Lower, component_name};
use crate::patterns::is_regular;
use crate::read::escape;
use crate::schema::whole;

/// Keywords whose value is a schema.
const ONE: [&str; 8] =
    ["not", "if", "then", "else", "items", "additionalProperties", "propertyNames", "contains"];
/// Keywords whose value is a list of schemas.
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is an object of schemas.
const MAPS: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];

/// A schema that is ahead.
struct Ahead<'v> {
    schema: &'v Value,
    at: String,
    /// Whether no Rust type and no row is made of it, but a table alone.
    is_in_table: bool,
}

impl Lower<'_> {
    /// Reports the keywords in a schema of a request, and in the components that it refers to. Each
    /// component is looked at once.
    pub(super) fn check_keywords(&mut self, schema: &Value, at: &str) {
        let source = self.source;
        self.check_each(Ahead { schema, at: at.to_owned(), is_in_table: false }, source);
    }

    fn check_each<'v>(&mut self, first: Ahead<'v>, source: &'v Value) {
        let mut ahead = vec![first];
        while let Some(Ahead { schema, at, is_in_table }) = ahead.pop() {
            let Some(object) = schema.as_object() else { continue };
            if let Some(name) = object.get("$ref").and_then(Value::as_str).and_then(component_name)
            {
                if self.checked_keywords.insert((name.clone(), is_in_table))
                    && let Some(schema) = source["components"]["schemas"].get(&name)
                {
                    let at = format!("/components/schemas/{}", escape(&name));
                    ahead.push(Ahead { schema, at, is_in_table });
                }
                // OpenAPI 3.0 ignores keywords beside a reference.
                if self.is_3_0 {
                    continue;
                }
            }
            self.check_own_keywords(object, &at, is_in_table);
            add_subschemas(object, &at, is_in_table, &mut ahead);
        }
    }

    /// Reports the keywords of one schema.
    fn check_own_keywords(&mut self, object: &Map<String, Value>, at: &str, is_in_table: bool) {
        let not_regular = "this is no regular expression: it is not enforced";
        let pattern = object.get("pattern").and_then(Value::as_str);
        if pattern.is_some_and(|pattern| !is_regular(pattern)) {
            self.unenforced(&format!("{at}/pattern"), not_regular);
        }
        let patterns = object.get("patternProperties").and_then(Value::as_object);
        for (pattern, _) in patterns.into_iter().flatten() {
            if !is_regular(pattern) {
                let at = format!("{at}/patternProperties/{}", escape(pattern));
                self.unenforced(&at, not_regular);
            }
        }
        for (keyword, value) in object {
            let at = || format!("{at}/{}", escape(keyword));
            if UNENFORCED.contains(&keyword.as_str()) && value != true {
                self.unenforced(&at(), &format!("`{keyword}` is not enforced"));
            }
            if (is_in_table || TABLE_ONLY.contains(&keyword.as_str()))
                && let Some(needed) = needed(keyword, value)
            {
                self.refuse(&at(), &format!("{needed} is needed here"));
            }
            if is_in_table && !is_known(keyword) {
                self.unenforced(&at(), &not_a_keyword(keyword));
            }
        }
    }
}

fn add_subschemas<'v>(
    object: &'v Map<String, Value>,
    at: &str,
    is_in_table: bool,
    ahead: &mut Vec<Ahead<'v>>,
) {
    for (keyword, value) in object {
        let is_in_table = is_in_table || TABLE_ONLY.contains(&keyword.as_str());
        let keyword = keyword.as_str();
        let at = format!("{at}/{keyword}");
        if ONE.contains(&keyword) {
            ahead.push(Ahead { schema: value, at, is_in_table });
        } else if LISTS.contains(&keyword) {
            let schemas = value.as_array().into_iter().flatten().enumerate();
            ahead.extend(schemas.map(|(n, schema)| Ahead {
                schema,
                at: format!("{at}/{n}"),
                is_in_table,
            }));
        } else if MAPS.contains(&keyword) {
            let schemas = value.as_object().into_iter().flatten();
            // Only the server writes a member that is read-only.
            let sent = schemas.filter(|(_, schema)| schema["readOnly"] != true);
            ahead.extend(sent.map(|(name, schema)| Ahead {
                schema,
                at: format!("{at}/{}", escape(name)),
                is_in_table,
            }));
        }
    }
}

/// The value that a keyword needs instead of the one that it has. A table would leave it out.
fn needed(keyword: &str, value: &Value) -> Option<&'static str> {
    let is_schema = |value: &Value| value.is_object() || value.is_boolean();
    let are_texts =
        |value: &Value| value.as_array().is_some_and(|names| names.iter().all(Value::is_string));
    let (is_fit, needed) = match keyword {
        one if ONE.contains(&one) => (is_schema(value), "a schema"),
        list if LISTS.contains(&list) => {
            let schemas = value.as_array().filter(|schemas| !schemas.is_empty());
            (schemas.is_some_and(|all| all.iter().all(is_schema)), "a list of schemas")
        }
        map if MAPS.contains(&map) => (
            value.as_object().is_some_and(|all| all.values().all(is_schema)),
            "an object of schemas",
        ),
        "dependentRequired" => (
            value.as_object().is_some_and(|all| all.values().all(are_texts)),
            "an object of lists of names",
        ),
        "required" => (are_texts(value) || value.is_boolean(), "a list of names"),
        "minProperties" | "maxProperties" | "minContains" | "maxContains" | "minLength"
        | "maxLength" | "minItems" | "maxItems" => (whole(value).is_some(), "a whole number"),
        "multipleOf" => (value.as_f64().is_some_and(|step| step > 0.0), "a number above 0"),
        "minimum" | "maximum" => (value.is_number(), "a number"),
        "exclusiveMinimum" | "exclusiveMaximum" => {
            (value.is_number() || value.is_boolean(), "a number")
        }
        "uniqueItems" => (value.is_boolean(), "true or false"),
        "pattern" => (value.is_string(), "a text"),
        "enum" => (
            value.as_array().is_some_and(|choices| !choices.is_empty()),
            "a list with something in it",
        ),
        "type" => (value.is_string() || are_texts(value), "the name of a type"),
        _ => return None,
    };
    (!is_fit).then_some(needed)
}
