//! Syntax of email addresses, for request fields and for claims of a sign-in provider.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

/// Django's EmailValidator, but stricter in two places. The local part is ASCII only (Python's
/// IGNORECASE admits four letters that fold to ASCII). A non-ASCII label has letters, marks, digits
/// and inner hyphens only, where IDNA also admits symbols; its Punycode form is not validated.
pub fn is_email_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@').filter(|_| text.chars().count() <= 320)
    else {
        return false;
    };
    (is_dot_atom(local) || is_quoted(local))
        && (domain == "localhost" || is_domain(domain) || is_ip_literal(domain))
}

fn is_dot_atom(local: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"-!#$%&'*+/=?^_`{}|~".contains(&byte);
    local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
}

fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'\\' => matches!(bytes.next(), Some(0x01..=0x09 | 0x0b | 0x0c | 0x0e..=0x7f)),
            0x01..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f => true,
            byte => matches!(byte, b'!' | b'#'..=b'[' | b']'..=0x7f),
        };
        if !good {
            return false;
        }
    }
    true
}

/// The characters of a domain label.
static LETTERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[a-zA-Z0-9\p{L}\p{M}\p{Nd}-]+$").ok());

fn is_domain(domain: &str) -> bool {
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        label.chars().count() <= 63
            && !label.ends_with('-')
            && LETTERS.as_ref().is_some_and(|letters| letters.is_match(label))
    };
    labels.split('.').all(|label| is_label(label) && !label.starts_with('-'))
        && is_label(top)
        && (top.len() > 1 || !top.is_ascii())
}

fn is_ip_literal(domain: &str) -> bool {
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    literal.is_some_and(|address| {
        address.parse::<Ipv4Addr>().is_ok() || address.parse::<Ipv6Addr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_validation_agrees_with_django() {
        let long_label = format!("a@{}.com", "b".repeat(63));
        let longest = format!("{}@example.com", "a".repeat(308));
        for good in [
            "a@localhost",
            "a.b+c/d=e@sub.example.co",
            "\"quoted\\ local\"@example.com",
            "\"\"@example.com",
            "a@[127.0.0.1]",
            "a@[::1]",
            "a@[::ffff:127.0.0.1]",
            "a@xn--bcher-kva.ch",
            "a@bücher.example",
            "pr.rex@exаmple.com",
            "a@उदाहरण.परीक्षा",
            "a@b.c-d",
            "a@b.-cd",
            &long_label,
            &longest,
        ] {
            assert!(is_email_address(good), "{good}");
        }
        let too_long_label = format!("a@{}.com", "b".repeat(64));
        let too_long = format!("a{longest}");
        for bad in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b",
            "a@b.c",
            "a@.com",
            "a@b..com",
            "a@b.com.",
            "a@-b.com",
            "a@b-.com",
            "a@b.com-",
            "a b@c.com",
            ".a@b.com",
            "a.@b.com",
            "a..b@c.com",
            "ä@b.com",
            "\u{212a}@b.com",
            "\"a b\"@c.com",
            "\"a\"b\"@c.com",
            "\"a\\\"@c.com",
            "\"@c.com",
            "a@[127.0.0.256]",
            "a@[127.0.0.01]",
            "a@[1]",
            "a@b_c.com",
            "a@ä b.com",
            "a@ä＠b.com",
            "a@example.com\nevil",
            "a@b@c",
            &too_long_label,
            &too_long,
        ] {
            assert!(!is_email_address(bad), "{bad}");
        }
    }
}
