//! The types in the signatures of the generated trait. They state what the document promises, and
//! hold the request.
//!
//! `Call<Policy, Body>` is an authenticated request; [`Call::admit`] returns its caller and its
//! fields. `Reply<STATUS, T>` is the response. dropshot's own failures of extraction cannot carry
//! headers, so extractors here never fail: they hold the failure.

use std::marker::PhantomData;

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, ExclusiveExtractor, ExtractorMetadata, HttpError, RequestContext,
    SharedExtractor, TypedBody,
};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use zeroize::Zeroize;

use crate::admission::{self, Admitted, AdmittedRequest, not_admitted};
use crate::body::{BodyError, Fields};
use crate::fields::{self, FieldErrors, NON_FIELD, Rules, Table};
use crate::keywords::Formats;
use crate::markers::marker;
use crate::operation::{ContentTypes, FromCaller, HasConstraints, Policy};
use crate::{ApiError, Context, Host, LazyBody};

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
                let is_missing = body.is_missing() && !formats.lenient_values;
                if is_missing && Self::REQUIRED {
                    return Err(BodyError::NoData.into());
                }
                // Boxed, since its many states would be moved about with each request that has no
                // body.
                let fields = Box::pin(body.fields()).await?;
                Ok(Input { is_missing, ..Input::new(fields, formats) })
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
    is_missing: bool,
    formats: &'static Formats,
    marker: PhantomData<T>,
}

impl<T> Input<T> {
    /// `formats` are those of the [`Host`].
    pub fn new(fields: Fields, formats: &'static Formats) -> Input<T> {
        Input { fields, is_missing: false, formats, marker: PhantomData }
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

    /// As [`Input::read`]; `None` if no body was sent.
    ///
    /// # Errors
    ///
    /// 400 with every bad field.
    pub fn read_optional(self) -> Result<Option<T>, ApiError> {
        if self.is_missing { Ok(None) } else { self.read().map(Some) }
    }

    /// Text without control characters, as in the input of InvenTree's own views.
    ///
    /// # Errors
    ///
    /// 400 for a field with an HTML tag in it, before any other check.
    pub fn sanitized(self) -> Result<Input<T>, ApiError> {
        Ok(Input { fields: self.fields.sanitized()?, ..self })
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
    /// Without the faults of fields that have one already.
    pub(crate) fn without_faults_of(mut self, known: &FieldErrors) -> Checked<T> {
        self.errors.retain(|field| !known.iter().any(|(name, _)| name == field));
        self
    }

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
        let entry = self
            .admitted
            .and_then(|admitted| admitted.downcast::<AdmittedRequest<H::Caller>>().ok());
        let entered = entry.and_then(|entry| {
            let (caller, body) = *entry;
            Some((P::Caller::from_caller(caller)?, body))
        });
        entered.ok_or_else(not_admitted)
    }
}

#[async_trait]
impl<P: Policy, B: RequestBody> ExclusiveExtractor for Call<P, B> {
    async fn from_request<C: dropshot::ServerContext>(
        _: &RequestContext<C>,
        _: hyper::Request<dropshot::Body>,
    ) -> Result<Self, HttpError> {
        Ok(Call { admitted: admission::take(), marker: PhantomData })
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        let mut metadata =
            <dropshot::Query<Marker<P, B>> as SharedExtractor>::metadata(content_type.clone());
        metadata.parameters.extend(B::metadata(content_type));
        metadata
    }
}

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
