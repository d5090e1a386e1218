//! The formats of text that the runtime checks. A format that is not among them says nothing of a
//! value.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

/// Values of `format`, and the variants of the runtime's `TextFormat`.
const FORMATS: [(&str, &str); 23] = [
    ("base64url", "Base64Url"),
    ("byte", "Byte"),
    ("date", "Date"),
    ("date-time", "DateTime"),
    ("date-time-local", "DateTimeLocal"),
    ("duration", "Duration"),
    ("email", "Email"),
    ("hostname", "Hostname"),
    ("idn-email", "IdnEmail"),
    ("idn-hostname", "IdnHostname"),
    ("ipv4", "Ipv4"),
    ("ipv6", "Ipv6"),
    ("iri", "Iri"),
    ("iri-reference", "IriReference"),
    ("json-pointer", "JsonPointer"),
    ("regex", "Regex"),
    ("relative-json-pointer", "RelativeJsonPointer"),
    ("time", "Time"),
    ("time-local", "TimeLocal"),
    ("uri", "Uri"),
    ("uri-reference", "UriReference"),
    ("uri-template", "UriTemplate"),
    ("uuid", "Uuid"),
];

/// Those that a Rust type of the generated code reads wherever a body has them.
const TYPES: [&str; 5] = ["date", "date-time", "uuid", "ipv4", "ipv6"];

/// The runtime's name of a format that it checks.
pub fn checked(format: Option<&Value>, runtime: &syn::Path) -> Option<TokenStream> {
    let format = format?.as_str()?;
    let (_, variant) = FORMATS.iter().find(|(name, _)| *name == format)?;
    let variant = format_ident!("{variant}");
    Some(quote!(#runtime::TextFormat::#variant))
}

/// Whether the runtime checks a format.
pub fn is_checked(format: &Value) -> bool {
    format.as_str().is_some_and(|format| FORMATS.iter().any(|(name, _)| *name == format))
}

/// Whether a table must check a format, since no type does.
pub fn needs_table(format: &Value) -> bool {
    is_checked(format) && format.as_str().is_some_and(|format| !TYPES.contains(&format))
}
