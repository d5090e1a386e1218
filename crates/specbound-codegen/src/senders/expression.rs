//! Runtime expressions, by which a callback finds its URL (OpenAPI, "Runtime Expressions").

use proc_macro2::TokenStream;
use quote::quote;

use crate::schemes::is_token;

/// The URL of a callback: text and values of the exchange, in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The variant of `Value` in the generated code, its argument, and the expression itself.
    Value(&'static str, Option<String>, String),
}

impl Template {
    /// `None` for text that is no URL with expressions in braces, and no expression alone.
    pub fn read(text: &str) -> Option<Template> {
        if text.starts_with('$') {
            return Some(Template(vec![value(text)?]));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (expression, after) = after.split_once('}')?;
            if before.contains('}') {
                return None;
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(value(expression)?);
            rest = after;
        }
        if rest.contains('}') {
            return None;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        (!parts.is_empty()).then_some(Template(parts))
    }

    /// A list of `Part`s of the generated code.
    pub fn tokens(&self) -> TokenStream {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => quote!(Part::Text(#text)),
            Part::Value(variant, argument, expression) => {
                let variant = quote::format_ident!("{variant}");
                let argument = argument.iter();
                quote!(Part::Value(Value::#variant #((#argument))*, #expression))
            }
        });
        quote!(&[#(#parts),*])
    }
}

fn value(expression: &str) -> Option<Part> {
    let of = |variant, argument: Option<&str>| {
        Some(Part::Value(variant, argument.map(str::to_owned), expression.to_owned()))
    };
    match expression {
        "$url" => return of("Url", None),
        "$method" => return of("Method", None),
        "$statusCode" => return of("Status", None),
        _ => {}
    }
    let (message, source) = expression.strip_prefix('$')?.split_once('.')?;
    let is_request = match message {
        "request" => true,
        "response" => false,
        _ => return None,
    };
    if let Some(pointer) = source.strip_prefix("body") {
        let pointer = match pointer.strip_prefix('#') {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => pointer,
            None if pointer.is_empty() => "",
            _ => return None,
        };
        return of(if is_request { "RequestBody" } else { "ResponseBody" }, Some(pointer));
    }
    match source.split_once('.')? {
        ("header", name) if is_token(name) && is_request => of("RequestHeader", Some(name)),
        ("header", name) if is_token(name) => of("ResponseHeader", Some(name)),
        ("query", name) if is_request && !name.is_empty() => of("Query", Some(name)),
        ("path", name) if is_request && !name.is_empty() => of("Path", Some(name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_expressions_are_parsed() {
        for good in [
            "$url",
            "{$method}",
            "http://x/{$statusCode}",
            "{$request.body#/callbackUrl}/data?id={$request.query.id}",
            "$request.header.X-Url",
            "$request.path.id",
            "$request.body",
            "$response.header.location",
            "$response.body#/a~1b",
            "https://example.com/fixed",
        ] {
            assert!(Template::read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "$",
            "{$request}",
            "{$request.cookie.a}",
            "{$request.header.a b}",
            "{$response.query.a}",
            "{$response.path.a}",
            "{request.body#/a}",
            "{$request.body#a}",
            "{$request.bodyx}",
            "http://{$url",
            "http://}",
        ] {
            assert!(Template::read(bad).is_none(), "{bad}");
        }
    }
}
