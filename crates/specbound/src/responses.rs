//! Responses: the return types of handlers, which state statuses and contents for the export.

use std::marker::PhantomData;

use dropshot::{
    ApiEndpointResponse, HttpError, HttpResponse, HttpResponseHeaders, HttpResponseOk,
    HttpResponseUpdatedNoContent,
};
use futures::Stream;
use http::header::VARY;
use http::{HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::admission::preferred;
use crate::error::{ApiError, Response};
use crate::markers::marker;
use crate::operation::ContentTypes;
use crate::streams::ResponseBody;

/// The result of a handler. The error is never made by us: a failure is a [`Reply`]
/// too.
pub type Outcome<const STATUS: u16, T, D = NoHeaders> = Result<Reply<STATUS, T, D>, HttpError>;

/// The same where the document has several responses: `T` is their closed set.
pub type HandlerResult<T> = Result<T, HttpError>;

/// The response as dropshot handles it.
pub type RawResponse = Result<Response, HttpError>;

/// A response with this status, this content and these documented headers, or a failure.
pub struct Reply<const STATUS: u16, T, D = NoHeaders> {
    content: Result<(T, D), ApiError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<const STATUS: u16, T, D: Default> Reply<STATUS, T, D> {
    /// A response with this content, where the document requires no header.
    pub fn new(content: T) -> Self {
        Reply::with_headers(content, D::default())
    }
}

impl<const STATUS: u16, T, D> Reply<STATUS, T, D> {
    /// A response with this content and these documented headers.
    pub fn with_headers(content: T, headers: D) -> Self {
        Reply { content: Ok((content, headers)), headers: Vec::new() }
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

    /// A failure in place of the response.
    pub fn failed(error: ApiError) -> Self {
        Reply { content: Err(error), headers: Vec::new() }
    }
}

/// Content of a response that the document gives no schema.
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

/// Content of a response that is no JSON, of the media type `M`.
pub struct Bytes<M>(ResponseBody, PhantomData<fn() -> M>);

impl<M> Bytes<M> {
    /// These bytes.
    pub fn new(bytes: impl Into<bytes::Bytes>) -> Bytes<M> {
        Bytes(bytes.into().into(), PhantomData)
    }

    /// Pieces that are made while they are sent: the next one when the client has taken the one
    /// before. With a length the response has `Content-Length`, and is broken off if the pieces
    /// have another one. An error breaks it off and is logged. When the client goes away, the
    /// stream is dropped; for HEAD it is never polled.
    pub fn stream<S, E>(length: Option<u64>, pieces: S) -> Bytes<M>
    where
        S: Stream<Item = Result<bytes::Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Bytes(ResponseBody::stream(length, pieces), PhantomData)
    }
}

/// A media type of responses.
pub trait MediaType: Send + Sync + 'static {
    /// As in `Content-Type`.
    const NAME: &'static str;
}

/// JSON of other content types than `application/json` alone. `Accept` chooses one of them.
pub struct JsonAs<T, M>(T, PhantomData<fn() -> M>);

impl<T, M> JsonAs<T, M> {
    /// This value.
    pub fn new(value: T) -> JsonAs<T, M> {
        JsonAs(value, PhantomData)
    }
}

/// The body of a response, or the refusal of serde.
pub type ContentBody = Result<ResponseBody, serde_json::Error>;

/// The content of a response.
pub trait Content: Send + Sync + Sized + 'static {
    /// Its content types, the usual one first.
    const MEDIA_TYPES: &'static [&'static str] = &["application/json"];

    /// That of this response, in a request's handler the one that the client prefers.
    fn media_type(&self) -> &'static str {
        match Self::MEDIA_TYPES {
            [only] => only,
            several => {
                let rows: Vec<_> = several.iter().map(|media| (*media, *media)).collect();
                preferred(&rows).or(several.first().copied()).unwrap_or_default()
            }
        }
    }

    /// The body.
    ///
    /// # Errors
    ///
    /// When serde refuses.
    fn body(self) -> ContentBody;
    /// For dropshot's document.
    fn metadata<const STATUS: u16>() -> ApiEndpointResponse;
    /// `content` of a response object, where dropshot's document cannot express it.
    fn document(generator: &mut SchemaGenerator) -> Map<String, Value>;
}

impl<T: Serialize + JsonSchema + Send + Sync + 'static> Content for T {
    fn body(self) -> ContentBody {
        serde_json::to_vec(&self).map(Into::into)
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        HttpResponseOk::<T>::response_metadata()
    }

    fn document(generator: &mut SchemaGenerator) -> Map<String, Value> {
        described(Self::MEDIA_TYPES, json!(generator.subschema_for::<T>()))
    }
}

impl<T, M> Content for JsonAs<T, M>
where
    T: Serialize + JsonSchema + Send + Sync + 'static,
    M: ContentTypes,
{
    const MEDIA_TYPES: &'static [&'static str] = M::MEDIA_TYPES;

    fn body(self) -> ContentBody {
        self.0.body()
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        responses_metadata::<Reply<STATUS, Self>>()
    }

    fn document(generator: &mut SchemaGenerator) -> Map<String, Value> {
        described(Self::MEDIA_TYPES, json!(generator.subschema_for::<T>()))
    }
}

impl Content for UntypedJson {
    fn body(self) -> ContentBody {
        if self.0.is_null() {
            Ok(Vec::new().into())
        } else {
            serde_json::to_vec(&self.0).map(Into::into)
        }
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        ApiEndpointResponse::default()
    }

    fn document(_: &mut SchemaGenerator) -> Map<String, Value> {
        Map::new()
    }
}

impl<M: MediaType> Content for Bytes<M> {
    const MEDIA_TYPES: &'static [&'static str] = &[M::NAME];

    fn body(self) -> ContentBody {
        Ok(self.0)
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        responses_metadata::<Reply<STATUS, Self>>()
    }

    fn document(_: &mut SchemaGenerator) -> Map<String, Value> {
        described(Self::MEDIA_TYPES, json!({ "type": "string", "format": "binary" }))
    }
}

/// One schema for each content type.
fn described(media_types: &[&str], schema: Value) -> Map<String, Value> {
    let one = |media: &&str| ((*media).to_owned(), json!({ "schema": schema }));
    media_types.iter().map(one).collect()
}

/// The documented headers of a response.
pub trait ResponseHeaders: Send + Sync + 'static {
    /// Name, whether it is required, and schema as JSON.
    const ALL: &'static [(&'static str, bool, &'static str)];
    /// The values by name.
    fn texts(self) -> Vec<(&'static str, Option<String>)>;
}

/// A response without documented headers.
#[derive(Debug, Default)]
pub struct NoHeaders;

impl ResponseHeaders for NoHeaders {
    const ALL: &'static [(&'static str, bool, &'static str)] = &[];

    fn texts(self) -> Vec<(&'static str, Option<String>)> {
        Vec::new()
    }
}

/// The value of a header that is a list.
pub fn header_list<T: ToString>(items: Vec<T>) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// A response object, for the export.
fn response_object<T: Content, D: ResponseHeaders>(generator: &mut SchemaGenerator) -> Value {
    let mut response = json!({ "content": T::document(generator) });
    let header = |(name, required, schema): &(&str, bool, &str)| {
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        ((*name).to_owned(), json!({ "required": required, "schema": schema }))
    };
    if !D::ALL.is_empty() {
        response["headers"] = D::ALL.iter().map(header).collect::<Map<_, _>>().into();
    }
    response
}

/// One or several responses that can say their statuses, contents and headers as the document does.
pub trait Responses: Send + Sync + 'static {
    /// The success response that dropshot registers.
    const FIRST: u16;
    /// Response objects by status or range, for the export.
    fn document(generator: &mut SchemaGenerator) -> Vec<(String, Value)>;
}

impl<const STATUS: u16, T: Content, D: ResponseHeaders> Responses for Reply<STATUS, T, D> {
    const FIRST: u16 = STATUS;

    fn document(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
        vec![(STATUS.to_string(), response_object::<T, D>(generator))]
    }
}

/// A response with any status from `MIN` to `MAX`: that of a range such as `4XX`, or of `default`.
pub struct RangeReply<const MIN: u16, const MAX: u16, T, D = NoHeaders> {
    status: StatusCode,
    content: T,
    documented: D,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<const MIN: u16, const MAX: u16, T, D: Default> RangeReply<MIN, MAX, T, D> {
    /// A response with this content, where the document requires no header. A status outside of the
    /// range is answered with 500.
    pub fn new(status: StatusCode, content: T) -> Self {
        RangeReply::with_headers(status, content, D::default())
    }
}

impl<const MIN: u16, const MAX: u16, T, D> RangeReply<MIN, MAX, T, D> {
    /// The same with these documented headers.
    pub fn with_headers(status: StatusCode, content: T, headers: D) -> Self {
        RangeReply { status, content, documented: headers, headers: Vec::new() }
    }

    /// Adds a header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl<const MIN: u16, const MAX: u16, T: Content, D: ResponseHeaders> RangeReply<MIN, MAX, T, D> {
    /// What dropshot makes of it.
    ///
    /// # Errors
    ///
    /// None: a failure is a response too.
    pub fn to_result(self) -> RawResponse {
        let status = self.status.as_u16();
        if !(MIN..=MAX).contains(&status) {
            let message = format!("status {status} is not of the documented range");
            return Ok(ApiError::internal(message).into_response());
        }
        Ok(respond(self.status, self.content, self.documented, self.headers))
    }

    /// Its status.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    /// Response objects by range, for the export.
    pub fn document(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
        let key = match (MIN, MAX) {
            (min, max) if max - min > 99 => "default".to_owned(),
            (min, _) => format!("{}XX", min / 100),
        };
        vec![(key, response_object::<T, D>(generator))]
    }
}

/// A response with this content, or 500 if it cannot be written.
fn respond<T: Content, D: ResponseHeaders>(
    status: StatusCode,
    content: T,
    documented: D,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Response {
    let media_type = content.media_type();
    let body = match content.body() {
        Ok(body) => body,
        Err(e) => {
            let message = format!("a response cannot be written as JSON: {e}");
            return ApiError::internal(message).into_response();
        }
    };
    let mut response = body.into_response(status, media_type);
    if T::MEDIA_TYPES.len() > 1 {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    }
    for (name, text) in documented.texts() {
        let Some(text) = text else { continue };
        let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else {
            let message = format!("the header `{name}` of a response has control characters");
            return ApiError::internal(message).into_response();
        };
        response.headers_mut().append(name, value);
    }
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    response
}

/// For what dropshot's document cannot say, several responses or a media type: a header with one
/// possible value, which the export takes out and turns into `responses`.
pub fn responses_metadata<A: Responses>() -> ApiEndpointResponse {
    ApiEndpointResponse {
        success: StatusCode::from_u16(A::FIRST).ok(),
        ..HttpResponseHeaders::<HttpResponseUpdatedNoContent, Marker<A>>::response_metadata()
    }
}

struct Marker<A>(PhantomData<fn() -> A>);

/// dropshot would write the header from this; no response carries it.
impl<A> Serialize for Marker<A> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<A: Responses> JsonSchema for Marker<A> {
    fn schema_name() -> String {
        "Marker".to_owned()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        marker(&Value::Object(A::document(generator).into_iter().collect()))
    }
}

impl<const STATUS: u16, T: Content, D: ResponseHeaders> HttpResponse for Reply<STATUS, T, D> {
    fn to_result(self) -> RawResponse {
        Ok(match self.content {
            Ok((content, documented)) => {
                respond(declared_status::<STATUS>(), content, documented, self.headers)
            }
            Err(error) => error.into_response(),
        })
    }

    fn response_metadata() -> ApiEndpointResponse {
        let metadata = match D::ALL {
            [] => T::metadata::<STATUS>(),
            _ => responses_metadata::<Self>(),
        };
        ApiEndpointResponse { success: Some(declared_status::<STATUS>()), ..metadata }
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
