//! One spelling for schemas of every version, and of the same constraint.
//!
//! OpenAPI 3.0 and JSON Schema 2020-12 spell the same constraint in different ways. Where both have
//! a spelling, the canonical form has the one of 3.0, which can be compared keyword by keyword:
//! `nullable` and not `null` among the types, an inclusive bound with a flag and not two bounds.
//! Keywords that only JSON Schema has stay.

use serde_json::{Value, json};

type Fields = serde_json::Map<String, Value>;

/// Keywords that may refuse `null`.
pub(crate) const MAY_REFUSE_NULL: [&str; 8] =
    ["type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if"];

/// Brings a schema to its canonical form; its inner schemas are canonical already. `deep` also
/// unifies equivalent variants within one version. The price is that differences may be reported at
/// another keyword of the schema.
pub(super) fn normalize(schema: Value, deep: bool) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    content(&mut fields);
    const_to_enum(&mut fields);
    // A bound depends on the type.
    types(&mut fields);
    for (inclusive, exclusive, step) in
        [("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)]
    {
        bound(&mut fields, inclusive, exclusive, step);
        if deep {
            integer_bound(&mut fields, inclusive, exclusive, step);
        }
    }
    remove_ineffective(&mut fields);
    for keyword in ["anyOf", "oneOf"] {
        null_alternative(&mut fields, keyword);
        if deep {
            merge_alternatives(&mut fields, keyword);
            unwrap_single_alternative(&mut fields, keyword);
        }
    }
    types(&mut fields);
    normalize_null(&mut fields);
    if deep {
        members(&mut fields);
    }
    sorted_by_key(fields)
}

/// The order of keys must not depend on how they were found.
fn sorted_by_key(fields: Fields) -> Value {
    if let (1, Some([only])) =
        (fields.len(), fields.get("allOf").and_then(Value::as_array).map(Vec::as_slice))
        && only["$ref"].is_string()
    {
        return only.clone();
    }
    super::object(fields)
}

/// `null` among the types is `nullable`, one type is no list, and an integer is a number.
fn types(fields: &mut Fields) {
    let Some(Value::Array(listed)) = fields.get("type") else { return };
    let mut types = super::sorted(listed.clone());
    types.dedup();
    if !types.iter().all(Value::is_string) {
        return;
    }
    let has = |types: &[Value], name: &str| types.iter().any(|one| one == name);
    if has(&types, "number") {
        types.retain(|one| one != "integer");
    }
    if has(&types, "null") && types.len() > 1 {
        types.retain(|one| one != "null");
        fields.insert("nullable".to_owned(), true.into());
    }
    let types = match types.as_slice() {
        [one] => one.clone(),
        _ => types.into(),
    };
    fields.insert("type".to_owned(), types);
}

/// The type `null` becomes an enumeration of one value. Without other constraints, `null` is
/// allowed anyway.
fn normalize_null(fields: &mut Fields) {
    if fields.get("type").is_some_and(|only| only == "null") && !fields.contains_key("enum") {
        fields.remove("type");
        fields.insert("enum".to_owned(), json!([null]));
    }
    if !MAY_REFUSE_NULL.iter().any(|keyword| fields.contains_key(*keyword)) {
        fields.remove("nullable");
    }
}

/// Replaces `const` by an enumeration of one value.
fn const_to_enum(fields: &mut Fields) {
    let Some(constant) = fields.get("const") else { return };
    let allowed = match fields.get("enum") {
        None => true,
        Some(values) => values.as_array().is_some_and(|values| values.contains(constant)),
    };
    if allowed && let Some(constant) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([constant]));
    }
}

/// A numeric exclusive bound is an inclusive one with a flag.
fn bound(fields: &mut Fields, inclusive: &str, exclusive: &str, step: i64) {
    if let Some(limit) = fields.get(exclusive).filter(|limit| limit.is_number()).cloned() {
        let tighter = match (fields.get(inclusive).map(Value::as_f64), limit.as_f64()) {
            (None, _) => true,
            (Some(Some(other)), Some(limit)) if step > 0 => limit >= other,
            (Some(Some(other)), Some(limit)) => limit <= other,
            // A bound that is no number is left for the comparison to report.
            _ => return,
        };
        fields.remove(exclusive);
        if tighter {
            fields.insert(inclusive.to_owned(), limit);
            fields.insert(exclusive.to_owned(), true.into());
        }
    }
}

/// The flag has no effect without a bound, and an exclusive bound of integers is the next integer.
fn integer_bound(fields: &mut Fields, inclusive: &str, exclusive: &str, step: i64) {
    if fields.get(exclusive) == Some(&json!(true)) {
        match fields.get(inclusive) {
            None => drop(fields.remove(exclusive)),
            Some(limit) if fields.get("type").is_some_and(|only| only == "integer") => {
                if let Some(next) = limit.as_i64().and_then(|limit| limit.checked_add(step)) {
                    fields.insert(inclusive.to_owned(), next.into());
                    fields.remove(exclusive);
                }
            }
            Some(_) => {}
        }
    }
}

/// Formats of 3.0 for encoded texts.
fn content(fields: &mut Fields) {
    if fields.contains_key("format") {
        return;
    }
    let is = |keyword: &str, value: &str| fields.get(keyword).is_some_and(|own| own == value);
    let (keyword, format) = match () {
        () if is("contentEncoding", "base64") && !fields.contains_key("contentMediaType") => {
            ("contentEncoding", "byte")
        }
        () if is("contentMediaType", "application/octet-stream")
            && !fields.contains_key("contentEncoding") =>
        {
            ("contentMediaType", "binary")
        }
        () => return,
    };
    fields.remove(keyword);
    fields.insert("format".to_owned(), format.into());
    fields.entry("type").or_insert_with(|| "string".into());
}

/// Whether a schema is `{"not": {}}`, which accepts no value.
pub(crate) fn is_never(fields: &Fields) -> bool {
    let not = fields.get("not").and_then(Value::as_object);
    fields.len() == 1 && not.is_some_and(Fields::is_empty)
}

/// Removes keywords that have no effect without another one.
fn remove_ineffective(fields: &mut Fields) {
    if fields.get("contains").is_none()
        || (fields.get("minContains") == Some(&json!(0)) && !fields.contains_key("maxContains"))
    {
        for keyword in ["contains", "minContains", "maxContains"] {
            fields.remove(keyword);
        }
    }
    let no_effect = |branch: Option<&Value>| branch.is_none_or(|branch| *branch == json!({}));
    if !fields.contains_key("if")
        || (no_effect(fields.get("then")) && no_effect(fields.get("else")))
    {
        for keyword in ["if", "then", "else"] {
            fields.remove(keyword);
        }
    }
    for keyword in ["additionalProperties", "unevaluatedProperties", "unevaluatedItems"] {
        if fields.get(keyword).and_then(Value::as_object).is_some_and(is_never) {
            fields.insert(keyword.to_owned(), false.into());
        }
    }
    if let Some(Value::Object(dependent)) = fields.get_mut("dependentRequired") {
        for names in dependent.values_mut().filter_map(Value::as_array_mut) {
            *names = super::sorted(std::mem::take(names));
            names.dedup();
        }
    }
}

/// An alternative `null` is `nullable`.
fn null_alternative(fields: &mut Fields, keyword: &str) {
    let Some(Value::Array(members)) = fields.get(keyword) else { return };
    let is_null =
        |member: &Value| *member == json!({"type": "null"}) || *member == json!({"enum": [null]});
    let rest: Vec<Value> = members.iter().filter(|member| !is_null(member)).cloned().collect();
    // `null` beside `nullable`, or twice under `oneOf`, is more than a spelling, and so is one that
    // another keyword refuses.
    let takes_null = |member: &Value| {
        !MAY_REFUSE_NULL.iter().chain(&["$ref"]).any(|limit| member.get(limit).is_some())
    };
    let is_twice = keyword == "oneOf" && rest.iter().any(takes_null);
    let is_spelling = members.len() == rest.len() + 1
        && !is_twice
        && !rest.is_empty()
        && !MAY_REFUSE_NULL.iter().any(|limit| *limit != keyword && fields.contains_key(*limit))
        && !fields.contains_key("nullable")
        && !rest.iter().any(|member| member.get("nullable").is_some());
    if is_spelling {
        fields.insert("nullable".to_owned(), true.into());
        fields.insert(keyword.to_owned(), rest.into());
        unwrap_single_alternative(fields, keyword);
        inline_single_member(fields);
    }
}

/// Adds `null` to the values of a schema that takes it besides its own.
pub(crate) fn allow_null(fields: &mut Fields) {
    fields.insert("nullable".to_owned(), true.into());
    if let Some(Value::Array(values)) = fields.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
        *values = super::sorted(std::mem::take(values));
    }
}

/// Merges alternatives that are only types, or only values, into one list.
fn merge_alternatives(fields: &mut Fields, keyword: &str) {
    let Some(Value::Array(members)) = fields.get(keyword) else { return };
    let lone = |member: &Value, keyword: &str| match member.as_object() {
        Some(only) if only.len() == 1 => only.get(keyword).cloned(),
        _ => None,
    };
    let types: Option<Vec<Value>> =
        members.iter().map(|member| lone(member, "type").filter(Value::is_string)).collect();
    let values: Option<Vec<Value>> = members.iter().map(|member| lone(member, "enum")).collect();
    let overlaps = |all: &[Value]| {
        let numbers = all.iter().filter(|one| *one == "number" || *one == "integer").count();
        let sorted = super::sorted(all.to_vec());
        numbers > 1 || sorted.windows(2).any(|pair| pair[0] == pair[1])
    };
    let (list, mut all) = match (types, values) {
        (Some(types), _) => ("type", types),
        (_, Some(values)) => {
            ("enum", values.iter().filter_map(Value::as_array).flatten().cloned().collect())
        }
        _ => return,
    };
    if members.len() < 2 || fields.contains_key(list) || (keyword == "oneOf" && overlaps(&all)) {
        return;
    }
    all = super::sorted(all);
    all.dedup();
    fields.remove(keyword);
    fields.insert(list.to_owned(), all.into());
}

/// Replaces a single alternative by its schema.
fn unwrap_single_alternative(fields: &mut Fields, keyword: &str) {
    if fields.contains_key("discriminator") {
        return;
    }
    if let Some([only]) = fields.get(keyword).and_then(Value::as_array).map(Vec::as_slice) {
        let only = only.clone();
        fields.remove(keyword);
        if let Value::Array(all) = fields.entry("allOf").or_insert_with(|| json!([])) {
            all.push(only);
            *all = super::sorted(std::mem::take(all));
        }
    }
}

/// Removes members of `allOf` that constrain nothing.
fn members(fields: &mut Fields) {
    if let Some(Value::Array(members)) = fields.get_mut("allOf") {
        let is_annotation = |keyword: &String| ["title", "deprecated"].contains(&keyword.as_str());
        members.retain(|member| {
            !member.as_object().is_some_and(|member| member.keys().all(is_annotation))
        });
        if members.is_empty() {
            fields.remove("allOf");
        }
    }
    inline_single_member(fields);
}

/// Merges a single inline member of `allOf` into the schema.
fn inline_single_member(fields: &mut Fields) {
    if let Some([Value::Object(member)]) =
        fields.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
        && !member.contains_key("$ref")
        && member.keys().all(|keyword| keyword == "allOf" || !fields.contains_key(keyword))
        && are_independent(fields, member)
    {
        let member = member.clone();
        let mut own = fields.clone();
        own.remove("allOf");
        let null = null_of_both(&own, &member);
        fields.remove("allOf");
        fields.extend(member);
        null.apply(fields);
    }
}

/// Keywords, and those of the same schema that their meaning depends on.
const DEPENDENT: [(&[&str], &[&str]); 3] = [
    (
        &["additionalProperties", "unevaluatedProperties", "patternProperties"],
        &["properties", "additionalProperties", "unevaluatedProperties", "patternProperties"],
    ),
    (&["items"], &["prefixItems"]),
    (&["unevaluatedItems"], &["items", "prefixItems", "contains", "unevaluatedItems"]),
];

/// Whether a schema and its member of `allOf` mean the same when they are written as one.
pub(crate) fn are_independent(outer: &Fields, member: &Fields) -> bool {
    let has = |fields: &Fields, keywords: &[&str]| {
        keywords.iter().any(|keyword| fields.contains_key(*keyword))
    };
    let depends = |own: &Fields, beside: &Fields| {
        DEPENDENT.iter().any(|(keywords, others)| has(own, keywords) && has(beside, others))
    };
    // What the member allows besides its own limits, those of the outer one may refuse.
    let takes_null = member.contains_key("nullable") && !member.contains_key("type");
    let is_refused = takes_null && has(outer, &MAY_REFUSE_NULL);
    !(is_refused || depends(outer, member) || depends(member, outer))
}

/// What becomes of `nullable` if two schemas are written as one.
pub(crate) enum NullOfBoth {
    Kept,
    /// One of them says that `null` is allowed besides what limits its values.
    Added,
    /// A type refuses it.
    Refused,
}

impl NullOfBoth {
    pub(crate) fn apply(self, merged: &mut Fields) {
        match self {
            NullOfBoth::Kept => {}
            NullOfBoth::Added => allow_null(merged),
            NullOfBoth::Refused => drop(merged.remove("nullable")),
        }
    }
}

/// Whether both schemas together allow `null`, where `outer` has the other as its only member of
/// `allOf`.
pub(crate) fn null_of_both(outer: &Fields, member: &Fields) -> NullOfBoth {
    let refuses = |fields: &Fields| fields.contains_key("type") && !fields.contains_key("nullable");
    let is_whole = outer.contains_key("nullable") && !outer.contains_key("type");
    match () {
        () if is_whole => NullOfBoth::Added,
        () if refuses(outer) || refuses(member) => NullOfBoth::Refused,
        () => NullOfBoth::Kept,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::canonical;
    use crate::canonical::canonical_with;

    /// The canonical form of a schema in a document of a version.
    fn schema(version: &str, schema: Value) -> Value {
        let document = json!({"openapi": version, "components": {"schemas": {"A": schema}}});
        canonical(&document)["components"]["schemas"]["A"].clone()
    }

    fn deep(schema: Value) -> Value {
        let document = json!({"openapi": "3.1.0", "components": {"schemas": {"A": schema}}});
        canonical_with(document, true)["components"]["schemas"]["A"].clone()
    }

    #[test]
    fn schema_of_3_0_equals_its_form_in_3_1() {
        let reference = json!({"$ref": "#/components/schemas/B"});
        for (old, new) in [
            (json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"]})),
            (json!({"type": "string"}), json!({"type": ["string"]})),
            (json!({"enum": ["a"]}), json!({"const": "a"})),
            (json!({"minimum": 1, "exclusiveMinimum": true}), json!({"exclusiveMinimum": 1})),
            (json!({"maximum": 1.5, "exclusiveMaximum": true}), json!({"exclusiveMaximum": 1.5})),
            (json!({"minimum": 2}), json!({"minimum": 2, "exclusiveMinimum": 1})),
            (
                json!({"type": "string", "format": "byte"}),
                json!({"type": "string", "contentEncoding": "base64"}),
            ),
            (
                json!({"type": "string", "format": "binary"}),
                json!({"contentMediaType": "application/octet-stream"}),
            ),
            (
                json!({"allOf": [reference], "nullable": true}),
                json!({"anyOf": [reference, {"type": "null"}]}),
            ),
            (
                json!({"allOf": [reference], "nullable": true}),
                json!({"oneOf": [{"const": null}, reference]}),
            ),
            (
                json!({"allOf": [reference], "readOnly": true}),
                json!({"readOnly": true, "$ref": reference["$ref"]}),
            ),
            (json!({"example": 1}), json!({"examples": [1], "$comment": "c", "$schema": "s"})),
            (json!({"nullable": true}), json!({})),
            (json!({"enum": [null]}), json!({"type": "null"})),
            (
                json!({"additionalProperties": false}),
                json!({"additionalProperties": {"not": true}}),
            ),
        ] {
            assert_eq!(
                schema("3.0.3", old.clone()),
                schema("3.1.0", new.clone()),
                "{old} and {new}"
            );
        }
    }

    #[test]
    fn schemas_of_the_same_meaning_are_equal() {
        let reference = json!({"$ref": "#/components/schemas/B"});
        for (one, other) in [
            (
                json!({"type": "integer", "minimum": 1}),
                json!({"type": "integer", "exclusiveMinimum": 0}),
            ),
            (json!({"type": ["number", "integer"]}), json!({"type": "number"})),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
                json!({"type": ["integer", "string"]}),
            ),
            (json!({"anyOf": [{"const": 1}, {"const": 2}]}), json!({"enum": [2, 1]})),
            (json!({"oneOf": [reference]}), reference.clone()),
            (json!({"allOf": [reference, {"description": "d"}]}), reference.clone()),
            (json!({"pattern": ".*", "type": "string"}), json!({"type": "string"})),
            (json!({"if": {"type": "string"}}), json!({})),
            (json!({"contains": {"type": "string"}, "minContains": 0}), json!({"maxContains": 1})),
            (json!({"properties": {"a": true}}), json!({"properties": {"a": {}}})),
            (
                json!({"dependentRequired": {"a": ["c", "b"]}}),
                json!({"dependentRequired": {"a": ["b", "c"]}}),
            ),
        ] {
            assert_eq!(deep(one.clone()), deep(other.clone()), "{one} and {other}");
        }
    }

    #[test]
    fn similar_schemas_of_different_meaning_differ() {
        for (one, other) in [
            (json!({"type": ["string", "null"]}), json!({"type": "string"})),
            (json!({"type": "null"}), json!({"type": ["string", "null"]})),
            (
                json!({"oneOf": [{"type": "number"}, {"type": "integer"}]}),
                json!({"type": "number"}),
            ),
            (json!({"oneOf": [{"enum": [1, 2]}, {"enum": [2, 3]}]}), json!({"enum": [1, 2, 3]})),
            (json!({"const": null}), json!({"enum": []})),
            (
                json!({"type": "number", "minimum": 1}),
                json!({"type": "number", "exclusiveMinimum": 0}),
            ),
            (json!({"exclusiveMinimum": 1}), json!({"exclusiveMaximum": 1})),
            (json!({"anyOf": [{"type": "null"}, {"type": "null"}]}), json!({"nullable": true})),
            (json!({"enum": ["a"], "const": "b"}), json!({"enum": ["a"]})),
            (json!({"items": false}), json!({"items": true})),
            (json!({"unevaluatedProperties": false}), json!({})),
            (
                json!({"if": {"type": "string"}, "then": {"minLength": 1}}),
                json!({"then": {"minLength": 1}}),
            ),
        ] {
            assert_ne!(deep(one.clone()), deep(other.clone()), "{one} and {other}");
        }
        let siblings = json!({"$ref": "#/components/schemas/B", "maxLength": 1});
        assert_ne!(schema("3.1.0", siblings.clone()), schema("3.0.3", siblings));
    }
}
