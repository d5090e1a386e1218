//! Messages by field. They are shown to a client as they are, so none may hold a secret.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Property;

/// DRF's key for errors of no single field.
pub const NON_FIELD: &str = "non_field_errors";

/// Messages by field, in the order they were found; serialises as `{"field": ["message"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(pub(super) Vec<(String, Vec<String>)>);

impl FieldErrors {
    /// One message that belongs to no single field.
    pub fn general(message: impl Into<String>) -> FieldErrors {
        FieldErrors(vec![(NON_FIELD.to_owned(), vec![message.into()])])
    }

    /// Adds to the errors of `field`, so that no name is written twice.
    pub fn add(&mut self, field: &str, messages: Vec<String>) {
        match self.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, known)) => known.extend(messages),
            None => self.0.push((field.to_owned(), messages)),
        }
    }

    /// Drops the errors of the other fields.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keeps(name));
    }

    /// Adds all of `found`.
    pub fn extend(&mut self, found: FieldErrors) {
        for (field, messages) in found.0 {
            self.add(&field, messages);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each field with its errors.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, messages)| (name.as_str(), messages.as_slice()))
    }

    /// Declaration order; undeclared names (`non_field_errors`) come last, in the order they were
    /// found.
    pub fn sort_by(&mut self, properties: &[Property]) {
        let place =
            |name: &String| properties.iter().position(|p| p.name == name).unwrap_or(usize::MAX);
        self.0.sort_by_key(|(name, _)| place(name));
    }
}

impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, messages) in &self.0 {
            map.serialize_entry(name, messages)?;
        }
        map.end()
    }
}
