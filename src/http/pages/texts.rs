//! The texts of the pages, from `locales/`: one file per language, one sentence per key.
//!
//! `{name}` in a sentence stands for a value. A key that the file lacks stops the start.

use std::collections::BTreeMap;

use super::file::PageError;

const ENGLISH: &str = include_str!("../../../locales/en.json");

/// The texts of one language.
pub struct Texts {
    /// A BCP 47 tag, for `lang`.
    pub language: &'static str,
    sentences: BTreeMap<String, String>,
}

impl Texts {
    /// # Errors
    ///
    /// [`PageError::Texts`] for a file that is no JSON object of texts.
    pub fn english() -> Result<Texts, PageError> {
        Ok(Texts { language: "en", sentences: serde_json::from_str(ENGLISH)? })
    }

    /// # Errors
    ///
    /// [`PageError::MissingText`], as the template's error.
    pub fn get(&self, key: &str) -> askama::Result<&str> {
        let missing = || askama::Error::custom(PageError::MissingText(key.to_owned()));
        self.sentences.get(key).map(String::as_str).ok_or_else(missing)
    }

    /// A script that gives all texts to the modules. It is no module: one that is chosen by the
    /// page's language could only be imported late, after the page is shown.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn script(&self) -> Result<String, PageError> {
        Ok(format!("globalThis.texts = {};\n", serde_json::to_string(&self.sentences)?))
    }
}
