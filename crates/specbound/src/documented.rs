//! Responses of handlers against the document, in debug builds and tests.
//!
//! Types keep a handler to the documented statuses and shapes; bounds, formats and choices of an
//! response, and a failure with a separate status, they do not hold. Such a response is the
//! server's fault, so it becomes 500 with the reason in the log: a test cannot overlook it. An
//! event that contradicts its schema breaks the response off.

mod events;

use futures::FutureExt;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::constraints::SchemaRef;
use crate::error::is_error;
use crate::keywords::Formats;
use crate::{ApiError, Response};

/// The type of events, whose schema is that of their data.
pub(crate) const EVENTS: &str = "text/event-stream";

/// By operation: each status, range or `default`, and the schemas of its JSON types.
pub type DocumentedResponses = &'static [(&'static str, &'static [(&'static str, JsonSchemas)])];

/// Schemas by content type.
pub(crate) type JsonSchemas = &'static [(&'static str, SchemaRef)];

/// Statuses with which the runtime refuses a request before a handler. A document need not name
/// them.
const REFUSALS: [u16; 9] = [400, 401, 403, 404, 406, 408, 413, 415, 429];

/// The response, or 500 if it contradicts the document.
pub(crate) fn checked(
    documents: &[DocumentedResponses],
    operation: &'static str,
    mut response: Response,
    formats: &'static Formats,
) -> Response {
    let mut all = documents.iter().copied().flatten();
    let Some((_, responses)) = all.find(|(id, _)| *id == operation) else {
        return response;
    };
    match problem(operation, responses, &mut response, formats) {
        Some(problem) => {
            let why = format!("the response of {operation} contradicts the document: {problem}");
            ApiError::internal(why).into_response()
        }
        None => response,
    }
}

fn problem(
    operation: &'static str,
    responses: &[(&str, JsonSchemas)],
    response: &mut Response,
    formats: &'static Formats,
) -> Option<String> {
    let status = response.status();
    let Some(schemas) = schemas_of(responses, status) else {
        let is_allowed = status.is_server_error() || REFUSALS.contains(&status.as_u16());
        return (!is_allowed).then(|| format!("status {status} is not documented"));
    };
    // A failure of the runtime has the runtime's shape.
    if is_error(response) {
        return None;
    }
    let media = response.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
    let media = media.unwrap_or_default();
    let (_, schema) = schemas.iter().find(|(known, _)| *known == media)?;
    let (schema, are_events) = (*schema, media == EVENTS);
    let body = std::mem::replace(response.body_mut(), dropshot::Body::empty());
    if are_events {
        *response.body_mut() = events::checked(body, operation, schema, formats);
        return None;
    }
    // It is one piece in memory.
    let body = match body.collect().now_or_never() {
        Some(Ok(body)) => body.to_bytes(),
        _ => return Some("its body cannot be read again".to_owned()),
    };
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    *response.body_mut() = dropshot::Body::wrap(http_body_util::Full::new(body));
    first_problem(schema, &value, formats)
}

fn first_problem(schema: SchemaRef, value: &Value, formats: &Formats) -> Option<String> {
    let problem = schema.problems(value, formats).into_iter().next()?;
    let field = problem.field.as_deref().unwrap_or("the value");
    Some(format!("{field}: {}", problem.text()))
}

/// The schemas of a status: its own, those of its range, or those of `default`.
fn schemas_of(responses: &[(&str, JsonSchemas)], status: StatusCode) -> Option<JsonSchemas> {
    let number = status.as_u16();
    let range = format!("{}XX", number / 100);
    let find = |key: &str| responses.iter().find(|(known, _)| *known == key);
    let found = find(&number.to_string()).or_else(|| find(&range)).or_else(|| find("default"));
    found.map(|(_, schemas)| *schemas)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::{Constraints, Type};
    use crate::error::json_response;

    static SHORT: Constraints =
        Constraints { types: &[Type::String], max_length: Some(3), ..Constraints::ANY };
    static BOOK: Constraints = Constraints { properties: &[("title", &SHORT)], ..Constraints::ANY };
    const JSON: JsonSchemas = &[("application/json", &BOOK)];
    const DOCUMENTED: DocumentedResponses =
        &[("read_book", &[("200", JSON), ("4XX", JSON), ("204", &[])])];

    fn status_of(status: StatusCode, body: &str) -> u16 {
        let response = json_response(status, body.as_bytes().to_vec());
        let mut response = checked(&[DOCUMENTED], "read_book", response, &Formats::DEFAULT);
        if response.status() == status {
            let kept = response.body_mut().collect().now_or_never().unwrap().unwrap().to_bytes();
            assert_eq!(kept, body);
        }
        response.status().as_u16()
    }

    #[test]
    fn response_that_contradicts_its_schema_is_500() {
        assert_eq!(status_of(StatusCode::OK, r#"{"title":"abc"}"#), 200);
        assert_eq!(status_of(StatusCode::OK, r#"{"title":"abcd"}"#), 500);
        assert_eq!(status_of(StatusCode::CONFLICT, r#"{"title":"abc"}"#), 409);
        assert_eq!(status_of(StatusCode::CONFLICT, r#"{"title":1}"#), 500);
        assert_eq!(status_of(StatusCode::NO_CONTENT, ""), 204);
    }

    #[test]
    fn undocumented_status_is_500_except_for_refusals() {
        assert_eq!(status_of(StatusCode::CREATED, "{}"), 500);
        assert_eq!(status_of(StatusCode::SERVICE_UNAVAILABLE, "{}"), 503);
        let refused = ApiError::not_found().into_response();
        let response = checked(&[DOCUMENTED], "read_book", refused, &Formats::DEFAULT);
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let taken = ApiError::detail(StatusCode::FOUND, "elsewhere").into_response();
        let response = checked(&[DOCUMENTED], "read_book", taken, &Formats::DEFAULT);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
