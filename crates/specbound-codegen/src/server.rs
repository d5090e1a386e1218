//! The server trait, with one method per operation, and the marker types in its signatures.
//!
//! Marker types state in a signature the parts of an operation that dropshot's types cannot:
//! security alternatives, content types, whether a body is required, documented responses. A
//! handler that disagrees does not compile.

use std::collections::BTreeMap;

use heck::ToSnakeCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::constraints::Tables;
use super::document::{
    Body, Content, Document, FileForm, Operation, ParameterLocation, Requirement, json_types,
};
use super::forms::{self, files_name};
use super::parameters::{self, parameters_name};
use super::responses::{self, ResponsePart};
use super::types::type_name;
use super::{Error, Settings};

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
            Body, Bytes, Call, EitherBody, Events, FormBody, HandlerResult, Headers, JsonAs,
            JsonBody, NoBody, OptionalBody, Outcome, Path, Query, RawBody, TextData, UntypedJson,
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
    /// The set of responses, where there are several.
    pub responses: Option<syn::Ident>,
    /// Status, content and headers of the only response.
    pub reply: TokenStream,
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
    let (reply, responses) = match operation.responses.as_slice() {
        [only] if operation.ranges.is_empty() => {
            let status = only.status;
            let content = ResponsePart::of(operation, only).reply(document, &quote!());
            (quote!(#status, #content), None)
        }
        _ => (quote!(), Some(responses::set_name(operation))),
    };
    Signature {
        name: format_ident!("{}", operation.id.to_snake_case()),
        arguments: arguments.collect(),
        call: quote!(Call<policy::#policy, #body>),
        outcome: match &responses {
            Some(responses) => quote!(HandlerResult<responses::#responses>),
            None => quote!(Outcome<#reply>),
        },
        responses,
        reply,
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
    let Some(Body { schema, is_json, content_types, raw, files, required }) = &operation.body
    else {
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
    let form = files.as_ref().map(|FileForm { schema, content_types, .. }| {
        let (request, files) = (type_name(&document.request_name(schema)), files_name(operation));
        let content = document.names.content(content_types);
        quote!(FormBody<types::#request, files::#files, content::#content #optional>)
    });
    let raw = (!raw.is_empty()).then(|| {
        let content = document.names.content(raw);
        quote!(RawBody<content::#content #optional>)
    });
    let all = [read, form, raw].into_iter().flatten();
    all.reduce(|first, second| quote!(EitherBody<#first, #second>))
        .unwrap_or_else(|| quote!(NoBody))
}

/// The items that the trait's signatures refer to, and the table of operations.
pub fn support_tokens(document: &Document, tables: &mut Tables<'_>) -> TokenStream {
    let runtime = tables.runtime();
    let policies = policies(document, &runtime);
    let contents = contents(document, &runtime);
    let responses = responses::modules(document, &runtime);
    let files = forms::module(document, &runtime);
    let parameters: Vec<TokenStream> = document
        .operations
        .iter()
        .flat_map(|operation| parameters::structs(operation, tables))
        .collect();
    let rows = document.operations.iter().map(|operation| {
        let Operation { id, method, path, route, .. } = operation;
        let doc = &operation.description;
        let policy = document.names.policy(&operation.security);
        let parses = operation.body.iter().flat_map(Body::content_types);
        let produces = operation.produced().into_iter();
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

        /// Content types of requests and of JSON responses, one type per combination that occurs.
        pub mod content { #(#contents)* }

        /// Path, query and header parameters.
        pub mod params { #(#parameters)* }

        #files

        #responses

        #routes

        /// Every documented operation, in the document's order.
        pub const OPERATIONS: &[#runtime::Operation] = &[#(#rows),*];
    }
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
    let lists = bodies.flat_map(Body::lists);
    let responses = document.operations.iter().flat_map(Operation::contents);
    let lists = lists.chain(responses.flat_map(Content::parts).filter_map(json_types));
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
