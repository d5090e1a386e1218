//! The data types of the server: progenitor's structs, their schemas, and the constraint tables for
//! requests.
//!
//! Tables are data. The runtime checks values against them.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToPascalCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::visit_mut::VisitMut;

use super::Error;
use super::constraints::Tables;
use super::document::{Body, Document};
use super::given::RUST_TYPE;
use super::openapi::FIELDS;
use super::schema::{Bound, Kind, Property, Schema, for_each_inner_mut, references};

/// Rust name of a component schema, as progenitor forms it.
pub fn type_name(schema: &str) -> syn::Ident {
    format_ident!("{}", schema.to_pascal_case())
}

/// Makes nullable members (`next`) and lists (`results`) of responses part of the JSON even when
/// they are `null` or empty; progenitor skips those. A request has only the members that are set:
/// `null` would clear one that a PATCH leaves alone.
pub struct AlwaysSerialize {
    shown: BTreeMap<String, BTreeSet<String>>,
}

impl AlwaysSerialize {
    pub fn new(copy: &Value) -> AlwaysSerialize {
        let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let schemas = copy.pointer("/components/schemas").and_then(Value::as_object);
        let sent = schemas_of_requests(copy);
        for (name, schema) in
            schemas.into_iter().flatten().filter(|(name, _)| !sent.contains(*name))
        {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let members = properties
                .filter(|(_, p)| {
                    p["nullable"] == Value::Bool(true)
                        || p["type"] == "array" && p.get(RUST_TYPE).is_none()
                })
                .map(|(member, _)| member.clone());
            shown.insert(type_name(name).to_string(), members.collect());
        }
        AlwaysSerialize { shown }
    }
}

/// The component schemas that request bodies refer to, directly or through others.
fn schemas_of_requests(copy: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let items = copy["paths"].as_object().into_iter().flatten().map(|(_, item)| item);
    let operations = items.filter_map(Value::as_object).flatten().map(|(_, operation)| operation);
    let contents =
        operations.filter_map(|operation| operation["requestBody"]["content"].as_object());
    let entries = contents.flatten().map(|(_, entry)| &entry["schema"]);
    let mut ahead: Vec<String> = entries.flat_map(references).collect();
    while let Some(name) = ahead.pop() {
        if let Some(schema) = copy["components"]["schemas"].get(&name)
            && found.insert(name)
        {
            ahead.extend(references(schema));
        }
    }
    found
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
                let Ok(mut says) = attribute.parse_args_with(SerdeArguments::parse_terminated)
                else {
                    continue;
                };
                let replaced = ["default", "skip_serializing_if"];
                says = says
                    .into_iter()
                    .filter(|one| !replaced.iter().any(|name| one.path().is_ident(name)))
                    .collect();
                says.push(syn::parse_quote!(default));
                *attribute = syn::parse_quote!(#[serde(#says)]);
            }
        }
    }
}

type SerdeArguments = syn::punctuated::Punctuated<syn::Meta, syn::Token![,]>;

/// The name in the document of a member whose Rust name differs (`type`, `nextPage`).
pub fn renamed_to(attribute: &syn::Attribute) -> Option<String> {
    let says = attribute
        .path()
        .is_ident("serde")
        .then(|| attribute.parse_args_with(SerdeArguments::parse_terminated));
    says?.ok()?.iter().find_map(|one| match one {
        syn::Meta::NameValue(syn::MetaNameValue {
            path, value: syn::Expr::Lit(literal), ..
        }) if path.is_ident("rename") => match &literal.lit {
            syn::Lit::Str(name) => Some(name.value()),
            _ => None,
        },
        _ => None,
    })
}

/// The items of the client's `mod types`, as a separate module.
pub fn text(client: &str) -> Result<String, Error> {
    let file = syn::parse_file(client).map_err(|e| Error::Generator(e.to_string()))?;
    let items = file.items.into_iter().find_map(|item| match item {
        syn::Item::Mod(module) if module.ident == "types" => module.content.map(|(_, items)| items),
        _ => None,
    });
    let file = syn::File { items: items.unwrap_or_default(), ..syn::parse_quote!() };
    Ok(format!(
        "// Generated by specbound-codegen: edit the OpenAPI document instead of this file.\n\n{}",
        prettyplease::unparse(&file)
    ))
}

/// The companions of the structs, those of each schema as soon as they are made.
pub fn companions(
    document: &Document,
    tables: &mut Tables<'_>,
    write: &mut dyn FnMut(TokenStream) -> Result<(), Error>,
) -> Result<(), Error> {
    let runtime = tables.runtime();
    let all = || document.operations.iter().filter_map(|operation| operation.body.as_ref());
    let bodies: BTreeSet<&String> = all().flat_map(Body::schemas).collect();
    let json = all().filter(|body| body.is_json);
    let json: BTreeSet<&String> = json.filter_map(|body| body.schema.as_ref()).collect();
    let with_rows = schemas_with_rows(&bodies, document);
    let mut plain = PlainValues::default();
    for schema in &document.schemas {
        let name = type_name(&schema.name);
        let request = type_name(&document.request_name(&schema.name));
        write(source_schema(&name, schema, &runtime))?;
        if request != name {
            write(source_schema(&request, schema, &runtime))?;
        }
        let original = schema.original.as_ref().filter(|_| bodies.contains(&schema.name));
        let table = original.and_then(|original| match json.contains(&schema.name) {
            true => Some(tables.reference(original)),
            false => tables.needed(original),
        });
        if with_rows.contains(&schema.name) {
            write(constraint_table(&request, schema, document, &mut plain, table, &runtime))?;
        }
    }
    Ok(())
}

/// The schemas of request bodies, and those to which their rows refer. The others are never read.
fn schemas_with_rows<'a>(
    bodies: &BTreeSet<&'a String>,
    document: &'a Document,
) -> BTreeSet<&'a String> {
    fn members<'a>(rows: &'a [Property], found: &mut Vec<&'a String>) {
        for row in rows {
            match &row.kind {
                Kind::Named(name) => found.push(name),
                Kind::Members(rows) => members(rows, found),
                _ => {}
            }
        }
    }
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<&String> = bodies.iter().copied().collect();
    while let Some(name) = ahead.pop() {
        if reached.insert(name)
            && let Some(schema) = document.schema(name)
        {
            members(&schema.properties, &mut ahead);
            members(std::slice::from_ref(&schema.own), &mut ahead);
        }
    }
    reached
}

/// `impl JsonSchema` with the document's own schema: a derive would lose maxLength, format,
/// readOnly and others.
fn source_schema(rust_name: &syn::Ident, schema: &Schema, runtime: &syn::Path) -> TokenStream {
    let name = &schema.name;
    let referenced = references(&schema.source);
    let referenced = referenced.iter().map(|name| type_name(name));
    let mut source = schema.source.clone();
    leave_out_extensions(&mut source);
    let source = source.to_string();
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

            fn json_schema(
                generator: &mut schemars::r#gen::SchemaGenerator
            ) -> schemars::schema::Schema {
                #( generator.subschema_for::<types::#referenced>(); )*
                #runtime::source_schema(generator, #source)
            }
        }
    }
}

/// Takes out what lowering has noted in a schema.
fn leave_out_extensions(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove(FIELDS);
        schema.remove(RUST_TYPE);
    }
    for_each_inner_mut(schema, &mut leave_out_extensions);
}

fn constraint_table(
    rust_name: &syn::Ident,
    schema: &Schema,
    document: &Document,
    plain: &mut PlainValues,
    table: Option<TokenStream>,
    runtime: &syn::Path,
) -> TokenStream {
    let table =
        table.map(|table| quote!(const SCHEMA: Option<#runtime::SchemaRef> = Some(#table);));
    let row = |property| constraint_row(property, document, plain, runtime);
    let rows: Vec<TokenStream> = schema.properties.iter().map(row).collect();
    quote! {
        impl #runtime::HasConstraints for types::#rust_name {
            const PROPERTIES: &'static [#runtime::Property] = &[#(#rows),*];
            #table
        }
    }
}

fn constraint_row(
    property: &Property,
    document: &Document,
    plain: &mut PlainValues,
    runtime: &syn::Path,
) -> TokenStream {
    let Property {
        name,
        required,
        nullable,
        read_only,
        write_only,
        is_array,
        min_items,
        max_items,
        ..
    } = property;
    // A reference to a plain value has the constraints of that value beside its own.
    let limits = limits(property, document, plain);
    let Property { kind, min_length, max_length, pattern, minimum, maximum, .. } = &limits;
    let (kind, members) = match kind {
        Kind::Text => ("Text", None),
        Kind::Email => ("Email", None),
        Kind::Uri => ("Uri", None),
        Kind::Integer => ("Integer", None),
        Kind::Number => ("Number", None),
        Kind::Boolean => ("Boolean", None),
        Kind::Members(rows) => {
            let row = |property| constraint_row(property, document, plain, runtime);
            let rows: Vec<TokenStream> = rows.iter().map(row).collect();
            ("Object", Some(quote!(|| const { &[#(#rows),*] })))
        }
        Kind::Named(name) => match document.schema(name) {
            Some(schema) if !schema.properties.is_empty() => {
                let name = type_name(&document.request_name(name));
                ("Object", Some(quote!(|| <types::#name as #runtime::HasConstraints>::PROPERTIES)))
            }
            _ => ("Any", None),
        },
        Kind::Any => ("Any", None),
    };
    let number = |length: &Option<u64>| {
        let length = length.map(|n| proc_macro2::Literal::usize_suffixed(n as usize));
        length.map(|n| quote!(Some(#n)))
    };
    let bound = |bound: &Option<Bound>| {
        bound.map(|Bound { value, exclusive }| {
            quote!(Some(#runtime::Bound { value: #value, exclusive: #exclusive }))
        })
    };
    let flag = |holds: bool| holds.then(|| quote!(true));
    let fields = [
        ("required", flag(*required)),
        ("nullable", flag(*nullable)),
        ("max_length", number(max_length)),
        ("min_length", number(min_length)),
        ("pattern", pattern.as_ref().map(|pattern| quote!(Some(#pattern)))),
        ("minimum", bound(minimum)),
        ("maximum", bound(maximum)),
        ("read_only", flag(*read_only)),
        ("write_only", flag(*write_only)),
        ("is_array", flag(*is_array)),
        ("min_items", number(min_items)),
        ("max_items", number(max_items)),
        ("members", members.map(|members| quote!(Some(#members)))),
    ];
    // Only the fields that constrain: the tables are a third of the code of a large document.
    let fields: Vec<TokenStream> = fields
        .into_iter()
        .filter_map(|(name, value)| {
            let (name, value) = (format_ident!("{name}"), value?);
            Some(quote!(#name: #value))
        })
        .collect();
    let kind = format_ident!("{kind}");
    let row = quote!(#runtime::Property::new(#name, #runtime::Kind::#kind));
    match fields.as_slice() {
        [] => row,
        fields => quote!(#runtime::Property { #(#fields,)* ..#row }),
    }
}

/// The constraints of a property, including those of the plain value that it refers to.
fn limits(property: &Property, document: &Document, plain: &mut PlainValues) -> Property {
    let Kind::Named(name) = &property.kind else { return property.clone() };
    match plain.find(name, document) {
        Some(value) => with_limits(property.clone(), value),
        None => property.clone(),
    }
}

/// The property, with the constraints of the value that it refers to where it has none of its own.
fn with_limits(mut property: Property, value: &Property) -> Property {
    property.kind = value.kind.clone();
    property.min_length = property.min_length.or(value.min_length);
    property.max_length = property.max_length.or(value.max_length);
    property.pattern = property.pattern.or_else(|| value.pattern.clone());
    property.minimum = property.minimum.or(value.minimum);
    property.maximum = property.maximum.or(value.maximum);
    property
}

/// Schemas of plain values by name, with the constraints of those that they refer to. Each chain of
/// references is followed once.
#[derive(Default)]
struct PlainValues(BTreeMap<String, Property>);

impl PlainValues {
    fn find(&mut self, name: &str, document: &Document) -> Option<&Property> {
        let mut chain: Vec<&Schema> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = name;
        while !self.0.contains_key(next)
            && seen.insert(next)
            && let Some(schema) = document.schema(next).filter(|s| s.properties.is_empty())
        {
            chain.push(schema);
            match &schema.own.kind {
                Kind::Named(name) if !schema.own.is_array => next = name,
                _ => break,
            }
        }
        while let Some(schema) = chain.pop() {
            let mut value = schema.own.clone();
            if value.is_array {
                value = Property { kind: Kind::Any, ..unlimited(value) };
            } else if let Kind::Named(inner) = &value.kind
                && let Some(inner) = self.0.get(inner)
            {
                value = with_limits(value, inner);
            }
            self.0.insert(schema.name.clone(), value);
        }
        self.0.get(name)
    }
}

/// A list: its own limits are those of its items.
fn unlimited(property: Property) -> Property {
    Property {
        min_length: None,
        max_length: None,
        pattern: None,
        minimum: None,
        maximum: None,
        ..property
    }
}
