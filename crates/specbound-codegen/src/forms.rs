//! Structs of the files of forms, and the tables that the runtime checks them by.

use heck::ToPascalCase;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::document::{Document, FileForm, FileMember, Operation};

/// Name of the struct.
pub fn files_name(operation: &Operation) -> syn::Ident {
    format_ident!("{}", operation.id.to_pascal_case())
}

/// The module of files. Nothing where no form has any.
pub fn module(document: &Document, runtime: &syn::Path) -> TokenStream {
    let forms = document.operations.iter().filter_map(|operation| {
        let form = operation.body.as_ref()?.files.as_ref()?;
        Some(files(&files_name(operation), &operation.id, form, runtime))
    });
    let forms: Vec<TokenStream> = forms.collect();
    if forms.is_empty() {
        return TokenStream::new();
    }
    quote! {
        /// The files of forms.
        pub mod files { #(#forms)* }
    }
}

fn files(name: &syn::Ident, id: &str, form: &FileForm, runtime: &syn::Path) -> TokenStream {
    let doc = format!("The files of `{id}`.");
    let fields = form.files.iter().map(|FileMember { field, name, required, is_array, .. }| {
        let (field, doc) = (format_ident!("{field}"), format!("`{name}`."));
        let kind = match (is_array, required) {
            (true, _) => quote!(Vec<#runtime::File>),
            (false, true) => quote!(#runtime::File),
            (false, false) => quote!(Option<#runtime::File>),
        };
        quote!(#[doc = #doc] pub #field: #kind)
    });
    let values = form.files.iter().map(|FileMember { field, name, required, is_array, .. }| {
        let field = format_ident!("{field}");
        match (is_array, required) {
            (true, _) => quote!(#field: sent.list(#name)),
            (false, true) => quote!(#field: sent.one(#name)?),
            (false, false) => quote!(#field: sent.one(#name)),
        }
    });
    let rows = form.files.iter().map(|file| {
        let FileMember { name, required, is_array, content_types, .. } = file;
        let number = |value: Option<u64>| match value.map(Literal::u64_unsuffixed) {
            Some(value) => quote!(Some(#value)),
            None => quote!(None),
        };
        let (min, max) = (number(file.min_items), number(file.max_items));
        let max_length = number(file.max_length);
        quote! {
            #runtime::FileRow {
                name: #name,
                required: #required,
                is_array: #is_array,
                min_items: #min,
                max_items: #max,
                max_length: #max_length,
                content_types: &[#(#content_types),*],
            }
        }
    });
    quote! {
        #[doc = #doc]
        #[derive(Debug)]
        pub struct #name { #(#fields),* }

        impl #runtime::FormFiles for #name {
            const ALL: &'static [#runtime::FileRow] = &[#(#rows),*];

            fn take(sent: &mut #runtime::SentFiles) -> Option<Self> {
                Some(Self { #(#values),* })
            }
        }
    }
}
