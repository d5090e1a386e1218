//! Reduced copies of a document, for client generators that do not support all of it.
//!
//! A copy only omits parts: the server accepts every request that it describes. Never compare a
//! copy with another document.

use serde_json::Value;
use thiserror::Error;

/// Operations whose request body has no such content type.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no {media_type} in the request bodies of {}", operations.join(", "))]
pub struct MissingContentType {
    /// The content type that was asked for.
    pub media_type: String,
    /// `POST /login/` and so on, in the order of the document.
    pub operations: Vec<String>,
}

/// Keeps one content type in every request body.
///
/// # Errors
///
/// [`MissingContentType`]: a copy without a body would describe a request that the server refuses.
pub fn keep_content_type(document: &mut Value, media_type: &str) -> Result<(), MissingContentType> {
    // Media types are compared without regard to case (RFC 9110, section 8.3.1).
    let is_kept = |name: &str| name.eq_ignore_ascii_case(media_type);
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let body = operation.get_mut("requestBody").and_then(|body| body.get_mut("content"));
            let Some(content) = body.and_then(Value::as_object_mut) else { continue };
            content.retain(|name, _| is_kept(name));
            if content.is_empty() {
                operations.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    match operations.is_empty() {
        true => Ok(()),
        false => Err(MissingContentType { media_type: media_type.to_owned(), operations }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        let schema = json!({ "schema": { "$ref": "#/components/schemas/Login" } });
        json!({ "paths": {
            "/login/": { "post": {
                "requestBody": { "required": true, "content": {
                    "application/json": schema, "multipart/form-data": schema,
                } },
                "responses": { "200": { "content": {
                    "application/json": schema, "text/csv": schema,
                } } },
            } },
            "/me/": { "get": { "responses": {} }, "post": {
                "requestBody": { "content": { "application/json": schema } },
            } },
        } })
    }

    #[test]
    fn bodies_keep_one_content_type_and_nothing_else_changes() {
        let mut copy = document();
        keep_content_type(&mut copy, "Application/JSON").unwrap();
        let mut expected = document();
        let content = expected.pointer_mut("/paths/~1login~1/post/requestBody/content").unwrap();
        content.as_object_mut().unwrap().remove("multipart/form-data");
        assert_eq!(copy, expected);
    }

    #[test]
    fn bodies_without_the_content_type_are_listed() {
        let refused =
            keep_content_type(&mut document(), "multipart/form-data").unwrap_err().to_string();
        assert_eq!(refused, "no multipart/form-data in the request bodies of POST /me/");
        let refused = keep_content_type(&mut document(), "text/csv").unwrap_err().to_string();
        assert_eq!(refused, "no text/csv in the request bodies of POST /login/, POST /me/");
    }
}
