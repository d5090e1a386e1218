//! Path, query and header parameters: one struct per operation and location, parsed from text and
//! checked against the bounds in the document.

use heck::ToPascalCase;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use super::constraints::{Tables, formats};
use super::document::{Operation, Parameter, ParameterLocation};
use super::names::type_name;
use super::schema::whole;

impl ParameterLocation {
    pub fn argument(self) -> &'static str {
        match self {
            ParameterLocation::Path => "path",
            ParameterLocation::Query => "query",
            ParameterLocation::Header => "headers",
        }
    }

    /// Name of the runtime type that passes them to a handler.
    pub fn extractor(self) -> &'static str {
        match self {
            ParameterLocation::Path => "Path",
            ParameterLocation::Query => "Query",
            ParameterLocation::Header => "Headers",
        }
    }
}

pub fn parameters_name(operation: &Operation, location: ParameterLocation) -> syn::Ident {
    format_ident!("{}{}", operation.id.to_pascal_case(), location.extractor())
}

/// The parameter structs of one operation.
pub fn structs(operation: &Operation, tables: &mut Tables<'_>) -> Vec<TokenStream> {
    let places =
        [ParameterLocation::Path, ParameterLocation::Query, ParameterLocation::Header].into_iter();
    let used = places.filter(|location| !operation.parameters_in(*location).is_empty());
    used.map(|location| of_place(operation, location, tables)).collect()
}

fn of_place(
    operation: &Operation,
    location: ParameterLocation,
    tables: &mut Tables<'_>,
) -> TokenStream {
    let runtime = tables.runtime();
    let name = parameters_name(operation, location);
    let list = operation.parameters_in(location);
    let fields = list.iter().map(|p| {
        let (field, kind) = (format_ident!("{}", p.field), rust_type(operation, p));
        let doc = p.description.iter().map(|d| quote!(#[doc = #d]));
        if p.required {
            quote!(#(#doc)* pub #field: #kind)
        } else {
            quote!(#(#doc)* pub #field: Option<#kind>)
        }
    });
    let reads = list.iter().map(|p| {
        let field = format_ident!("{}", p.field);
        let wire = if p.is_cookie { format!("cookie={}", p.name) } else { p.name.clone() };
        let read = read(operation, p, &wire, tables);
        match p.required {
            true => quote!(let #field = sent.required(#wire, #read);),
            false => quote!(let #field = #read;),
        }
    });
    let reads: Vec<TokenStream> = reads.collect();
    let made = list.iter().map(|p| {
        let field = format_ident!("{}", p.field);
        if p.required { quote!(#field: #field?) } else { quote!(#field) }
    });
    // dropshot refuses one name in path and query, so the query parameter gets another one.
    let in_path = operation.parameters_in(ParameterLocation::Path);
    let rows = list.iter().map(|p| {
        let is_taken = location == ParameterLocation::Query
            && in_path.iter().any(|other| other.name == p.name);
        let shown_name = if is_taken { format!("query:{}", p.name) } else { p.name.clone() };
        let (required, schema) = (p.required, exported(p, is_taken, tables).to_string());
        quote!((#shown_name, #required, #schema))
    });
    let schema_name = name.to_string();
    let shown = list.iter().map(|p| {
        let (field, shown) = (format_ident!("{}", p.field), &p.field);
        match p.schema["format"] == "password" {
            true => quote!(.field(#shown, &::std::format_args!("[redacted]"))),
            false => quote!(.field(#shown, &self.#field)),
        }
    });
    quote! {
        #[derive(Clone, serde::Deserialize)]
        pub struct #name { #(#fields),* }

        /// Secrets are redacted.
        impl ::std::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(#schema_name)#(#shown)*.finish()
            }
        }

        impl #runtime::Parameters for #name {
            fn read(sent: &#runtime::RawParameters<'_>) -> Option<Self> {
                #(#reads)*
                Some(Self { #(#made),* })
            }
        }

        impl schemars::JsonSchema for #name {
            fn schema_name() -> String {
                #schema_name.to_owned()
            }

            fn json_schema(_: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
                #runtime::parameters_schema(&[#(#rows),*])
            }
        }
    }
}

/// An expression of the value that was sent for a parameter.
fn read(
    operation: &Operation,
    p: &Parameter,
    wire_name: &str,
    tables: &mut Tables<'_>,
) -> TokenStream {
    let runtime = tables.runtime();
    if let Some(wire) = &p.wire {
        let style = format_ident!("{}", wire.style.to_pascal_case());
        let (schema, explode) = (tables.of_parameter(&wire.original), wire.explode);
        return quote! {
            {
                #[allow(unused_imports)]
                use super::constraints;
                static PARAMETER: #runtime::Parameter = #runtime::Parameter {
                    name: #wire_name,
                    style: #runtime::Style::#style,
                    explode: #explode,
                    schema: #schema,
                };
                sent.value(&PARAMETER)
            }
        };
    }
    let is_list = p.schema["type"] == "array";
    let (how, item) = if is_list { ("all", &p.schema["items"]) } else { ("last", &p.schema) };
    let how = format_ident!("{how}");
    let kind = plain_type(operation, p, item);
    let fits = match bounds(item, &runtime) {
        Some(bounds) => quote!(|value: &#kind| #bounds),
        None => quote!(|_: &#kind| true),
    };
    let expected = expected(item);
    quote!(sent.#how(#wire_name, #fits, #expected))
}

/// The values that a plain parameter takes, for the message of one that it does not.
fn expected(schema: &Value) -> String {
    let choices = |choices: &Vec<Value>| {
        let text = |choice: &Value| match choice {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let shown = choices.iter().take(MAX_CHOICES).map(text).collect::<Vec<_>>().join(", ");
        let more = if choices.len() > MAX_CHOICES { " and others" } else { "" };
        format!("one of {shown}{more}")
    };
    if let Some(all) = schema["enum"].as_array() {
        return choices(all);
    }
    let mut parts = vec![match schema["type"].as_str() {
        Some("integer") => "an integer".to_owned(),
        Some("number") => "a number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        _ => match schema["format"].as_str() {
            Some(format) if formats::is_checked(&schema["format"]) => format!("a valid {format}"),
            _ => "a text".to_owned(),
        },
    }];
    for (keyword, exclusive, strict, loose) in [
        ("minimum", "exclusiveMinimum", "more than", "at least"),
        ("maximum", "exclusiveMaximum", "less than", "at most"),
    ] {
        if let Some(bound) = schema[keyword].as_number() {
            let relation = if schema[exclusive] == true { strict } else { loose };
            parts.push(format!("{relation} {bound}"));
        }
    }
    for (keyword, relation) in [("minLength", "at least"), ("maxLength", "at most")] {
        if let Some(length) = whole(&schema[keyword]) {
            let plural = if length == 1 { "" } else { "s" };
            parts.push(format!("{relation} {length} character{plural}"));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        parts.push(format!("matching {pattern}"));
    }
    parts.join(", ")
}

/// Choices that a message lists.
const MAX_CHOICES: usize = 20;

/// The schema of a parameter for the export, with the members of the parameter that dropshot's
/// document cannot hold.
fn exported(parameter: &Parameter, is_name_taken: bool, tables: &Tables<'_>) -> Value {
    let mut members = serde_json::Map::new();
    if is_name_taken {
        members.insert("name".to_owned(), parameter.name.as_str().into());
    }
    if parameter.is_cookie {
        members.insert("in".to_owned(), "cookie".into());
    }
    let Some(wire) = &parameter.wire else {
        let mut schema = parameter.schema.clone();
        if !members.is_empty() {
            schema[PARAMETER] = members.into();
        }
        return schema;
    };
    let mut schema = tables.written_out(&wire.original);
    if wire.style == "json" {
        members.insert(
            "content".to_owned(),
            serde_json::json!({ "application/json": { "schema": schema } }),
        );
    } else {
        members.insert("style".to_owned(), wire.style.as_str().into());
        members.insert("explode".to_owned(), wire.explode.into());
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(PARAMETER.to_owned(), members.into());
    }
    schema
}

/// Key of the members of a parameter in its exported schema.
const PARAMETER: &str = "x-contract-parameter";

fn rust_type(operation: &Operation, parameter: &Parameter) -> TokenStream {
    if let Some(wire) = &parameter.wire {
        if let Some(name) = &wire.named {
            let name = type_name(name);
            let name = format_ident!("{name}");
            return quote!(super::types::#name);
        }
        // The client has text in its place, so there is no enum for its choices.
        let mut plain = parameter.clone();
        plain.wire = None;
        plain.schema = wire.schema.clone();
        if let Some(schema) = plain.schema.as_object_mut() {
            schema.remove("enum");
        }
        if let Some(items) = plain.schema.get_mut("items").and_then(Value::as_object_mut) {
            items.remove("enum");
        }
        return rust_type(operation, &plain);
    }
    match parameter.schema["type"].as_str() {
        Some("array") => {
            let item = plain_type(operation, parameter, &parameter.schema["items"]);
            quote!(Vec<#item>)
        }
        _ => plain_type(operation, parameter, &parameter.schema),
    }
}

/// The type that progenitor gives the same parameter in the client.
fn plain_type(operation: &Operation, parameter: &Parameter, schema: &Value) -> TokenStream {
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("integer"), _) => quote!(i64),
        (Some("number"), _) => quote!(f64),
        (Some("boolean"), _) => quote!(bool),
        _ if is_choice(schema) => {
            let name = type_name(&format!("{}-{}", operation.id, parameter.name));
            let item = if parameter.schema["type"] == "array" { "Item" } else { "" };
            let name = format_ident!("{name}{item}");
            quote!(super::types::#name)
        }
        (_, Some("date")) => quote!(::chrono::naive::NaiveDate),
        (_, Some("date-time")) => quote!(::chrono::DateTime<::chrono::offset::Utc>),
        (_, Some("uuid")) => quote!(::uuid::Uuid),
        _ => quote!(String),
    }
}

/// A string with `enum` becomes a Rust enum.
fn is_choice(schema: &Value) -> bool {
    schema["type"] == "string" && schema["enum"].is_array()
}

/// The condition on `value` beyond its type, if the document has one.
fn bounds(schema: &Value, runtime: &syn::Path) -> Option<TokenStream> {
    let mut all = Vec::new();
    if matches!(schema["type"].as_str(), Some("integer" | "number" | "boolean")) {
        let is_integer = schema["type"] == "integer";
        let number = |value: &Value| match (is_integer, value.as_i64(), value.as_f64()) {
            (true, Some(value), _) => Some(Literal::i64_suffixed(value)),
            (_, _, Some(value)) => Some(Literal::f64_suffixed(value)),
            _ => None,
        };
        // An integer may have a fractional bound, such as 0.5.
        let value = |bound: &Value| {
            if is_integer && bound.as_i64().is_none() {
                quote!((*value as f64))
            } else {
                quote!(*value)
            }
        };
        for (keyword, exclusive, strict, loose) in [
            ("minimum", "exclusiveMinimum", quote!(>), quote!(>=)),
            ("maximum", "exclusiveMaximum", quote!(<), quote!(<=)),
        ] {
            if let Some(bound) = number(&schema[keyword]) {
                let operator = if schema[exclusive] == true { strict } else { loose };
                let value = value(&schema[keyword]);
                all.push(quote!(#value #operator #bound));
            }
        }
        if let Some(choices) = schema["enum"].as_array() {
            let choices = choices.iter().filter_map(|choice| match choice {
                Value::Bool(choice) => Some(quote!(#choice)),
                choice => number(choice).map(|choice| quote!(#choice)),
            });
            all.push(quote!([#(#choices),*].contains(value)));
        }
    } else if is_choice(schema) {
        return None;
    } else if ["minLength", "maxLength", "pattern"].iter().any(|key| schema.get(key).is_some()) {
        let length = |key: &str| match whole(&schema[key]) {
            Some(length) => {
                let length = Literal::usize_suffixed(length as usize);
                quote!(Some(#length))
            }
            None => quote!(None),
        };
        let (min, max) = (length("minLength"), length("maxLength"));
        let pattern = match schema["pattern"].as_str() {
            Some(pattern) => quote!(Some(#pattern)),
            None => quote!(None),
        };
        all.push(quote!(#runtime::text_fits(&value.to_string(), #min, #max, #pattern)));
    }
    // A value of another type than `String` has the format.
    let is_text = !["date", "date-time", "uuid"].iter().any(|format| schema["format"] == *format);
    if schema["type"] == "string"
        && is_text
        && let Some(format) = formats::checked(schema.get("format"), runtime)
    {
        all.push(quote!(sent.holds(#format, value)));
    }
    if all.is_empty() { None } else { Some(quote!(#(#all)&&*)) }
}
