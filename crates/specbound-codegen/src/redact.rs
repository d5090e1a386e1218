//! `Debug` of the data types without secrets: a member with `format: password` or `writeOnly` is
//! redacted, so that a request can be logged. Nor does a client show the password of its URL.

use std::collections::{BTreeMap, BTreeSet};

use quote::{format_ident, quote};
use serde_json::Value;

use super::names::type_name;
use super::schema::for_each_inner;
use super::types::renamed_to;

/// The members of a document that are never shown.
pub struct Secrets {
    /// Secret members by type, for components.
    by_type: BTreeMap<String, BTreeSet<String>>,
    /// Components that are a secret themselves.
    types: BTreeSet<String>,
    /// Secret members of any type, for types inside of components.
    names: BTreeSet<String>,
}

fn is_secret(schema: &Value) -> bool {
    schema["format"] == "password" || schema["writeOnly"] == true
}

impl Secrets {
    pub fn new(copy: &Value) -> Secrets {
        fn members(schema: &Value, found: &mut BTreeSet<String>) {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let secret = properties.filter(|(_, property)| is_secret(property));
            found.extend(secret.map(|(name, _)| name.clone()));
        }
        fn inside(schema: &Value, found: &mut BTreeSet<String>) {
            members(schema, found);
            for_each_inner(schema, &mut |inner| inside(inner, found));
        }
        let mut secrets =
            Secrets { by_type: BTreeMap::new(), types: BTreeSet::new(), names: BTreeSet::new() };
        let schemas = copy.pointer("/components/schemas").and_then(Value::as_object);
        for (name, schema) in schemas.into_iter().flatten() {
            if is_secret(schema) {
                secrets.types.insert(type_name(name));
            }
            members(schema, secrets.by_type.entry(type_name(name)).or_default());
            inside(schema, &mut secrets.names);
        }
        secrets
    }

    fn is_secret(&self, owner: &str, field: &syn::Field) -> bool {
        let Some(ident) = &field.ident else { return false };
        let name = field.attrs.iter().find_map(renamed_to).unwrap_or_else(|| ident.to_string());
        self.by_type.get(owner).unwrap_or(&self.names).contains(&name)
    }

    /// An implementation of `Debug` in place of the derived one, if the item holds a secret.
    pub fn implement(&self, item: &mut syn::Item) -> Option<syn::Item> {
        let owner = match &item {
            syn::Item::Struct(item) => item.ident.to_string(),
            syn::Item::Enum(item) => item.ident.to_string(),
            _ => return None,
        };
        self.implement_as(&owner, item)
    }

    /// The same for an item with the members of another type.
    pub fn implement_as(&self, owner: &str, item: &mut syn::Item) -> Option<syn::Item> {
        let (ident, body) = match item {
            syn::Item::Struct(item) => {
                let shown = item.ident.to_string();
                let fields = match &item.fields {
                    syn::Fields::Unnamed(_) if self.types.contains(owner) => {
                        quote!(f.write_str(concat!(#shown, "([redacted])")))
                    }
                    syn::Fields::Named(fields) => self.fields(owner, &shown, fields, true)?,
                    _ => return None,
                };
                remove_debug(&mut item.attrs);
                (item.ident.clone(), fields)
            }
            syn::Item::Enum(item) => {
                let holds_secret = |variant: &syn::Variant| {
                    variant.fields.iter().any(|field| self.is_secret(owner, field))
                };
                if !item.variants.iter().any(holds_secret) {
                    return None;
                }
                let arms = item.variants.iter().map(|variant| {
                    let (ident, name) = (&variant.ident, variant.ident.to_string());
                    match &variant.fields {
                        syn::Fields::Named(fields) => {
                            let names = fields.named.iter().map(|field| &field.ident);
                            let body = self.fields(owner, &name, fields, false);
                            let body = body.unwrap_or_else(|| quote!(f.write_str(#name)));
                            quote!(Self::#ident { #(#names),* } => #body)
                        }
                        syn::Fields::Unnamed(fields) => {
                            let names: Vec<syn::Ident> =
                                (0..fields.unnamed.len()).map(|n| format_ident!("x{n}")).collect();
                            quote! {
                                Self::#ident(#(#names),*) =>
                                    f.debug_tuple(#name)#(.field(#names))*.finish()
                            }
                        }
                        syn::Fields::Unit => quote!(Self::#ident => f.write_str(#name)),
                    }
                });
                let body = quote!(match self { #(#arms,)* });
                remove_debug(&mut item.attrs);
                (item.ident.clone(), body)
            }
            _ => return None,
        };
        Some(syn::parse_quote! {
            /// Secrets are redacted.
            impl ::std::fmt::Debug for #ident {
                #[allow(unused_variables)]
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    #body
                }
            }
        })
    }

    /// Shows the fields of a struct, or of a variant that are bound by name; `None` for a struct
    /// without a secret.
    fn fields(
        &self,
        owner: &str,
        shown: &str,
        fields: &syn::FieldsNamed,
        is_struct: bool,
    ) -> Option<proc_macro2::TokenStream> {
        let holds_secret = fields.named.iter().any(|field| self.is_secret(owner, field));
        if is_struct && !holds_secret {
            return None;
        }
        let rows = fields.named.iter().filter_map(|field| {
            let ident = field.ident.as_ref()?;
            let name = ident.to_string();
            Some(match self.is_secret(owner, field) {
                true => quote!(.field(#name, &::std::format_args!("[redacted]"))),
                false if is_struct => quote!(.field(#name, &self.#ident)),
                false => quote!(.field(#name, #ident)),
            })
        });
        Some(quote!(f.debug_struct(#shown)#(#rows)*.finish()))
    }
}

/// An implementation of `Debug` in place of the derived one for `Client`: without the user name,
/// the password and the query that its base URL may have.
pub fn of_client(item: &mut syn::Item) -> Option<syn::Item> {
    let syn::Item::Struct(client) = item else { return None };
    let syn::Fields::Named(fields) = &client.fields else { return None };
    let of_url = |field: &&syn::Field| field.ident.as_ref().is_some_and(|name| name == "baseurl");
    if client.ident != "Client" || !fields.named.iter().any(|field| of_url(&field)) {
        return None;
    }
    let others = fields.named.iter().filter(|field| !of_url(field)).filter_map(|field| {
        let ident = field.ident.as_ref()?;
        let name = ident.to_string();
        Some(quote!(.field(#name, &self.#ident)))
    });
    let shown = quote!(#(#others)*);
    remove_debug(&mut client.attrs);
    Some(syn::parse_quote! {
        /// Secrets are redacted.
        impl ::std::fmt::Debug for Client {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let mut url = ::reqwest::Url::parse(&self.baseurl).ok();
                if let Some(url) = &mut url {
                    let _ = (url.set_username(""), url.set_password(None));
                    url.set_query(None);
                }
                let url = url.as_ref().map_or("[no URL]", ::reqwest::Url::as_str);
                f.debug_struct("Client").field("baseurl", &url)#shown.finish()
            }
        }
    })
}

fn remove_debug(attributes: &mut [syn::Attribute]) {
    remove_derive(attributes, "Debug");
}

/// Takes a trait out of those that are derived.
pub fn remove_derive(attributes: &mut [syn::Attribute], name: &str) {
    for attribute in attributes.iter_mut().filter(|a| a.path().is_ident("derive")) {
        type Paths = syn::punctuated::Punctuated<syn::Path, syn::Token![,]>;
        let Ok(paths) = attribute.parse_args_with(Paths::parse_terminated) else { continue };
        let kept: Paths = paths
            .into_iter()
            .filter(|path| path.segments.last().is_none_or(|last| last.ident != name))
            .collect();
        *attribute = syn::parse_quote!(#[derive(#kept)]);
    }
}
