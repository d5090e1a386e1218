//! Requests of the client that progenitor cannot write: cookies, styles of parameters, parameters
//! of one name, multipart, and bodies that are neither JSON nor a form.
//!
//! progenitor's types, names and reading of answers stay; arguments that it has keep their order.

mod forms;

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use super::arguments;
use crate::document::{Document, FileMember, Operation, Parameter, ParameterLocation};
use crate::names::{field_name, type_name, unique};
use crate::openapi::{FORMS, JSON, is_json_type};
pub(super) use forms::Forms;

/// The body of a request.
enum Payload<'a> {
    Nothing,
    /// As progenitor writes it.
    Json,
    Form,
    /// JSON under another content type.
    JsonAs(&'a str),
    /// Name of the schema of the members that are no files, and the files.
    Multipart(&'a str, &'a [FileMember]),
    Bytes(&'a [String]),
}

fn payload(operation: &Operation) -> Payload<'_> {
    let Some(body) = &operation.body else { return Payload::Nothing };
    if let Some(form) = &body.files {
        return Payload::Multipart(&form.schema, &form.files);
    }
    let Some(schema) = &body.schema else { return Payload::Bytes(&body.raw) };
    let has = |media: &str| body.content_types.iter().any(|known| known == media);
    match body.content_types.iter().find(|media| is_json_type(media)) {
        Some(_) if has(JSON) => Payload::Json,
        Some(media) => Payload::JsonAs(media),
        None if has(FORMS[0]) => Payload::Form,
        None => Payload::Multipart(schema, &[]),
    }
}

/// Whether progenitor cannot write the request.
pub(super) fn is_own(operation: &Operation) -> bool {
    let mut taken = BTreeSet::new();
    if operation.body.is_some() {
        taken.insert("body".to_owned());
    }
    operation.parameters.iter().any(|parameter| {
        parameter.is_cookie
            || parameter.wire.is_some()
            || !taken.insert(field_name(&parameter.name))
    }) || !matches!(payload(operation), Payload::Nothing | Payload::Json | Payload::Form)
}

/// Whether it is a form that progenitor's way of writing forms may not hold.
pub(super) fn sends_form(operation: &Operation) -> bool {
    matches!(payload(operation), Payload::Form)
}

/// The code that writes parameters by their styles.
pub(super) fn support() -> TokenStream {
    include_str!("../support/request.rs").parse().unwrap_or_default()
}

/// An argument of a method, and the parameter that it is.
struct Argument<'a> {
    name: syn::Ident,
    kind: syn::Type,
    parameter: &'a Parameter,
}

/// Where requests of a method go.
pub(super) struct Site {
    /// Arguments before those of the document.
    pub first: TokenStream,
    /// The beginning of the URL, and the client.
    pub base: TokenStream,
    pub client: TokenStream,
    /// The response, where it is not one of the client's server.
    pub sent: Option<TokenStream>,
}

impl Site {
    /// The server of a client.
    pub fn server() -> Site {
        Site {
            first: quote!(),
            base: quote!(&self.baseurl),
            client: quote!(&self.client),
            sent: None,
        }
    }
}

/// Replaces the arguments of a method of progenitor, and its statements up to the request.
pub(super) fn rewrite(
    function: &mut syn::ImplItemFn,
    operation: &Operation,
    document: &Document,
    forms: &Forms,
    accepted: &str,
    site: &Site,
) {
    let is_info = |statement: &syn::Stmt| local(statement).is_some_and(|name| name == "info");
    let Some(place) = function.block.stmts.iter().position(is_info) else { return };
    let before = place.checked_sub(1).and_then(|n| function.block.stmts.get(n)).and_then(local);
    let Some(request) = before else { return };
    let payload = payload(operation);
    let mut known = arguments(&function.sig);
    let sent = match payload {
        Payload::Json | Payload::Form | Payload::JsonAs(_) => known.pop(),
        _ => None,
    };
    let is_bytes = matches!(payload, Payload::Bytes(_));
    let own = [
        ("body", operation.body.is_some()),
        ("content_type", is_bytes),
        ("url", site.sent.is_some()),
        ("exchange", site.sent.is_some()),
    ];
    let own = own.iter().filter(|(_, is_argument)| *is_argument);
    let mut taken: BTreeSet<String> = own.map(|(name, _)| (*name).to_owned()).collect();
    let arguments = named(operation, known, &mut taken);
    let target = format_ident!("{}", unique("target".to_owned(), &mut taken));
    let builder = format_ident!("{}", unique("builder".to_owned(), &mut taken));
    let (body, write) = body(operation, document, forms, &payload, sent, &builder);

    let first = &site.first;
    let declared = arguments.iter().map(|Argument { name, kind, .. }| quote!(#name: #kind));
    function.sig.inputs = syn::parse_quote!(&'a self, #first #(#declared,)* #body);
    if is_bytes && is_required(operation) {
        function.sig.generics = syn::parse_quote!(<'a, B: Into<::reqwest::Body>>);
    }
    document_arguments(function, &arguments);

    let path = path(operation, &arguments, &target).filter(|_| site.sent.is_none());
    let others = arguments.iter().filter(|one| one.parameter.location != ParameterLocation::Path);
    let others = others.map(|argument| write_parameter(argument, &target));
    let method = format_ident!("{}", operation.method);
    let (base, client) = (&site.base, &site.client);
    let accept = (!accepted.is_empty())
        .then(|| quote!(let #builder = #builder.header(::reqwest::header::ACCEPT, #accepted);));
    let version = site
        .sent
        .is_none()
        .then(|| quote!(let #builder = #builder.header("api-version", Self::api_version());));
    let statements: syn::Block = syn::parse_quote!({
        #[allow(unused_mut)]
        let mut #target = Target::new(#base);
        #path
        #(#others)*
        let #builder = #target.request(#client, ::reqwest::Method::#method)?;
        #version
        #accept
        #write
        #[allow(unused_mut)]
        let mut #request = #builder.build()?;
    });
    let Some(sent) = &site.sent else {
        function.block.stmts.splice(..place, statements.stmts);
        return;
    };
    // The hooks of a client go too.
    let last = function.block.stmts.iter().rposition(|statement| local(statement).is_some());
    let Some((last, response)) = last.and_then(|n| Some((n, local(function.block.stmts.get(n)?)?)))
    else {
        return;
    };
    let mut statements = statements.stmts;
    statements.push(syn::parse_quote!(let #response = {
        let request = #request;
        #sent
    };));
    function.block.stmts.splice(..=last, statements);
}

fn local(statement: &syn::Stmt) -> Option<syn::Ident> {
    match statement {
        syn::Stmt::Local(local) => match &local.pat {
            syn::Pat::Ident(name) => Some(name.ident.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn is_required(operation: &Operation) -> bool {
    operation.body.as_ref().is_some_and(|body| body.required)
}

/// The arguments that progenitor has, in their order, then the others.
fn named<'a>(
    operation: &'a Operation,
    known: Vec<(String, syn::Type)>,
    taken: &mut BTreeSet<String>,
) -> Vec<Argument<'a>> {
    let mut left: Vec<&Parameter> = operation.parameters.iter().collect();
    let mut found: Vec<(&Parameter, Option<syn::Type>)> = Vec::new();
    for (name, kind) in known {
        if let Some(place) = left.iter().position(|one| field_name(&one.name) == name) {
            found.push((left.remove(place), Some(kind)));
        }
    }
    found.extend(left.into_iter().map(|parameter| (parameter, None)));
    let argument = |(parameter, known): (&'a Parameter, Option<syn::Type>)| Argument {
        name: format_ident!("{}", unique(field_name(&parameter.name), taken)),
        kind: match known {
            Some(kind) if parameter.wire.is_none() => kind,
            _ => kind(parameter),
        },
        parameter,
    };
    found.into_iter().map(argument).collect()
}

/// The type of an argument that progenitor does not have.
fn kind(parameter: &Parameter) -> syn::Type {
    let plain = |schema: &Value| match schema["type"].as_str() {
        Some("integer") => quote!(i64),
        Some("number") => quote!(f64),
        Some("boolean") => quote!(bool),
        _ => quote!(&'a str),
    };
    let schema = parameter.wire.as_ref().map_or(&parameter.schema, |wire| &wire.schema);
    let kind = match parameter.wire.as_ref().and_then(|wire| wire.named.as_ref()) {
        Some(name) => {
            let name = format_ident!("{}", type_name(name));
            quote!(&'a types::#name)
        }
        None if schema["type"] == "array" => {
            let item = plain(&schema["items"]);
            quote!(&'a [#item])
        }
        None => plain(schema),
    };
    match parameter.required {
        true => syn::parse_quote!(#kind),
        false => syn::parse_quote!(Option<#kind>),
    }
}

/// The argument of the body, and the statements that write it.
fn body(
    operation: &Operation,
    document: &Document,
    forms: &Forms,
    payload: &Payload<'_>,
    sent: Option<(String, syn::Type)>,
    builder: &syn::Ident,
) -> (TokenStream, TokenStream) {
    let required = is_required(operation);
    let given = sent.map(|(_, kind)| quote!(body: #kind,)).unwrap_or_default();
    let content_type = quote!(::reqwest::header::CONTENT_TYPE);
    match payload {
        Payload::Nothing => (quote!(), quote!()),
        Payload::Json => (given, quote!(let #builder = #builder.json(&body);)),
        Payload::Form => {
            (given, quote!(let #builder = #builder.form_urlencoded(&form_fields(&body))?;))
        }
        Payload::JsonAs(media) => {
            let write = quote! {
                let #builder = #builder.header(#content_type, #media).json(&body);
            };
            (given, write)
        }
        Payload::Multipart(schema, files) => {
            let (kind, made) = forms.sent(operation, schema, files, document);
            let made = quote! {{
                #made
                #builder.multipart(form)
            }};
            if required {
                (quote!(body: #kind,), quote!(let #builder = #made;))
            } else {
                let write = quote! {
                    let #builder = match body { Some(body) => #made, None => #builder };
                };
                (quote!(body: Option<#kind>,), write)
            }
        }
        Payload::Bytes(types) => {
            let only = match types {
                [only] if !only.contains('*') => Some(only),
                _ => None,
            };
            let (of_type, media) = match only {
                Some(only) => (quote!(), quote!(#only)),
                None => (quote!(content_type: &'a str,), quote!(content_type)),
            };
            let write = quote!(#builder.header(#content_type, #media).body(body));
            if required {
                (quote!(#of_type body: B,), quote!(let #builder = #write;))
            } else {
                let write = quote! {
                    let #builder = match body { Some(body) => #write, None => #builder };
                };
                (quote!(#of_type body: Option<::reqwest::Body>,), write)
            }
        }
    }
}

/// Statements that write the path; `None` if a variable has no argument.
fn path(
    operation: &Operation,
    arguments: &[Argument<'_>],
    target: &syn::Ident,
) -> Option<TokenStream> {
    let mut statements = TokenStream::new();
    let mut rest = operation.path.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let is_it = |one: &&Argument<'_>| {
            one.parameter.location == ParameterLocation::Path && one.parameter.name == name
        };
        let written = write_parameter(arguments.iter().find(is_it)?, target);
        statements.extend(quote!(#target.literal(#before); #written));
        rest = after;
    }
    statements.extend(quote!(#target.literal(#rest);));
    Some(statements)
}

fn write_parameter(argument: &Argument<'_>, target: &syn::Ident) -> TokenStream {
    let Argument { name, parameter, .. } = argument;
    let (write, style, explode) = match parameter.location {
        ParameterLocation::Path => ("path", "simple", false),
        ParameterLocation::Query => ("query", "form", true),
        ParameterLocation::Header if parameter.is_cookie => ("cookie", "form", true),
        ParameterLocation::Header => ("header", "simple", false),
    };
    let usual = (style, explode);
    let wire = parameter.wire.as_ref().map(|wire| (wire.style.as_str(), wire.explode));
    let (style, explode) = wire.unwrap_or(usual);
    let style = format_ident!("{}", type_name(style));
    let wire_name = match write {
        "header" => parameter.name.to_ascii_lowercase(),
        _ => parameter.name.clone(),
    };
    let write = format_ident!("{write}");
    quote!(#target.#write(#wire_name, Style::#style, #explode, &#name)?;)
}

/// Names the arguments that progenitor does not know of in the documentation of the method.
fn document_arguments(function: &mut syn::ImplItemFn, arguments: &[Argument<'_>]) {
    let Some(attribute) = function.attrs.iter_mut().find(|one| one.path().is_ident("doc")) else {
        return;
    };
    let syn::Meta::NameValue(syn::MetaNameValue {
        value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
        ..
    }) = &attribute.meta
    else {
        return;
    };
    let mut says = text.value();
    for Argument { name, parameter, .. } in arguments {
        let line = format!("- `{name}`");
        if !says.contains(&line) {
            let about = parameter.description.as_deref().unwrap_or_default();
            let about = if about.is_empty() { String::new() } else { format!(": {about}") };
            says.push_str(&format!("{line}{about}\n"));
        }
    }
    *attribute = syn::parse_quote!(#[doc = #says]);
}
