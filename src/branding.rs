//! The names that pages and emails show for this site, from the settings.

use std::fmt;
use std::str::FromStr;

/// INVENTREE_PRODUCT_NAME and INVENTREE_SUPPORT_CONTACT
#[derive(Debug, Clone)]
pub struct Branding {
    pub product: String,
    pub contact: Option<Contact>,
}

/// Where people can ask: an email address or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact(String);

impl Contact {
    /// For `href`.
    pub fn link(&self) -> String {
        if is_url(&self.0) { self.0.clone() } else { format!("mailto:{}", self.0) }
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Contact {
    type Err = ();

    fn from_str(text: &str) -> Result<Contact, ()> {
        let is_address = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !text.contains(['/', ':', '?'])
        });
        let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let is_known = is_plain && (is_url(text) || is_address);
        is_known.then(|| Contact(text.to_owned())).ok_or(())
    }
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_is_an_address_or_a_url() {
        for (text, link) in [
            ("help@example.org", "mailto:help@example.org"),
            ("https://example.org/help", "https://example.org/help"),
        ] {
            assert_eq!(text.parse::<Contact>().unwrap().link(), link);
        }
        for text in ["", "help", "https://", "javascript:alert(1)@x", "a@b c", "a@b\n", "@b"] {
            assert_eq!(text.parse::<Contact>(), Err(()), "{text}");
        }
    }
}
