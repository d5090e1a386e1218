//! Formats generated code item by item.
//!
//! A document of some megabytes becomes a million lines. Their tokens, syntax tree and text at
//! once are the peak of the memory, so no more of a tree is there than one item, and the tokens go
//! as they are read.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

use super::Error;

/// The items of a stream, each with its attributes. Only at the level of a file, a module or an
/// `impl`, where an item ends with a semicolon or a block.
pub fn items(tokens: TokenStream) -> impl Iterator<Item = TokenStream> {
    let mut tokens = tokens.into_iter().peekable();
    std::iter::from_fn(move || {
        tokens.peek()?;
        let mut item: Vec<TokenTree> = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for token in tokens.by_ref() {
            let is_end = match &token {
                TokenTree::Punct(punct) => punct.as_char() == ';',
                TokenTree::Group(group) => is_brace(group) && !ends_with_semicolon(&words),
                TokenTree::Ident(word) if word != "pub" && words.len() < 2 => {
                    words.push(word.to_string());
                    false
                }
                TokenTree::Ident(_) | TokenTree::Literal(_) => false,
            };
            item.push(token);
            if is_end {
                break;
            }
        }
        Some(item.into_iter().collect())
    })
}

/// Whether an item that begins with these words may have blocks before its end.
fn ends_with_semicolon(words: &[String]) -> bool {
    match words.first().map(String::as_str) {
        Some("use" | "static" | "type") => true,
        Some("const") => words.get(1).is_none_or(|word| word != "fn"),
        _ => false,
    }
}

/// A module or an `impl` that is written item by item, or another item.
pub enum Piece {
    /// Everything before the block, and its content.
    Block(TokenStream, TokenStream),
    Whole(TokenStream),
}

impl Piece {
    pub fn of(item: TokenStream) -> Piece {
        let mut trees: Vec<TokenTree> = item.into_iter().collect();
        let mut words = trees.iter().filter_map(|tree| match tree {
            TokenTree::Ident(word) if word != "pub" => Some(word.to_string()),
            _ => None,
        });
        let is_block = words.next().is_some_and(|word| word == "mod" || word == "impl");
        match trees.pop() {
            Some(TokenTree::Group(block)) if is_block && is_brace(&block) => {
                Piece::Block(trees.into_iter().collect(), block.stream())
            }
            last => Piece::Whole(trees.into_iter().chain(last).collect()),
        }
    }
}

fn is_brace(group: &Group) -> bool {
    group.delimiter() == Delimiter::Brace
}

/// Formats a file.
pub fn format(tokens: TokenStream) -> Result<String, Error> {
    let mut text = String::new();
    for item in items(tokens) {
        match Piece::of(item) {
            Piece::Block(head, content) => {
                let block = Block::open(&head, &mut text)?;
                for item in items(content) {
                    match &block.container {
                        Container::Module(_) => block.write_item(parse(item)?, &mut text),
                        Container::Impl(_) => block.write_member(parse(item)?, &mut text),
                    }
                }
                block.close(&mut text);
            }
            Piece::Whole(item) => text.push_str(&prettyplease::unparse(&parse(item)?)),
        }
    }
    Ok(text)
}

/// A block whose items are written one by one.
pub struct Block {
    container: Container,
    start: usize,
    empty: String,
}

/// A block of the same kind, for one item at a time.
enum Container {
    Module(syn::ItemMod),
    Impl(syn::ItemImpl),
}

impl Block {
    /// Writes the beginning.
    pub fn open(head: &TokenStream, text: &mut String) -> Result<Block, Error> {
        let is_module =
            head.clone().into_iter().any(|tree| matches!(tree, TokenTree::Ident(w) if w == "mod"));
        let container = if is_module {
            Container::Module(syn::parse_quote!(
                mod m {}
            ))
        } else {
            Container::Impl(syn::parse_quote!(impl m {}))
        };
        let empty = prettyplease::unparse(&parse(quote!(#head {}))?);
        let start = text.len();
        text.push_str(empty.trim_end().trim_end_matches('}'));
        text.push('\n');
        Ok(Block { container, start, empty })
    }

    /// Writes an item of a module.
    pub fn write_item(&self, item: syn::Item, text: &mut String) {
        if let Container::Module(module) = &self.container {
            let content = Some((syn::token::Brace::default(), vec![item]));
            let module = syn::ItemMod { content, ..module.clone() };
            write_inner(syn::Item::Mod(module), "mod m {\n", text);
        }
    }

    /// Writes an item of an `impl`.
    pub fn write_member(&self, item: syn::ImplItem, text: &mut String) {
        if let Container::Impl(block) = &self.container {
            let block = syn::ItemImpl { items: vec![item], ..block.clone() };
            write_inner(syn::Item::Impl(block), "impl m {\n", text);
        }
    }

    /// Writes the end.
    pub fn close(self, text: &mut String) {
        // Nothing was written: an empty block has one line.
        if text[self.start..].trim_end().len() == self.empty.trim_end().len() - 1 {
            text.truncate(self.start);
            text.push_str(&self.empty);
        } else {
            text.push_str("}\n");
        }
    }
}

/// Writes a block without its first and its last line.
fn write_inner(block: syn::Item, first_line: &str, text: &mut String) {
    let file = syn::File { items: vec![block], ..syn::parse_quote!() };
    let block = prettyplease::unparse(&file);
    let end = block.trim_end().len().saturating_sub(1);
    text.push_str(block.get(first_line.len()..end).unwrap_or_default());
}

pub fn parse<T: syn::parse::Parse>(tokens: TokenStream) -> Result<T, Error> {
    syn::parse2(tokens).map_err(|e| Error::Generator(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_by_item_equals_formatting_at_once() {
        let tokens = quote! {
            #![allow(unused)]
            use a::{b, c};
            /// Some types.
            #[allow(clippy::all)]
            pub mod types {
                /// One.
                pub struct One { pub one: u8, }
                pub struct Two(u8);
                pub const THREE: &[&str] = &{ ["3"] };
                impl From<One> for Two { fn from(one: One) -> Two { Two(one.one) } }
                mod inner { fn f() {} }
            }
            impl<T> Types for T where T: Copy {
                type X = [u8; { 1 }];
                const fn one() -> &'static u8 { 1 }
                async fn two(
                    a: aaaaaaaaaaaaaaaaaaaaaaaaaaa::B,
                    b: ccccccccccccccccccccccccccccc::D
                ) {}
            }
            pub mod empty {}
            impl Empty {}
            fn last() { let x = 1; x }
        };
        let whole = prettyplease::unparse(&parse(tokens.clone()).unwrap());
        assert_eq!(format(tokens).unwrap(), whole);
        assert_eq!(format(TokenStream::new()).unwrap(), "");
    }
}
