//! The text of the typed client, as it stands in `generated/src/client.rs`.
//!
//! It adds a banner and nothing else: what people write for the client stands beside this file, never in it.

/// Pretty-printed, with the banner that says where it comes from.
pub fn text(file: &syn::File) -> String {
    format!(
        "// Generated from spec/ by build.rs; edit the document instead, then refresh with `just generate`.\n\n{}",
        prettyplease::unparse(file)
    )
}
