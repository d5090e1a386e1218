//! Failures as clients get them. Shapes are Django REST framework's: `{"field": ["…"]}`,
//! `{"non_field_errors": ["…"]}` or `{"detail": "…"}`.
//!
//! A client sees what was wrong and what is allowed. What only the operator may know travels beside
//! it and is logged once, with the request id, by the dispatcher.

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::body::BodyError;
use crate::fields::FieldErrors;

/// A response of dropshot's kind.
pub type Response = http::Response<dropshot::Body>;

/// DRF's key for what belongs to no single field.
pub const NON_FIELD: &str = "non_field_errors";

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

    /// 400 for what no honest client sends; `why` is for the log.
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
        let mut response = json_response(self.status, self.body);
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

/// An answer of any media type; without content it has none.
pub fn response(status: StatusCode, media_type: &'static str, body: bytes::Bytes) -> Response {
    let has_content = !(body.is_empty() && status == StatusCode::NO_CONTENT);
    let mut response = Response::new(dropshot::Body::wrap(http_body_util::Full::new(body)));
    *response.status_mut() = status;
    if has_content {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    response
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> ApiError {
        match error {
            BodyError::UnsupportedMediaType(name) => {
                let detail = format!("Unsupported media type \"{name}\" in request.");
                ApiError::detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, &detail)
            }
            BodyError::JsonParse(why) => {
                ApiError::detail(StatusCode::BAD_REQUEST, &format!("JSON parse error - {why}"))
            }
            BodyError::MultipartParse(why) => ApiError::detail(
                StatusCode::BAD_REQUEST,
                &format!("Multipart form parse error - {why}"),
            ),
            BodyError::TooManyFields => {
                ApiError::detail(StatusCode::BAD_REQUEST, "The number of form fields exceeds 1000.")
            }
            BodyError::TooManyValues => {
                ApiError::detail(StatusCode::BAD_REQUEST, "The number of JSON values exceeds 1000.")
            }
            BodyError::NotAnObject("NoneType") => {
                ApiError::fields(&FieldErrors::general("No data provided"))
            }
            BodyError::NotAnObject(kind) => {
                let message = format!("Invalid data. Expected a dictionary, but got {kind}.");
                ApiError::fields(&FieldErrors::general(message))
            }
        }
    }
}
