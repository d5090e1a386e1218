//! The tables of documented answers and of bodies, for debug builds.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use super::constraints::{Tables, Written};
use super::document::{Body, Content, Document, Operation};
use super::types::type_name;
use super::{Item, Side};

/// The runtime holds each answer against them, and the server exports its document.
pub fn tables(
    document: &Document,
    source: &Value,
    unenforced: &[Item],
    runtime: &syn::Path,
) -> TokenStream {
    let mut tables = Tables::new(source, runtime, Written::ByServer);
    let mut row = |operation: &Operation| {
        let numbers = operation.answers.iter();
        let numbers = numbers.map(|answer| (answer.status.to_string(), &answer.content));
        let ranges = operation.ranges.iter();
        let ranges = ranges.map(|answer| (answer.range.clone(), &answer.content));
        let rows = numbers.chain(ranges).map(|(status, content)| {
            let mut schemas = Vec::new();
            for part in content.parts() {
                let Content::Json(name, media) = part else { continue };
                if let Some(schema) = document.schema(name).and_then(|s| s.original.as_ref()) {
                    let table = tables.reference(schema);
                    schemas.extend(media.iter().map(|media| quote!((#media, #table))));
                }
            }
            quote!((#status, &[#(#schemas),*]))
        });
        let (id, rows) = (&operation.id, rows.collect::<Vec<_>>());
        quote!((#id, &[#(#rows),*]))
    };
    let rows: Vec<TokenStream> = document.operations.iter().map(&mut row).collect();
    let module = tables.module();
    let requests = document.operations.iter().filter_map(|operation| {
        let Body { schema, content_types, .. } = operation.body.as_ref()?;
        let request = type_name(&document.request_name(schema.as_ref()?));
        let id = &operation.id;
        Some(quote!((#id, #runtime::RequestTables {
            media_types: &[#(#content_types),*],
            schema: <types::#request as #runtime::HasConstraints>::SCHEMA,
            rows: <types::#request as #runtime::HasConstraints>::PROPERTIES,
        })))
    });
    let listed = unenforced.iter().filter(|item| item.side == Side::Server);
    let listed = listed.map(|Item { path, reason, .. }| quote!((#path, #reason)));
    quote! {
        /// The documented answers of each operation.
        #[cfg(debug_assertions)]
        pub const ANSWERS: #runtime::DocumentedAnswers = &[#(#rows),*];

        /// What this code enforces, for the export.
        #[cfg(debug_assertions)]
        pub const ENFORCED: #runtime::Enforced = #runtime::Enforced {
            requests: &[#(#requests),*],
            answers: ANSWERS,
            not_enforced: &[#(#listed),*],
        };

        #module
    }
}
