//! The name and look of this site, from the settings and the operator's folder.

mod color;
mod pictures;

use std::fmt;
use std::str::FromStr;

pub use color::Color;
pub use pictures::{Picture, PictureError, Pictures};

/// INVENTREE_PRODUCT_NAME, INVENTREE_SUPPORT_CONTACT, INVENTREE_BRAND_COLOR and INVENTREE_FOOTER
#[derive(Debug, Clone, Default)]
pub struct Branding {
    pub product: String,
    pub contact: Option<Contact>,
    pub color: Option<Color>,
    pub footer: Vec<FooterItem>,
}

/// A text at the foot of each page, or a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FooterItem {
    pub text: String,
    pub url: Option<String>,
}

impl FromStr for FooterItem {
    type Err = ();

    fn from_str(text: &str) -> Result<FooterItem, ()> {
        let Some((label, url)) = text.split_once('=') else {
            return Ok(FooterItem { text: text.to_owned(), url: None });
        };
        let (label, url) = (label.trim().to_owned(), url.trim().to_owned());
        let is_own = url.starts_with('/') && !url.starts_with("//");
        let is_plain = !url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
        let is_link = !label.is_empty() && is_plain && (is_url(&url) || is_own);
        is_link.then_some(FooterItem { text: label, url: Some(url) }).ok_or(())
    }
}

/// Support contact: an email address or a URL.
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
    fn footer_item_is_a_text_or_a_link() {
        let read = |text: &str| text.parse::<FooterItem>().map(|item| (item.text, item.url));
        let item = |text: &str, url: Option<&str>| Ok((text.to_owned(), url.map(str::to_owned)));
        assert_eq!(read("Example Ltd"), item("Example Ltd", None));
        assert_eq!(
            read("Help=https://a.example/?q=1"),
            item("Help", Some("https://a.example/?q=1"))
        );
        assert_eq!(read("Terms = /terms"), item("Terms", Some("/terms")));
        for text in
            ["=https://a.example/", "a=", "a=javascript:alert(1)", "a=//b", "a=/\\b", "a=b c"]
        {
            assert_eq!(read(text), Err(()), "{text}");
        }
    }

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
