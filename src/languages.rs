//! The languages of pages and error messages, from `locales/`: one file per language, one
//! sentence per key.
//!
//! A sentence may have a form for each plural category of its language (CLDR), `{count}` for the
//! number, `{name}` for a value and `{product}` for the name of this site. A language that lacks a
//! sentence has the English one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs, io};

use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

pub mod browser;
mod messages;
mod negotiation;

/// The language of every sentence that another one lacks.
pub const ENGLISH: &str = "en";

/// Tag and content of each file in `locales/`.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/locales.rs"));

/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 8] = ["ar", "dv", "fa", "he", "ps", "ug", "ur", "yi"];

/// A language file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    #[error("{path}: {reason}")]
    Read { path: String, reason: io::Error },
    #[error("{path}: {reason}")]
    Json { path: String, reason: serde_json::Error },
    #[error("{0}: the name of a language file is a language tag, such as pt-BR.json")]
    Tag(String),
}

/// One sentence.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Sentence {
    Plain(String),
    /// By plural category: `one`, `few`, `other` and so on.
    Plural(BTreeMap<String, String>),
}

impl Sentence {
    fn name_product(&mut self, product: &str) {
        let name = |text: &mut String| *text = text.replace("{product}", product);
        match self {
            Sentence::Plain(text) => name(text),
            Sentence::Plural(forms) => forms.values_mut().for_each(name),
        }
    }
}

type Sentences = BTreeMap<String, Sentence>;

/// The sentences of one language.
pub struct Texts {
    /// A BCP 47 tag.
    pub tag: String,
    sentences: Sentences,
    plurals: Option<PluralRules>,
}

/// All languages of this server; the first is English.
pub struct Languages(Vec<Texts>);

impl fmt::Debug for Languages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|texts| &texts.tag)).finish()
    }
}

impl Languages {
    /// The languages of this build, and those of `folder`: its file replaces sentences of the
    /// language with the same tag, or adds a language. `product` is the name of this site.
    ///
    /// # Errors
    ///
    /// [`LanguageError`]
    pub fn new(folder: Option<&Path>, product: &str) -> Result<Languages, LanguageError> {
        let mut files: BTreeMap<String, Sentences> = BTreeMap::new();
        for (tag, text) in EMBEDDED {
            files.insert((*tag).to_owned(), parse(tag, text)?);
        }
        if let Some(folder) = folder {
            for (tag, sentences) in read(folder)? {
                files.entry(tag).or_default().extend(sentences);
            }
        }
        let english = files.remove(ENGLISH).unwrap_or_default();
        let others = files.into_iter().map(|(tag, own)| {
            let mut sentences = english.clone();
            // These begin with an English sentence, and are in English without this table.
            sentences.retain(|key, _| !key.starts_with(MESSAGE));
            sentences.extend(own);
            Texts::new(tag, sentences, product)
        });
        let others: Vec<_> = others.collect();
        let mut all = vec![Texts::new(ENGLISH.to_owned(), english, product)];
        all.extend(others);
        Ok(Languages(all))
    }

    /// English without sentences.
    pub fn empty() -> Languages {
        Languages(vec![Texts::new(ENGLISH.to_owned(), Sentences::new(), "")])
    }

    pub fn all(&self) -> &[Texts] {
        &self.0
    }

    /// The language with this tag, or English.
    pub fn get(&self, tag: &str) -> &Texts {
        self.0.iter().find(|texts| texts.tag == tag).unwrap_or(&self.0[0])
    }

    /// The language of a person who chose `chosen`, or else whose browser sent `accepted` as
    /// Accept-Language.
    pub fn choose<'a>(
        &self,
        chosen: Option<&str>,
        accepted: impl Iterator<Item = Cow<'a, str>>,
    ) -> &Texts {
        self.requested(chosen, accepted).unwrap_or(&self.0[0])
    }

    /// The same, or `None` if they ask for no language of this server.
    pub fn requested<'a>(
        &self,
        chosen: Option<&str>,
        accepted: impl Iterator<Item = Cow<'a, str>>,
    ) -> Option<&Texts> {
        let chosen = chosen.and_then(|tag| negotiation::find(&self.0, tag));
        chosen.or_else(|| negotiation::choose(&self.0, accepted))
    }
}

/// Prefix of the keys that begin with an English message of the API.
const MESSAGE: &str = "api/";

impl Texts {
    fn new(tag: String, mut sentences: Sentences, product: &str) -> Texts {
        sentences.values_mut().for_each(|sentence| sentence.name_product(product));
        let language: Option<LanguageIdentifier> = tag.parse().ok();
        let rules = |language: LanguageIdentifier| {
            // The rules know some languages by their first subtag alone.
            let short = LanguageIdentifier::from_parts(language.language, None, None, &[]);
            [language, short]
                .into_iter()
                .find_map(|tag| PluralRules::create(tag, PluralRuleType::CARDINAL).ok())
        };
        Texts { plurals: language.and_then(rules), tag, sentences }
    }

    /// The writing direction: `rtl` or `ltr`.
    pub fn direction(&self) -> &'static str {
        let primary = self.tag.split('-').next().unwrap_or_default();
        if RIGHT_TO_LEFT.contains(&primary) { "rtl" } else { "ltr" }
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        match self.sentences.get(key)? {
            Sentence::Plain(text) => Some(text),
            Sentence::Plural(forms) => forms.get("other").map(String::as_str),
        }
    }

    /// The sentence in the form for `count` of something.
    pub fn count(&self, key: &str, count: u64) -> Option<String> {
        let text = match self.sentences.get(key)? {
            Sentence::Plain(text) => text,
            Sentence::Plural(forms) => {
                forms.get(self.category(count)).or_else(|| forms.get("other"))?
            }
        };
        Some(text.replace("{count}", &count.to_string()))
    }

    fn category(&self, count: u64) -> &'static str {
        let category = self.plurals.as_ref().and_then(|rules| rules.select(count).ok());
        match category.unwrap_or(PluralCategory::OTHER) {
            PluralCategory::ZERO => "zero",
            PluralCategory::ONE => "one",
            PluralCategory::TWO => "two",
            PluralCategory::FEW => "few",
            PluralCategory::MANY => "many",
            PluralCategory::OTHER => "other",
        }
    }

    /// The sentences that scripts of pages use, as JSON.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn for_pages(&self) -> Result<String, serde_json::Error> {
        let is_shown = |key: &&String| !key.contains('/');
        let shown: BTreeMap<_, _> =
            self.sentences.iter().filter(|(key, _)| is_shown(key)).collect();
        serde_json::to_string(&shown)
    }
}

fn parse(path: &str, text: &str) -> Result<Sentences, LanguageError> {
    let wrong = |reason| LanguageError::Json { path: path.to_owned(), reason };
    serde_json::from_str(text).map_err(wrong)
}

/// The `TAG.json` files of a folder.
fn read(folder: &Path) -> Result<Vec<(String, Sentences)>, LanguageError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |reason| LanguageError::Read { path, reason }
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let shown = path.display().to_string();
        let tag = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        // A tag becomes part of a URL and of a header.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if tag.parse::<LanguageIdentifier>().is_err() || !tag.bytes().all(is_plain) {
            return Err(LanguageError::Tag(shown));
        }
        let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
        found.push((tag, parse(&shown, &text)?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
