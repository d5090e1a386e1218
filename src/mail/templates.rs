//! Renders emails from `templates/email/` and the sentences of a language.
//!
//! An attacker can choose both the username and the address that the email is sent to. A username
//! must therefore never become markup, an extra line or a hidden change of text direction, and a
//! subject never contains a line break.

use std::sync::Arc;

use askama::Template;
use chrono::{DateTime, Utc};

use super::Message;
use super::notice::Notice;
use crate::branding::Contact;
use crate::languages::{Languages, Texts, browser};
use crate::text;

/// Maximum length of a username in an email.
const MAX_USERNAME_LENGTH: usize = 150;

/// Maximum length of another line, such as the name of a token.
const MAX_LINE_LENGTH: usize = 350;

/// The parts that all emails of a server share.
pub struct Site {
    pub product: String,
    pub contact: Option<Contact>,
    /// Start of every subject, such as `[InvenTree] `.
    pub prefix: String,
    /// Base of every link, without a trailing slash.
    pub url: String,
    pub languages: Arc<Languages>,
}

/// The request that causes an email. The recipient reads when and from where it came.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub at: DateTime<Utc>,
    pub address: &'a str,
    pub user_agent: &'a str,
    /// The tag of a language; English if there is no such language.
    pub language: &'a str,
}

/// An account that an email concerns, and its link.
pub struct AccountLink<'a> {
    pub username: &'a str,
    pub link: String,
}

impl AccountLink<'_> {
    fn username(&self) -> String {
        sanitized(self.username, MAX_USERNAME_LENGTH)
    }
}

/// The emails that have a link for each account.
#[derive(Debug, Clone, Copy)]
pub enum LinkPurpose {
    ConfirmAddress,
    ResetPassword,
}

impl LinkPurpose {
    /// Its texts below `mail/`.
    fn key(self) -> &'static str {
        match self {
            LinkPurpose::ConfirmAddress => "confirm",
            LinkPurpose::ResetPassword => "reset",
        }
    }
}

/// Asks the owner of an address for a click, for all accounts with it. The links expire after
/// `days`.
pub fn with_links(
    site: &Site,
    to: &str,
    purpose: LinkPurpose,
    entries: &[AccountLink<'_>],
    days: i64,
    request: &Request<'_>,
) -> Message {
    let (key, sentences) = (purpose.key(), Sentences(site.languages.get(request.language)));
    Email {
        site,
        subject: sentences.get(&format!("{key}.subject")),
        lead: sentences.count(&format!("{key}.lead"), entries.len()),
        lines: sentences.lines(request),
        ask: sentences.get(&format!("{key}.ask")),
        button: sentences.get(&format!("{key}.button")),
        valid: Some(sentences.count("valid", days)),
        end: sentences.get(&format!("{key}.ignore")),
        sentences,
    }
    .render(to, entries, request)
}

/// A security notice. Its link leads to the account page.
pub fn notice(
    site: &Site,
    to: &str,
    entry: AccountLink<'_>,
    notice: Notice<'_>,
    request: &Request<'_>,
) -> Message {
    let sentences = Sentences(site.languages.get(request.language));
    let texts = notice.texts();
    let name = texts.name.map(|name| match notice {
        Notice::Deletion(day) => sentences.fill("deletion.day", day),
        _ => sanitized(name, MAX_LINE_LENGTH),
    });
    Email {
        site,
        subject: sentences.get(&format!("{}.subject", texts.key)),
        lead: sentences.get(&format!("{}.lead", texts.key)),
        lines: name.into_iter().chain(sentences.lines(request)).collect(),
        ask: sentences.get(&format!("advice.{}", texts.advice)),
        button: sentences.get("review"),
        valid: None,
        end: sentences.get("fine"),
        sentences,
    }
    .render(to, &[entry], request)
}

/// The sentences below `mail/` of one language.
#[derive(Clone, Copy)]
struct Sentences<'a>(&'a Texts);

impl Sentences<'_> {
    /// A key without a sentence would show itself. A test renders every email to exclude that.
    fn get(self, key: &str) -> String {
        let key = format!("mail/{key}");
        self.0.get(&key).map(str::to_owned).unwrap_or(key)
    }

    fn fill(self, key: &str, name: &str) -> String {
        self.get(key).replace("{name}", name)
    }

    fn count(self, key: &str, count: impl TryInto<u64>) -> String {
        let key = format!("mail/{key}");
        self.0.count(&key, count.try_into().unwrap_or(u64::MAX)).unwrap_or(key)
    }

    /// When and from where a request came.
    fn lines(self, request: &Request<'_>) -> Vec<String> {
        let time = request.at.format("%Y-%m-%d %H:%M UTC").to_string();
        let mut lines = vec![self.fill("time", &time)];
        lines.extend(
            browser::name(self.0, request.user_agent).map(|name| self.fill("browser", &name)),
        );
        lines.push(self.fill("network", request.address));
        lines
    }
}

/// An email before it is rendered.
struct Email<'a> {
    site: &'a Site,
    sentences: Sentences<'a>,
    subject: String,
    lead: String,
    /// Below each username.
    lines: Vec<String>,
    /// Above each link.
    ask: String,
    button: String,
    /// How long the links work.
    valid: Option<String>,
    end: String,
}

impl Email<'_> {
    fn render(&self, to: &str, entries: &[AccountLink<'_>], request: &Request<'_>) -> Message {
        let html = Html { email: self, entries }.render();
        let text = PlainText { email: self, entries }.render();
        // Neither template can fail: all of their values are texts.
        Message {
            to: to.to_owned(),
            subject: one_line(&format!("{}{}", self.site.prefix, self.subject)),
            text: text.unwrap_or_default(),
            html: html.unwrap_or_default(),
            language: self.sentences.0.tag.clone(),
            date: request.at,
            id: String::new(),
        }
    }

    /// Mail readers show it beside the subject.
    fn preview(&self, entries: &[AccountLink<'_>]) -> String {
        let usernames = entries.iter().map(AccountLink::username);
        usernames.chain(self.lines.iter().cloned()).collect::<Vec<_>>().join(" · ")
    }

    /// The side where a line starts, for readers without CSS's `start`.
    fn align(&self) -> &'static str {
        if self.sentences.0.direction() == "rtl" { "right" } else { "left" }
    }

    /// The sentence about the contact, around it.
    fn contact(&self) -> Option<(String, String, String, String)> {
        let contact = self.site.contact.as_ref()?;
        let sentence = self.sentences.get("contact");
        let (before, after) = sentence.split_once("{name}").unwrap_or((&sentence, ""));
        Some((before.to_owned(), contact.link(), contact.to_string(), after.to_owned()))
    }
}

#[derive(Template)]
#[template(path = "email/message.html")]
struct Html<'a> {
    email: &'a Email<'a>,
    entries: &'a [AccountLink<'a>],
}

#[derive(Template)]
#[template(path = "email/message.txt")]
struct PlainText<'a> {
    email: &'a Email<'a>,
    entries: &'a [AccountLink<'a>],
}

/// Untrusted text made safe for one line.
fn sanitized(untrusted: &str, length: usize) -> String {
    untrusted.chars().filter(|&c| !text::is_unprintable(c)).take(length).collect()
}

/// Removes control characters, which could start a second header.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
