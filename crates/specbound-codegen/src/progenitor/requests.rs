//! Requests of the client. Each method of progenitor keeps its types, its name and its reading of
//! responses, and its arguments keep their order; the request is written by [`crate::support`].
//!
//! progenitor itself writes no cookies, styles of parameters, parameters of one name, multipart and
//! bodies that are neither JSON nor a form; a value in its path may lead to another path.

mod forms;

use std::collections::BTreeSet;

use heck::ToSnakeCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use super::arguments;
use crate::document::{Document, FileMember, Operation, Parameter, ParameterLocation};
use crate::names::{field_name, type_name, unique};
use crate::openapi::{FORMS, JSON, is_json_type};
pub(super) use forms::Forms;

/// The body of a request.
pub(super) enum Payload<'a> {
    Nothing,
    Json(&'a str),
    Form,
    /// Name of the schema of the members that are no files, and the files.
    Multipart(&'a str, &'a [FileMember]),
    Bytes(&'a [String]),
}

impl Payload<'_> {
    /// The end of the name of a method that sends it beside another one.
    pub fn suffix(&self) -> &'static str {
        match self {
            Payload::Nothing | Payload::Multipart(..) => "",
            Payload::Json(_) => "_json",
            Payload::Form => "_form",
            Payload::Bytes(_) => "_bytes",
        }
    }

    /// Its content types.
    pub fn content_types(&self) -> String {
        match self {
            Payload::Nothing => String::new(),
            Payload::Json(media) => format!("`{media}`"),
            Payload::Form => format!("`{}`", FORMS[0]),
            Payload::Multipart(..) => format!("`{}`", FORMS[1]),
            Payload::Bytes(types) => {
                types.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// The bodies that a request may have: that of the method, then those of further methods, since
/// they are of other types.
pub(super) fn payloads(operation: &Operation) -> Vec<Payload<'_>> {
    let Some(body) = &operation.body else { return vec![Payload::Nothing] };
    let mut all = Vec::new();
    if let Some(form) = &body.files {
        all.push(Payload::Multipart(&form.schema, &form.files));
    }
    if let Some(schema) = &body.schema {
        let has = |media: &str| body.content_types.iter().any(|known| known == media);
        all.push(match body.content_types.iter().find(|media| is_json_type(media)) {
            Some(_) if has(JSON) => Payload::Json(JSON),
            Some(media) => Payload::Json(media),
            None if has(FORMS[0]) => Payload::Form,
            None => Payload::Multipart(schema, &[]),
        });
    }
    if !body.raw.is_empty() || all.is_empty() {
        all.push(Payload::Bytes(&body.raw));
    }
    all
}

/// The body of the method that has the name of the operation.
fn payload(operation: &Operation) -> Payload<'_> {
    payloads(operation).into_iter().next().unwrap_or(Payload::Nothing)
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
    /// The beginning of the URL.
    pub base: TokenStream,
    /// Whether the path of the operation follows it.
    pub has_path: bool,
}

impl Site {
    /// The server of a client.
    pub fn server() -> Site {
        Site { first: quote!(), base: quote!(&self.baseurl), has_path: true }
    }
}

/// Replaces the arguments of a method of progenitor, and its statements up to the response.
pub(super) fn rewrite(
    function: &mut syn::ImplItemFn,
    operation: &Operation,
    payload: &Payload<'_>,
    document: &Document,
    forms: &Forms,
    accepted: &str,
    site: &Site,
) {
    let last = function.block.stmts.iter().rposition(|statement| local(statement).is_some());
    let Some((last, response)) = last.and_then(|n| Some((n, local(function.block.stmts.get(n)?)?)))
    else {
        return;
    };
    let mut known = arguments(&function.sig);
    let is_body = |(name, _): &&(String, syn::Type)| name == "body";
    let has_schema = operation.body.as_ref().is_some_and(|body| body.schema.is_some());
    let given = match has_schema && known.last().is_some_and(|one| is_body(&one)) {
        true => known.pop(),
        false => None,
    };
    let is_bytes = matches!(payload, Payload::Bytes(_));
    let own = [
        ("body", operation.body.is_some()),
        ("content_type", is_bytes),
        ("url", !site.has_path),
        ("exchange", !site.has_path),
    ];
    let own = own.iter().filter(|(_, is_argument)| *is_argument);
    let mut taken: BTreeSet<String> = own.map(|(name, _)| (*name).to_owned()).collect();
    let arguments = named(operation, known, &mut taken);
    let target = format_ident!("{}", unique("target".to_owned(), &mut taken));
    let (body, write) = body(operation, document, forms, payload, given, &target);

    let first = &site.first;
    let declared = arguments.iter().map(|Argument { name, kind, .. }| quote!(#name: #kind));
    function.sig.inputs = syn::parse_quote!(&'a self, #first #(#declared,)* #body);
    if is_bytes && is_required(operation) {
        function.sig.generics = syn::parse_quote!(<'a, B: Into<::reqwest::Body>>);
    }
    document_arguments(function, &arguments);

    let path = match site.has_path {
        true => path(operation, &arguments, &target),
        false => quote!(),
    };
    let others = arguments.iter().filter(|one| one.parameter.location != ParameterLocation::Path);
    let others = others.map(|argument| write_parameter(argument, &target));
    let writes = quote!(#path #(#others)* #write);
    let mutable = (!writes.is_empty()).then(|| quote!(mut));
    let method = format_ident!("{}", operation.method);
    let (base, id) = (&site.base, operation.id.to_snake_case());
    let statements: syn::Block = syn::parse_quote!({
        let #mutable #target = Target::new(::reqwest::Method::#method, #base);
        #writes
        let #response = self.send_target(#target, #id, #accepted).await?;
    });
    function.block.stmts.splice(..=last, statements.stmts);
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
    given: Option<(String, syn::Type)>,
    target: &syn::Ident,
) -> (TokenStream, TokenStream) {
    let given = given.map(|(_, kind)| quote!(body: #kind,)).unwrap_or_default();
    let optional = |write: TokenStream| match is_required(operation) {
        true => write,
        false => quote!(if let Some(body) = body { #write }),
    };
    match payload {
        Payload::Nothing => (quote!(), quote!()),
        Payload::Json(media) => (given, quote!(#target.json(#media, &body);)),
        Payload::Form => (given, quote!(#target.form(&body);)),
        Payload::Multipart(schema, files) => {
            let (kind, made) = forms.sent(operation, schema, files, document);
            let write = optional(quote!({
                #made
                #target.write_form(move |request| request.multipart(form));
            }));
            match is_required(operation) {
                true => (quote!(body: #kind,), write),
                false => (quote!(body: Option<#kind>,), write),
            }
        }
        Payload::Bytes(types) => {
            let only = match types {
                [only] if !only.contains('*') => Some(only),
                _ => None,
            };
            let (content_type, media) = match only {
                Some(only) => (quote!(), quote!(#only)),
                None => (quote!(content_type: &'a str,), quote!(content_type)),
            };
            let write = optional(quote!(#target.body(#media, body);));
            match is_required(operation) {
                true => (quote!(#content_type body: B,), write),
                false => (quote!(#content_type body: Option<::reqwest::Body>,), write),
            }
        }
    }
}

/// Statements that write the path. Each variable has a parameter.
fn path(operation: &Operation, arguments: &[Argument<'_>], target: &syn::Ident) -> TokenStream {
    let mut statements = TokenStream::new();
    let literal = |text: &str, statements: &mut TokenStream| {
        if !text.is_empty() {
            statements.extend(quote!(#target.literal(#text);));
        }
    };
    let mut rest = operation.path.as_str();
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        literal(before, &mut statements);
        let is_it = |one: &&Argument<'_>| {
            one.parameter.location == ParameterLocation::Path && one.parameter.name == name
        };
        let argument = arguments.iter().find(is_it);
        statements.extend(argument.map(|argument| write_parameter(argument, target)));
        rest = after;
    }
    literal(rest, &mut statements);
    statements
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
    quote!(#target.#write(#wire_name, Style::#style, #explode, &#name);)
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
