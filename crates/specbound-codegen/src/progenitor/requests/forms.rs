//! `multipart/form-data`: for each request a struct, with the fields of its schema's type, and
//! files.

use std::collections::BTreeMap;

use heck::ToPascalCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::visit_mut::VisitMut;

use crate::document::{Document, FileMember, Operation};
use crate::names::type_name;
use crate::redact::Secrets;
use crate::support::Support;

use super::{Payload, payload};

/// The forms of a document.
#[derive(Default)]
pub struct Forms {
    /// The structs of the types of their schemas, by name.
    structs: BTreeMap<String, Option<syn::ItemStruct>>,
}

impl Forms {
    pub fn new<'a>(operations: impl Iterator<Item = &'a Operation>, document: &Document) -> Forms {
        let structs = operations.filter_map(|operation| match payload(operation) {
            Payload::Multipart(schema, _) => Some((type_of(schema, document), None)),
            _ => None,
        });
        Forms { structs: structs.collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.structs.is_empty()
    }

    /// Keeps a type that is a form.
    pub fn keep(&mut self, item: &syn::Item) {
        if let syn::Item::Struct(item) = item
            && let Some(kept) = self.structs.get_mut(&item.ident.to_string())
            && matches!(item.fields, syn::Fields::Named(_))
        {
            *kept = Some(item.clone());
        }
    }

    /// The struct of a form: that of the type, and files.
    fn of(
        &self,
        operation: &Operation,
        schema: &str,
        files: &[FileMember],
        document: &Document,
    ) -> Option<syn::ItemStruct> {
        let name = form_name(operation);
        let of_type = self.structs.get(&type_of(schema, document)).and_then(Option::as_ref);
        let mut form = match of_type {
            Some(of_type) => syn::ItemStruct { ident: name, ..of_type.clone() },
            // A schema without members of its own.
            None if !files.is_empty() => syn::parse_quote!(pub struct #name {}),
            None => return None,
        };
        form.attrs.retain(|attribute| attribute.path().is_ident("doc"));
        form.attrs
            .push(syn::parse_quote!(#[derive(Debug, ::serde::Serialize, ::serde::Deserialize)]));
        for field in &mut form.fields {
            field.attrs.iter_mut().for_each(leave_out_defaults);
            OfTypes.visit_type_mut(&mut field.ty);
        }
        if let syn::Fields::Named(fields) = &mut form.fields {
            for file in files {
                let (name, FileMember { name: wire, required, is_array, .. }) =
                    (field(file, files, of_type), file);
                let (kind, default) = match (is_array, required) {
                    (true, _) => (quote!(::std::vec::Vec<File>), quote!(, default)),
                    (false, true) => (quote!(File), quote!()),
                    (false, false) => (quote!(::std::option::Option<File>), quote!(, default)),
                };
                fields.named.push(syn::parse_quote! {
                    #[serde(rename = #wire, skip_serializing #default)]
                    pub #name: #kind
                });
            }
        }
        Some(form)
    }

    /// The type of the argument, and statements that make `form` of `body`.
    pub(super) fn sent(
        &self,
        operation: &Operation,
        schema: &str,
        files: &[FileMember],
        document: &Document,
    ) -> (TokenStream, TokenStream) {
        let made = quote!(let form = multipart::fields(&body););
        if self.of(operation, schema, files, document).is_none() {
            let name = format_ident!("{}", type_of(schema, document));
            return (quote!(&'a types::#name), made);
        };
        let of_type = self.structs.get(&type_of(schema, document)).and_then(Option::as_ref);
        let added = files.iter().map(|file| {
            let (name, field) = (&file.name, field(file, files, of_type));
            quote!(let form = multipart::add(form, #name, body.#field)?;)
        });
        let name = form_name(operation);
        (quote!(multipart::#name), quote!(#made #(#added)*))
    }

    /// `mod multipart`.
    pub fn module<'a>(
        &self,
        operations: impl Iterator<Item = &'a Operation>,
        document: &Document,
        secrets: &Secrets,
        support: Option<&syn::Path>,
    ) -> TokenStream {
        if self.is_empty() {
            return quote!();
        }
        let structs = operations.filter_map(|operation| match payload(operation) {
            Payload::Multipart(schema, files) => {
                let form = self.of(operation, schema, files, document)?;
                let mut item = syn::Item::Struct(form);
                let debug = secrets.implement_as(&type_of(schema, document), &mut item);
                Some(quote!(#item #debug))
            }
            _ => None,
        });
        let support = Support::of_multipart(support);
        quote! {
            /// Bodies of `multipart/form-data`.
            pub mod multipart {
                #support
                #(#structs)*
            }
        }
    }
}

/// Name of the type that a request with this schema has.
fn type_of(schema: &str, document: &Document) -> String {
    type_name(&document.request_name(schema))
}

fn form_name(operation: &Operation) -> syn::Ident {
    format_ident!("{}Form", operation.id.to_pascal_case())
}

/// The field of a file, unlike that of a member or of another file.
fn field(file: &FileMember, files: &[FileMember], of_type: Option<&syn::ItemStruct>) -> syn::Ident {
    let members = of_type.into_iter().flat_map(|of_type| &of_type.fields);
    let members: Vec<String> =
        members.filter_map(|field| Some(field.ident.as_ref()?.to_string())).collect();
    let is_free = |name: &String| {
        !members.contains(name)
            && files.iter().all(|other| other.name == file.name || other.field != *name)
    };
    let mut name = file.field.clone();
    while !is_free(&name) {
        name.push_str("_file");
    }
    format_ident!("{name}")
}

type SerdeArguments = syn::punctuated::Punctuated<syn::Meta, syn::Token![,]>;

/// Takes out the names of functions of the module `types`.
fn leave_out_defaults(attribute: &mut syn::Attribute) {
    if !attribute.path().is_ident("serde") {
        return;
    }
    let Ok(all) = attribute.parse_args_with(SerdeArguments::parse_terminated) else { return };
    let is_kept = |one: &syn::Meta| {
        !(one.path().is_ident("default") && matches!(one, syn::Meta::NameValue(_)))
    };
    let kept: SerdeArguments = all.into_iter().filter(is_kept).collect();
    *attribute = syn::parse_quote!(#[serde(#kept)]);
}

/// Names the neighbours of a type from outside of their module.
struct OfTypes;

impl VisitMut for OfTypes {
    fn visit_type_path_mut(&mut self, path: &mut syn::TypePath) {
        let first = path.path.segments.first().map(|first| first.ident.to_string());
        let is_own = path.path.leading_colon.is_none()
            && path.path.segments.len() == 1
            && first.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
        syn::visit_mut::visit_type_path_mut(self, path);
        if is_own {
            let inner = path.path.clone();
            *path = syn::parse_quote!(super::types::#inner);
        }
    }
}
