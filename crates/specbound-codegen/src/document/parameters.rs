//! Parameters of operations and path items.

use serde_json::{Map, Value};

use super::{EncodedParameter, Parameter, ParameterLocation};
use crate::Error;
use crate::names::field_name;
use crate::openapi::WIRE;
use crate::read::{flag, list, optional, reject_unknown_keys, text, unsupported};
use crate::schema;

/// The parameters of an operation or a path item.
pub(super) fn parameters(source: &Map<String, Value>, at: &str) -> Result<Vec<Parameter>, Error> {
    let parameters = list(source, "parameters", at)?.iter().enumerate();
    parameters.map(|(n, source)| parameter(source, &format!("{at}/parameters/{n}"))).collect()
}

impl Parameter {
    /// A parameter of the operation overrides the same one of the path item.
    pub(super) fn is_same(&self, other: &Parameter) -> bool {
        self.location == other.location
            && self.is_cookie == other.is_cookie
            && self.name == other.name
    }
}

fn parameter(source: &Value, at: &str) -> Result<Parameter, Error> {
    let parameter =
        source.as_object().ok_or_else(|| unsupported(at, "a parameter must be an object"))?;
    let name =
        text(parameter, "name", at)?.ok_or_else(|| unsupported(at, "a parameter needs a name"))?;
    let schema =
        parameter.get("schema").ok_or_else(|| unsupported(at, "a parameter needs a schema"))?;
    let taken = [
        "name",
        "in",
        "required",
        "description",
        "schema",
        "example",
        "examples",
        "style",
        "explode",
    ];
    reject_unknown_keys(parameter, &[&taken[..], &["deprecated"]].concat(), at)?;
    let location = match text(parameter, "in", at)?.as_deref() {
        Some("path") => ParameterLocation::Path,
        Some("query") => ParameterLocation::Query,
        Some("header" | "cookie") => ParameterLocation::Header,
        _ => return Err(unsupported(at, "a parameter is in path, query, header or cookie")),
    };
    let style = text(parameter, "style", at)?;
    let explode = optional(parameter, "explode", at, "true or false", Value::as_bool)?;
    let (usual_style, usual_explode) =
        if location == ParameterLocation::Query { ("form", true) } else { ("simple", false) };
    if style.is_some_and(|style| style != usual_style)
        || explode.is_some_and(|explode| explode != usual_explode)
    {
        return Err(unsupported(
            at,
            &format!("only the style `{usual_style}` with explode={usual_explode} is taken"),
        ));
    }
    let required = flag(parameter, "required", at)?;
    if location == ParameterLocation::Path && !required {
        return Err(unsupported(at, "a path parameter is required"));
    }
    schema::check_parameter(schema, location == ParameterLocation::Query, at)?;
    Ok(Parameter {
        field: field_name(&name),
        name,
        location,
        required,
        description: text(parameter, "description", at)?,
        schema: schema.clone(),
        is_cookie: parameter["in"] == "cookie",
        wire: parameter.get(WIRE).map(|wire| EncodedParameter {
            style: wire["style"].as_str().unwrap_or_default().to_owned(),
            explode: wire["explode"] == true,
            original: wire["original"].clone(),
            schema: wire["schema"].clone(),
            named: None,
        }),
    })
}

/// Whether the values of a parameter's schema have a plain Rust type.
pub(super) fn has_plain_type(schema: &Value) -> bool {
    let is_scalar = |schema: &Value| {
        ["string", "integer", "number", "boolean"].iter().any(|kind| schema["type"] == **kind)
            && schema["nullable"] != true
    };
    is_scalar(schema) || (schema["type"] == "array" && is_scalar(&schema["items"]))
}
