//! Path, query and header parameters, as the generated structs read them.

use std::str::FromStr;

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, ExtractorMetadata, HttpError, RequestContext, SharedExtractor,
};
use schemars::JsonSchema;
use schemars::r#gen::{SchemaGenerator, SchemaSettings};
use schemars::schema::{InstanceType, Schema, SchemaObject};
use serde::de::DeserializeOwned;

use crate::ApiError;
use crate::call::{source_schema, with_path};
use crate::fields::FieldErrors;

/// A type with one member per path, query or header parameter.
pub trait Parameters: Sized {
    /// From all that was sent under a name, in its order.
    ///
    /// # Errors
    ///
    /// The name of a required parameter that is missing, or not of its type, or out of its bounds.
    fn read(get: &dyn Fn(&str) -> Vec<String>) -> Result<Self, &'static str>;
}

/// The last of what was sent, when it is of its type and within its bounds.
pub fn last<T: FromStr>(sent: Vec<String>, fits: impl Fn(&T) -> bool) -> Option<T> {
    sent.last()?.parse().ok().filter(fits)
}

/// All of what was sent, when every one is of its type and within its bounds.
pub fn all<T: FromStr>(sent: Vec<String>, fits: impl Fn(&T) -> bool) -> Option<Vec<T>> {
    let read = sent.iter().map(|text| text.parse().ok().filter(&fits)).collect::<Option<Vec<T>>>();
    read.filter(|items| !items.is_empty())
}

/// Path parameters, or the reason why they are none.
pub struct Path<T>(Result<T, ApiError>);

impl<T> Path<T> {
    /// # Errors
    ///
    /// 404 for a segment that is not of its type or out of its bounds: there is no such row.
    pub fn read(self) -> Result<T, ApiError> {
        self.0
    }
}

#[async_trait]
impl<T: Parameters + JsonSchema + DeserializeOwned + Send + Sync + 'static> SharedExtractor
    for Path<T>
{
    async fn from_request<C: dropshot::ServerContext>(
        _: &RequestContext<C>,
    ) -> Result<Self, HttpError> {
        let read = with_path(|get| T::read(get).map_err(|_| ApiError::not_found()));
        Ok(Path(read.and_then(|read| read)))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        <dropshot::Path<T> as SharedExtractor>::metadata(content_type)
    }
}

/// Query parameters, as lenient as the reference: what is not of its type counts as not sent, and
/// the last one counts.
pub struct Query<T>(Result<T, ApiError>);

impl<T> Query<T> {
    /// # Errors
    ///
    /// 400 for a required parameter that is missing.
    pub fn read(self) -> Result<T, ApiError> {
        self.0
    }
}

#[async_trait]
impl<T: Parameters + JsonSchema + DeserializeOwned + Send + Sync + 'static> SharedExtractor
    for Query<T>
{
    async fn from_request<C: dropshot::ServerContext>(
        rqctx: &RequestContext<C>,
    ) -> Result<Self, HttpError> {
        let query = rqctx.request.uri().query().unwrap_or_default();
        let read = T::read(&|name| {
            let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            pairs.map(|(_, value)| value.trim().to_owned()).collect()
        });
        Ok(Query(read.map_err(is_required)))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        <dropshot::Query<T> as SharedExtractor>::metadata(content_type)
    }
}

/// Header parameters. Like query parameters, what is not of its type counts as not sent.
pub struct Headers<T>(Result<T, ApiError>);

impl<T> Headers<T> {
    /// # Errors
    ///
    /// 400 for a required header that is missing.
    pub fn read(self) -> Result<T, ApiError> {
        self.0
    }
}

#[async_trait]
impl<T: Parameters + JsonSchema + DeserializeOwned + Send + Sync + 'static> SharedExtractor
    for Headers<T>
{
    async fn from_request<C: dropshot::ServerContext>(
        rqctx: &RequestContext<C>,
    ) -> Result<Self, HttpError> {
        let read = T::read(&|name| {
            let values = rqctx.request.headers().get_all(name).into_iter();
            values
                .map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
                .collect()
        });
        Ok(Headers(read.map_err(is_required)))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        <dropshot::Header<T> as SharedExtractor>::metadata(content_type)
    }
}

fn is_required(name: &str) -> ApiError {
    let mut errors = FieldErrors::default();
    errors.add(name, vec!["This field is required.".to_owned()]);
    ApiError::fields(&errors)
}

/// An object schema with one member per parameter: what dropshot turns into parameters. To dropshot
/// each is a text.
pub fn parameters_schema(rows: &[(&str, bool, &str)]) -> Schema {
    let mut object = SchemaObject {
        instance_type: Some(InstanceType::Object.into()),
        ..SchemaObject::default()
    };
    let members = object.object();
    let mut generator = SchemaGenerator::new(SchemaSettings::openapi3());
    for (name, required, source) in rows {
        let mut schema = source_schema(&mut generator, source).into_object();
        schema.instance_type = Some(InstanceType::String.into());
        members.properties.insert((*name).to_owned(), Schema::Object(schema));
        if *required {
            members.required.insert((*name).to_owned());
        }
    }
    Schema::Object(object)
}
