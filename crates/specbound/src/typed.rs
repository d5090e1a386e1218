//! Calls whose handler takes the typed body only.
//!
//! Good JSON is read straight into the type; all else by way of [`Input`], which finds every
//! problem. Both must read one body as one value.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bodies::JsonInput;
use crate::body::{self, BodyError, BodyLimits, json};
use crate::call::{Call, RequestBody};
use crate::fields::as_json;
use crate::keywords::Formats;
use crate::operation::{ContentTypes, HasConstraints, Policy};
use crate::{ApiError, Body, Context, Host, Input, JsonBody, LazyBody, OptionalBody, direct};

/// A body that is read into its type at once.
pub trait TypedBody: RequestBody {
    /// That type.
    type Value;

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// Those of the body, and 400 with every problem of its values.
    fn read_value(
        body: LazyBody,
        formats: &'static Formats,
    ) -> impl Future<Output = Result<Self::Value, ApiError>> + Send;
}

impl<P: Policy, B: TypedBody> Call<P, B> {
    /// The caller, and the body as its type: as [`Call::admit`] and [`Input::read`] do it, in one
    /// pass over good JSON.
    ///
    /// # Errors
    ///
    /// Those of the body: 415, 400, 413, 408, 503.
    pub async fn read<H: Host>(
        self,
        _: &Context<H>,
    ) -> Result<(P::Caller<H::Caller>, B::Value), ApiError> {
        let (caller, body) = self.enter::<H>()?;
        Ok((caller, B::read_value(body, H::FORMATS).await?))
    }
}

/// A body with members; `None` if none was sent.
async fn members<T, C>(mut body: LazyBody, formats: &'static Formats) -> Result<Option<T>, ApiError>
where
    T: HasConstraints + DeserializeOwned + Send + 'static,
    C: ContentTypes,
{
    body.also_json(C::MEDIA_TYPES);
    if body.is_missing() && !formats.lenient_values {
        return Ok(None);
    }
    if body.is_json() {
        let read =
            move |bytes: &[u8], limits: &BodyLimits| Input::<T>::read_json(bytes, formats, limits);
        if let Some(value) = Box::pin(body.whole(read)).await? {
            return Ok(Some(value));
        }
    }
    Input::new(Box::pin(body.fields()).await?, formats).read().map(Some)
}

impl<T, C> TypedBody for Body<T, C>
where
    T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
    C: ContentTypes,
{
    type Value = T;

    async fn read_value(body: LazyBody, formats: &'static Formats) -> Result<T, ApiError> {
        Ok(members::<T, C>(body, formats).await?.ok_or(BodyError::NoData)?)
    }
}

impl<T, C> TypedBody for OptionalBody<T, C>
where
    T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
    C: ContentTypes,
{
    type Value = Option<T>;

    async fn read_value(body: LazyBody, formats: &'static Formats) -> Result<Option<T>, ApiError> {
        members::<T, C>(body, formats).await
    }
}

async fn any_json<T, C>(
    mut body: LazyBody,
    formats: &'static Formats,
) -> Result<Option<T>, ApiError>
where
    T: HasConstraints + DeserializeOwned + Send + 'static,
    C: ContentTypes,
{
    body.require_type(C::MEDIA_TYPES)?;
    let read =
        move |bytes: &[u8], limits: &BodyLimits| JsonInput::<T>::read_json(bytes, formats, limits);
    Box::pin(body.whole(read)).await
}

impl<T, C> TypedBody for JsonBody<T, C, true>
where
    T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
    C: ContentTypes,
{
    type Value = T;

    async fn read_value(body: LazyBody, formats: &'static Formats) -> Result<T, ApiError> {
        Ok(any_json::<T, C>(body, formats).await?.ok_or(BodyError::NoData)?)
    }
}

impl<T, C> TypedBody for JsonBody<T, C, false>
where
    T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
    C: ContentTypes,
{
    type Value = Option<T>;

    async fn read_value(body: LazyBody, formats: &'static Formats) -> Result<Option<T>, ApiError> {
        any_json::<T, C>(body, formats).await
    }
}

impl<T: HasConstraints + DeserializeOwned> Input<T> {
    /// A JSON body, checked against the constraint table.
    ///
    /// # Errors
    ///
    /// 400 with every bad field, or for malformed JSON.
    pub fn read_json(
        bytes: &[u8],
        formats: &'static Formats,
        limits: &BodyLimits,
    ) -> Result<T, ApiError> {
        if T::SCHEMA.is_none()
            && let Ok(value) = direct::object(bytes, T::PROPERTIES, formats, limits)
        {
            return Ok(value);
        }
        Input::new(body::json_fields(bytes, limits)?, formats).read()
    }
}

impl<T: HasConstraints + DeserializeOwned> JsonInput<T> {
    /// JSON of any kind, checked against its schema.
    ///
    /// # Errors
    ///
    /// 400 with every problem, or for malformed JSON.
    pub fn read_json(
        bytes: &[u8],
        formats: &'static Formats,
        limits: &BodyLimits,
    ) -> Result<T, ApiError> {
        if T::SCHEMA.is_none()
            && let Ok(value) = direct::value(bytes, limits)
        {
            return Ok(value);
        }
        let value: Value = as_json(&json::parse(bytes, limits)?);
        JsonInput::new(Some(value), formats).read()
    }
}
