//! The types in the generated trait's signatures: they say what the document says, and they carry the request.
//!
//! `Call<Policy, Body>` is a request that nobody has looked at yet; [`Call::admit`] does everything between the wire and
//! the handler, in the reference's order: who calls, may they, what do they say. `Reply<STATUS, T>` is the answer.
//! dropshot's own failures of extraction cannot carry headers, so extractors here never fail: they hold the failure.

mod answers;
mod parameters;

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, ExclusiveExtractor, ExtractorMetadata, HttpError, RequestContext, SharedExtractor,
    TypedBody,
};
use http::Response;
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::{InstanceType, Schema, SchemaObject};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use zeroize::Zeroize;

use super::body::Fields;
use super::caller::{self, Identity};
use super::error::NON_FIELD;
use super::fields::{self, FieldErrors};
use super::lazy_body::LazyBody;
use super::{Server, client};
use crate::domain::Problems;

pub use super::caller::{SignedIn, Visitor};
pub use super::error::ApiError;
pub use super::fields::{Bound, Kind, Property, Rules, text_fits};
pub use answers::{Answers, Bytes, Content, MediaType, Reply, Undescribed, answers_metadata};
pub use http::StatusCode;
pub use parameters::{Headers, Parameters, Path, Query, all, last, parameters_schema};

/// The server as dropshot hands it around.
pub type Context = RequestContext<Arc<Server>>;

/// What a handler of the trait returns. The error is never made by us: a failure is a [`Reply`] too.
pub type Outcome<const STATUS: u16, T> = Result<Reply<STATUS, T>, HttpError>;

/// The same where the document has several answers: `T` is their closed set.
pub type Answering<T> = Result<T, HttpError>;

/// What dropshot makes of an answer.
pub type Handled = Result<Response<dropshot::Body>, HttpError>;

/// One row of the generated table of operations.
#[derive(Debug)]
pub struct Operation {
    pub id: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub description: &'static str,
    pub security: &'static [&'static [&'static str]],
    pub parses: &'static [&'static str],
}

/// Security alternatives of an operation.
pub trait Policy: Send + Sync + 'static {
    /// Who can come through: [`SignedIn`], or with an anonymous alternative [`Visitor`].
    type Caller: caller::FromIdentity;
    const ALTERNATIVES: &'static [&'static [&'static str]];
}

/// Request content types of an operation.
pub trait ContentTypes: Send + Sync + 'static {
    const MEDIA_TYPES: &'static [&'static str];
}

/// A request type with its constraint table.
pub trait Described {
    const PROPERTIES: &'static [Property];
}

/// What an operation takes as its body.
pub trait RequestBody: Send + Sync + 'static {
    type Input;
    const REQUIRED: bool;
    const MEDIA_TYPES: &'static [&'static str];
    fn input(fields: Option<Fields>) -> Self::Input;
    fn metadata(content_type: ApiEndpointBodyContentType) -> Vec<dropshot::ApiEndpointParameter>;
    /// Whether a handler is given what the body says.
    const IS_READ: bool = true;
}

/// `requestBody` with `required: true`.
pub struct Body<T, C>(PhantomData<fn() -> (T, C)>);
/// `requestBody` without it.
pub struct OptionalBody<T, C>(PhantomData<fn() -> (T, C)>);
/// No `requestBody`: whatever is sent stays unread, even broken JSON.
pub struct NoBody;

macro_rules! request_body {
    ($name:ident, $required:literal) => {
        impl<T, C> RequestBody for $name<T, C>
        where
            T: Described + JsonSchema + DeserializeOwned + Send + Sync + 'static,
            C: ContentTypes,
        {
            type Input = Input<T>;
            const REQUIRED: bool = $required;
            const MEDIA_TYPES: &'static [&'static str] = C::MEDIA_TYPES;

            fn input(fields: Option<Fields>) -> Input<T> {
                Input::new(fields.unwrap_or_default())
            }

            fn metadata(content_type: ApiEndpointBodyContentType) -> Vec<dropshot::ApiEndpointParameter> {
                <TypedBody<T> as ExclusiveExtractor>::metadata(content_type).parameters
            }
        }
    };
}

request_body!(Body, true);
request_body!(OptionalBody, false);

impl RequestBody for NoBody {
    type Input = ();
    const REQUIRED: bool = false;
    const MEDIA_TYPES: &'static [&'static str] = &[];
    const IS_READ: bool = false;

    fn input(_: Option<Fields>) {}

    fn metadata(_: ApiEndpointBodyContentType) -> Vec<dropshot::ApiEndpointParameter> {
        Vec::new()
    }
}

/// What a client said, before any check.
pub struct Input<T> {
    fields: Fields,
    marker: PhantomData<T>,
}

impl<T> Input<T> {
    pub fn new(fields: Fields) -> Input<T> {
        Input { fields, marker: PhantomData }
    }
}

impl<T: Described + DeserializeOwned> Input<T> {
    /// Checked against the constraint table alone.
    ///
    /// # Errors
    ///
    /// 400 with every bad field.
    pub fn read(self) -> Result<T, ApiError> {
        self.check(Rules::default()).finish(Problems::none())
    }

    /// Text without control characters, as InvenTree cleans what its own views take.
    ///
    /// # Errors
    ///
    /// 400 for a field with an HTML tag in it, before any other check.
    pub fn scrubbed(self) -> Result<Input<T>, ApiError> {
        let fields = self.fields.scrubbed().map_err(|name| {
            let mut errors = FieldErrors::default();
            errors.add(&name, vec!["Remove HTML tags from this value".to_owned()]);
            ApiError::fields(&errors)
        })?;
        Ok(Input::new(fields))
    }

    /// Checked against the constraint table; what the domain finds is added before [`Checked::finish`].
    pub fn check(self, rules: Rules<'_>) -> Checked<T> {
        let (cleaned, errors) = fields::check(T::PROPERTIES, &self.fields, rules);
        Checked { cleaned, errors, raw: self.fields, marker: PhantomData }
    }
}

/// What a client said, as far as it is good.
pub struct Checked<T> {
    cleaned: Map<String, Value>,
    errors: FieldErrors,
    raw: Fields,
    marker: PhantomData<T>,
}

impl<T: Described + DeserializeOwned> Checked<T> {
    /// A text field that passed its own checks.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.cleaned.get(name).and_then(Value::as_str)
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.cleaned.get(name).and_then(Value::as_i64)
    }

    /// The fields as they were sent, for those that the document does not name (`old_password`).
    pub fn raw(&self) -> &Fields {
        &self.raw
    }

    /// # Errors
    ///
    /// 400 with every field that the constraint table or the domain found bad, in declaration order.
    pub fn finish(mut self, problems: Problems) -> Result<T, ApiError> {
        let mut errors = self.errors;
        errors.extend(problems);
        if !errors.is_empty() {
            errors.sort_by(T::PROPERTIES);
            // One of them can be a password; a good one moves into its own type.
            for value in self.cleaned.values_mut() {
                if let Value::String(text) = value {
                    text.zeroize();
                }
            }
            return Err(ApiError::fields(&errors));
        }
        serde_json::from_value(Value::Object(self.cleaned)).map_err(|e| {
            // What the table leaves to the type (choices, maps, numbers that are too large) is the client's to mend.
            let mut errors = FieldErrors::default();
            errors.add(NON_FIELD, vec![format!("Invalid data: {e}.")]);
            ApiError::fields(&errors)
        })
    }
}

/// A request that nobody has looked at yet.
pub struct Call<P, B> {
    request: hyper::Request<dropshot::Body>,
    marker: PhantomData<fn() -> (P, B)>,
}

impl<P: Policy, B: RequestBody> Call<P, B> {
    /// Everything between the wire and the handler, in the reference's order: authentication (401, CSRF 403),
    /// permission (401), body (415, 400, 413, 408).
    ///
    /// # Errors
    ///
    /// The first of them that fails.
    pub async fn admit(self, rqctx: &Context) -> Result<(P::Caller, B::Input), ApiError> {
        let (caller, mut body) = self.enter(rqctx).await?;
        // Boxed, since its many states would be moved about with each request that has no body.
        let fields = if B::IS_READ { Some(Box::pin(body.fields()).await?) } else { None };
        Ok((caller, B::input(fields)))
    }

    /// The same for a handler that never looks at the body, whatever it is.
    ///
    /// # Errors
    ///
    /// As [`Call::admit`], without those of the body.
    pub async fn admit_unread(self, rqctx: &Context) -> Result<P::Caller, ApiError> {
        Ok(self.enter(rqctx).await?.0)
    }

    /// The request with its body read, and nothing else looked at: for a server of one's own, which knows its callers
    /// in its own way.
    ///
    /// # Errors
    ///
    /// Those of the body: 415, 400, 413, 408.
    pub async fn open(self) -> Result<(http::request::Parts, B::Input), ApiError> {
        let (parts, body) = self.request.into_parts();
        let mut body = LazyBody::new(&parts, body);
        let fields = if B::IS_READ { Some(body.fields().await?) } else { None };
        Ok((parts, B::input(fields)))
    }

    async fn enter(self, rqctx: &Context) -> Result<(P::Caller, LazyBody), ApiError> {
        let server = rqctx.server.private.as_ref();
        let (parts, body) = self.request.into_parts();
        let mut body = LazyBody::new(&parts, body);
        let client = || client::of(&server.settings, &rqctx.request);
        let identity: Identity = caller::identify(server, P::ALTERNATIVES, &parts, &mut body, client).await?;
        let caller = <P::Caller as caller::FromIdentity>::from_identity(server, identity, P::ALTERNATIVES).await?;
        Ok((caller, body))
    }
}

#[async_trait]
impl<P: Policy, B: RequestBody> ExclusiveExtractor for Call<P, B> {
    async fn from_request<C: dropshot::ServerContext>(
        _: &RequestContext<C>,
        request: hyper::Request<dropshot::Body>,
    ) -> Result<Self, HttpError> {
        Ok(Call { request, marker: PhantomData })
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        let mut metadata = <dropshot::Query<Marker<P, B>> as SharedExtractor>::metadata(content_type.clone());
        metadata.parameters.extend(B::metadata(content_type));
        metadata
    }
}

/// Name of the parameter in which a signature's markers travel through dropshot's own document.
/// The export takes it out and turns it into `security` and `requestBody`.
pub const MARKER: &str = "x-contract-marker";

/// Turns the marker types of a signature into something that dropshot carries: a parameter with one possible value.
struct Marker<P, B>(PhantomData<fn() -> (P, B)>);

impl<'de, P, B> Deserialize<'de> for Marker<P, B> {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Marker(PhantomData))
    }
}

impl<P: Policy, B: RequestBody> JsonSchema for Marker<P, B> {
    fn schema_name() -> String {
        "Marker".to_owned()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let says = json!({
            "security": P::ALTERNATIVES,
            "mediaTypes": B::MEDIA_TYPES,
            "required": B::REQUIRED,
        });
        marker(&says)
    }
}

/// An object schema with one member, [`MARKER`], whose one possible value is a text that says it all.
fn marker(says: &Value) -> Schema {
    let mut object = SchemaObject { instance_type: Some(InstanceType::Object.into()), ..SchemaObject::default() };
    let member = json!({ "type": "string", "enum": [says.to_string()] });
    let member = serde_json::from_value::<SchemaObject>(member).unwrap_or_default();
    object.object().properties.insert(MARKER.to_owned(), Schema::Object(member));
    object.object().required.insert(MARKER.to_owned());
    Schema::Object(object)
}

/// Key under which a source schema travels through dropshot's document, whose own model of schemas would lose some of
/// it and panic at more. The export puts what stands there in its place.
pub const SOURCE_SCHEMA: &str = "x-contract-source";

/// An OpenAPI 3.0 schema object, for the export and nobody else.
pub fn source_schema(_: &mut SchemaGenerator, source: &str) -> Schema {
    let source: Value = serde_json::from_str(source).unwrap_or_default();
    Schema::Object(SchemaObject {
        extensions: [(SOURCE_SCHEMA.to_owned(), source)].into_iter().collect(),
        ..SchemaObject::default()
    })
}
