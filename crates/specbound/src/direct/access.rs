//! Members and items, one after the other.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::{Deviation, Found, Node, Reader, Rule, text};
use crate::body::json::Json;
use crate::fields::Property;

/// Rows of an object that are told apart. Objects with more are left to the other readers.
const MAX_ROWS: usize = 256;

/// The members of an object with rows. Others are passed over, as the rows do.
pub(super) struct Members<'r, 'a> {
    reader: &'r mut Reader<'a>,
    rows: &'static [Property],
    /// The row of the value that comes next, or before which the last one came.
    at: usize,
    seen: [u64; MAX_ROWS / 64],
    count: usize,
    is_first: bool,
    is_finished: bool,
}

impl<'r, 'a> Members<'r, 'a> {
    pub fn new(reader: &'r mut Reader<'a>, rows: &'static [Property]) -> Members<'r, 'a> {
        let seen = [0; MAX_ROWS / 64];
        Members { reader, rows, at: 0, seen, count: 0, is_first: true, is_finished: false }
    }

    /// The row of a name. Names mostly come in the order of the rows.
    fn find(&self, name: &str) -> Option<usize> {
        let is_it = |row: &&Property| row.name == name && !row.read_only;
        if self.rows.get(self.at).as_ref().is_some_and(is_it) {
            return Some(self.at);
        }
        let (before, after) = self.rows.split_at(self.at.min(self.rows.len()));
        let later = after.iter().position(|row| is_it(&row)).map(|place| self.at + place);
        later.or_else(|| before.iter().position(|row| is_it(&row)))
    }

    /// Whether no name comes a second time: of two values the last would count.
    fn is_new(&mut self, row: usize) -> bool {
        let bit = 1 << (row % 64);
        let Some(word) = self.seen.get_mut(row / 64) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Whether the object was read to its end, and has all that is required.
    pub fn finished(&self) -> bool {
        let has = |row: usize| self.seen.get(row / 64).is_some_and(|w| w & (1 << (row % 64)) != 0);
        let mut rows = self.rows.iter().enumerate();
        self.is_finished
            && (self.count == self.rows.len()
                || rows.all(|(n, row)| !row.required || row.read_only || has(n)))
    }
}

impl<'de> MapAccess<'de> for &mut Members<'_, '_> {
    type Error = Deviation;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Found<Option<K::Value>> {
        loop {
            if !self.reader.has_next(b'}', &mut self.is_first)? {
                self.is_finished = true;
                return Ok(None);
            }
            let name = self.reader.take(Json::name)?;
            let Some(row) = self.find(&name) else {
                Node { reader: self.reader, rule: Rule::None }.deserialize_any(IgnoredAny)?;
                continue;
            };
            if !self.is_new(row) {
                return self.reader.deviation();
            }
            self.count += 1;
            self.at = row;
            return seed.deserialize(StrDeserializer::new(self.rows[row].name)).map(Some);
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Found<V::Value> {
        let Some(row) = self.rows.get(self.at) else { return self.reader.deviation() };
        self.at += 1;
        seed.deserialize(Node { reader: self.reader, rule: Rule::Row(row) })
    }
}

/// The members of an object without rows.
pub(super) struct Names<'r, 'a> {
    reader: &'r mut Reader<'a>,
    seen: Vec<Cow<'a, str>>,
    is_first: bool,
    is_finished: bool,
}

impl<'r, 'a> Names<'r, 'a> {
    pub fn new(reader: &'r mut Reader<'a>) -> Names<'r, 'a> {
        Names { reader, seen: Vec::new(), is_first: true, is_finished: false }
    }

    /// Whether the object was read to its end, and no name came twice.
    pub fn finished(&mut self) -> bool {
        self.seen.sort_unstable();
        let is_good = self.is_finished && self.seen.is_sorted_by(|one, next| one < next);
        self.seen.iter_mut().for_each(text::zeroize_owned);
        is_good
    }
}

impl<'de> MapAccess<'de> for &mut Names<'_, '_> {
    type Error = Deviation;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Found<Option<K::Value>> {
        if !self.reader.has_next(b'}', &mut self.is_first)? {
            self.is_finished = true;
            return Ok(None);
        }
        let name = self.reader.take(Json::name)?;
        let key = seed.deserialize(StrDeserializer::new(&name));
        self.seen.push(name);
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Found<V::Value> {
        seed.deserialize(Node { reader: self.reader, rule: Rule::None })
    }
}

/// The items of a list.
pub(super) struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    rule: Rule,
    count: usize,
    is_first: bool,
    is_finished: bool,
}

impl<'r, 'a> Items<'r, 'a> {
    pub fn new(reader: &'r mut Reader<'a>, rule: Rule) -> Items<'r, 'a> {
        Items { reader, rule, count: 0, is_first: true, is_finished: false }
    }

    /// How many there were, if the list ends here: a type may read as many as it has places.
    pub fn finished(&mut self) -> Option<usize> {
        let ends =
            self.is_finished || matches!(self.reader.has_next(b']', &mut self.is_first), Ok(false));
        ends.then_some(self.count)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, '_> {
    type Error = Deviation;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Found<Option<T::Value>> {
        if !self.reader.has_next(b']', &mut self.is_first)? {
            self.is_finished = true;
            return Ok(None);
        }
        self.count += 1;
        seed.deserialize(Node { reader: self.reader, rule: self.rule }).map(Some)
    }
}
