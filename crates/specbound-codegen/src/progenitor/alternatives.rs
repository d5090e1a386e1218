//! Chooses the variant of an enum of alternatives when it is read: by its discriminator, else the
//! one that has a place for the most members of the value.
//!
//! serde takes the first variant that can be read. A dog without members that a cat requires would
//! be a cat, and what only dogs have would be lost.

use std::collections::{BTreeMap, BTreeSet};

use quote::quote;
use serde_json::Value;

use crate::discriminator::{Choice, Discriminators};
use crate::given::Given;
use crate::redact::remove_derive;
use crate::types::type_name;

/// By what an alternative is chosen.
pub struct Members<'a> {
    /// The members of the types that are objects with named members alone.
    members: BTreeMap<String, BTreeSet<String>>,
    discriminators: &'a Discriminators,
    pub given: &'a Given,
}

impl<'a> Members<'a> {
    pub fn new(copy: &Value, discriminators: &'a Discriminators, given: &'a Given) -> Members<'a> {
        let schemas = copy.pointer("/components/schemas").and_then(Value::as_object);
        let members = schemas.into_iter().flatten().filter_map(|(name, schema)| {
            let properties = schema["properties"].as_object()?;
            let is_closed = ["additionalProperties", "oneOf", "allOf", "nullable"]
                .iter()
                .all(|keyword| schema.get(*keyword).is_none());
            let names = properties.keys().cloned().collect();
            is_closed.then(|| (type_name(name).to_string(), names))
        });
        Members { members: members.collect(), discriminators, given }
    }

    /// The name of the component that is a type, or of a type of the same module; behind a box too.
    fn named(&self, payload: &syn::Type) -> Option<String> {
        if let Some(component) = self.given.component(payload) {
            return Some(component.clone());
        }
        let syn::Type::Path(path) = payload else { return None };
        let last = path.path.segments.last()?;
        match &last.arguments {
            syn::PathArguments::None
                if path.path.segments.len() == 1 && !is_primitive(&last.ident) =>
            {
                Some(last.ident.to_string())
            }
            syn::PathArguments::AngleBracketed(inner) if last.ident == "Box" => {
                match inner.args.first()? {
                    syn::GenericArgument::Type(inner) => self.named(inner),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// An implementation of `Deserialize` in place of the derived one, for an enum of alternatives of
/// which several are objects.
pub fn implement(item: &mut syn::Item, members: &Members<'_>) -> Option<syn::Item> {
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
    let names: Option<Vec<String>> =
        payloads.iter().map(|(_, payload)| members.named(payload)).collect();
    let discriminator = names.as_ref().and_then(|names| members.discriminators.of(names));
    let known: Option<Vec<Vec<&String>>> = payloads
        .iter()
        .map(|(_, payload)| match members.named(payload) {
            Some(name) => members.members.get(&name).map(|names| names.iter().collect()),
            None => is_no_object(payload).then(Vec::new),
        })
        .collect();
    let objects = payloads.iter().filter(|(_, payload)| members.named(payload).is_some()).count();
    let known = known.filter(|_| objects > 1);
    if known.is_none() && discriminator.is_none() {
        return None;
    }
    let chosen = discriminator.map(|Choice { property, values }| {
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
