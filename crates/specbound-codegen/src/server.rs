//! The server trait, with one method per operation, and the marker types in its signatures.
//!
//! Marker types state in a signature the parts of an operation that dropshot's types cannot:
//! security alternatives, content types, whether a body is required, documented responses. A
//! handler that disagrees does not compile.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToPascalCase, ToSnakeCase};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use super::constraints::{Tables, Written};
use super::document::{Answer, Body, Content, Document, Operation, ParameterLocation, Requirement};
use super::parameters::{self, parameters_name};
use super::types::type_name;
use super::{Error, Item, Settings};

/// The trait itself.
pub fn trait_tokens(document: &Document, settings: &Settings<'_>) -> Result<TokenStream, Error> {
    let name = format_ident!("{}", settings.trait_name);
    let runtime: syn::Path =
        syn::parse_str(settings.runtime).map_err(|e| Error::Generator(e.to_string()))?;
    let methods = document.operations.iter().map(|operation| method(operation, document));
    let doc = format!("{} {}: one method per operation.", document.title, document.version);
    Ok(quote! {
        use dropshot::RequestContext;
        #[allow(unused_imports)]
        use #runtime::{
            Body, Bytes, Call, EitherBody, HandlerResult, Headers, JsonBody, NoBody, OptionalBody,
            Outcome, Path, Query, RawBody, UntypedJson
        };

        #[doc = #doc]
        #[dropshot::api_description]
        pub trait #name {
            type Context;

            #(#methods)*
        }
    })
}

/// The parts of a method's signature, from which a handler can be written too.
pub struct Signature {
    pub name: syn::Ident,
    /// Path, query and headers, each with its type.
    pub arguments: Vec<(syn::Ident, TokenStream)>,
    pub call: TokenStream,
    pub outcome: TokenStream,
    /// The set of answers, where there are several.
    pub answers: Option<syn::Ident>,
    /// Of the only answer.
    pub status: u16,
    /// Of the only answer.
    pub content: TokenStream,
}

pub fn signature(operation: &Operation, document: &Document) -> Signature {
    let places =
        [ParameterLocation::Path, ParameterLocation::Query, ParameterLocation::Header].into_iter();
    let used = places.filter(|location| !operation.parameters_in(*location).is_empty());
    let arguments = used.map(|location| {
        let extractor = format_ident!("{}", location.extractor());
        let parameters = parameters_name(operation, location);
        (format_ident!("{}", location.argument()), quote!(#extractor<params::#parameters>))
    });
    let policy = document.names.policy(&operation.security);
    let body = body_type(operation, document);
    let (status, content, answers) = match operation.answers.as_slice() {
        [Answer { status, content }] if operation.ranges.is_empty() => {
            (*status, content_type(content, document, &quote!()), None)
        }
        _ => (0, quote!(), Some(answers_name(operation))),
    };
    Signature {
        name: format_ident!("{}", operation.id.to_snake_case()),
        arguments: arguments.collect(),
        call: quote!(Call<policy::#policy, #body>),
        outcome: match &answers {
            Some(answers) => quote!(HandlerResult<answers::#answers>),
            None => quote!(Outcome<#status, #content>),
        },
        answers,
        status,
        content,
    }
}

fn method(operation: &Operation, document: &Document) -> TokenStream {
    let Operation { id, method, path, route, tags, .. } = operation;
    let Signature { name, arguments, call, outcome, .. } = signature(operation, document);
    let http_method = format_ident!("{method}");
    let doc = std::iter::once(format!(" {method} {path}"))
        .chain(std::iter::once(String::new()))
        .chain(operation.description.lines().map(|line| format!(" {}", line.trim())));
    let arguments = arguments.iter().map(|(name, kind)| quote!(#name: #kind));
    let deprecated = operation.deprecated.then(|| quote!(, deprecated = true));
    quote! {
        #( #[doc = #doc] )*
        #[endpoint {
            method = #http_method, path = #route, operation_id = #id, tags = [#(#tags),*]
            #deprecated
        }]
        async fn #name(
            rqctx: RequestContext<Self::Context>,
            #(#arguments,)*
            call: #call,
        ) -> #outcome;
    }
}

fn body_type(operation: &Operation, document: &Document) -> TokenStream {
    let Some(Body { schema, is_json, content_types, raw, required }) = &operation.body else {
        return quote!(NoBody);
    };
    let optional = (!required).then(|| quote!(, false));
    let read = schema.as_ref().map(|schema| {
        let request = type_name(&document.request_name(schema));
        let content = document.names.content(content_types);
        match (is_json, required) {
            (true, _) => quote!(JsonBody<types::#request, content::#content #optional>),
            (_, true) => quote!(Body<types::#request, content::#content>),
            (_, false) => quote!(OptionalBody<types::#request, content::#content>),
        }
    });
    if raw.is_empty() {
        return read.unwrap_or_else(|| quote!(NoBody));
    }
    let content = document.names.content(raw);
    let raw = quote!(RawBody<content::#content #optional>);
    match read {
        Some(read) => quote!(EitherBody<#read, #raw>),
        None => raw,
    }
}

/// The content of a response, in a module from which `prefix` leads to the generated modules.
fn content_type(content: &Content, document: &Document, prefix: &TokenStream) -> TokenStream {
    match content {
        Content::Nothing => quote!(#prefix UntypedJson),
        Content::Json(schema) => {
            let schema = type_name(schema);
            quote!(#prefix types::#schema)
        }
        Content::Bytes(media) => {
            let media = document.names.media(media);
            quote!(#prefix Bytes<#prefix media::#media>)
        }
    }
}

/// The items that the trait's signatures refer to, and the table of operations.
pub fn support_tokens(document: &Document, tables: &mut Tables<'_>) -> TokenStream {
    let runtime = tables.runtime();
    let policies = policies(document, &runtime);
    let contents = contents(document, &runtime);
    let answers = answers(document, &runtime);
    let media = media(document, &runtime);
    let parameters: Vec<TokenStream> = document
        .operations
        .iter()
        .flat_map(|operation| parameters::structs(operation, tables))
        .collect();
    let rows = document.operations.iter().map(|operation| {
        let Operation { id, method, path, route, .. } = operation;
        let doc = &operation.description;
        let policy = document.names.policy(&operation.security);
        let parses =
            operation.body.iter().flat_map(|body| body.content_types.iter().chain(&body.raw));
        let produces: BTreeSet<&str> = operation.contents().filter_map(produced).collect();
        let produces = produces.into_iter();
        let path_parameters = operation.parameters_in(ParameterLocation::Path).into_iter();
        let integers = path_parameters.filter(|p| p.schema["type"] == "integer").map(|p| &p.name);
        let choices = operation.choices.iter().map(|(name, all)| quote!((#name, &[#(#all),*])));
        quote! {
            #runtime::Operation {
                id: #id,
                method: #method,
                path: #path,
                route: #route,
                description: #doc,
                security: <policy::#policy as #runtime::Policy>::ALTERNATIVES,
                scopes: <policy::#policy as #runtime::Policy>::SCOPES,
                parses: &[#(#parses),*],
                produces: &[#(#produces),*],
                integers: &[#(#integers),*],
                choices: &[#(#choices),*],
            }
        }
    });
    let (title, version) = (&document.title, &document.version);
    // Empty modules are left out.
    let answers = (!answers.is_empty()).then(|| {
        quote! {
            /// The documented answers of operations that have several: a closed set each.
            pub mod answers { #(#answers)* }
        }
    });
    let media = (!media.is_empty()).then(|| {
        quote! {
            /// Media types of answers that are no JSON.
            pub mod media { #(#media)* }
        }
    });
    let rows_of_routes =
        document.operations.iter().filter(|operation| operation.route != operation.path);
    let rows_of_routes: Vec<TokenStream> =
        rows_of_routes.map(|Operation { id, route, .. }| quote!((#id, #route))).collect();
    let routes = (!rows_of_routes.is_empty()).then(|| {
        quote! {
            /// Operations whose paths dropshot's router cannot hold beside the others: by
            /// operation, the path under which dropshot holds its handler. Its variables are those
            /// of the operation's own path, in their order.
            pub const ROUTES: &[(&str, &str)] = &[#(#rows_of_routes),*];
        }
    });
    quote! {
        /// `info.title` of the document this code was generated from.
        pub const TITLE: &str = #title;
        /// `info.version` of the document this code was generated from.
        pub const VERSION: &str = #version;

        /// Security alternatives, one type per combination that occurs.
        pub mod policy { #(#policies)* }

        /// Request content types, one type per combination that occurs.
        pub mod content { #(#contents)* }

        /// Path, query and header parameters.
        pub mod params { #(#parameters)* }

        #answers

        #media

        #routes

        /// Every documented operation, in the document's order.
        pub const OPERATIONS: &[#runtime::Operation] = &[#(#rows),*];
    }
}

/// The tables of documented answers and of bodies, for debug builds. There the runtime holds each
/// answer against them, and the server exports its document.
pub fn enforced(
    document: &Document,
    source: &Value,
    unenforced: &[Item],
    runtime: &syn::Path,
) -> TokenStream {
    let mut tables = Tables::new(source, runtime, Written::ByServer);
    let mut row = |operation: &Operation| {
        let numbers = operation.answers.iter();
        let numbers = numbers.map(|answer| (answer.status.to_string(), &answer.content));
        let ranges = operation.ranges.iter().map(|(range, content)| (range.clone(), content));
        let rows = numbers.chain(ranges).map(|(status, content)| {
            let schema = match content {
                Content::Json(name) => document.schema(name).and_then(|s| s.original.as_ref()),
                _ => None,
            };
            match schema.map(|schema| tables.reference(schema)) {
                Some(table) => quote!((#status, Some(#table))),
                None => quote!((#status, None)),
            }
        });
        let (id, rows) = (&operation.id, rows.collect::<Vec<_>>());
        quote!((#id, &[#(#rows),*]))
    };
    let rows: Vec<TokenStream> = document.operations.iter().map(&mut row).collect();
    let module = tables.module();
    let requests = document.operations.iter().filter_map(|operation| {
        let Body { schema, content_types, .. } = operation.body.as_ref()?;
        let request = type_name(&document.request_name(schema.as_ref()?));
        let id = &operation.id;
        Some(quote!((#id, #runtime::RequestTables {
            media_types: &[#(#content_types),*],
            schema: <types::#request as #runtime::HasConstraints>::SCHEMA,
            rows: <types::#request as #runtime::HasConstraints>::PROPERTIES,
        })))
    });
    let listed = unenforced.iter().filter(|item| !concerns_the_client(item));
    let listed = listed.map(|Item { path, reason }| quote!((#path, #reason)));
    quote! {
        /// The documented answers of each operation.
        #[cfg(debug_assertions)]
        pub const ANSWERS: #runtime::DocumentedAnswers = &[#(#rows),*];

        /// What this code enforces, for the export.
        #[cfg(debug_assertions)]
        pub const ENFORCED: #runtime::Enforced = #runtime::Enforced {
            requests: &[#(#requests),*],
            answers: ANSWERS,
            not_enforced: &[#(#listed),*],
        };

        #module
    }
}

/// A part that the server enforces all the same.
fn concerns_the_client(item: &Item) -> bool {
    item.reason.starts_with("the client ")
}

/// The media type of a response.
fn produced(content: &Content) -> Option<&str> {
    match content {
        Content::Nothing => None,
        Content::Json(_) => Some("application/json"),
        Content::Bytes(media) => Some(media),
    }
}

/// An enum for each operation with several documented responses. Any other response does not
/// compile.
fn answers(document: &Document, runtime: &syn::Path) -> Vec<TokenStream> {
    let several = document
        .operations
        .iter()
        .filter(|operation| operation.answers.len() + operation.ranges.len() > 1);
    several
        .map(|operation| {
            let name = answers_name(operation);
            let doc = format!("The answers of `{}`.", operation.id);
            let numbers =
                operation.answers.iter().map(|answer| format_ident!("Status{}", answer.status));
            let ranges = operation.ranges.iter().map(|(range, _)| range_name(range));
            let variants: Vec<syn::Ident> = numbers.chain(ranges).collect();
            let replies: Vec<TokenStream> = operation
                .answers
                .iter()
                .map(|Answer { status, content }| {
                    let content = content_type(content, document, &quote!(super::));
                    quote!(#runtime::Reply<#status, #content>)
                })
                .chain(operation.ranges.iter().map(|(range, content)| {
                    let content = content_type(content, document, &quote!(super::));
                    let digit = range.chars().next().and_then(|first| first.to_digit(10));
                    let (min, max) = match digit {
                        Some(digit) => (digit as u16 * 100, digit as u16 * 100 + 99),
                        None => (200, 599),
                    };
                    quote!(#runtime::RangeReply<#min, #max, #content>)
                }))
                .collect();
            let (first, status) = (&variants[0], operation.answers[0].status);
            quote! {
                #[doc = #doc]
                pub enum #name {
                    #(#variants(#replies)),*
                }

                /// An undocumented failure, which any operation may return.
                impl From<#runtime::ApiError> for #name {
                    fn from(error: #runtime::ApiError) -> Self {
                        Self::#first(#runtime::Reply::failed(error))
                    }
                }

                impl #runtime::Answers for #name {
                    const FIRST: u16 = #status;

                    fn document(
                        generator: &mut schemars::r#gen::SchemaGenerator
                    ) -> Vec<(String, serde_json::Value)> {
                        #[allow(unused_imports)]
                        use #runtime::Answers as _;
                        [#(<#replies>::document(generator)),*].concat()
                    }
                }

                impl dropshot::HttpResponse for #name {
                    fn to_result(self) -> #runtime::RawResponse {
                        match self {
                            #(Self::#variants(reply) => reply.to_result()),*
                        }
                    }

                    fn response_metadata() -> dropshot::ApiEndpointResponse {
                        #runtime::answers_metadata::<Self>()
                    }

                    fn status_code(&self) -> #runtime::StatusCode {
                        match self {
                            #(Self::#variants(reply) => reply.status_code()),*
                        }
                    }
                }
            }
        })
        .collect()
}

/// The variant of `4XX`, or of `default`.
fn range_name(range: &str) -> syn::Ident {
    match range.chars().next().filter(char::is_ascii_digit) {
        Some(digit) => format_ident!("Range{digit}xx"),
        None => format_ident!("Default"),
    }
}

fn media(document: &Document, runtime: &syn::Path) -> Vec<TokenStream> {
    let contents = document.operations.iter().flat_map(Operation::contents);
    let all: BTreeSet<&String> = contents
        .filter_map(|content| if let Content::Bytes(media) = content { Some(media) } else { None })
        .collect();
    all.into_iter()
        .map(|media| {
            let name = document.names.media(media);
            quote! {
                #[derive(Debug)]
                pub struct #name;

                impl #runtime::MediaType for #name {
                    const NAME: &'static str = #media;
                }
            }
        })
        .collect()
}

fn policies(document: &Document, runtime: &syn::Path) -> Vec<TokenStream> {
    let all: BTreeMap<String, &Vec<Vec<Requirement>>> = document
        .operations
        .iter()
        .map(|o| (document.names.policy(&o.security).to_string(), &*o.security))
        .collect();
    all.into_iter()
        .map(|(name, alternatives)| {
            let name = format_ident!("{name}");
            let caller = if alternatives.iter().any(Vec::is_empty) || alternatives.is_empty() {
                quote!(Option<C>)
            } else {
                quote!(C)
            };
            let rows = alternatives.iter().map(|all| {
                let schemes = all.iter().map(|requirement| &requirement.scheme);
                quote!(&[#(#schemes),*])
            });
            let has_scopes = alternatives.iter().flatten().any(|one| !one.scopes.is_empty());
            let scopes = has_scopes.then(|| {
                let rows = alternatives.iter().map(|all| {
                    let all = all.iter().map(|Requirement { scopes, .. }| quote!(&[#(#scopes),*]));
                    quote!(&[#(#all),*])
                });
                quote!(const SCOPES: #runtime::Scopes = &[#(#rows),*];)
            });
            quote! {
                #[derive(Debug)]
                pub struct #name;

                impl #runtime::Policy for #name {
                    type Caller<C> = #caller;
                    const ALTERNATIVES: #runtime::Security = &[#(#rows),*];
                    #scopes
                }
            }
        })
        .collect()
}

fn contents(document: &Document, runtime: &syn::Path) -> Vec<TokenStream> {
    let bodies = document.operations.iter().filter_map(|o| o.body.as_ref());
    let lists = bodies.flat_map(|body| [&body.content_types, &body.raw]);
    let all: BTreeMap<String, &Vec<String>> = lists
        .filter(|types| !types.is_empty())
        .map(|types| (document.names.content(types).to_string(), types))
        .collect();
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

fn answers_name(operation: &Operation) -> syn::Ident {
    format_ident!("{}", operation.id.to_pascal_case())
}
