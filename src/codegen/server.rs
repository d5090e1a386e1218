//! The server's half: the trait that has one method per operation, and the marker types in its signatures.
//!
//! The markers make the signature say what dropshot's own types cannot: security alternatives, every content type,
//! whether a body is required. A handler that disagrees with the document does not compile.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToPascalCase, ToSnakeCase};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::{Value, json};

use super::document::{Body, Document, Operation, Parameter, escape};
use super::types::{request_type_name, request_type_words, type_name};
use super::{Error, Settings};

/// Refuses names of the document that make no Rust name, and different things whose names would be one in Rust: the
/// second would silently take the place of the first.
pub fn check_names(document: &Document) -> Result<(), Error> {
    let mut taken: BTreeMap<(&str, String), Value> = BTreeMap::new();
    let mut check = |space: &'static str, name: String, of: Value, at: &str| {
        let refused = |reason: String| Err(Error::Unsupported { path: at.to_owned(), reason });
        if syn::parse_str::<syn::Ident>(&name).is_err() {
            return refused(format!("`{name}`, made of what stands here, is no Rust name"));
        }
        match taken.insert((space, name.clone()), of.clone()) {
            Some(other) if other != of => refused(format!("both {other} and {of} would be called `{name}`")),
            _ => Ok(()),
        }
    };
    for schema in &document.schemas {
        let at = format!("/components/schemas/{}", escape(&schema.name));
        check("types", schema.name.to_pascal_case(), json!(schema.name), &at)?;
        let request = request_type_words(schema);
        if request != schema.name {
            check("types", request.to_pascal_case(), json!(request), &at)?;
            if document.schema(&request).is_some() {
                let reason = format!("`{request}` is the name that this schema takes for requests");
                return Err(Error::Unsupported { path: format!("/components/schemas/{}", escape(&request)), reason });
            }
        }
    }
    for operation in &document.operations {
        let Operation { id, method, path, security, .. } = operation;
        let at = format!("/paths/{}/{}", escape(path), method.to_ascii_lowercase());
        let place = json!([path, method]);
        check("methods", id.to_snake_case(), place.clone(), &format!("{at}/operationId"))?;
        for (place, list) in [("path", &operation.path_parameters), ("query", &operation.query_parameters)] {
            let mut fields = BTreeSet::new();
            for parameter in list {
                let (at, field) = (format!("{at}/parameters"), parameter.name.to_snake_case());
                check("parameters", field.clone(), Value::Null, &at)?;
                if !fields.insert(field) {
                    let reason = format!("two {place} parameters are called `{}`", parameter.name);
                    return Err(Error::Unsupported { path: at, reason });
                }
            }
        }
        check("policies", policy_words(security), json!(security), &format!("{at}/security"))?;
        if let Some(Body { content_types, .. }) = &operation.body {
            let at = format!("{at}/requestBody/content");
            check("contents", content_words(content_types), json!(content_types), &at)?;
        }
        let mut referred = operation.body.iter().map(|body| &body.schema).chain(&operation.response);
        if let Some(schema) = referred.find(|name| document.schema(name).is_none()) {
            return Err(missing(schema));
        }
    }
    Ok(())
}

fn missing(schema: &str) -> Error {
    Error::Unsupported {
        path: format!("/components/schemas/{}", escape(schema)),
        reason: "a request or a response refers to it, and it is missing".to_owned(),
    }
}

/// The trait itself.
pub fn trait_tokens(document: &Document, settings: &Settings<'_>) -> Result<TokenStream, Error> {
    let name = format_ident!("{}", settings.trait_name);
    let runtime: syn::Path = syn::parse_str(settings.runtime).map_err(|e| Error::Generator(e.to_string()))?;
    let methods = document.operations.iter().map(|operation| method(operation, document));
    let methods = methods.collect::<Result<Vec<_>, _>>()?;
    let doc = format!("{} {}: one method per operation.", document.title, document.version);
    Ok(quote! {
        use dropshot::RequestContext;
        #[allow(unused_imports)]
        use #runtime::{Body, Call, NoBody, OptionalBody, Outcome, Path, Query, Undescribed};

        #[doc = #doc]
        #[dropshot::api_description]
        pub trait #name {
            type Context;

            #(#methods)*
        }
    })
}

fn method(operation: &Operation, document: &Document) -> Result<TokenStream, Error> {
    let Operation { id, method, path, tags, status, .. } = operation;
    let name = method_name(operation);
    let http_method = format_ident!("{method}");
    let doc = std::iter::once(format!(" {method} {path}"))
        .chain(std::iter::once(String::new()))
        .chain(operation.description.lines().map(|line| format!(" {}", line.trim())));
    let mut arguments = Vec::new();
    if !operation.path_parameters.is_empty() {
        let parameters = parameters_name(operation, "Path");
        arguments.push(quote!(path: Path<params::#parameters>));
    }
    if !operation.query_parameters.is_empty() {
        let parameters = parameters_name(operation, "Query");
        arguments.push(quote!(query: Query<params::#parameters>));
    }
    let policy = policy_name(&operation.security);
    let body = body_type(operation, document)?;
    let answer = match &operation.response {
        Some(schema) => {
            let schema = type_name(schema);
            quote!(types::#schema)
        }
        None => quote!(Undescribed),
    };
    Ok(quote! {
        #( #[doc = #doc] )*
        #[endpoint { method = #http_method, path = #path, operation_id = #id, tags = [#(#tags),*] }]
        async fn #name(
            rqctx: RequestContext<Self::Context>,
            #(#arguments,)*
            call: Call<policy::#policy, #body>,
        ) -> Outcome<#status, #answer>;
    })
}

fn body_type(operation: &Operation, document: &Document) -> Result<TokenStream, Error> {
    let Some(Body { schema, content_types, required }) = &operation.body else {
        return Ok(quote!(NoBody));
    };
    let found = document.schema(schema).ok_or_else(|| missing(schema))?;
    let wrapper = if *required { format_ident!("Body") } else { format_ident!("OptionalBody") };
    let (request, content) = (request_type_name(found), content_name(content_types));
    Ok(quote!(#wrapper<types::#request, content::#content>))
}

/// Policies, content types, parameters and the table of operations: what the trait's signatures refer to.
pub fn support_tokens(document: &Document, settings: &Settings<'_>) -> Result<TokenStream, Error> {
    let runtime: syn::Path = syn::parse_str(settings.runtime).map_err(|e| Error::Generator(e.to_string()))?;
    let policies = policies(document, &runtime);
    let contents = contents(document, &runtime);
    let parameters = document.operations.iter().flat_map(|operation| {
        [("Path", &operation.path_parameters), ("Query", &operation.query_parameters)]
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(place, list)| parameters(&parameters_name(operation, place), list, &runtime))
            .collect::<Vec<_>>()
    });
    let rows = document.operations.iter().map(|operation| {
        let Operation { id, method, path, .. } = operation;
        let doc = &operation.description;
        let policy = policy_name(&operation.security);
        let parses = operation.body.iter().flat_map(|body| &body.content_types);
        quote! {
            #runtime::Operation {
                id: #id,
                method: #method,
                path: #path,
                description: #doc,
                security: <policy::#policy as #runtime::Policy>::ALTERNATIVES,
                parses: &[#(#parses),*],
            }
        }
    });
    let (title, version) = (&document.title, &document.version);
    Ok(quote! {
        /// `info.title` of the document this code was generated from.
        pub const TITLE: &str = #title;
        /// `info.version` of the document this code was generated from.
        pub const VERSION: &str = #version;

        /// Security alternatives, one type per combination that occurs.
        pub mod policy { #(#policies)* }

        /// Request content types, one type per combination that occurs.
        pub mod content { #(#contents)* }

        /// Path and query parameters.
        pub mod params { #(#parameters)* }

        /// Every documented operation, in the document's order.
        pub const OPERATIONS: &[#runtime::Operation] = &[#(#rows),*];
    })
}

fn policies(document: &Document, runtime: &syn::Path) -> Vec<TokenStream> {
    let all: BTreeMap<String, &Vec<Vec<String>>> =
        document.operations.iter().map(|o| (policy_name(&o.security).to_string(), &o.security)).collect();
    all.into_iter()
        .map(|(name, alternatives)| {
            let name = format_ident!("{name}");
            let caller = if alternatives.iter().any(Vec::is_empty) || alternatives.is_empty() {
                format_ident!("Visitor")
            } else {
                format_ident!("SignedIn")
            };
            let rows = alternatives.iter().map(|schemes| quote!(&[#(#schemes),*]));
            quote! {
                #[derive(Debug)]
                pub struct #name;

                impl #runtime::Policy for #name {
                    type Caller = #runtime::#caller;
                    const ALTERNATIVES: &'static [&'static [&'static str]] = &[#(#rows),*];
                }
            }
        })
        .collect()
}

fn contents(document: &Document, runtime: &syn::Path) -> Vec<TokenStream> {
    let bodies = document.operations.iter().filter_map(|o| o.body.as_ref());
    let all: BTreeMap<String, &Vec<String>> =
        bodies.map(|b| (content_name(&b.content_types).to_string(), &b.content_types)).collect();
    all.into_iter()
        .map(|(name, types)| {
            let name = format_ident!("{name}");
            quote! {
                #[derive(Debug)]
                pub struct #name;

                impl #runtime::ContentTypes for #name {
                    const MEDIA_TYPES: &'static [&'static str] = &[#(#types),*];
                }
            }
        })
        .collect()
}

fn parameters(name: &syn::Ident, list: &[Parameter], runtime: &syn::Path) -> TokenStream {
    let fields = list.iter().map(|p| {
        let (field, kind) = (format_ident!("{}", p.name.to_snake_case()), parameter_type(p));
        let doc = p.description.iter().map(|d| quote!(#[doc = #d]));
        if p.required { quote!(#(#doc)* pub #field: #kind) } else { quote!(#(#doc)* pub #field: Option<#kind>) }
    });
    let reads = list.iter().map(|p| {
        let (field, wire) = (format_ident!("{}", p.name.to_snake_case()), &p.name);
        if p.required {
            quote!(#field: get(#wire).and_then(|value| value.parse().ok()).ok_or(#wire)?)
        } else {
            quote!(#field: get(#wire).and_then(|value| value.parse().ok()))
        }
    });
    let rows = list.iter().map(|p| {
        let (wire, required, schema) = (&p.name, p.required, p.schema.to_string());
        quote!((#wire, #required, #schema))
    });
    let schema_name = name.to_string();
    quote! {
        #[derive(Debug, Clone, serde::Deserialize)]
        pub struct #name { #(#fields),* }

        impl #runtime::Parameters for #name {
            fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
                Ok(Self { #(#reads),* })
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

fn parameter_type(parameter: &Parameter) -> TokenStream {
    match parameter.schema["type"].as_str() {
        Some("integer") => quote!(i64),
        Some("number") => quote!(f64),
        Some("boolean") => quote!(bool),
        _ => quote!(String),
    }
}

fn method_name(operation: &Operation) -> syn::Ident {
    format_ident!("{}", operation.id.to_snake_case())
}

fn parameters_name(operation: &Operation, place: &str) -> syn::Ident {
    format_ident!("{}{place}", operation.id.to_pascal_case())
}

/// `[[tokenAuth], [basicAuth], []]` reads `TokenOrBasicOrAnonymous`.
fn policy_words(alternatives: &[Vec<String>]) -> String {
    let one = |schemes: &Vec<String>| match schemes.as_slice() {
        [] => "Anonymous".to_owned(),
        several => {
            let words = several.iter().map(|s| s.trim_end_matches("Auth").to_pascal_case());
            words.collect::<Vec<_>>().join("And")
        }
    };
    match alternatives {
        [] => "Anyone".to_owned(),
        several => several.iter().map(one).collect::<Vec<_>>().join("Or"),
    }
}

fn policy_name(alternatives: &[Vec<String>]) -> syn::Ident {
    format_ident!("{}", policy_words(alternatives))
}

fn content_words(media_types: &[String]) -> String {
    let one = |media: &String| match media.as_str() {
        "application/json" => "Json".to_owned(),
        "application/x-www-form-urlencoded" => "Form".to_owned(),
        "multipart/form-data" => "Multipart".to_owned(),
        other => other.to_pascal_case(),
    };
    media_types.iter().map(one).collect::<Vec<_>>().join("Or")
}

fn content_name(media_types: &[String]) -> syn::Ident {
    format_ident!("{}", content_words(media_types))
}
