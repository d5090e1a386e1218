//! The structure of OpenAPI: the shape of each keyword of each object.

use serde_json::{Value, json};

/// The objects of OpenAPI with fixed keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ObjectKind {
    Document,
    Info,
    Server,
    ServerVariable,
    Paths,
    PathItem,
    Operation,
    Parameter,
    Body,
    Responses,
    Response,
    Header,
    MediaType,
    Encoding,
    Link,
    Callback,
    Components,
    Schema,
    Discriminator,
    Xml,
    SecurityScheme,
    Flows,
    Flow,
    SecurityRequirement,
    /// Data, or the value of an unknown keyword: its keys are not keywords.
    Data,
}

/// The shape of the value of a keyword.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldShape {
    /// An annotation, or inherited content that [`Visitor::path_item`] has moved into the
    /// operations.
    Nothing,
    One(ObjectKind),
    /// Order matters.
    List(ObjectKind),
    /// Neither order nor repetition matters.
    Set(ObjectKind),
    /// Order does not matter, repetition does.
    Bag(ObjectKind),
    /// An object whose keys are names.
    Map(ObjectKind),
    /// An array that becomes an object keyed by `in:name`.
    Parameters,
    /// An object of which only the keys matter.
    Names,
}

const METHODS: [&str; 9] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// Whether a member of a path item is an operation. Methods without a keyword of their own are in
/// capitals.
pub(crate) fn is_method(keyword: &str) -> bool {
    let is_token = || {
        !keyword.is_empty() && keyword.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    };
    METHODS.contains(&keyword) || is_token()
}

/// The structure of OpenAPI 3.0.4, 3.1.1 and 3.2.0. First match wins.
pub(crate) fn field_shape(kind: ObjectKind, keyword: &str) -> FieldShape {
    use FieldShape::*;
    use ObjectKind::*;
    match (kind, keyword) {
        // Names, not keywords: a scheme may be named `x-key`.
        (SecurityRequirement, _) => Set(Data),
        (_, extension) if extension.starts_with("x-") => Nothing,

        (Paths | Callback, _) => One(PathItem),
        (Responses, _) => One(Response),

        (Info, "title" | "version") => One(Data),
        (Info, _) => Nothing,
        (_, "description" | "summary" | "example" | "examples" | "externalDocs") => Nothing,

        (Document, "info") => One(Info),
        (Document, "paths") => One(Paths),
        (Document, "webhooks") => Map(PathItem),
        (Document, "components") => One(Components),
        (Document, "tags" | "security" | "$self") => Nothing,
        (Server, "name") => Nothing,
        (Document | PathItem | Operation, "servers") => List(Server),
        (Server, "variables") => Map(ServerVariable),
        (ServerVariable, "enum") => Set(Data),

        (PathItem, method) if is_method(method) => One(Operation),
        (PathItem | Operation, "parameters") => Parameters,
        (Operation, "tags") => Set(Data),
        (Operation, "security") => Set(SecurityRequirement),
        (Operation, "requestBody") => One(Body),
        (Operation, "responses") => One(Responses),
        (Operation, "callbacks") => Map(Callback),

        (Parameter | Header | Body | Response, "content") => Map(MediaType),
        (Parameter | Header | MediaType, "schema") => One(Schema),
        (MediaType, "itemSchema") => One(Schema),
        (MediaType | Encoding, "encoding") => Map(Encoding),
        (MediaType | Encoding, "prefixEncoding") => List(Encoding),
        (MediaType | Encoding, "itemEncoding") => One(Encoding),
        (Response | Encoding, "headers") => Map(Header),
        (Response, "links") => Map(Link),
        (Link, "parameters") => Map(Data),
        (Link, "server") => One(Server),

        (Components, "schemas") => Map(Schema),
        (Components, "responses") => Map(Response),
        (Components, "parameters") => Map(Parameter),
        (Components, "requestBodies") => Map(Body),
        (Components, "headers") => Map(Header),
        (Components, "securitySchemes") => Map(SecurityScheme),
        (Components, "links") => Map(Link),
        (Components, "callbacks") => Map(Callback),
        // References to them are written out.
        (Components, "pathItems" | "mediaTypes") => Nothing,

        (Schema, "$comment" | "$schema" | "$id" | "$anchor" | "$dynamicAnchor" | "$vocabulary") => {
            Nothing
        }
        (Schema, "properties" | "patternProperties" | "dependentSchemas" | "$defs") => Map(Schema),
        (Schema, "dependentRequired") => Map(Data),
        (Schema, "required" | "enum") => Set(Data),
        (Schema, "prefixItems") => List(Schema),
        (Schema, "allOf" | "anyOf") => Set(Schema),
        // A schema that is listed twice matches twice, which `oneOf` refuses.
        (Schema, "oneOf") => Bag(Schema),
        (
            Schema,
            "not"
            | "items"
            | "additionalProperties"
            | "contains"
            | "propertyNames"
            | "if"
            | "then"
            | "else"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "contentSchema",
        ) => One(Schema),
        (Schema, "discriminator") => One(Discriminator),
        (Schema, "xml") => One(Xml),
        (Discriminator, "mapping") => Map(Data),

        (SecurityScheme, "flows") => One(Flows),
        (Flows, _) => One(Flow),
        // The values are descriptions.
        (Flow, "scopes") => Names,

        _ => One(Data),
    }
}

/// Whether a keyword states only its default.
pub(super) fn is_default(kind: ObjectKind, keyword: &str, value: &Value) -> bool {
    use ObjectKind::*;
    match (kind, keyword) {
        (Parameter | Header | Body, "required")
        | (Parameter | Header, "allowEmptyValue")
        | (Parameter | Header | Encoding, "allowReserved")
        | (Operation | Parameter | Header | Schema, "deprecated")
        | (Schema, "nullable" | "readOnly" | "writeOnly" | "uniqueItems")
        | (Schema, "exclusiveMinimum" | "exclusiveMaximum")
        | (Xml, "attribute" | "wrapped") => *value == json!(false),
        (Schema, "minLength" | "minItems" | "minProperties") => *value == json!(0),
        (Schema, "minContains") => *value == json!(1),
        // They match every text.
        (Schema, "pattern") => ["", ".*", "^", "^.*", "$", ".*$"].iter().any(|all| value == all),
        (Document, "jsonSchemaDialect") => value.as_str().is_some_and(|dialect| {
            dialect.starts_with("https://spec.openapis.org/oas/3.")
                || dialect.contains("json-schema.org/draft/2020-12")
        }),
        (Schema, "required") => *value == json!([]),
        (
            Schema,
            "additionalProperties"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "items"
            | "propertyNames"
            | "contentSchema",
        ) => *value == json!(true) || *value == json!({}),
        (Document, "servers") => *value == json!([]) || *value == json!([{"url": "/"}]),
        // An empty map means the same as no map.
        (Document, "paths" | "components" | "webhooks")
        | (Components, _)
        | (Server, "variables")
        | (Operation, "callbacks")
        | (Parameter | Header | Body | Response, "content")
        | (MediaType, "encoding")
        | (Response | Encoding, "headers")
        | (Response, "links")
        | (Link, "parameters")
        | (Schema, "properties" | "patternProperties" | "dependentSchemas" | "dependentRequired")
        | (Discriminator, "mapping") => *value == json!({}),
        _ => false,
    }
}
