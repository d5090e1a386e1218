//! JSON straight into its type, checked against its table on the way: no tree in between.
//!
//! It knows good input alone. Input that it does not take, bad or merely unusual, is a
//! [`Deviation`], and is read again by way of [`crate::body`] and [`crate::fields`],
//! which find every problem. So it must never take what they refuse, nor read a value as another
//! one; what it refuses costs time alone.

mod access;
mod text;

use std::fmt::Display;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, Visitor};

use crate::body::BodyLimits;
use crate::body::json::{Json, Number, Parsed};
use crate::fields::{Kind, Property};
use crate::keywords::Formats;
use access::{Items, Members, Names};

/// Numbers of more letters are left to the other readers.
const MAX_NUMBER_LENGTH: usize = 64;

/// The input is not plainly good.
#[derive(Debug)]
pub(crate) struct Deviation;

impl Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("deviation")
    }
}

impl std::error::Error for Deviation {}

impl Error for Deviation {
    fn custom<T: Display>(_: T) -> Deviation {
        Deviation
    }
}

type Found<T> = Result<T, Deviation>;

/// An object whose members these rows describe.
///
/// # Errors
///
/// For all but good input.
pub(crate) fn object<T: DeserializeOwned>(
    bytes: &[u8],
    rows: &'static [Property],
    formats: &Formats,
    limits: &BodyLimits,
) -> Found<T> {
    read(bytes, Rule::Object(rows), formats, limits)
}

/// A value of any kind.
///
/// # Errors
///
/// For all but good input.
pub(crate) fn value<T: DeserializeOwned>(bytes: &[u8], limits: &BodyLimits) -> Found<T> {
    read(bytes, Rule::None, &Formats::DEFAULT, limits)
}

fn read<T: DeserializeOwned>(
    bytes: &[u8],
    rule: Rule,
    formats: &Formats,
    limits: &BodyLimits,
) -> Found<T> {
    let json = Json::new(bytes, limits).map_err(|_| Deviation)?;
    let mut reader = Reader { json, formats, has_deviated: false };
    let value = T::deserialize(Node { reader: &mut reader, rule })?;
    reader.take(Json::end)?;
    // The type may have gone on after an error.
    if reader.has_deviated { Err(Deviation) } else { Ok(value) }
}

struct Reader<'a> {
    json: Json<'a>,
    formats: &'a Formats,
    has_deviated: bool,
}

impl<'a> Reader<'a> {
    fn take<T>(&mut self, read: impl FnOnce(&mut Json<'a>) -> Parsed<T>) -> Found<T> {
        match read(&mut self.json) {
            Ok(read) => Ok(read),
            Err(_) => self.deviation(),
        }
    }

    fn has_next(&mut self, close: u8, is_first: &mut bool) -> Found<bool> {
        self.take(|json| json.has_next(close, is_first))
    }

    fn deviation<T>(&mut self) -> Found<T> {
        self.has_deviated = true;
        Err(Deviation)
    }
}

/// The rule of a value.
#[derive(Clone, Copy)]
enum Rule {
    None,
    /// The members of an object have rows.
    Object(&'static [Property]),
    Row(&'static Property),
    /// An item of a row that is a list.
    Item(&'static Property),
}

/// A value that is not read yet.
struct Node<'r, 'a> {
    reader: &'r mut Reader<'a>,
    rule: Rule,
}

impl<'r, 'a> Node<'r, 'a> {
    fn any<'de, V: Visitor<'de>>(self, first: Option<u8>, visitor: V) -> Found<V::Value> {
        match first {
            Some(b'"') => self.with_text(|text| visitor.visit_str(text)),
            Some(b'{') => self.object(visitor),
            Some(b'[') => self.list(visitor),
            Some(b'n') => {
                self.null()?;
                visitor.visit_unit()
            }
            Some(b't' | b'f') => self.boolean(visitor),
            _ => self.number(visitor),
        }
    }

    fn null(self) -> Found<()> {
        let may_be = match self.rule {
            Rule::None => true,
            Rule::Object(_) => false,
            Rule::Row(row) => row.nullable || row.kind == Kind::Any,
            Rule::Item(row) => row.kind == Kind::Any,
        };
        if may_be && self.reader.json.skip_word("null") { Ok(()) } else { self.reader.deviation() }
    }

    fn boolean<'de, V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        let may_be = matches!(self.kind(), Some(Kind::Boolean | Kind::Any));
        if may_be && self.reader.json.skip_word("true") {
            visitor.visit_bool(true)
        } else if may_be && self.reader.json.skip_word("false") {
            visitor.visit_bool(false)
        } else {
            self.reader.deviation()
        }
    }

    /// Numbers have the forms that they have in the tree: integers of a row for numbers are floats.
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        let sent = self.reader.take(Json::number)?;
        let (Number::Integer(text) | Number::Float(text)) = sent;
        let is_integer = matches!(sent, Number::Integer(_));
        let (rule, kind) = (self.rule, self.kind());
        if text.len() > MAX_NUMBER_LENGTH {
            return self.reader.deviation();
        }
        let fits = |number: f64| match rule {
            Rule::Row(row) | Rule::Item(row) => {
                row.minimum.is_none_or(|bound| !bound.is_above(number))
                    && row.maximum.is_none_or(|bound| !bound.is_below(number))
            }
            Rule::None | Rule::Object(_) => true,
        };
        match kind {
            Some(Kind::Integer | Kind::Any) if is_integer => match text.parse::<i64>() {
                Ok(number) if !fits(number as f64) => self.reader.deviation(),
                Ok(number) => match u64::try_from(number) {
                    Ok(number) => visitor.visit_u64(number),
                    Err(_) => visitor.visit_i64(number),
                },
                Err(_) => self.reader.deviation(),
            },
            Some(Kind::Number | Kind::Any) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() && fits(number) => visitor.visit_f64(number),
                _ => self.reader.deviation(),
            },
            _ => self.reader.deviation(),
        }
    }

    /// Calls `read` with the text as the tree would hold it.
    fn with_text<T>(self, read: impl FnOnce(&str) -> Found<T>) -> Found<T> {
        let mut sent = self.reader.take(Json::string)?;
        let checked = match self.rule {
            Rule::None => Some(&*sent),
            Rule::Row(row) if row.is_array => None,
            Rule::Object(_) => None,
            Rule::Row(row) | Rule::Item(row) => text::checked(row, &sent, self.reader.formats),
        };
        let result = match checked {
            Some(text) => read(text),
            None => self.reader.deviation(),
        };
        text::zeroize_owned(&mut sent);
        result
    }

    /// The kind of a value that is no list; `None` where there must be a list or an object.
    fn kind(&self) -> Option<Kind> {
        match self.rule {
            Rule::None => Some(Kind::Any),
            Rule::Object(_) => None,
            Rule::Row(row) if row.is_array => None,
            Rule::Row(row) | Rule::Item(row) => Some(row.kind),
        }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        let (of_items, min, max) = match self.rule {
            Rule::Row(row) if row.is_array => (Rule::Item(row), row.min_items, row.max_items),
            Rule::None => (Rule::None, None, None),
            Rule::Row(row) | Rule::Item(row) if row.kind == Kind::Any => (Rule::None, None, None),
            _ => return self.reader.deviation(),
        };
        let reader = self.reader;
        let mut items = Items::new(reader, of_items);
        let value = visitor.visit_seq(&mut items)?;
        let fits = |count| min.is_none_or(|min| count >= min) && max.is_none_or(|max| count <= max);
        match items.finished() {
            Some(count) if fits(count) => Ok(value),
            _ => reader.deviation(),
        }
    }

    fn object<'de, V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        let rows = match self.rule {
            Rule::Object(rows) => rows,
            Rule::None => return self.map(visitor),
            Rule::Row(row) if row.is_array => return self.reader.deviation(),
            Rule::Row(row) | Rule::Item(row) => match (row.kind, row.members) {
                (Kind::Object, members) => members.map(|members| members()).unwrap_or_default(),
                (Kind::Any, _) => return self.map(visitor),
                _ => return self.reader.deviation(),
            },
        };
        let reader = self.reader;
        let mut members = Members::new(reader, rows);
        let value = visitor.visit_map(&mut members)?;
        if members.finished() { Ok(value) } else { reader.deviation() }
    }

    /// An object without rows.
    fn map<'de, V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        let reader = self.reader;
        let mut names = Names::new(reader);
        let value = visitor.visit_map(&mut names)?;
        if names.finished() { Ok(value) } else { reader.deviation() }
    }

    /// Calls `read` if the value begins as one that the type asks for, as the tree would.
    fn expect<T>(self, first: &[u8], read: impl FnOnce(Self, Option<u8>) -> Found<T>) -> Found<T> {
        match self.reader.take(Json::begin)? {
            Some(byte) if first.contains(&byte) => read(self, Some(byte)),
            _ => self.reader.deviation(),
        }
    }
}

macro_rules! expecting {
    ($first:literal $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
            self.expect($first, |node, first| node.any(first, visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'_, '_> {
    type Error = Deviation;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        let first = self.reader.take(Json::begin)?;
        self.any(first, visitor)
    }

    expecting! { b"tf" deserialize_bool }
    expecting! { b"-0123456789"
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }
    expecting! { b"\""
        deserialize_char deserialize_str deserialize_string deserialize_identifier
    }
    expecting! { b"\"[" deserialize_bytes deserialize_byte_buf }
    expecting! { b"[" deserialize_seq }
    expecting! { b"{" deserialize_map }
    expecting! { b"n" deserialize_unit }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        if self.reader.json.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        self.reader.take(Json::begin)?;
        self.null()?;
        visitor.visit_none()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Found<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Found<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Found<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Found<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Found<V::Value> {
        self.expect(b"[{", |node, first| node.any(first, visitor))
    }

    /// Names of variants alone, the form of a document's choices.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Found<V::Value> {
        self.expect(b"\"", |node, _| {
            node.with_text(|text| visitor.visit_enum(serde::de::value::StrDeserializer::new(text)))
        })
    }

    /// It is checked as any other.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Found<V::Value> {
        self.deserialize_any(IgnoredAny)?;
        visitor.visit_unit()
    }
}

#[cfg(test)]
mod tests;
