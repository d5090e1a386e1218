//! The only place that chooses a status or an error body. Shapes are Django REST framework's: `{"field": ["…"]}`,
//! `{"non_field_errors": ["…"]}` or `{"detail": "…"}`.
//!
//! A client sees what was wrong and what is allowed. What only the operator may know travels beside it and is logged
//! once, with the request id, by `front.rs`.

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::body::BodyError;
use super::fields::FieldErrors;
use crate::domain::social::Failure;
use crate::domain::{Problems, Refusal};
use crate::providers::Fault;
use crate::store::StoreError;

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
    fn new(status: StatusCode, body: &Value) -> ApiError {
        ApiError { status, body: body.to_string().into_bytes(), headers: Vec::new(), internal: None }
    }

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

    pub fn forbidden(detail: &str) -> ApiError {
        ApiError::detail(StatusCode::FORBIDDEN, detail)
    }

    /// 404 for a row that is not there, or not the caller's.
    pub fn not_found() -> ApiError {
        ApiError::detail(StatusCode::NOT_FOUND, "Not found.")
    }

    /// 500. The message is for the log.
    pub fn internal(message: String) -> ApiError {
        let mut error = ApiError::detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error.");
        error.internal = Some(message);
        error
    }

    /// 400 for what no honest client sends; `why` is for the log.
    pub fn refused(detail: &str, why: &str) -> ApiError {
        let mut error = ApiError::detail(StatusCode::BAD_REQUEST, detail);
        error.internal = Some(why.to_owned());
        error
    }

    /// All that it says to people.
    pub fn words(&self) -> Vec<String> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let said = body.as_object().into_iter().flat_map(|members| members.values());
        said.flat_map(|said| match said {
            Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
        })
        .collect()
    }

    /// The same failure with a page for its body.
    pub fn into_page(mut self, page: Vec<u8>) -> Response<dropshot::Body> {
        self.body = page;
        self.with_header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")).into_response()
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.headers.push((name, value));
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn into_response(self) -> Response<dropshot::Body> {
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
pub fn json_response(status: StatusCode, body: Vec<u8>) -> Response<dropshot::Body> {
    response(status, "application/json", body.into())
}

/// An answer of any media type; without content it has none.
pub fn response(status: StatusCode, media_type: &'static str, body: bytes::Bytes) -> Response<dropshot::Body> {
    let has_content = !(body.is_empty() && status == StatusCode::NO_CONTENT);
    let mut response = Response::new(dropshot::Body::wrap(http_body_util::Full::new(body)));
    *response.status_mut() = status;
    if has_content {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    response
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::Invalid(problems) => problems.into(),
            Refusal::Forbidden(why) => ApiError::detail(StatusCode::BAD_REQUEST, why),
            Refusal::NotFound => ApiError::not_found(),
            Refusal::MfaRequired => ApiError::forbidden("MFA required for this user"),
            Refusal::ReauthenticationNeeded => {
                let detail =
                    "This needs a sign-in of the last ten minutes. Enter your password again, or sign in again.";
                // As RFC 9470 names it, so that a script need not read the sentence.
                let needed = "Session error=\"insufficient_user_authentication\", max_age=600";
                ApiError::forbidden(detail).with_header(WWW_AUTHENTICATE, HeaderValue::from_static(needed))
            }
            Refusal::Throttled { wait_seconds } => {
                let unit = if wait_seconds == 1 { "second" } else { "seconds" };
                let detail = format!("Request was throttled. Expected available in {wait_seconds} {unit}.");
                ApiError::detail(StatusCode::TOO_MANY_REQUESTS, &detail).with_header(RETRY_AFTER, wait_seconds.into())
            }
            Refusal::Busy => unavailable("The server is busy. Please try again."),
            Refusal::Store(error) => error.into(),
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> ApiError {
        let (status, detail, why) = match failure {
            Failure::Refusal(refusal) => return refusal.into(),
            Failure::Form(problems) => return problems.into(),
            Failure::Fault(Fault::Busy) => return unavailable("Too many wait for this provider. Please try again."),
            Failure::Off => (
                StatusCode::FORBIDDEN,
                "Signing in through this provider is switched off.".to_owned(),
                "off".to_owned(),
            ),
            Failure::Stray(why) => {
                let detail = "This sign-in was not begun in this browser, took more than ten minutes, or came back \
                              twice. Start again.";
                (StatusCode::BAD_REQUEST, detail.to_owned(), format!("stray sign-in: {why}"))
            }
            Failure::Declined(error) => {
                let is_code = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
                let error: String = error.chars().filter(is_code).take(40).collect();
                let detail = format!("The provider ended the sign-in ({error}). Start again, or sign in another way.");
                (StatusCode::FORBIDDEN, detail, format!("the provider ended the sign-in: {error}"))
            }
            Failure::Fault(Fault::Unreachable(why)) => {
                let detail = "The provider does not answer just now. Try again in a moment, or sign in another way.";
                (StatusCode::BAD_GATEWAY, detail.to_owned(), format!("provider unreachable: {why}"))
            }
            Failure::Fault(Fault::Refused(why)) => {
                let detail = "The provider did not accept this sign-in. Start again.";
                (StatusCode::BAD_REQUEST, detail.to_owned(), format!("provider refused: {why}"))
            }
            Failure::Fault(Fault::Untrusted(why)) => {
                let detail = "What the provider answered did not pass this server's checks. Start again; if this goes \
                              on, tell whoever runs this server.";
                (StatusCode::FORBIDDEN, detail.to_owned(), format!("provider not trusted: {why}"))
            }
            Failure::SignUpClosed => {
                let detail = "This server does not take new accounts through a provider. If you have an account, sign \
                              in to it and connect the provider there.";
                (StatusCode::FORBIDDEN, detail.to_owned(), "sign-up through a provider is closed".to_owned())
            }
            Failure::AddressTaken => {
                let detail = "There is an account with this e-mail address already. Sign in to it and connect the \
                              provider there.";
                (StatusCode::CONFLICT, detail.to_owned(), "the address of a new sign-in is taken".to_owned())
            }
            Failure::LinkedElsewhere => {
                let detail = "Your account at the provider is connected to another account here. Disconnect it there \
                              first.";
                (StatusCode::CONFLICT, detail.to_owned(), "linked to another account".to_owned())
            }
            Failure::TooManyLinks => {
                let detail = "Your account is connected to as many providers as it can be. Disconnect one first.";
                (StatusCode::CONFLICT, detail.to_owned(), "too many links".to_owned())
            }
            Failure::Inactive => {
                (StatusCode::FORBIDDEN, "This account is inactive.".to_owned(), "inactive account".to_owned())
            }
            Failure::Unconfirmed => {
                let detail = "Confirm your email address first: open the link that was mailed to it.";
                (StatusCode::FORBIDDEN, detail.to_owned(), "unconfirmed address".to_owned())
            }
            Failure::SessionOver => {
                let detail = "Your session has ended. Sign in, and connect the provider again.";
                (StatusCode::FORBIDDEN, detail.to_owned(), "the session that connects is over".to_owned())
            }
        };
        let mut error = ApiError::detail(status, &detail);
        error.internal = Some(why);
        error
    }
}

impl From<Problems> for ApiError {
    fn from(problems: Problems) -> ApiError {
        let mut errors = FieldErrors::default();
        errors.extend(problems);
        ApiError::fields(&errors)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Unavailable(why) => {
                let mut error = unavailable("The database is not available just now. Please try again.");
                error.internal = Some(why);
                error
            }
            // Conflicts are named and answered where they can happen; one that comes through is a race that lost.
            StoreError::Conflict(conflict) => {
                let mut error = unavailable("Another request was faster. Please try again.");
                error.internal = Some(format!("unexpected conflict: {conflict:?}"));
                error
            }
            StoreError::Other(why) => ApiError::internal(why),
        }
    }
}

fn unavailable(detail: &str) -> ApiError {
    ApiError::detail(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(RETRY_AFTER, BUSY_RETRY_SECONDS.into())
}

impl FieldErrors {
    /// What the domain found, in DRF's terms.
    pub fn extend(&mut self, problems: Problems) {
        for (field, messages) in problems.fields {
            self.add(field, messages);
        }
        if !problems.general.is_empty() {
            self.add(NON_FIELD, problems.general);
        }
    }
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
            BodyError::MultipartParse(why) => {
                ApiError::detail(StatusCode::BAD_REQUEST, &format!("Multipart form parse error - {why}"))
            }
            BodyError::TooManyFields => {
                ApiError::detail(StatusCode::BAD_REQUEST, "The number of form fields exceeds 1000.")
            }
            BodyError::TooManyValues => {
                ApiError::detail(StatusCode::BAD_REQUEST, "The number of JSON values exceeds 1000.")
            }
            BodyError::NotAnObject("NoneType") => Problems::general("No data provided").into(),
            BodyError::NotAnObject(kind) => {
                let message = format!("Invalid data. Expected a dictionary, but got {kind}.");
                Problems::general(message).into()
            }
        }
    }
}
