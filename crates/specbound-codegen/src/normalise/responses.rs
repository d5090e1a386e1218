//! Responses: one content for each, and one type for all successes and for all failures.

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use super::{add_schema, for_each_operation, members, reference};
use crate::document::{Content, Document};
use crate::openapi::{EVENTS, JSON, is_json_type};

/// Writes `default` as `4XX` and `5XX`: progenitor takes it for a success too, and panics on two
/// types of successes.
pub fn spell_out_default_responses(copy: &mut Value) {
    for_each_operation(copy, &mut |operation| {
        let Some(responses) = members(operation, "responses") else { return };
        let Some(default) = responses.remove("default") else { return };
        for range in ["4XX", "5XX"] {
            responses.entry(range).or_insert_with(|| default.clone());
        }
    });
}

/// Keeps the content type of each response that the client asks for: JSON, else the first one. The
/// client reads every type that is written in JSON as JSON.
pub fn keep_one_content_of_responses(copy: &mut Value) {
    for_each_operation(copy, &mut |operation| {
        let responses = members(operation, "responses").into_iter().flat_map(Map::values_mut);
        for response in responses.filter_map(Value::as_object_mut) {
            response.remove("headers");
            let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else {
                continue;
            };
            let first = content
                .keys()
                .min_by_key(|media| (*media != JSON, !is_json_type(media), (*media).clone()));
            let Some(first) = first.cloned() else { continue };
            let entry = content.remove(&first).unwrap_or_default();
            content.clear();
            content.insert(if is_json_type(&first) { JSON.to_owned() } else { first }, entry);
        }
    });
}

/// Gives all successes of an operation one type, and all failures; progenitor panics on more. Where
/// all are JSON the type is a `oneOf`, else the client returns the raw bytes.
pub fn give_responses_one_type(copy: &mut Value, document: &Document) {
    for operation in document.requests() {
        let at = format!("{}/responses", operation.at());
        for (name, is_success) in [("Success", true), ("Failure", false)] {
            let contents_by_status = || {
                let numbers = operation
                    .responses
                    .iter()
                    .map(|response| (response.status.to_string(), &response.content));
                // `default` stands for the failures that the document does not name.
                let ranges = operation.ranges.iter();
                let ranges = ranges.map(|response| (response.range.clone(), &response.content));
                numbers.chain(ranges).filter(|(status, _)| status.starts_with('2') == is_success)
            };
            let mut contents: Vec<ClientContent> =
                contents_by_status().map(|(_, content)| client_content(content)).collect();
            contents.sort_unstable();
            contents.dedup();
            if contents.len() < 2 {
                continue;
            }
            let of_json = |content: &ClientContent| match content {
                ClientContent::Json(name) => Some(reference(name)),
                _ => None,
            };
            let schemas: Option<Vec<Value>> = contents.iter().map(of_json).collect();
            let content = match schemas {
                Some(schemas) => {
                    let usual = format!("{}{name}", operation.id.to_pascal_case());
                    let name = if copy["components"]["schemas"].get(&usual).is_some() {
                        (2..)
                            .map(|n| format!("{usual}{n}"))
                            .find(|name| document.schema(name).is_none())
                            .unwrap_or(usual)
                    } else {
                        usual
                    };
                    add_schema(copy, name.clone(), json!({ "oneOf": schemas }));
                    json!({ JSON: { "schema": reference(&name) } })
                }
                None => json!({ "application/octet-stream": {} }),
            };
            for (status, _) in contents_by_status() {
                let keys = if status == "default" {
                    vec!["4XX".to_owned(), "5XX".to_owned()]
                } else {
                    vec![status]
                };
                for key in keys {
                    if let Some(response) = copy.pointer_mut(&format!("{at}/{key}")) {
                        response["content"] = content.clone();
                    }
                }
            }
        }
    }
}

/// The content of a response as the client reads it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum ClientContent<'a> {
    Nothing,
    Json(&'a str),
    Bytes(&'a str),
}

fn client_content(content: &Content) -> ClientContent<'_> {
    match content.parts().first() {
        Some(Content::Json(schema, _)) => ClientContent::Json(schema),
        Some(Content::Bytes(media)) => ClientContent::Bytes(media),
        Some(Content::Events(_)) => ClientContent::Bytes(EVENTS),
        _ => ClientContent::Nothing,
    }
}
