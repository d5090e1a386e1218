//! The API's messages in other languages: looked up by the English one, which the tests record
//! of the reference.

use super::{MESSAGE, Texts};

/// Prefix of the wording that a page shows in place of a message for programs.
const PAGE_MESSAGE: &str = "page/";

/// Prefix of the parts of an activity's detail.
const DETAIL: &str = "detail/";

impl Texts {
    /// An English message of the API in this language.
    pub fn message(&self, english: &str) -> Option<String> {
        self.translated(MESSAGE, english)
    }

    /// The same as a page shows it.
    pub fn page_message(&self, english: &str) -> Option<String> {
        self.translated(PAGE_MESSAGE, english).or_else(|| self.message(english))
    }

    /// A detail of the audit trail, for the account's owner: known parts in this language, names as
    /// they are, and no ids of rows.
    pub fn detail(&self, english: &str) -> String {
        let is_row = |part: &&str| {
            let id = part.strip_prefix("session ").or_else(|| part.strip_prefix("token "));
            id.is_some_and(|id| id.bytes().all(|b| b.is_ascii_digit()))
        };
        let parts = english.split(", ").filter(|part| !is_row(part));
        parts.map(|part| self.detail_part(part)).collect::<Vec<_>>().join(", ")
    }

    fn detail_part(&self, english: &str) -> String {
        if let Some((address, counts)) = english.split_once(": ended ") {
            return format!("{address}: {}", self.detail_part(&format!("ended {counts}")));
        }
        // One key for both English forms.
        let found = self.translated(DETAIL, english);
        found
            .or_else(|| self.translated(DETAIL, &format!("{english}s")))
            .unwrap_or_else(|| english.to_owned())
    }

    fn translated(&self, prefix: &str, english: &str) -> Option<String> {
        if let Some(text) = self.get(&format!("{prefix}{english}")) {
            return Some(text.to_owned());
        }
        let is_digit = |c: char| c.is_ascii_digit();
        if let Some(start) = english.find(is_digit) {
            let (before, rest) = english.split_at(start);
            let end = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            // One key for both English forms.
            let after = if after == " second." { " seconds." } else { after };
            let key = format!("{prefix}{before}{{count}}{after}");
            return self.count(&key, number.parse().ok()?);
        }
        // A name in the message stays as it is.
        self.sentences.keys().find_map(|key| {
            let (before, after) = key.strip_prefix(prefix)?.split_once("{name}")?;
            let name = english.strip_prefix(before)?.strip_suffix(after)?;
            Some(self.get(key)?.replace("{name}", name))
        })
    }
}
