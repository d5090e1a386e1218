//! Request bodies that are no object with members: JSON of any schema, and bytes of any type.
//!
//! Bytes are read by the handler, in pieces or whole, within its own limit; nothing is buffered
//! before. JSON is read within the limits of [`crate::lazy_body`].

use std::marker::PhantomData;

use dropshot::{ApiEndpointBodyContentType, ApiEndpointParameter, ExclusiveExtractor, TypedBody};
use http::StatusCode;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::body_reader::BodyReader;
use crate::call::RequestBody;
use crate::fields::{FieldErrors, NON_FIELD};
use crate::keywords::Formats;
use crate::lazy_body::too_large;
use crate::operation::{ContentTypes, HasConstraints};
use crate::{ApiError, LazyBody};

/// A JSON body of any schema.
pub struct JsonBody<T, C, const REQUIRED: bool = true>(PhantomData<fn() -> (T, C)>);

/// A JSON value before any check. `None` for an empty body.
pub struct JsonInput<T> {
    value: Option<Value>,
    formats: &'static Formats,
    marker: PhantomData<T>,
}

impl<T, C, const REQUIRED: bool> RequestBody for JsonBody<T, C, REQUIRED>
where
    T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
    C: ContentTypes,
{
    type Input = JsonInput<T>;

    const REQUIRED: bool = REQUIRED;

    fn media_types() -> Vec<&'static str> {
        C::MEDIA_TYPES.to_vec()
    }

    async fn read(mut body: LazyBody, formats: &'static Formats) -> Result<JsonInput<T>, ApiError> {
        let value = Box::pin(body.json(C::MEDIA_TYPES)).await?;
        Ok(JsonInput::new(value, formats))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> Vec<ApiEndpointParameter> {
        <TypedBody<T> as ExclusiveExtractor>::metadata(content_type).parameters
    }
}

impl<T: HasConstraints + DeserializeOwned> JsonInput<T> {
    pub(crate) fn new(value: Option<Value>, formats: &'static Formats) -> JsonInput<T> {
        JsonInput { value, formats, marker: PhantomData }
    }

    /// The value, checked against its schema.
    ///
    /// # Errors
    ///
    /// 400 with every problem, or for an empty body.
    pub fn read(self) -> Result<T, ApiError> {
        let missing = || ApiError::fields(&FieldErrors::general("No data provided"));
        self.read_optional()?.ok_or_else(missing)
    }

    /// As [`JsonInput::read`]; `None` for an empty body.
    ///
    /// # Errors
    ///
    /// 400 with every problem.
    pub fn read_optional(self) -> Result<Option<T>, ApiError> {
        let Some(value) = self.value else { return Ok(None) };
        let mut errors = FieldErrors::default();
        if let Some(schema) = T::SCHEMA {
            for problem in schema.problems(&value, self.formats) {
                let field = problem.field.as_deref().unwrap_or(NON_FIELD);
                errors.add(field, vec![problem.text()]);
            }
        }
        if !errors.is_empty() {
            return Err(ApiError::fields(&errors));
        }
        serde_json::from_value(value)
            .map(Some)
            .map_err(|e| ApiError::fields(&FieldErrors::general(format!("Invalid data: {e}."))))
    }
}

/// A body of any other content type, unread.
pub struct RawBody<C, const REQUIRED: bool = true>(PhantomData<fn() -> C>);

impl<C: ContentTypes, const REQUIRED: bool> RequestBody for RawBody<C, REQUIRED> {
    type Input = Upload;

    const REQUIRED: bool = REQUIRED;

    fn media_types() -> Vec<&'static str> {
        C::MEDIA_TYPES.to_vec()
    }

    async fn read(mut body: LazyBody, _: &'static Formats) -> Result<Upload, ApiError> {
        body.require_type(C::MEDIA_TYPES)?;
        let content_type = body.content_type().map(str::to_owned);
        let (declared, unread) = body.into_unread()?;
        Ok(Upload { content_type, declared, unread })
    }

    fn metadata(_: ApiEndpointBodyContentType) -> Vec<ApiEndpointParameter> {
        Vec::new()
    }
}

/// Bytes that a client sends.
pub struct Upload {
    content_type: Option<String>,
    declared: Option<usize>,
    unread: Option<BodyReader>,
}

impl Upload {
    /// `Content-Type` as it was sent.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// `Content-Length`, if the client sent it.
    pub fn declared_length(&self) -> Option<usize> {
        self.declared
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// 408 if the body arrives too slowly, 400 if the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, ApiError> {
        match &mut self.unread {
            Some(body) => Ok(body.next().await?),
            None => Ok(None),
        }
    }

    /// All bytes, up to a limit.
    ///
    /// # Errors
    ///
    /// 413 for more, and those of [`Upload::chunk`].
    pub async fn bytes(mut self, limit: usize) -> Result<Vec<u8>, ApiError> {
        let too_large = || too_large(limit);
        if self.declared.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut collected = Vec::new();
        while let Some(data) = self.chunk().await? {
            if collected.len() + data.len() > limit {
                return Err(too_large());
            }
            collected.extend_from_slice(&data);
        }
        Ok(collected)
    }

    /// All of it as text, up to a limit.
    ///
    /// # Errors
    ///
    /// 400 for bytes that are not UTF-8, and those of [`Upload::bytes`].
    pub async fn text(self, limit: usize) -> Result<String, ApiError> {
        String::from_utf8(self.bytes(limit).await?).map_err(|_| {
            ApiError::detail(StatusCode::BAD_REQUEST, "The request body is not UTF-8.")
        })
    }
}

/// One of two bodies, by the content type: `B` for its own, else `A`.
pub struct EitherBody<A, B>(PhantomData<fn() -> (A, B)>);

/// The input of an [`EitherBody`].
pub enum Either<A, B> {
    /// That of the first.
    Fields(A),
    /// That of the second.
    Raw(B),
}

impl<A, B> RequestBody for EitherBody<A, B>
where
    A: RequestBody<Input: Send>,
    B: RequestBody<Input: Send>,
{
    type Input = Either<A::Input, B::Input>;

    const REQUIRED: bool = A::REQUIRED;

    fn media_types() -> Vec<&'static str> {
        [A::media_types(), B::media_types()].concat()
    }

    async fn read(body: LazyBody, formats: &'static Formats) -> Result<Self::Input, ApiError> {
        let is_firsts = body.has_type(&A::media_types());
        if !is_firsts && body.has_type(&B::media_types()) {
            return B::read(body, formats).await.map(Either::Raw);
        }
        A::read(body, formats).await.map(Either::Fields)
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> Vec<ApiEndpointParameter> {
        A::metadata(content_type)
    }
}
