//! What the generated tables and marker types declare of an operation.

use crate::constraints::SchemaRef;
use crate::fields::Property;

/// Security alternatives of an operation, as the document lists them.
pub type Security = &'static [&'static [&'static str]];

/// Scopes of an operation: for each of its [`Security`] alternatives a list for each scheme. Empty
/// where no alternative has scopes.
pub type Scopes = &'static [&'static [&'static [&'static str]]];

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

/// Content types of a request, or of a response in JSON.
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

/// The form in which an operation gets its caller: `C` where credentials are required, else
/// `Option<C>`.
pub trait FromCaller<C>: Sized {
    /// `None` if the operation requires a caller and there is none.
    fn from_caller(caller: Option<C>) -> Option<Self>;
}

impl<C> FromCaller<C> for C {
    fn from_caller(caller: Option<C>) -> Option<C> {
        caller
    }
}

impl<C> FromCaller<C> for Option<C> {
    fn from_caller(caller: Option<C>) -> Option<Option<C>> {
        Some(caller)
    }
}
