//! Path, query, header and cookie parameters, as the generated structs read them.

mod styles;

use std::borrow::Cow;
use std::cell::RefCell;

use std::str::FromStr;

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, ExtractorMetadata, HttpError, RequestContext, SharedExtractor,
};
use http::HeaderMap;
use schemars::JsonSchema;
use schemars::r#gen::{SchemaGenerator, SchemaSettings};
use schemars::schema::{InstanceType, Schema, SchemaObject};
use serde::de::DeserializeOwned;
pub use styles::{Parameter, Style};

use crate::ApiError;
use crate::admission::{ParameterRules, parameter_rules, with_path};
use crate::constraints::Problem;
use crate::fields::FieldErrors;
use crate::formats::TextFormat;
use crate::markers::source_schema;

/// A type with one member per path, query or header parameter.
pub trait Parameters: Sized {
    /// Reads them from the request. `None` if there is a problem: [`RawParameters`] collects all.
    fn read(sent: &RawParameters<'_>) -> Option<Self>;
}

/// The parameters in one location of a request as they were sent, and the problems with them.
pub struct RawParameters<'a> {
    /// All texts under a name, in their order.
    get: &'a dyn Fn(&str) -> Vec<String>,
    /// All names with their texts.
    pairs: &'a dyn Fn() -> Vec<(String, String)>,
    rules: ParameterRules,
    errors: RefCell<FieldErrors>,
}

impl<'a> RawParameters<'a> {
    /// From all texts under a name, and all names with their texts.
    pub fn new(
        get: &'a dyn Fn(&str) -> Vec<String>,
        pairs: &'a dyn Fn() -> Vec<(String, String)>,
    ) -> RawParameters<'a> {
        let errors = RefCell::new(FieldErrors::default());
        RawParameters { get, pairs, rules: parameter_rules(), errors }
    }

    fn add(&self, name: &str, messages: Vec<String>) {
        let name = name.strip_prefix(COOKIE).unwrap_or(name);
        self.errors.borrow_mut().add(name, messages);
    }

    /// Whether a text has a format, by the rules of the host.
    pub fn holds(&self, format: TextFormat, text: &str) -> bool {
        (self.rules.formats.holds)(format, text)
    }

    /// The last text, when it is of its type and within its bounds: when it is as `expected`.
    pub fn last<T: FromStr>(
        &self,
        name: &str,
        fits: impl Fn(&T) -> bool,
        expected: &str,
    ) -> Option<T> {
        let text = (self.get)(name).pop()?;
        self.one(name, &text, &fits, expected)
    }

    /// All texts, when every one is of its type and within its bounds.
    pub fn all<T: FromStr>(
        &self,
        name: &str,
        fits: impl Fn(&T) -> bool,
        expected: &str,
    ) -> Option<Vec<T>> {
        let texts = (self.get)(name);
        let read = texts.iter().map(|text| self.one(name, text, &fits, expected));
        read.collect::<Option<Vec<T>>>().filter(|items| !items.is_empty())
    }

    fn one<T: FromStr>(
        &self,
        name: &str,
        text: &str,
        fits: &impl Fn(&T) -> bool,
        expected: &str,
    ) -> Option<T> {
        match text.parse::<T>() {
            Ok(value) if fits(&value) => return Some(value),
            // An empty text represents an absent value.
            Err(_) if text.is_empty() => {}
            _ if self.rules.is_lenient => {}
            _ => self.add(name, vec![format!("Expected {expected}.")]),
        }
        None
    }

    /// A value that is no plain text, when it is in its style and keeps its schema.
    pub fn value<T: DeserializeOwned>(&self, parameter: &Parameter) -> Option<T> {
        let name = parameter.name;
        let value = match parameter.value(self) {
            Ok(value) => value?,
            Err(message) => {
                self.add(name, vec![message.to_owned()]);
                return None;
            }
        };
        let problems = parameter.schema.problems(&value, self.rules.formats);
        if problems.is_empty() {
            let read = serde_json::from_value(value);
            return read.map_err(|e| self.add(name, vec![format!("Invalid data: {e}.")])).ok();
        }
        let message = |problem: &Problem| match &problem.field {
            Some(field) if problem.path.is_empty() => format!("{field}: {}", problem.message),
            Some(field) => format!("{field}.{}", problem.text()),
            None => problem.text(),
        };
        self.add(name, problems.iter().map(message).collect());
        None
    }

    /// Notes a required parameter that is missing.
    pub fn required<T>(&self, name: &str, value: Option<T>) -> Option<T> {
        let shown = name.strip_prefix(COOKIE).unwrap_or(name);
        let is_known = || self.errors.borrow().iter().any(|(known, _)| known == shown);
        if value.is_none() && !is_known() {
            self.add(name, vec!["This field is required.".to_owned()]);
        }
        value
    }

    fn finish<T>(self, read: Option<T>) -> Result<T, ApiError> {
        let errors = self.errors.into_inner();
        match read {
            Some(read) if errors.is_empty() => Ok(read),
            _ => Err(ApiError::fields(&errors)),
        }
    }
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
        let read = with_path(|get| {
            let sent = RawParameters::new(get, &Vec::new);
            let read = T::read(&sent);
            sent.finish(read).map_err(|_| ApiError::not_found())
        });
        Ok(Path(read.and_then(|read| read)))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        <dropshot::Path<T> as SharedExtractor>::metadata(content_type)
    }
}

/// Query parameters. Of a plain one that is sent more than once the last counts.
pub struct Query<T>(Result<T, ApiError>);

impl<T> Query<T> {
    /// # Errors
    ///
    /// 400 with every parameter that is missing, not of its type or out of its bounds.
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
        let parsed = || form_urlencoded::parse(query.as_bytes());
        let get = |name: &str| {
            let pairs = parsed().filter(|(key, _)| key == name);
            pairs.map(|(_, value)| value.trim().to_owned()).collect()
        };
        let pairs = || {
            let own = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
                (name.into_owned(), value.trim().to_owned())
            };
            parsed().map(own).collect()
        };
        let sent = RawParameters::new(&get, &pairs);
        let read = T::read(&sent);
        Ok(Query(sent.finish(read)))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        <dropshot::Query<T> as SharedExtractor>::metadata(content_type)
    }
}

/// Header and cookie parameters.
pub struct Headers<T>(Result<T, ApiError>);

impl<T> Headers<T> {
    /// # Errors
    ///
    /// 400 with every one that is missing, not of its type or out of its bounds.
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
        let headers = rqctx.request.headers();
        let get = |name: &str| {
            // A cookie has its name after the header's.
            if let Some(cookie) = name.strip_prefix(COOKIE) {
                return cookies(headers)
                    .filter(|(known, _)| known == cookie)
                    .map(|c| c.1)
                    .collect();
            }
            let values = headers.get_all(name).into_iter();
            values
                .map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
                .collect()
        };
        let pairs = || cookies(headers).collect();
        let sent = RawParameters::new(&get, &pairs);
        let read = T::read(&sent);
        Ok(Headers(sent.finish(read)))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        <dropshot::Header<T> as SharedExtractor>::metadata(content_type)
    }
}

/// Before the name of a cookie, which is read beside headers.
const COOKIE: &str = "cookie=";

/// The cookies of a request (RFC 6265), with their values decoded.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    let values = headers.get_all(http::header::COOKIE).into_iter();
    let pairs = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.split_once('=')).map(|(name, value)| {
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy();
        (name.trim().to_owned(), value.trim_matches('"').to_owned())
    })
}

/// An object schema with one member per parameter, from which dropshot derives its parameters. To
/// dropshot each is a text.
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
