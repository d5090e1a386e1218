//! The tables of documented responses and of bodies, for debug builds.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use super::constraints::{Direction, Tables};
use super::document::{Content, Document, Operation};
use super::forms::files_name;
use super::openapi::EVENTS;
use super::types::type_name;
use super::{Item, Side};

/// The runtime checks each response against them, and the server exports its document from them.
pub fn tables(
    document: &Document,
    source: &Value,
    unenforced: &[Item],
    runtime: &syn::Path,
) -> TokenStream {
    let mut tables = Tables::new(source, runtime, Direction::Response);
    let mut row = |operation: &Operation| {
        let numbers = operation.responses.iter();
        let numbers = numbers.map(|response| (response.status.to_string(), &response.content));
        let ranges = operation.ranges.iter();
        let ranges = ranges.map(|response| (response.range.clone(), &response.content));
        let rows = numbers.chain(ranges).map(|(status, content)| {
            let mut schemas = Vec::new();
            for part in content.parts() {
                let (name, media) = match part {
                    Content::Json(name, media) => (name, media.clone()),
                    // Each event has this data.
                    Content::Events(Some(name)) => (name, vec![EVENTS.to_owned()]),
                    _ => continue,
                };
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
    let requests = document.operations.iter().flat_map(|operation| {
        let id = &operation.id;
        let row = |schema: &String, content_types: &Vec<String>, files: TokenStream| {
            let request = type_name(&document.request_name(schema));
            quote!((#id, #runtime::RequestTables {
                media_types: &[#(#content_types),*],
                schema: <types::#request as #runtime::HasConstraints>::SCHEMA,
                rows: <types::#request as #runtime::HasConstraints>::PROPERTIES,
                files: #files,
            }))
        };
        let body = operation.body.as_ref();
        let read = body
            .and_then(|body| Some(row(body.schema.as_ref()?, &body.content_types, quote!(&[]))));
        let form = body.and_then(|body| body.files.as_ref()).map(|form| {
            let files = files_name(operation);
            let files = quote!(<files::#files as #runtime::FormFiles>::ALL);
            row(&form.schema, &form.content_types, files)
        });
        read.into_iter().chain(form)
    });
    let listed = unenforced.iter().filter(|item| item.side == Side::Server);
    let listed = listed.map(|Item { path, reason, .. }| quote!((#path, #reason)));
    quote! {
        /// The documented responses of each operation.
        #[cfg(debug_assertions)]
        pub const RESPONSES: #runtime::DocumentedResponses = &[#(#rows),*];

        /// What this code enforces, for the export.
        #[cfg(debug_assertions)]
        pub const ENFORCED: #runtime::Enforced = #runtime::Enforced {
            requests: &[#(#requests),*],
            responses: RESPONSES,
            not_enforced: &[#(#listed),*],
        };

        #module
    }
}
