//! Chooses the variant of an enum of alternatives when it is read: by its discriminator, else the
//! one that has a place for the most members of the value.
//!
//! serde takes the first variant that can be read. A dog without members that a cat requires would
//! be a cat, and what only dogs have would be lost.

use std::collections::{BTreeMap, BTreeSet};

use quote::quote;
use serde_json::Value;

use crate::document::Document;
use crate::read::{component, unescape};
use crate::redact::remove_derive;
use crate::types::type_name;

/// The discriminators of a document, by the types of their alternatives.
#[derive(Default)]
pub struct Discriminators(BTreeMap<Vec<String>, Option<Discriminator>>);

#[derive(Clone, PartialEq)]
struct Discriminator {
    property: String,
    /// For each alternative, the values that stand for it.
    values: Vec<BTreeSet<String>>,
}

impl Discriminators {
    /// `names` are those of the components, by their names in the document.
    pub fn new(
        source: &Value,
        document: &Document,
        names: &BTreeMap<String, String>,
    ) -> Discriminators {
        let mut found = Discriminators::default();
        let mut ahead = vec![source];
        while let Some(value) = ahead.pop() {
            if let Some((alternatives, discriminator)) = discriminator(value) {
                let name = |written: &String| names.get(written).unwrap_or(written).clone();
                let plain: Vec<String> = alternatives.iter().map(name).collect();
                let of_requests = plain.iter().map(|name| document.request_name(name)).collect();
                for names in [of_requests, plain] {
                    let types = names.iter().map(|name| type_name(name).to_string()).collect();
                    let entry = found.0.entry(types).or_insert(Some(discriminator.clone()));
                    if *entry != Some(discriminator.clone()) {
                        *entry = None;
                    }
                }
            }
            match value {
                Value::Object(members) => ahead.extend(members.values()),
                Value::Array(items) => ahead.extend(items),
                _ => {}
            }
        }
        found
    }
}

/// The components that are alternatives, and the discriminator.
fn discriminator(schema: &Value) -> Option<(Vec<String>, Discriminator)> {
    let says = schema.get("discriminator").filter(|says| says.get("defaultMapping").is_none())?;
    let property = says["propertyName"].as_str()?.to_owned();
    let target = |reference: &str| component(reference).map(unescape);
    let mut alternatives: Vec<String> = Vec::new();
    for one in schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()? {
        match one["$ref"].as_str().and_then(target) {
            Some(name) if !alternatives.contains(&name) => alternatives.push(name),
            Some(_) => {}
            None if one["type"] == "null" || one["enum"] == serde_json::json!([null]) => {}
            None => return None,
        }
    }
    let mapping: Vec<(&String, String)> = says["mapping"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(value, to)| Some((value, to.as_str()?)))
        .map(|(value, to)| (value, target(to).unwrap_or_else(|| to.to_owned())))
        .collect();
    let values = |name: &String| {
        let mapped = mapping.iter().filter(|(_, to)| to == name).map(|(value, _)| *value);
        let own = Some(name).filter(|name| mapping.iter().all(|(value, _)| value != name));
        mapped.chain(own).cloned().collect()
    };
    let values = alternatives.iter().map(values).collect();
    Some((alternatives, Discriminator { property, values }))
}

/// The members of the types that are objects with named members alone.
pub struct Members(BTreeMap<String, BTreeSet<String>>);

impl Members {
    pub fn new(copy: &Value) -> Members {
        let schemas = copy.pointer("/components/schemas").and_then(Value::as_object);
        let members = schemas.into_iter().flatten().filter_map(|(name, schema)| {
            let properties = schema["properties"].as_object()?;
            let is_closed = ["additionalProperties", "oneOf", "allOf", "nullable"]
                .iter()
                .all(|keyword| schema.get(*keyword).is_none());
            let names = properties.keys().cloned().collect();
            is_closed.then(|| (type_name(name).to_string(), names))
        });
        Members(members.collect())
    }
}

/// An implementation of `Deserialize` in place of the derived one, for an enum of alternatives of
/// which several are objects.
pub fn implement(
    item: &mut syn::Item,
    discriminators: &Discriminators,
    members: &Members,
) -> Option<syn::Item> {
    let syn::Item::Enum(item) = item else { return None };
    let is_untagged = |attribute: &syn::Attribute| {
        attribute.path().is_ident("serde")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "untagged")
    };
    if !item.attrs.iter().any(is_untagged) {
        return None;
    }
    let mut payloads: Vec<(&syn::Ident, &syn::Type)> = Vec::new();
    for variant in &item.variants {
        match &variant.fields {
            syn::Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                payloads.push((&variant.ident, &fields.unnamed[0].ty));
            }
            _ => return None,
        }
    }
    let names: Option<Vec<String>> = payloads.iter().map(|(_, payload)| named(payload)).collect();
    let discriminator =
        names.as_ref().and_then(|names| discriminators.0.get(names)).and_then(Option::as_ref);
    let known: Option<Vec<Vec<&String>>> = payloads
        .iter()
        .map(|(_, payload)| match named(payload) {
            Some(name) => members.0.get(&name).map(|names| names.iter().collect()),
            None => is_no_object(payload).then(Vec::new),
        })
        .collect();
    let objects = payloads.iter().filter(|(_, payload)| named(payload).is_some()).count();
    let known = known.filter(|_| objects > 1);
    if known.is_none() && discriminator.is_none() {
        return None;
    }
    let chosen = discriminator.map(|Discriminator { property, values }| {
        let arms = payloads.iter().zip(values).map(|((variant, _), values)| {
            let values = values.iter();
            quote! {
                Some(#(#values)|*) => {
                    return ::serde_json::from_value(value)
                        .map(Self::#variant)
                        .map_err(::serde::de::Error::custom);
                }
            }
        });
        quote! {
            match value.get(#property).and_then(::serde_json::Value::as_str) {
                #(#arms)*
                _ => {}
            }
        }
    });
    let count = payloads.len();
    let order = match known {
        Some(known) => {
            let rows =
                known.iter().enumerate().map(|(n, names)| quote!((unknown(&[#(#names),*]), #n)));
            quote! {
                let unknown = |known: &[&str]| {
                    let members = value.as_object().into_iter().flat_map(|all| all.keys());
                    members.filter(|name| !known.contains(&name.as_str())).count()
                };
                let mut order = [#(#rows),*];
                order.sort_unstable();
            }
        }
        None => {
            let rows = (0..count).map(|n| quote!((0usize, #n)));
            quote!(let order = [#(#rows),*];)
        }
    };
    let tries = payloads.iter().enumerate().map(|(n, (variant, payload))| {
        quote! {
            #n => <#payload as ::serde::Deserialize>::deserialize(&value).map(Self::#variant).ok()
        }
    });
    let ident = item.ident.clone();
    let failure = format!("this is none of the alternatives of `{ident}`");
    let implementation = syn::parse_quote! {
        /// Reads the alternative that the value names, or that has a place for most members.
        impl<'de> ::serde::Deserialize<'de> for #ident {
            fn deserialize<D>(deserializer: D) -> ::std::result::Result<Self, D::Error>
            where
                D: ::serde::Deserializer<'de>,
            {
                let value: ::serde_json::Value =
                    ::serde::Deserialize::deserialize(deserializer)?;
                #chosen
                #order
                for (_, place) in order {
                    let found = match place {
                        #(#tries,)*
                        _ => None,
                    };
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Err(::serde::de::Error::custom(#failure))
            }
        }
    };
    remove_derive(&mut item.attrs, "Deserialize");
    Some(implementation)
}

/// The name of a type of the same module, behind a box too.
fn named(payload: &syn::Type) -> Option<String> {
    let syn::Type::Path(path) = payload else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        syn::PathArguments::None if path.path.segments.len() == 1 && !is_primitive(&last.ident) => {
            Some(last.ident.to_string())
        }
        syn::PathArguments::AngleBracketed(inner) if last.ident == "Box" => {
            match inner.args.first()? {
                syn::GenericArgument::Type(inner) => named(inner),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_primitive(ident: &syn::Ident) -> bool {
    let all = ["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"];
    all.iter().any(|name| ident == name)
}

/// Whether no JSON object is read as this type.
fn is_no_object(payload: &syn::Type) -> bool {
    let syn::Type::Path(path) = payload else { return false };
    path.path.segments.last().is_some_and(|last| {
        is_primitive(&last.ident) || last.ident == "String" || last.ident == "Vec"
    })
}
