//! The grammars of RFC 3986 (URI), RFC 3987 (IRI) and RFC 6570 (templates of URIs).
//!
//! Browsers read more than these (a blank, a backslash, letters beyond ASCII). Such a text is no
//! URI, and must not pass for one.

use std::net::Ipv6Addr;

/// The characters that may stand unescaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Characters {
    /// Those of a URI.
    Ascii,
    /// Those of an IRI.
    Unicode,
}

/// The parts of a URI, as far as they differ in their characters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    User,
    Name,
    Path,
    Query,
    Fragment,
}

/// `URI`: with a scheme, and with or without a fragment.
pub fn is_uri(text: &str, characters: Characters) -> bool {
    text.split_once(':')
        .is_some_and(|(scheme, rest)| is_scheme(scheme) && is_hierarchy(rest, characters))
}

/// `URI-reference`: a URI, or what follows a base.
pub fn is_reference(text: &str, characters: Characters) -> bool {
    // A colon in the first segment ends a scheme.
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    match first.contains(':') {
        true => is_uri(text, characters),
        false => is_hierarchy(text, characters),
    }
}

fn is_scheme(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_letter)
}

/// Authority, path, query and fragment.
fn is_hierarchy(text: &str, characters: Characters) -> bool {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, path) = match text.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", text),
    };
    is_authority(authority, characters)
        && has_only(path, Part::Path, characters)
        && has_only(query, Part::Query, characters)
        && has_only(fragment, Part::Fragment, characters)
}

fn is_authority(text: &str, characters: Characters) -> bool {
    let (user, place) = text.split_once('@').unwrap_or(("", text));
    let (is_host, port) = match place.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (is_address(address), ""),
            Some((address, rest)) => match rest.strip_prefix(':') {
                Some(port) => (is_address(address), port),
                None => return false,
            },
            None => return false,
        },
        None => {
            let (host, port) = place.split_once(':').unwrap_or((place, ""));
            (has_only(host, Part::Name, characters), port)
        }
    };
    is_host && has_only(user, Part::User, characters) && port.bytes().all(|b| b.is_ascii_digit())
}

/// `IPv6address` or `IPvFuture`.
fn is_address(text: &str) -> bool {
    let Some(future) = text.strip_prefix(['v', 'V']) else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    let is_letter = |byte: u8| is_unreserved(byte) || is_delimiter(byte) || byte == b':';
    future.split_once('.').is_some_and(|(version, address)| {
        !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !address.is_empty()
            && address.bytes().all(is_letter)
    })
}

fn has_only(text: &str, part: Part, characters: Characters) -> bool {
    let mut ahead = text.chars();
    while let Some(c) = ahead.next() {
        let is_good = match u8::try_from(c).ok().filter(u8::is_ascii) {
            Some(b'%') => is_escape(&mut ahead),
            Some(b':') => part != Part::Name,
            Some(b'@' | b'/') => !matches!(part, Part::Name | Part::User),
            Some(b'?') => matches!(part, Part::Query | Part::Fragment),
            Some(byte) => is_unreserved(byte) || is_delimiter(byte),
            None if characters == Characters::Ascii => false,
            None => is_letter(c) || part == Part::Query && is_private(c),
        };
        if !is_good {
            return false;
        }
    }
    true
}

/// Takes the two digits after a `%`.
fn is_escape(ahead: &mut std::str::Chars<'_>) -> bool {
    let mut is_digit = || ahead.next().is_some_and(|c| c.is_ascii_hexdigit());
    is_digit() && is_digit()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// `sub-delims`.
fn is_delimiter(byte: u8) -> bool {
    b"!$&'()*+,;=".contains(&byte)
}

/// `ucschar` of RFC 3987.
fn is_letter(c: char) -> bool {
    match u32::from(c) {
        0xA0..=0xD7FF | 0xF900..=0xFDCF | 0xFDF0..=0xFFEF => true,
        0xE0000..=0xE0FFF => false,
        code => (0x10000..0xF0000).contains(&code) && code & 0xFFFF < 0xFFFE,
    }
}

/// `iprivate` of RFC 3987.
fn is_private(c: char) -> bool {
    match u32::from(c) {
        0xE000..=0xF8FF => true,
        code => code >= 0xF0000 && code & 0xFFFF < 0xFFFE,
    }
}

/// A template of URIs (RFC 6570, section 2).
pub fn is_template(text: &str) -> bool {
    let mut ahead = text.chars();
    while let Some(c) = ahead.next() {
        let is_good = match c {
            '{' => match ahead.as_str().split_once('}') {
                Some((expression, rest)) => {
                    ahead = rest.chars();
                    is_expression(expression)
                }
                None => false,
            },
            '%' => is_escape(&mut ahead),
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '|' | '}' => false,
            c if c.is_ascii() => !c.is_control(),
            c => is_letter(c) || is_private(c),
        };
        if !is_good {
            return false;
        }
    }
    true
}

fn is_expression(text: &str) -> bool {
    let operators = ['+', '#', '.', '/', ';', '?', '&', '=', ',', '!', '@', '|'];
    text.strip_prefix(operators).unwrap_or(text).split(',').all(|variable| {
        let name = match (variable.strip_suffix('*'), variable.split_once(':')) {
            (Some(name), _) => name,
            (None, Some((name, length))) => {
                let is_length = (1..=4).contains(&length.len())
                    && !length.starts_with('0')
                    && length.bytes().all(|byte| byte.is_ascii_digit());
                if !is_length {
                    return false;
                }
                name
            }
            (None, None) => variable,
        };
        name.split('.').all(|part| {
            let mut ahead = part.chars();
            let mut is_good = !part.is_empty();
            while let Some(c) = ahead.next().filter(|_| is_good) {
                is_good = match c {
                    '%' => is_escape(&mut ahead),
                    c => c.is_ascii_alphanumeric() || c == '_',
                };
            }
            is_good
        })
    })
}
