//! Answers: the return types of handlers, which state statuses and contents for the export.

use std::marker::PhantomData;

use dropshot::{
    ApiEndpointResponse, HttpResponse, HttpResponseHeaders, HttpResponseOk,
    HttpResponseUpdatedNoContent,
};
use http::{HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::call::{RawResponse, marker};
use crate::error::{self, ApiError};

/// An answer with this status and this content, or a failure.
pub struct Reply<const STATUS: u16, T> {
    content: Result<T, ApiError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<const STATUS: u16, T> Reply<STATUS, T> {
    /// An answer with this content.
    pub fn new(content: T) -> Self {
        Reply { content: Ok(content), headers: Vec::new() }
    }

    /// Adds `Set-Cookie` headers.
    pub fn with_cookies(mut self, cookies: impl IntoIterator<Item = HeaderValue>) -> Self {
        self.headers.extend(cookies.into_iter().map(|cookie| (http::header::SET_COOKIE, cookie)));
        self
    }

    /// Adds a header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A failure in place of the answer.
    pub fn failed(error: ApiError) -> Self {
        Reply { content: Err(error), headers: Vec::new() }
    }
}

/// Content of an answer that the document gives no schema.
pub struct UntypedJson(Value);

impl UntypedJson {
    /// This JSON value.
    pub fn new(value: Value) -> UntypedJson {
        UntypedJson(value)
    }

    /// No content at all.
    pub fn nothing() -> UntypedJson {
        UntypedJson(Value::Null)
    }
}

/// Content of an answer that is no JSON, of the media type `M`.
pub struct Bytes<M>(bytes::Bytes, PhantomData<fn() -> M>);

impl<M> Bytes<M> {
    /// These bytes.
    pub fn new(bytes: impl Into<bytes::Bytes>) -> Bytes<M> {
        Bytes(bytes.into(), PhantomData)
    }
}

/// A media type of answers.
pub trait MediaType: Send + Sync + 'static {
    /// As in `Content-Type`.
    const NAME: &'static str;
}

/// The content of an answer.
pub trait Content: Send + Sync + 'static {
    /// Of this content.
    const MEDIA_TYPE: &'static str = "application/json";
    /// The body.
    ///
    /// # Errors
    ///
    /// When serde refuses.
    fn bytes(&self) -> Result<bytes::Bytes, serde_json::Error>;
    /// For dropshot's document.
    fn metadata<const STATUS: u16>() -> ApiEndpointResponse;
    /// `content` of a response object, where dropshot's document cannot express it.
    fn document(generator: &mut SchemaGenerator) -> Value;
}

impl<T: Serialize + JsonSchema + Send + Sync + 'static> Content for T {
    fn bytes(&self) -> Result<bytes::Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Into::into)
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        HttpResponseOk::<T>::response_metadata()
    }

    fn document(generator: &mut SchemaGenerator) -> Value {
        json!({ Self::MEDIA_TYPE: { "schema": generator.subschema_for::<T>() } })
    }
}

impl Content for UntypedJson {
    fn bytes(&self) -> Result<bytes::Bytes, serde_json::Error> {
        if self.0.is_null() {
            Ok(bytes::Bytes::new())
        } else {
            serde_json::to_vec(&self.0).map(Into::into)
        }
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        ApiEndpointResponse::default()
    }

    fn document(_: &mut SchemaGenerator) -> Value {
        json!({})
    }
}

impl<M: MediaType> Content for Bytes<M> {
    const MEDIA_TYPE: &'static str = M::NAME;

    fn bytes(&self) -> Result<bytes::Bytes, serde_json::Error> {
        Ok(self.0.clone())
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        answers_metadata::<Reply<STATUS, Self>>()
    }

    fn document(_: &mut SchemaGenerator) -> Value {
        json!({ M::NAME: { "schema": { "type": "string", "format": "binary" } } })
    }
}

/// One or several answers that can say their statuses and contents as the document does.
pub trait Answers: Send + Sync + 'static {
    /// The success response that dropshot registers.
    const FIRST: u16;
    /// `content` by status or range, for the export.
    fn document(generator: &mut SchemaGenerator) -> Vec<(String, Value)>;
}

impl<const STATUS: u16, T: Content> Answers for Reply<STATUS, T> {
    const FIRST: u16 = STATUS;

    fn document(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
        vec![(STATUS.to_string(), T::document(generator))]
    }
}

/// An answer with any status from `MIN` to `MAX`: that of a range such as `4XX`, or of `default`.
pub struct RangeReply<const MIN: u16, const MAX: u16, T> {
    status: StatusCode,
    content: T,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<const MIN: u16, const MAX: u16, T> RangeReply<MIN, MAX, T> {
    /// An answer with this content. A status outside of the range is answered with 500.
    pub fn new(status: StatusCode, content: T) -> Self {
        RangeReply { status, content, headers: Vec::new() }
    }

    /// Adds a header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl<const MIN: u16, const MAX: u16, T: Content> RangeReply<MIN, MAX, T> {
    /// What dropshot makes of it.
    ///
    /// # Errors
    ///
    /// None: a failure is an answer too.
    pub fn to_result(self) -> RawResponse {
        let status = self.status.as_u16();
        if !(MIN..=MAX).contains(&status) {
            let message = format!("status {status} is not of the documented range");
            return Ok(ApiError::internal(message).into_response());
        }
        written(self.status, self.content.bytes(), T::MEDIA_TYPE, self.headers)
    }

    /// Its status.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    /// `content` by range, for the export.
    pub fn document(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
        let key = match (MIN, MAX) {
            (min, max) if max - min > 99 => "default".to_owned(),
            (min, _) => format!("{}XX", min / 100),
        };
        vec![(key, T::document(generator))]
    }
}

/// A response with this content, or 500 if it cannot be written.
fn written(
    status: StatusCode,
    body: Result<bytes::Bytes, serde_json::Error>,
    media_type: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> RawResponse {
    let body = match body {
        Ok(body) => body,
        Err(e) => {
            let message = format!("an answer cannot be written as JSON: {e}");
            return Ok(ApiError::internal(message).into_response());
        }
    };
    let mut response = error::response(status, media_type, body);
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// For what dropshot's document cannot say, several answers or a media type: a header with one
/// possible value, which the export takes out and turns into `responses`.
pub fn answers_metadata<A: Answers>() -> ApiEndpointResponse {
    ApiEndpointResponse {
        success: StatusCode::from_u16(A::FIRST).ok(),
        ..HttpResponseHeaders::<HttpResponseUpdatedNoContent, AnswersMarker<A>>::response_metadata()
    }
}

struct AnswersMarker<A>(PhantomData<fn() -> A>);

/// dropshot would write the header from this; no answer carries it.
impl<A> Serialize for AnswersMarker<A> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<A: Answers> JsonSchema for AnswersMarker<A> {
    fn schema_name() -> String {
        "AnswersMarker".to_owned()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let answers = A::document(generator).into_iter();
        let says: Map<String, Value> =
            answers.map(|(status, content)| (status, json!({ "content": content }))).collect();
        marker(&Value::Object(says))
    }
}

impl<const STATUS: u16, T: Content> HttpResponse for Reply<STATUS, T> {
    fn to_result(self) -> RawResponse {
        match self.content {
            Ok(content) => {
                let status = declared_status::<STATUS>();
                written(status, content.bytes(), T::MEDIA_TYPE, self.headers)
            }
            Err(error) => Ok(error.into_response()),
        }
    }

    fn response_metadata() -> ApiEndpointResponse {
        ApiEndpointResponse {
            success: Some(declared_status::<STATUS>()),
            ..T::metadata::<STATUS>()
        }
    }

    fn status_code(&self) -> StatusCode {
        match &self.content {
            Ok(_) => declared_status::<STATUS>(),
            Err(error) => error.status(),
        }
    }
}

fn declared_status<const STATUS: u16>() -> StatusCode {
    StatusCode::from_u16(STATUS).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
