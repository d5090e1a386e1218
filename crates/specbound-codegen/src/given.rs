//! Types that the document gives: a Rust type of the user's own in place of a generated one.
//!
//! typify takes such a type by a path of a crate, and writes it with its parameters. It gets one
//! that stands for the type, which is put there afterwards: any path will do, `crate::Money` too.

use std::collections::BTreeMap;

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{format_ident, quote};
use serde_json::{Map, Value, json};

use super::Error;
use super::names::type_name;
use super::pieces::parse;
use super::schema::for_each_inner_mut;

/// The extension with which a document gives the Rust type of a schema.
pub const RUST_TYPE: &str = "x-rust-type";

/// The crate of the paths that stand for types.
const STANDS_FOR: &str = "specbound-given";

/// The beginning of the names of structs that hold the type of a component, and are not written.
const TYPE_OF: &str = "SpecboundGiven";

/// Whether a text is the path of a Rust type. Neither macros nor expressions stand in it: a
/// document runs no code while it is compiled.
pub fn is_path(text: &str) -> bool {
    !text.contains(['{', '}', '!', '#'])
        && syn::parse_str::<syn::TypePath>(text).is_ok_and(|path| path.qself.is_none())
}

/// The types that stand in the code under other paths.
#[derive(Default)]
pub struct Given {
    paths: Vec<String>,
    /// Those of whole components, by the names of their types.
    components: BTreeMap<String, usize>,
}

impl Given {
    /// Puts paths that typify takes in place of the types.
    pub fn hide(copy: &mut Value) -> Given {
        let mut given = Given::default();
        let schemas = copy.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
        let Some(schemas) = schemas else { return given };
        let mut added = Map::new();
        for (name, schema) in schemas.iter_mut() {
            given.hide_in(schema);
            // It is the type of the component, unless null is a value too.
            if let Some(number) = schema[RUST_TYPE]["number"].as_u64() {
                given.components.insert(type_name(name), number as usize);
                let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
                let properties = json!({ "value": reference });
                let holder =
                    json!({ "type": "object", "required": ["value"], "properties": properties });
                added.insert(format!("{TYPE_OF}{number}"), holder);
            }
        }
        schemas.extend(added);
        given
    }

    fn hide_in(&mut self, schema: &mut Value) {
        for_each_inner_mut(schema, &mut |inner| self.hide_in(inner));
        let Some(keywords) = schema.as_object_mut() else { return };
        let Some(written) = keywords.remove(RUST_TYPE) else { return };
        let Some(path) = written["path"].as_str() else { return };
        // typify makes a type of its own for a component that has a path without parameters.
        let mut parameters = vec![json!({ "type": "boolean" })];
        for mut parameter in written["parameters"].as_array().cloned().unwrap_or_default() {
            self.hide_in(&mut parameter);
            parameters.push(parameter);
        }
        let number = self.paths.len();
        self.paths.push(path.to_owned());
        let stands_for = json!({
            "crate": STANDS_FOR,
            "version": "*",
            "path": format!("{}::T{number}", STANDS_FOR.replace('-', "_")),
            "parameters": parameters,
            "number": number,
        });
        // A default of it would be read when it is needed, and panic where it is none.
        keywords.remove("default");
        match keywords.remove("nullable") {
            Some(Value::Bool(true)) => {
                let mut value = Map::from_iter([(RUST_TYPE.to_owned(), stands_for)]);
                value.insert("type".to_owned(), json!("object"));
                let outer = ["readOnly", "writeOnly", "description", "format"];
                keywords.retain(|key, _| outer.contains(&key.as_str()));
                keywords.insert("nullable".to_owned(), json!(true));
                keywords.insert("allOf".to_owned(), json!([value]));
            }
            _ => drop(keywords.insert(RUST_TYPE.to_owned(), stands_for)),
        }
    }

    /// Lets typify take the paths.
    pub fn settings() -> progenitor::GenerationSettings {
        let mut settings = progenitor::GenerationSettings::default();
        settings.with_crate(STANDS_FOR, progenitor::CrateVers::Any, None);
        settings
    }

    /// Puts the types into the code.
    pub fn show(&self, tokens: TokenStream) -> Result<TokenStream, Error> {
        if self.paths.is_empty() { Ok(tokens) } else { self.shown(tokens) }
    }

    fn shown(&self, tokens: TokenStream) -> Result<TokenStream, Error> {
        let crate_name = STANDS_FOR.replace('-', "_");
        let mut written: Vec<TokenTree> = Vec::new();
        let mut tokens = tokens.into_iter();
        while let Some(tree) = tokens.next() {
            match tree {
                TokenTree::Ident(ident) if ident == crate_name => {
                    // The colons before it.
                    written.truncate(written.len().saturating_sub(2));
                    written.extend(self.written(&mut tokens)?);
                }
                TokenTree::Group(group) => {
                    let inner = self.shown(group.stream())?;
                    written.push(TokenTree::Group(Group::new(group.delimiter(), inner)));
                }
                other => written.push(other),
            }
        }
        Ok(written.into_iter().collect())
    }

    /// The type behind `specbound_given`: `::T0<bool, …>`.
    fn written(&self, tokens: &mut impl Iterator<Item = TokenTree>) -> Result<TokenStream, Error> {
        let failed = || Error::Generator("a type that is given stands in a wrong place".to_owned());
        let name = tokens.nth(2).ok_or_else(failed)?.to_string();
        let number = name.strip_prefix('T').and_then(|number| number.parse::<usize>().ok());
        let path = number.and_then(|number| self.paths.get(number)).ok_or_else(failed)?;
        let mut parameters: Vec<TokenTree> = Vec::new();
        let mut depth = 0_usize;
        for tree in tokens {
            match &tree {
                TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
                TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
                _ => {}
            }
            parameters.push(tree);
            if depth == 0 {
                break;
            }
        }
        // Without the first: `<`, `bool` and a comma; and without the `>`.
        let mut parameters = parameters.into_iter().skip(2).peekable();
        parameters
            .next_if(|tree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ','));
        let mut parameters: Vec<TokenTree> = parameters.collect();
        let end = parameters.pop();
        let path: TokenStream = parse(path.parse().map_err(|_| failed())?)?;
        if parameters.is_empty() {
            return Ok(path);
        }
        let parameters = self.shown(parameters.into_iter().collect())?;
        Ok(quote!(#path<#parameters #end))
    }

    /// The name of the component whose type is given as this one.
    pub fn component(&self, kind: &syn::Type) -> Option<&String> {
        let text = |path: &String| path.parse::<TokenStream>().ok().map(|path| path.to_string());
        let is_it = |number: &usize| {
            self.paths.get(*number).and_then(text) == Some(quote!(#kind).to_string())
        };
        let mut found = self.components.iter().filter(|(_, number)| is_it(number));
        found.next().map(|(name, _)| name).filter(|_| found.next().is_none())
    }

    /// The type with the name of such a component, which stands for bodies and responses: made of
    /// the item that `hide` has put in.
    pub fn wrapper(&self, item: &syn::Item) -> Option<[syn::Item; 4]> {
        let syn::Item::Struct(item) = item else { return None };
        let number = item.ident.to_string();
        let number = number.strip_prefix(TYPE_OF)?.parse::<usize>().ok()?;
        let (name, _) = self.components.iter().find(|(_, own)| **own == number)?;
        let (name, kind) = (format_ident!("{name}"), &item.fields.iter().next()?.ty);
        let doc =
            format!(" A body or a response of the type that the document gives: `{RUST_TYPE}`.");
        Some([
            syn::parse_quote! {
                #[doc = #doc]
                #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
                #[serde(transparent)]
                pub struct #name(pub #kind);
            },
            syn::parse_quote! {
                impl ::std::ops::Deref for #name {
                    type Target = #kind;
                    fn deref(&self) -> &#kind {
                        &self.0
                    }
                }
            },
            syn::parse_quote! {
                impl ::std::convert::From<#kind> for #name {
                    fn from(value: #kind) -> Self {
                        Self(value)
                    }
                }
            },
            syn::parse_quote! {
                impl ::std::convert::From<#name> for #kind {
                    fn from(value: #name) -> Self {
                        value.0
                    }
                }
            },
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_type_is_a_path() {
        for path in ["my_types::Money", "crate::Money<u8>", "::a::B", "u64", "a::B<c::D, 'static>"]
        {
            assert!(is_path(path), "{path}");
        }
        for other in ["", "my types", "&str", "[u8]", "<A as B>::C", "a::B; fn x() {}", "a::"] {
            assert!(!is_path(other), "{other}");
        }
        for code in ["a::B<{ include_str!(\"/etc/passwd\").len() }>", "a::B<c!()>"] {
            assert!(!is_path(code), "{code}");
        }
    }
}
