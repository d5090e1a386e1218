//! Keywords of a document that both the rows of fields and the tables of whole schemas check.

use crate::formats::TextFormat;

/// A bound of a number.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The limit.
    pub value: f64,
    /// Whether the bound itself is excluded.
    pub exclusive: bool,
}

impl Bound {
    /// As a minimum: whether it is above a number.
    #[inline]
    pub(crate) fn is_above(&self, number: f64) -> bool {
        number < self.value || (self.exclusive && number <= self.value)
    }

    /// As a maximum: whether it is below a number.
    #[inline]
    pub(crate) fn is_below(&self, number: f64) -> bool {
        number > self.value || (self.exclusive && number >= self.value)
    }

    pub(crate) fn minimum_message(&self) -> String {
        let equal = if self.exclusive { "" } else { " or equal to" };
        format!("Ensure this value is greater than{equal} {}.", self.value)
    }

    pub(crate) fn maximum_message(&self) -> String {
        let equal = if self.exclusive { "" } else { " or equal to" };
        format!("Ensure this value is less than{equal} {}.", self.value)
    }
}

/// String formats and messages that a host adds to the keywords of a document.
#[derive(Debug, Clone, Copy)]
pub struct Formats {
    /// Whether a text has a format.
    pub holds: fn(TextFormat, &str) -> bool,
    /// Messages for patterns, by the pattern as the document has it.
    pub pattern_messages: &'static [(&'static str, &'static str)],
    /// Whether values are read as Django REST framework reads them: text without the blanks around
    /// it, and never blank; numbers as text; text as numbers and booleans; no body as an empty
    /// object. Otherwise a JSON value must have its type, and is not changed.
    pub lenient_values: bool,
}

impl Formats {
    /// An email address is text around one `@`, without blanks; each other format is that of its
    /// standard; patterns have one message; values have their types.
    pub const DEFAULT: Formats =
        Formats { holds: TextFormat::holds, pattern_messages: &[], lenient_values: false };

    pub(crate) fn pattern_message(&self, pattern: &str) -> String {
        let known = self.pattern_messages.iter().find(|(known, _)| *known == pattern);
        known
            .map_or("This value does not match the required pattern.", |(_, message)| message)
            .to_owned()
    }
}
