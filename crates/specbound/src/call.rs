//! The types in the generated trait's signatures: they state the document's promises and hold the
//! request.
//!
//! `Call<Policy, Body>` is an authenticated request; [`Call::admit`] returns its caller and its
//! fields. `Reply<STATUS, T>` is the answer. dropshot's own failures of extraction cannot carry
//! headers, so extractors here never fail: they hold the failure.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, ExclusiveExtractor, ExtractorMetadata, HttpError, RequestContext,
    SharedExtractor, TypedBody,
};
use http::{HeaderMap, Response};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::{InstanceType, Schema, SchemaObject};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use zeroize::Zeroize;

use crate::body::Fields;
use crate::constraints::SchemaRef;
use crate::error::NON_FIELD;
use crate::fields::{self, FieldErrors, Formats, Property, Rules, Table};
use crate::security::{FromCaller, Scopes, Security};
use crate::{ApiError, Host, LazyBody, NoHeaders, Reply, negotiation};

/// dropshot's context of a request to the server `H`.
pub type Context<H> = RequestContext<Arc<H>>;

/// The result of a handler. The error is never made by us: a failure is a [`Reply`]
/// too.
pub type Outcome<const STATUS: u16, T, D = NoHeaders> = Result<Reply<STATUS, T, D>, HttpError>;

/// The same where the document has several answers: `T` is their closed set.
pub type HandlerResult<T> = Result<T, HttpError>;

/// The answer as dropshot handles it.
pub type RawResponse = Result<Response<dropshot::Body>, HttpError>;

/// One row of the generated table of operations.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`.
    pub id: &'static str,
    /// In capitals.
    pub method: &'static str,
    /// With its variables in braces.
    pub path: &'static str,
    /// The path under which dropshot's router holds its handler, where it cannot hold its own. It
    /// is looked up once, at start.
    pub route: &'static str,
    /// `description`, or an empty text.
    pub description: &'static str,
    /// `security`.
    pub security: Security,
    /// The scopes of `security`.
    pub scopes: Scopes,
    /// Media types of its request body.
    pub parses: &'static [&'static str],
    /// Media types of its successes, from which `Accept` chooses; of its other responses, if those
    /// have no content.
    pub produces: &'static [&'static str],
    /// Path parameters that are integers. As in Django's routes, digits alone are one.
    pub integers: &'static [&'static str],
    /// Choices of path parameters that tell this operation from another one with its method and
    /// its path.
    pub choices: &'static [(&'static str, &'static [&'static str])],
}

/// Security alternatives of an operation.
pub trait Policy: Send + Sync + 'static {
    /// The caller as the operation gets it: `C`, or with an anonymous alternative `Option<C>`.
    type Caller<C>: FromCaller<C>;
    /// As the document lists them.
    const ALTERNATIVES: Security;
    /// Their scopes.
    const SCOPES: Scopes = &[];
}

/// Content types of a request, or of an answer in JSON.
pub trait ContentTypes: Send + Sync + 'static {
    /// As the document lists them.
    const MEDIA_TYPES: &'static [&'static str];
}

/// A request type with its constraint table.
pub trait HasConstraints {
    /// One row for each property.
    const PROPERTIES: &'static [Property];
    /// The whole schema, if the rows do not say all of it.
    const SCHEMA: Option<SchemaRef> = None;
}

/// The body of an operation.
pub trait RequestBody: Send + Sync + 'static {
    /// The body as a handler gets it.
    type Input;
    /// `required`.
    const REQUIRED: bool;
    /// The content types.
    fn media_types() -> Vec<&'static str>;
    /// Reads as much of the body as the handler is given.
    ///
    /// # Errors
    ///
    /// 415, 400, 413, 408, 503.
    fn read(
        body: LazyBody,
        formats: &'static Formats,
    ) -> impl Future<Output = Result<Self::Input, ApiError>> + Send;
    /// For dropshot's document.
    fn metadata(content_type: ApiEndpointBodyContentType) -> Vec<dropshot::ApiEndpointParameter>;
}

/// `requestBody` with `required: true`.
pub struct Body<T, C>(PhantomData<fn() -> (T, C)>);
/// `requestBody` without it.
pub struct OptionalBody<T, C>(PhantomData<fn() -> (T, C)>);
/// No `requestBody`: a body is not read, not even to reject malformed JSON.
pub struct NoBody;

macro_rules! request_body {
    ($name:ident, $required:literal) => {
        impl<T, C> RequestBody for $name<T, C>
        where
            T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
            C: ContentTypes,
        {
            type Input = Input<T>;
            const REQUIRED: bool = $required;

            fn media_types() -> Vec<&'static str> {
                C::MEDIA_TYPES.to_vec()
            }

            async fn read(
                mut body: LazyBody,
                formats: &'static Formats,
            ) -> Result<Input<T>, ApiError> {
                body.also_json(C::MEDIA_TYPES);
                // Boxed, since its many states would be moved about with each request that has no
                // body.
                Ok(Input::new(Box::pin(body.fields()).await?, formats))
            }

            fn metadata(
                content_type: ApiEndpointBodyContentType,
            ) -> Vec<dropshot::ApiEndpointParameter> {
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

    fn media_types() -> Vec<&'static str> {
        Vec::new()
    }

    async fn read(_: LazyBody, _: &'static Formats) -> Result<(), ApiError> {
        Ok(())
    }

    fn metadata(_: ApiEndpointBodyContentType) -> Vec<dropshot::ApiEndpointParameter> {
        Vec::new()
    }
}

/// The input of a client, before any check.
pub struct Input<T> {
    fields: Fields,
    formats: &'static Formats,
    marker: PhantomData<T>,
}

impl<T> Input<T> {
    /// `formats` are those of the [`Host`].
    pub fn new(fields: Fields, formats: &'static Formats) -> Input<T> {
        Input { fields, formats, marker: PhantomData }
    }
}

impl<T: HasConstraints + DeserializeOwned> Input<T> {
    /// Checked against the constraint table alone.
    ///
    /// # Errors
    ///
    /// 400 with every bad field.
    pub fn read(self) -> Result<T, ApiError> {
        self.check(Rules::default()).finish(FieldErrors::default())
    }

    /// Text without control characters, as in the input of InvenTree's own views.
    ///
    /// # Errors
    ///
    /// 400 for a field with an HTML tag in it, before any other check.
    pub fn sanitized(self) -> Result<Input<T>, ApiError> {
        let fields = self.fields.sanitized().map_err(|name| {
            let mut errors = FieldErrors::default();
            errors.add(&name, vec!["Remove HTML tags from this value".to_owned()]);
            ApiError::fields(&errors)
        })?;
        Ok(Input::new(fields, self.formats))
    }

    /// Checked against the constraint table; errors of the domain are added before
    /// [`Checked::finish`].
    pub fn check(self, rules: Rules<'_>) -> Checked<T> {
        let table = Table { rows: T::PROPERTIES, schema: T::SCHEMA };
        let (cleaned, errors) = fields::check_table(table, &self.fields, rules, self.formats);
        Checked { cleaned, errors, raw: self.fields, marker: PhantomData }
    }
}

/// The valid part of the input.
pub struct Checked<T> {
    cleaned: Map<String, Value>,
    errors: FieldErrors,
    raw: Fields,
    marker: PhantomData<T>,
}

impl<T: HasConstraints + DeserializeOwned> Checked<T> {
    /// A text field that passed its own checks.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.cleaned.get(name).and_then(Value::as_str)
    }

    /// An integer field that passed its own checks.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.cleaned.get(name).and_then(Value::as_i64)
    }

    /// The fields as they were sent, for those that the document does not name (`old_password`).
    pub fn raw(&self) -> &Fields {
        &self.raw
    }

    /// # Errors
    ///
    /// 400 with every field that the constraint table or the domain found bad, in declaration
    /// order.
    pub fn finish(mut self, found: impl Into<FieldErrors>) -> Result<T, ApiError> {
        let mut errors = self.errors;
        errors.extend(found.into());
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
            // Values that the table leaves to the type (choices, maps, numbers that are too large)
            // are the client's error.
            let mut errors = FieldErrors::default();
            errors.add(NON_FIELD, vec![format!("Invalid data: {e}.")]);
            ApiError::fields(&errors)
        })
    }
}

/// A request whose caller is authenticated, and whose body is unread.
pub struct Call<P, B> {
    admitted: Option<Admitted>,
    marker: PhantomData<fn() -> (P, B)>,
}

impl<P: Policy, B: RequestBody> Call<P, B> {
    /// The caller, and the body as fields. The caller was authenticated before the handler was
    /// called.
    ///
    /// # Errors
    ///
    /// Those of the body: 415, 400, 413, 408, 503.
    pub async fn admit<H: Host>(
        self,
        _: &Context<H>,
    ) -> Result<(P::Caller<H::Caller>, B::Input), ApiError> {
        let (caller, body) = self.enter::<H>()?;
        Ok((caller, B::read(body, H::FORMATS).await?))
    }

    /// The caller alone, for a handler that does not read the body.
    ///
    /// # Errors
    ///
    /// 500 if the request did not come through the dispatcher.
    pub fn admit_unread<H: Host>(self, _: &Context<H>) -> Result<P::Caller<H::Caller>, ApiError> {
        Ok(self.enter::<H>()?.0)
    }

    pub(crate) fn enter<H: Host>(self) -> Result<(P::Caller<H::Caller>, LazyBody), ApiError> {
        let entry = self.admitted.and_then(|admitted| admitted.downcast::<Entry<H::Caller>>().ok());
        let entered = entry.and_then(|entry| {
            let (caller, body) = *entry;
            Some((P::Caller::from_caller(caller)?, body))
        });
        entered.ok_or_else(not_admitted)
    }
}

/// The caller, unless anonymous, and the unread body.
type Entry<C> = (Option<C>, LazyBody);

/// An [`Entry`] whose type of caller only the handler knows: dropshot's extractors don't.
type Admitted = Box<dyn Any + Send + Sync>;

/// An authenticated request on its way from the dispatcher to the extractors of its handler.
struct Admission {
    entry: Cell<Option<Admitted>>,
    variables: Variables,
    /// `Accept`, where the operation has several content types to choose from.
    accept: HeaderMap,
    /// [`Host::LENIENT_PARAMETERS`].
    is_lenient: bool,
}

/// The variables in a request's path, by name.
pub(crate) type Variables = Vec<(&'static str, String)>;

tokio::task_local! {
    /// dropshot gives an extractor nothing but the request, whose extensions would cost four
    /// allocations and a clone. Unset under dropshot's own server, so no call is admitted there.
    static ADMISSION: Admission;
}

/// Runs a handler whose [`Call`] gets this caller and this body.
pub(crate) fn with_admitted<H: Host, F: Future>(
    caller: Option<H::Caller>,
    body: LazyBody,
    variables: Variables,
    accept: HeaderMap,
    handler: F,
) -> impl Future<Output = F::Output> {
    let entry: Entry<H::Caller> = (caller, body);
    let entry = Cell::new(Some(Box::new(entry) as Admitted));
    let is_lenient = H::LENIENT_PARAMETERS;
    ADMISSION.scope(Admission { entry, variables, accept, is_lenient }, handler)
}

/// Calls `read` with the values of the variables in the path of the request that is being handled.
///
/// # Errors
///
/// 500 if the request did not come through the dispatcher.
pub(crate) fn with_path<T>(
    read: impl FnOnce(&dyn Fn(&str) -> Vec<String>) -> T,
) -> Result<T, ApiError> {
    let with = |admission: &Admission| {
        read(&|name| {
            let found = admission.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone()).into_iter().collect()
        })
    };
    ADMISSION.try_with(with).map_err(|_| not_admitted())
}

/// Of these content types with their values, the value of the one that the client of the current
/// request prefers. `None` if it accepts none of them.
pub fn preferred<T: Copy>(all: &[(T, &str)]) -> Option<T> {
    let choose = |admission: &Admission| {
        let media_types = all.iter().map(|(_, media)| *media);
        negotiation::best(&admission.accept, media_types)
    };
    let place = ADMISSION.try_with(choose).ok().flatten()?;
    all.get(place).map(|(value, _)| *value)
}

/// Whether a parameter that is not of its type counts as not sent.
pub(crate) fn is_lenient() -> bool {
    ADMISSION.try_with(|admission| admission.is_lenient).unwrap_or_default()
}

fn not_admitted() -> ApiError {
    ApiError::internal("a request that the dispatcher has not admitted".to_owned())
}

#[async_trait]
impl<P: Policy, B: RequestBody> ExclusiveExtractor for Call<P, B> {
    async fn from_request<C: dropshot::ServerContext>(
        _: &RequestContext<C>,
        _: hyper::Request<dropshot::Body>,
    ) -> Result<Self, HttpError> {
        let admitted = ADMISSION.try_with(|admission| admission.entry.take()).ok().flatten();
        Ok(Call { admitted, marker: PhantomData })
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        let mut metadata =
            <dropshot::Query<Marker<P, B>> as SharedExtractor>::metadata(content_type.clone());
        metadata.parameters.extend(B::metadata(content_type));
        metadata
    }
}

/// Name of the parameter in which a signature's markers travel through dropshot's own document.
/// The export takes it out and turns it into `security` and `requestBody`.
pub const MARKER: &str = "x-contract-marker";

/// Turns the marker types of a signature into something that dropshot carries: a parameter with one
/// possible value.
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
            "scopes": P::SCOPES,
            "mediaTypes": B::media_types(),
            "required": B::REQUIRED,
        });
        marker(&says)
    }
}

/// An object schema with one member, [`MARKER`], whose one possible value is a text that says it
/// all.
pub(crate) fn marker(says: &Value) -> Schema {
    let mut object = SchemaObject {
        instance_type: Some(InstanceType::Object.into()),
        ..SchemaObject::default()
    };
    let member = json!({ "type": "string", "enum": [says.to_string()] });
    let member = serde_json::from_value::<SchemaObject>(member).unwrap_or_default();
    object.object().properties.insert(MARKER.to_owned(), Schema::Object(member));
    object.object().required.insert(MARKER.to_owned());
    Schema::Object(object)
}

/// Key of a source schema within dropshot's document, whose own model of schemas would lose some of
/// it and panic at more. The export replaces the schema by its value.
pub const SOURCE_SCHEMA: &str = "x-contract-source";

/// An OpenAPI 3.0 schema object, for the export only.
pub fn source_schema(_: &mut SchemaGenerator, source: &str) -> Schema {
    let source: Value = serde_json::from_str(source).unwrap_or_default();
    Schema::Object(SchemaObject {
        extensions: [(SOURCE_SCHEMA.to_owned(), source)].into_iter().collect(),
        ..SchemaObject::default()
    })
}
