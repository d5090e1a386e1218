//! Failures as clients get them. Shapes are Django REST framework's: `{"field": ["…"]}`,
//! `{"non_field_errors": ["…"]}` or `{"detail": "…"}`.
//!
//! A client sees the fault and the allowed values. Details for the operator are kept beside it; the
//! dispatcher logs them once, with the request id.

use futures::FutureExt;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::body::BodyError;
use crate::body_reader::ReadError;
use crate::fields::{FieldErrors, NON_FIELD};

/// A response of dropshot's kind.
pub type Response = http::Response<dropshot::Body>;

/// Seconds after which a full queue or a locked database is worth another try.
const BUSY_RETRY_SECONDS: u64 = 2;

/// A failure as a client gets it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: Vec<u8>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log alone.
    internal: Option<String>,
}

/// Marks the response of an [`ApiError`].
#[derive(Debug, Clone, Copy)]
struct IsError;

/// Whether this is the response of an [`ApiError`] with a body.
pub(crate) fn is_error(response: &Response) -> bool {
    response.extensions().get::<IsError>().is_some()
}

/// Replaces each message in the body of an error by that of `word`, if it has one: for another
/// language. Responses that are no errors stay as they are.
pub fn reword(response: &mut Response, mut word: impl FnMut(&str) -> Option<String>) {
    if !is_error(response) {
        return;
    }
    let body = std::mem::replace(response.body_mut(), dropshot::Body::empty());
    // It is one piece in memory.
    let Some(Ok(body)) = body.collect().now_or_never() else { return };
    let body = body.to_bytes();
    let mut told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut is_changed = false;
    for said in told.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        let each = match said {
            Value::Array(several) => several.iter_mut(),
            one => std::slice::from_mut(one).iter_mut(),
        };
        for message in each {
            if let Some(worded) = message.as_str().and_then(&mut word) {
                *message = Value::String(worded);
                is_changed = true;
            }
        }
    }
    let body = if is_changed { told.to_string().into_bytes().into() } else { body };
    *response.body_mut() = dropshot::Body::wrap(http_body_util::Full::new(body));
}

/// Rewrites the body of an error as a problem (RFC 9457): `{"title": …, "status": …, "detail": …,
/// "errors": [{"pointer": "/field", "detail": "message"}]}`. Other responses stay as they are.
pub(crate) fn into_problem(response: &mut Response) {
    if response.extensions_mut().remove::<IsError>().is_none() {
        return;
    }
    let body = std::mem::replace(response.body_mut(), dropshot::Body::empty());
    // It is one piece in memory.
    let Some(Ok(body)) = body.collect().now_or_never() else { return };
    let told: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let status = response.status();
    let mut problem = json!({
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
    });
    if let Some(detail) = told.get("detail").filter(|detail| detail.is_string()) {
        problem["detail"] = detail.clone();
    } else {
        let errors = told.as_object().into_iter().flatten().flat_map(|(field, messages)| {
            let pointer = match field.as_str() {
                NON_FIELD => String::new(),
                field => format!("/{}", field.replace('~', "~0").replace('/', "~1")),
            };
            let messages = messages.as_array().into_iter().flatten();
            messages.map(move |detail| json!({ "pointer": pointer, "detail": detail }))
        });
        problem["errors"] = errors.collect();
    }
    let body = problem.to_string().into_bytes();
    *response.body_mut() = dropshot::Body::wrap(http_body_util::Full::new(body.into()));
    let media_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
}

/// Carried in a response's extensions from here to the log line.
#[derive(Debug, Clone)]
pub struct InternalMessage(pub String);

impl ApiError {
    /// A failure with this JSON body.
    pub fn new(status: StatusCode, body: &Value) -> ApiError {
        ApiError {
            status,
            body: body.to_string().into_bytes(),
            headers: Vec::new(),
            internal: None,
        }
    }

    /// `{"detail": detail}`.
    pub fn detail(status: StatusCode, detail: &str) -> ApiError {
        ApiError::new(status, &json!({ "detail": detail }))
    }

    /// No body at all.
    pub fn empty(status: StatusCode) -> ApiError {
        ApiError { status, body: Vec::new(), headers: Vec::new(), internal: None }
    }

    /// 400 with every bad field.
    pub fn fields(errors: &FieldErrors) -> ApiError {
        let body = serde_json::to_vec(errors).unwrap_or_default();
        ApiError { status: StatusCode::BAD_REQUEST, body, headers: Vec::new(), internal: None }
    }

    /// 401 with the challenge of the endpoint's first scheme.
    pub fn unauthorized(detail: &str, challenge: &'static str) -> ApiError {
        ApiError::detail(StatusCode::UNAUTHORIZED, detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403.
    pub fn forbidden(detail: &str) -> ApiError {
        ApiError::detail(StatusCode::FORBIDDEN, detail)
    }

    /// 404 for a row that is not there, or not the caller's.
    pub fn not_found() -> ApiError {
        ApiError::detail(StatusCode::NOT_FOUND, "Not found.")
    }

    /// 500. The message is for the log.
    pub fn internal(message: String) -> ApiError {
        ApiError::detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error.")
            .with_internal(message)
    }

    /// 400 for input that no honest client sends; `why` is for the log.
    pub fn refused(detail: &str, why: &str) -> ApiError {
        ApiError::detail(StatusCode::BAD_REQUEST, detail).with_internal(why.to_owned())
    }

    /// 503 with `Retry-After`: a full queue or a locked database.
    pub fn unavailable(detail: &str) -> ApiError {
        let error = ApiError::detail(StatusCode::SERVICE_UNAVAILABLE, detail);
        error.with_header(RETRY_AFTER, BUSY_RETRY_SECONDS.into())
    }

    /// Adds a message for the log.
    pub fn with_internal(mut self, message: String) -> ApiError {
        self.internal = Some(message);
        self
    }

    /// The messages in its body.
    pub fn messages(&self) -> Vec<String> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let said = body.as_object().into_iter().flat_map(|members| members.values());
        said.flat_map(|said| match said {
            Value::Array(several) => {
                several.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            one => one.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
        })
        .collect()
    }

    /// The same failure with a page for its body.
    pub fn into_page(mut self, page: Vec<u8>) -> Response {
        self.body = page;
        self.with_header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
            .into_response()
    }

    /// Adds a header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.headers.push((name, value));
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The response.
    pub fn into_response(self) -> Response {
        let has_body = !self.body.is_empty();
        let mut response = json_response(self.status, self.body);
        if has_body && !self.headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
            response.extensions_mut().insert(IsError);
        }
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        if let Some(message) = self.internal {
            response.extensions_mut().insert(InternalMessage(message));
        }
        response
    }
}

/// `application/json` without a charset, as DRF sends it.
pub fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    response(status, "application/json", body.into())
}

/// A response of any media type; without content it has none.
pub fn response(status: StatusCode, media_type: &'static str, body: bytes::Bytes) -> Response {
    let has_content = !(body.is_empty() && status == StatusCode::NO_CONTENT);
    let mut response = Response::new(dropshot::Body::wrap(http_body_util::Full::new(body)));
    *response.status_mut() = status;
    if has_content {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    response
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> ApiError {
        let status = match error {
            ReadError::Late => StatusCode::REQUEST_TIMEOUT,
            ReadError::Broken => StatusCode::BAD_REQUEST,
        };
        ApiError::detail(status, &error.to_string())
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> ApiError {
        let message = error.to_string();
        match error {
            BodyError::UnsupportedMediaType(_) => {
                ApiError::detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message)
            }
            BodyError::JsonParse(_)
            | BodyError::MultipartParse(_)
            | BodyError::TooManyFields(_)
            | BodyError::TooManyValues(_) => ApiError::detail(StatusCode::BAD_REQUEST, &message),
            BodyError::NoData | BodyError::NotAnObject(_) => {
                ApiError::fields(&FieldErrors::general(message))
            }
            BodyError::HtmlTag(field) => {
                let mut errors = FieldErrors::default();
                errors.add(&field, vec![message]);
                ApiError::fields(&errors)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(error: ApiError) -> (Value, String) {
        let mut response = error.into_response();
        into_problem(&mut response);
        let media_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = response.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
        (serde_json::from_slice(&body).unwrap(), media_type)
    }

    #[test]
    fn errors_are_problems_of_rfc_9457() {
        let mut errors = FieldErrors::general("too few");
        errors.add("a/b", vec!["0: too long".to_owned()]);
        let (body, media_type) = problem(ApiError::fields(&errors));
        assert_eq!(media_type, "application/problem+json");
        let expected = json!({
            "title": "Bad Request",
            "status": 400,
            "errors": [
                {"pointer": "/a~1b", "detail": "0: too long"},
                {"pointer": "", "detail": "too few"},
            ],
        });
        let sorted = |mut body: Value| {
            let errors = body["errors"].as_array_mut().unwrap();
            errors.sort_by_key(Value::to_string);
            body
        };
        assert_eq!(sorted(body), sorted(expected));
        let (body, _) = problem(ApiError::not_found());
        let expected = json!({"title": "Not Found", "status": 404, "detail": "Not found."});
        assert_eq!(body, expected);
    }

    #[test]
    fn non_error_responses_are_unchanged() {
        let mut response = json_response(StatusCode::CONFLICT, b"{}".to_vec());
        into_problem(&mut response);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}
