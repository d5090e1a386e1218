//! The types of responses: closed sets, representations by content type, and headers.

use std::collections::BTreeSet;

use heck::ToPascalCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::document::{
    Content, Document, Operation, RangeResponse, Response, ResponseHeader, json_types,
};
use super::names::{self, unique};
use super::types::type_name;

/// A response of an operation, by number or by range.
pub struct ResponsePart<'a> {
    /// Name of its representations and of its headers.
    name: syn::Ident,
    content: &'a Content,
    headers: &'a [ResponseHeader],
}

impl<'a> ResponsePart<'a> {
    pub fn of(operation: &Operation, response: &'a Response) -> ResponsePart<'a> {
        let name = format_ident!("{}{}", operation.id.to_pascal_case(), response.status);
        ResponsePart { name, content: &response.content, headers: &response.headers }
    }

    fn of_range(operation: &Operation, response: &'a RangeResponse) -> ResponsePart<'a> {
        let range = response.range.to_pascal_case();
        let name = format_ident!("{}{range}", operation.id.to_pascal_case());
        ResponsePart { name, content: &response.content, headers: &response.headers }
    }

    fn all(document: &'a Document) -> impl Iterator<Item = ResponsePart<'a>> {
        document.operations.iter().flat_map(|operation| {
            let numbers =
                operation.responses.iter().map(|response| ResponsePart::of(operation, response));
            let ranges = operation.ranges.iter();
            numbers.chain(ranges.map(|response| ResponsePart::of_range(operation, response)))
        })
    }

    /// The parameters of a `Reply` behind the status, in a module from which `prefix` leads to the
    /// generated modules.
    pub fn reply(&self, document: &Document, prefix: &TokenStream) -> TokenStream {
        let name = &self.name;
        let content = match self.content {
            Content::OneOf(_) => quote!(#prefix representations::#name),
            one => content_type(one, document, prefix),
        };
        match self.headers {
            [] => content,
            _ => quote!(#content, #prefix headers::#name),
        }
    }

    /// An enum of the content types.
    fn representations(&self, document: &Document, runtime: &syn::Path) -> Option<TokenStream> {
        let Content::OneOf(parts) = self.content else { return None };
        let (name, kind) = (&self.name, format_ident!("{}Type", self.name));
        let mut taken = BTreeSet::new();
        let variant = |part: &Content| {
            let media = part.media_types().first().map(|media| media.to_pascal_case());
            let label: String =
                media.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
            format_ident!("{}", unique(names::type_name(&label), &mut taken))
        };
        let variants: Vec<syn::Ident> = parts.iter().map(variant).collect();
        let contents: Vec<TokenStream> =
            parts.iter().map(|part| content_type(part, document, &quote!(super::))).collect();
        let mut rows: Vec<TokenStream> = Vec::new();
        for (variant, part) in variants.iter().zip(parts) {
            let media = part.media_types().into_iter();
            rows.extend(media.map(|media| quote!((#kind::#variant, #media))));
        }
        let media = self.content.media_types();
        let (first, docs) = (&variants[0], format!("A content type of [`{name}`]."));
        let titles = parts.iter().map(|part| format!("`{}`.", part.media_types().join("`, `")));
        let titles: Vec<String> = titles.collect();
        Some(quote! {
            /// One response in one of its content types.
            pub enum #name {
                #(#[doc = #titles] #variants(#contents)),*
            }

            #[doc = #docs]
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum #kind {
                #(#[doc = #titles] #variants),*
            }

            impl #kind {
                /// The one that the client of the current request prefers.
                pub fn preferred() -> Self {
                    #runtime::preferred(&[#(#rows),*]).unwrap_or(Self::#first)
                }
            }

            impl #runtime::Content for #name {
                const MEDIA_TYPES: &'static [&'static str] = &[#(#media),*];

                fn media_type(&self) -> &'static str {
                    match self {
                        #(Self::#variants(content) => #runtime::Content::media_type(content)),*
                    }
                }

                fn body(self) -> #runtime::ContentBody {
                    match self {
                        #(Self::#variants(content) => #runtime::Content::body(content)),*
                    }
                }

                fn metadata<const STATUS: u16>() -> dropshot::ApiEndpointResponse {
                    #runtime::responses_metadata::<#runtime::Reply<STATUS, Self>>()
                }

                fn document(
                    generator: &mut schemars::r#gen::SchemaGenerator
                ) -> serde_json::Map<String, serde_json::Value> {
                    let mut all = serde_json::Map::new();
                    #(all.extend(<#contents as #runtime::Content>::document(generator));)*
                    all
                }
            }
        })
    }

    /// A struct of the headers.
    fn headers(&self, runtime: &syn::Path) -> Option<TokenStream> {
        if self.headers.is_empty() {
            return None;
        }
        let name = &self.name;
        let fields = self.headers.iter().map(|header| {
            let (field, doc) = (format_ident!("{}", header.field), &header.description);
            let doc = (!doc.is_empty()).then(|| quote!(#[doc = #doc]));
            let kind = header_type(&header.schema);
            let kind = if header.required { kind } else { quote!(Option<#kind>) };
            quote!(#doc pub #field: #kind)
        });
        let values = self.headers.iter().map(|header| {
            let (field, name) = (format_ident!("{}", header.field), &header.name);
            let value = match header.required {
                true => quote!(Some(self.#field)),
                false => quote!(self.#field),
            };
            let text = match header.schema["type"] == "array" {
                true => quote!(#runtime::header_list),
                false => quote!(|value| value.to_string()),
            };
            quote!((#name, #value.map(#text)))
        });
        let rows = self.headers.iter().map(|ResponseHeader { name, required, schema, .. }| {
            let schema = schema.to_string();
            quote!((#name, #required, #schema))
        });
        let default = self.headers.iter().all(|header| !header.required);
        let default = default.then(|| quote!(, Default));
        Some(quote! {
            /// The headers of a response.
            #[derive(Debug, Clone #default)]
            pub struct #name { #(#fields),* }

            impl #runtime::ResponseHeaders for #name {
                const ALL: &'static [(&'static str, bool, &'static str)] = &[#(#rows),*];

                fn texts(self) -> Vec<(&'static str, Option<String>)> {
                    vec![#(#values),*]
                }
            }
        })
    }
}

fn header_type(schema: &serde_json::Value) -> TokenStream {
    match schema["type"].as_str() {
        Some("integer") => quote!(i64),
        Some("number") => quote!(f64),
        Some("boolean") => quote!(bool),
        Some("array") => {
            let items = header_type(&schema["items"]);
            quote!(Vec<#items>)
        }
        _ => quote!(String),
    }
}

/// A content of one schema.
fn content_type(content: &Content, document: &Document, prefix: &TokenStream) -> TokenStream {
    if let Content::Bytes(media) = content {
        let media = document.names.media(media);
        return quote!(#prefix Bytes<#prefix media::#media>);
    }
    if let Content::Events(data) = content {
        return match data.as_ref().map(|data| type_name(data)) {
            Some(data) => quote!(#prefix Events<#prefix types::#data>),
            None => quote!(#prefix Events<#prefix TextData>),
        };
    }
    let Content::Json(schema, _) = content else { return quote!(#prefix UntypedJson) };
    let schema = type_name(schema);
    match json_types(content) {
        Some(types) => {
            let types = document.names.content(types);
            quote!(#prefix JsonAs<#prefix types::#schema, #prefix content::#types>)
        }
        None => quote!(#prefix types::#schema),
    }
}

/// The modules of responses. Empty ones are left out.
pub fn modules(document: &Document, runtime: &syn::Path) -> TokenStream {
    let module = |name: &str, doc: &str, items: Vec<TokenStream>| {
        let name = format_ident!("{name}");
        (!items.is_empty()).then(|| quote!(#[doc = #doc] pub mod #name { #(#items)* }))
    };
    let all = || ResponsePart::all(document);
    let representations = all().filter_map(|response| response.representations(document, runtime));
    let headers = all().filter_map(|response| response.headers(runtime));
    let modules = [
        module(
            "responses",
            "The documented responses of operations that have several: a closed set each.",
            sets(document, runtime),
        ),
        module(
            "representations",
            "Responses with several content types: `Accept` chooses one.",
            representations.collect(),
        ),
        module("headers", "The documented headers of responses.", headers.collect()),
        module("media", "Media types of responses that are no JSON.", media(document, runtime)),
    ];
    quote!(#(#modules)*)
}

/// Name of the set of responses.
pub fn set_name(operation: &Operation) -> syn::Ident {
    format_ident!("{}", operation.id.to_pascal_case())
}

/// An enum for each operation with several documented responses. Any other response does not
/// compile.
fn sets(document: &Document, runtime: &syn::Path) -> Vec<TokenStream> {
    let prefix = quote!(super::);
    let several = document
        .operations
        .iter()
        .filter(|operation| operation.responses.len() + operation.ranges.len() > 1);
    several
        .map(|operation| {
            let name = set_name(operation);
            let doc = format!("The responses of `{}`.", operation.id);
            let numbers = operation
                .responses
                .iter()
                .map(|response| format_ident!("Status{}", response.status));
            let ranges = operation.ranges.iter().map(|response| range_name(&response.range));
            let variants: Vec<syn::Ident> = numbers.chain(ranges).collect();
            let replies: Vec<TokenStream> = operation
                .responses
                .iter()
                .map(|response| {
                    let status = response.status;
                    let reply = ResponsePart::of(operation, response).reply(document, &prefix);
                    quote!(#runtime::Reply<#status, #reply>)
                })
                .chain(operation.ranges.iter().map(|response| {
                    let reply =
                        ResponsePart::of_range(operation, response).reply(document, &prefix);
                    let digit = response.range.chars().next().and_then(|first| first.to_digit(10));
                    let (min, max) = match digit {
                        Some(digit) => (digit as u16 * 100, digit as u16 * 100 + 99),
                        None => (200, 599),
                    };
                    quote!(#runtime::RangeReply<#min, #max, #reply>)
                }))
                .collect();
            let (first, status) = (&variants[0], operation.responses[0].status);
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

                impl #runtime::Responses for #name {
                    const FIRST: u16 = #status;

                    fn document(
                        generator: &mut schemars::r#gen::SchemaGenerator
                    ) -> Vec<(String, serde_json::Value)> {
                        #[allow(unused_imports)]
                        use #runtime::Responses as _;
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
                        #runtime::responses_metadata::<Self>()
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
    let contents = contents.flat_map(Content::parts);
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
