//! Formats of text that a standard defines, for `format` in a schema.
//!
//! Each check takes time in proportion to the text and follows the grammar of its standard, since a
//! text that is refused here is refused to a client. It must never look anything up, and must never
//! refuse a text whose format it does not know.

mod regex;
mod times;
mod uri;

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use uri::Characters::{Ascii, Unicode};

macro_rules! text_formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $holds:expr,)*) => {
        /// A format of text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum TextFormat {
            $($(#[$doc])* $variant,)*
        }

        impl TextFormat {
            /// All of them.
            pub const ALL: &'static [TextFormat] = &[$(TextFormat::$variant),*];

            /// The value of `format`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(TextFormat::$variant => $name,)*
                }
            }

            /// Whether a text has the format.
            pub fn holds(self, text: &str) -> bool {
                let holds: fn(&str) -> bool = match self {
                    $(TextFormat::$variant => $holds,)*
                };
                holds(text)
            }
        }
    };
}

text_formats! {
    /// `base64url`: RFC 4648, section 5, with or without padding.
    Base64Url = "base64url": is_base64url,
    /// `byte`: RFC 4648, section 4, with padding.
    Byte = "byte": is_base64,
    /// `date`: RFC 3339, `full-date`.
    Date = "date": times::is_date,
    /// `date-time`: RFC 3339, `date-time`.
    DateTime = "date-time": times::is_date_time,
    /// `date-time-local`: the same without an offset.
    DateTimeLocal = "date-time-local": times::is_local_date_time,
    /// `duration`: RFC 3339, appendix A.
    Duration = "duration": times::is_duration,
    /// `email`: text around one `@`, without blanks.
    Email = "email": has_address_form,
    /// `hostname`: RFC 1123, section 2.1.
    Hostname = "hostname": is_hostname,
    /// `idn-email`: as `email`.
    IdnEmail = "idn-email": has_address_form,
    /// `idn-hostname`: labels as in `hostname`, and of any other letters beyond ASCII.
    IdnHostname = "idn-hostname": is_idn_hostname,
    /// `ipv4`: RFC 2673, section 3.2, dotted-quad.
    Ipv4 = "ipv4": |text| text.parse::<Ipv4Addr>().is_ok(),
    /// `ipv6`: RFC 4291, section 2.2.
    Ipv6 = "ipv6": |text| text.parse::<Ipv6Addr>().is_ok(),
    /// `iri`: RFC 3987.
    Iri = "iri": |text| uri::is_uri(text, Unicode),
    /// `iri-reference`: RFC 3987.
    IriReference = "iri-reference": |text| uri::is_reference(text, Unicode),
    /// `json-pointer`: RFC 6901, section 5.
    JsonPointer = "json-pointer": is_json_pointer,
    /// `regex`: what an ECMAScript engine reads, in any of its modes.
    Regex = "regex": regex::may_be_regex,
    /// `relative-json-pointer`: draft-bhutton-relative-json-pointer-00.
    RelativeJsonPointer = "relative-json-pointer": is_relative_json_pointer,
    /// `time`: RFC 3339, `full-time`.
    Time = "time": times::is_time,
    /// `time-local`: RFC 3339, `partial-time`.
    TimeLocal = "time-local": times::is_local_time,
    /// `uri`: RFC 3986.
    Uri = "uri": |text| uri::is_uri(text, Ascii),
    /// `uri-reference`: RFC 3986.
    UriReference = "uri-reference": |text| uri::is_reference(text, Ascii),
    /// `uri-template`: RFC 6570.
    UriTemplate = "uri-template": uri::is_template,
    /// `uuid`: RFC 4122.
    Uuid = "uuid": is_uuid,
}

impl TextFormat {
    /// The format that a schema names.
    pub(crate) fn of(schema: &Value) -> Option<TextFormat> {
        TextFormat::named(&schema["format"])
    }

    /// The same of the keyword's value.
    pub(crate) fn named(name: &Value) -> Option<TextFormat> {
        let name = name.as_str()?;
        TextFormat::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// Whether a Rust type of the generated code reads it, so that rows need not.
    pub(crate) fn has_a_type(self) -> bool {
        use TextFormat::{Date, DateTime, Ipv4, Ipv6, Uuid};
        matches!(self, Date | DateTime | Ipv4 | Ipv6 | Uuid)
    }

    pub(crate) fn message(self) -> String {
        match self {
            TextFormat::Email | TextFormat::IdnEmail => "Enter a valid email address.".to_owned(),
            other => format!("This value is no valid {}.", other.name()),
        }
    }
}

fn has_address_form(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && !part.contains('@') && !part.contains(char::is_whitespace);
    text.split_once('@').is_some_and(|(local, domain)| is_part(local) && is_part(domain))
}

fn is_base64(text: &str) -> bool {
    text.len().is_multiple_of(4) && is_encoded(text, b"+/")
}

fn is_base64url(text: &str) -> bool {
    let digits = text.trim_end_matches('=').len();
    let is_padded = text.len().is_multiple_of(4);
    digits % 4 != 1 && (digits == text.len() || is_padded) && is_encoded(text, b"-_")
}

/// Letters, digits and two more characters, and at most two of padding.
fn is_encoded(text: &str, also: &[u8]) -> bool {
    let digits = text.trim_end_matches('=');
    text.len() - digits.len() <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
}

/// Most characters of a host name, without the dot at its end.
const MAX_HOSTNAME: usize = 253;
const MAX_LABEL: usize = 63;

fn is_hostname(text: &str) -> bool {
    text.is_ascii() && text.len() <= MAX_HOSTNAME && text.split('.').all(is_label)
}

/// Only what no rule for host names takes: IDNA's tables of characters change with Unicode.
fn is_idn_hostname(text: &str) -> bool {
    let dots = ['.', '\u{3002}', '\u{FF0E}', '\u{FF61}'];
    text.chars().take(MAX_HOSTNAME + 1).count() <= MAX_HOSTNAME && text.split(dots).all(is_label)
}

fn is_label(label: &str) -> bool {
    let is_letter = |c: char| match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || c == '-',
        false => !c.is_whitespace() && !c.is_control(),
    };
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().take(MAX_LABEL + 1).count() <= MAX_LABEL
        && label.chars().all(is_letter)
}

fn is_json_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/'))
        && text.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}

fn is_relative_json_pointer(text: &str) -> bool {
    let rest = after_number(text).and_then(|rest| match rest.strip_prefix(['+', '-']) {
        Some(index) => after_number(index),
        None => Some(rest),
    });
    rest.is_some_and(|rest| rest == "#" || is_json_pointer(rest))
}

/// The text after a number without leading zeros.
fn after_number(text: &str) -> Option<&str> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(end);
    let is_number = !number.is_empty() && (number == "0" || !number.starts_with('0'));
    is_number.then_some(rest)
}

fn is_uuid(text: &str) -> bool {
    let is_good = |(n, byte): (usize, u8)| match n {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_good)
}

#[cfg(test)]
mod tests;
