//! The data types of the server: progenitor's structs, their schemas, and the constraint tables for requests.
//!
//! Tables are data. The runtime checks values against them.

use std::collections::BTreeMap;

use heck::ToPascalCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::visit_mut::VisitMut;

use super::document::Document;
use super::schema::{Bound, Kind, Property, Schema, references};
use super::{Error, Settings};

/// Rust name of a component schema, as progenitor forms it.
pub fn type_name(schema: &str) -> syn::Ident {
    format_ident!("{}", schema.to_pascal_case())
}

/// Makes nullable members (`next`) and lists (`results`) part of the JSON even when they are `null` or empty; progenitor
/// skips those.
pub fn always_serialize(mut file: syn::File, copy: &Value) -> syn::File {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let schemas = copy.pointer("/components/schemas").and_then(Value::as_object);
    for (name, schema) in schemas.into_iter().flatten() {
        let properties = schema["properties"].as_object().into_iter().flatten();
        let members = properties
            .filter(|(_, p)| p["nullable"] == Value::Bool(true) || p["type"] == "array")
            .map(|(member, _)| member.clone());
        shown.insert(type_name(name).to_string(), members.collect());
    }
    AlwaysSerialize { shown }.visit_file_mut(&mut file);
    file
}

struct AlwaysSerialize {
    shown: BTreeMap<String, Vec<String>>,
}

impl VisitMut for AlwaysSerialize {
    fn visit_item_struct_mut(&mut self, item: &mut syn::ItemStruct) {
        let Some(members) = self.shown.get(&item.ident.to_string()) else { return };
        for field in &mut item.fields {
            let Some(name) = field.ident.as_ref().map(ToString::to_string) else { continue };
            let rename = field.attrs.iter().find_map(renamed_to);
            if !members.contains(rename.as_ref().unwrap_or(&name)) {
                continue;
            }
            for attribute in field.attrs.iter_mut().filter(|a| a.path().is_ident("serde")) {
                let Ok(mut says) = attribute.parse_args_with(SerdeArguments::parse_terminated) else { continue };
                let replaced = ["default", "skip_serializing_if"];
                says = says.into_iter().filter(|one| !replaced.iter().any(|name| one.path().is_ident(name))).collect();
                says.push(syn::parse_quote!(default));
                *attribute = syn::parse_quote!(#[serde(#says)]);
            }
        }
    }
}

type SerdeArguments = syn::punctuated::Punctuated<syn::Meta, syn::Token![,]>;

/// The name in the document of a member whose Rust name differs (`type`, `nextPage`).
fn renamed_to(attribute: &syn::Attribute) -> Option<String> {
    let says = attribute.path().is_ident("serde").then(|| attribute.parse_args_with(SerdeArguments::parse_terminated));
    says?.ok()?.iter().find_map(|one| match one {
        syn::Meta::NameValue(syn::MetaNameValue { path, value: syn::Expr::Lit(literal), .. })
            if path.is_ident("rename") =>
        {
            match &literal.lit {
                syn::Lit::Str(name) => Some(name.value()),
                _ => None,
            }
        }
        _ => None,
    })
}

/// `pub mod types { … }` with its companions.
pub fn server_tokens(file: &syn::File, document: &Document, settings: &Settings<'_>) -> Result<TokenStream, Error> {
    let types = file
        .items
        .iter()
        .find_map(|item| match item {
            syn::Item::Mod(module) if module.ident == "types" => Some(module),
            _ => None,
        })
        .ok_or_else(|| Error::Generator("no module `types` came out".to_owned()))?;
    let runtime: syn::Path = syn::parse_str(settings.runtime).map_err(|e| Error::Generator(e.to_string()))?;
    let mut tokens = quote! { #types };
    for schema in &document.schemas {
        let name = type_name(&schema.name);
        let request = type_name(&document.request_name(&schema.name));
        tokens.extend(source_schema(&name, schema, &runtime));
        if request != name {
            tokens.extend(source_schema(&request, schema, &runtime));
        }
        tokens.extend(constraint_table(&request, schema, document, &runtime));
    }
    Ok(tokens)
}

/// `impl JsonSchema` with the document's own schema: a derive would lose maxLength, format, readOnly and others.
fn source_schema(rust_name: &syn::Ident, schema: &Schema, runtime: &syn::Path) -> TokenStream {
    let name = &schema.name;
    let referenced = references(&schema.source);
    let referenced = referenced.iter().map(|name| type_name(name));
    let source = schema.source.to_string();
    // A schema that is inline in the document is exported inline.
    let inline = schema.is_inline.then(|| {
        quote!(
            fn is_referenceable() -> bool {
                false
            }
        )
    });
    quote! {
        impl schemars::JsonSchema for types::#rust_name {
            fn schema_name() -> String {
                #name.to_owned()
            }

            #inline

            fn json_schema(generator: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
                #( generator.subschema_for::<types::#referenced>(); )*
                #runtime::source_schema(generator, #source)
            }
        }
    }
}

fn constraint_table(rust_name: &syn::Ident, schema: &Schema, document: &Document, runtime: &syn::Path) -> TokenStream {
    let rows = schema.properties.iter().map(|property| constraint_row(property, document, runtime));
    quote! {
        impl #runtime::Described for types::#rust_name {
            const PROPERTIES: &'static [#runtime::Property] = &[#(#rows),*];
        }
    }
}

fn constraint_row(property: &Property, document: &Document, runtime: &syn::Path) -> TokenStream {
    let Property { name, required, nullable, read_only, write_only, is_array, min_items, max_items, .. } = property;
    // A reference to a plain value has the constraints of that value beside its own.
    let limits = limits(property, document);
    let Property { kind, min_length, max_length, pattern, minimum, maximum, .. } = &limits;
    let (kind, members) = match kind {
        Kind::Text => ("Text", None),
        Kind::Email => ("Email", None),
        Kind::Uri => ("Uri", None),
        Kind::Integer => ("Integer", None),
        Kind::Number => ("Number", None),
        Kind::Boolean => ("Boolean", None),
        Kind::Members(rows) => {
            let rows = rows.iter().map(|property| constraint_row(property, document, runtime));
            ("Object", Some(quote!(|| &[#(#rows),*])))
        }
        Kind::Named(name) => match document.schema(name) {
            Some(schema) if !schema.properties.is_empty() => {
                let name = type_name(&document.request_name(name));
                ("Object", Some(quote!(|| <types::#name as #runtime::Described>::PROPERTIES)))
            }
            _ => ("Any", None),
        },
        Kind::Any => ("Any", None),
    };
    let kind = format_ident!("{kind}");
    let members = option(members);
    let number = |length: &Option<u64>| {
        let length = length.map(|n| proc_macro2::Literal::usize_suffixed(n as usize));
        option(length.map(|n| quote!(#n)))
    };
    let bound = |bound: &Option<Bound>| {
        option(bound.map(|Bound { value, exclusive }| quote!(#runtime::Bound { value: #value, exclusive: #exclusive })))
    };
    let (min_length, max_length, min_items, max_items) =
        (number(min_length), number(max_length), number(min_items), number(max_items));
    let (minimum, maximum) = (bound(minimum), bound(maximum));
    let pattern = option(pattern.as_ref().map(|pattern| quote!(#pattern)));
    quote! {
        #runtime::Property {
            name: #name,
            kind: #runtime::Kind::#kind,
            required: #required,
            nullable: #nullable,
            max_length: #max_length,
            min_length: #min_length,
            pattern: #pattern,
            minimum: #minimum,
            maximum: #maximum,
            read_only: #read_only,
            write_only: #write_only,
            is_array: #is_array,
            min_items: #min_items,
            max_items: #max_items,
            members: #members,
        }
    }
}

/// The constraints of a property, including those of the plain value that it refers to.
fn limits(property: &Property, document: &Document) -> Property {
    let mut limits = property.clone();
    // A chain longer than the number of schemas is a cycle of references.
    for _ in 0..=document.schemas.len() {
        let Kind::Named(name) = &limits.kind else { break };
        let Some(schema) = document.schema(name).filter(|schema| schema.properties.is_empty()) else { break };
        let own = &schema.own;
        if own.is_array {
            limits.kind = Kind::Any;
            break;
        }
        limits.kind = own.kind.clone();
        limits.min_length = limits.min_length.or(own.min_length);
        limits.max_length = limits.max_length.or(own.max_length);
        limits.pattern = limits.pattern.or_else(|| own.pattern.clone());
        limits.minimum = limits.minimum.or(own.minimum);
        limits.maximum = limits.maximum.or(own.maximum);
    }
    limits
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(Some(#value)),
        None => quote!(None),
    }
}
