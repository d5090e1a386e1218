//! Texts of all emails.
//!
//! A username comes from a stranger, and the email goes to an address that the stranger chose. So a
//! username must never become markup, an extra line or a hidden change of direction, and a subject
//! never contains a line break.

use askama::Template;

use super::Message;

/// Maximum length of a username in an email.
const MAX_USERNAME_LENGTH: usize = 150;

/// Maximum length of a line in a notice, such as a User-Agent.
const MAX_DETAIL_LENGTH: usize = 350;

/// An account that the email concerns, and its link.
pub struct Entry<'a> {
    pub username: &'a str,
    pub link: String,
}

impl Entry<'_> {
    fn username(&self) -> String {
        sanitized(self.username, MAX_USERNAME_LENGTH)
    }
}

/// One email for all accounts with the address.
pub fn confirm_address(prefix: &str, to: &str, entries: &[Entry<'_>]) -> Message {
    Wording {
        subject: "Please Confirm Your Email Address",
        before: match entries.len() {
            1 => "This address was given as the e-mail address of the InvenTree account",
            _ => "This address was given as the e-mail address of several InvenTree accounts",
        },
        details: Vec::new(),
        ask: "If this is correct, please confirm it here:",
        button: "Confirm address",
        after: "If you do not know this account, ignore this email: the address stays unconfirmed.",
    }
    .render(prefix, to, entries)
}

/// One email for all accounts with the address.
pub fn password_reset(prefix: &str, to: &str, entries: &[Entry<'_>]) -> Message {
    Wording {
        subject: "Password Reset Email",
        before: match entries.len() {
            1 => "A password reset was requested for the InvenTree account",
            _ => "A password reset was requested for each InvenTree account with this address",
        },
        details: Vec::new(),
        ask: "If this was you, choose a new password here:",
        button: "Choose a new password",
        after: "The link works once, and for a limited time. If this was not you, ignore this \
            email: your password has not been changed.",
    }
    .render(prefix, to, entries)
}

/// The change that an account's owner is told of.
#[derive(Debug, Clone, Copy)]
pub enum Attached<'a> {
    Address(&'a str),
    Provider(&'a str),
    /// A second factor was added; its name.
    Factor(&'a str),
    /// A second factor was removed; its name.
    FactorGone(&'a str),
    /// A passkey was added; its name.
    Passkey(&'a str),
    /// A passkey was removed; its name.
    PasskeyGone(&'a str),
    RecoveryCodeUsed,
    /// A named token was made; its name.
    Token(&'a str),
    PasswordChanged,
    /// By a link that was mailed.
    PasswordReset,
    AddressRemoved(&'a str),
    AddressMadePrimary(&'a str),
    ProviderGone(&'a str),
    /// The account will be deleted on this day.
    Deletion(&'a str),
    /// A sign-in by a browser or from a network that the account does not know.
    SignIn,
}

const REMOVE_IT: &str = "If this was not you, remove it and change your password:";
const LOOK_AT_IT: &str = "If this was not you, change your password and review your account:";
const RESET_IT: &str =
    "If this was not you, ask for a new password at the sign-in page, and review your account:";

/// Security notice to a verified address. `details` say when and from where.
pub fn notice(
    prefix: &str,
    to: &str,
    account: Entry<'_>,
    attached: Attached<'_>,
    details: Vec<String>,
) -> Message {
    let (subject, before, name, ask) = match attached {
        Attached::Address(email) => (
            "An Email Address Was Added",
            "An address was added to the InvenTree account",
            email,
            REMOVE_IT,
        ),
        Attached::Provider(name) => (
            "A Sign-in Provider Was Connected",
            "A sign-in provider was connected to the InvenTree account",
            name,
            REMOVE_IT,
        ),
        Attached::Factor(name) => (
            "A Second Factor Was Added",
            "An authenticator app was added to the InvenTree account",
            name,
            REMOVE_IT,
        ),
        Attached::FactorGone(name) => (
            "A Second Factor Was Removed",
            "An authenticator app was removed from the InvenTree account",
            name,
            LOOK_AT_IT,
        ),
        Attached::Passkey(name) => {
            ("A Passkey Was Added", "A passkey was added to the InvenTree account", name, REMOVE_IT)
        }
        Attached::PasskeyGone(name) => (
            "A Passkey Was Removed",
            "A passkey was removed from the InvenTree account",
            name,
            LOOK_AT_IT,
        ),
        Attached::RecoveryCodeUsed => (
            "A Recovery Code Was Used",
            "A recovery code was used for the InvenTree account",
            "",
            LOOK_AT_IT,
        ),
        Attached::Token(name) => (
            "An API Token Was Created",
            "An API token was created for the InvenTree account",
            name,
            "If this was not you, revoke it and change your password:",
        ),
        Attached::PasswordChanged => (
            "Your Password Was Changed",
            "The password was changed of the InvenTree account",
            "",
            RESET_IT,
        ),
        Attached::PasswordReset => (
            "Your Password Was Reset",
            "A new password was set by an emailed link for the InvenTree account",
            "",
            RESET_IT,
        ),
        Attached::AddressRemoved(email) => (
            "An Email Address Was Removed",
            "An address was removed from the InvenTree account",
            email,
            LOOK_AT_IT,
        ),
        Attached::AddressMadePrimary(email) => (
            "Your Primary Email Address Was Changed",
            "Another address was made the primary one of the InvenTree account",
            email,
            LOOK_AT_IT,
        ),
        Attached::ProviderGone(name) => (
            "A Sign-in Provider Was Disconnected",
            "A sign-in provider was disconnected from the InvenTree account",
            name,
            LOOK_AT_IT,
        ),
        Attached::Deletion(day) => (
            "Your Account Will Be Deleted",
            "Its owner asked to delete the InvenTree account, on this day",
            day,
            "To keep it, sign in before:",
        ),
        Attached::SignIn => (
            "A New Sign-in",
            "A browser or network that was not seen before signed in to the InvenTree account",
            "",
            LOOK_AT_IT,
        ),
    };
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    let details = name.into_iter().chain(details);
    Wording {
        subject,
        before,
        details: details.map(|line| sanitized(&line, MAX_DETAIL_LENGTH)).collect(),
        ask,
        button: "Review your account",
        after: "If this was you, no action is needed.",
    }
    .render(prefix, to, &[account])
}

/// The sentences that differ between emails.
struct Wording {
    subject: &'static str,
    before: &'static str,
    /// One line each, below the username.
    details: Vec<String>,
    ask: &'static str,
    button: &'static str,
    after: &'static str,
}

impl Wording {
    fn render(&self, prefix: &str, to: &str, entries: &[Entry<'_>]) -> Message {
        let html = Html { wording: self, entries }.render();
        let text = Text { wording: self, entries }.render();
        // Neither template can fail: all of their values are texts.
        Message {
            to: to.to_owned(),
            subject: one_line(&format!("{prefix}{}", self.subject)),
            text: text.unwrap_or_default(),
            html: html.unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "email/message.html")]
struct Html<'a> {
    wording: &'a Wording,
    entries: &'a [Entry<'a>],
}

#[derive(Template)]
#[template(path = "email/message.txt")]
struct Text<'a> {
    wording: &'a Wording,
    entries: &'a [Entry<'a>],
}

/// Untrusted text made safe for one line.
fn sanitized(text: &str, length: usize) -> String {
    text.chars().filter(|&c| !c.is_control() && !hides_text(c)).take(length).collect()
}

/// Invisible characters that break the line, or reorder or hide the text around them.
fn hides_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Removes control characters, which could start a second header.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://stock.example.org/platform/set-password?uid=1&token=c8-0a";

    fn of(username: &str) -> [Entry<'_>; 1] {
        [Entry { username, link: LINK.to_owned() }]
    }

    fn has_line(text: &str, line: &str) -> bool {
        text.lines().any(|found| found.trim_start() == line)
    }

    #[test]
    fn subjects_are_those_of_the_reference_behind_the_prefix() {
        let confirm = confirm_address("[InvenTree] ", "a@example.org", &of("alice"));
        let reset = password_reset("[InvenTree] ", "a@example.org", &of("alice"));
        assert_eq!(confirm.subject, "[InvenTree] Please Confirm Your Email Address");
        assert_eq!(reset.subject, "[InvenTree] Password Reset Email");
    }

    #[test]
    fn line_breaks_in_the_prefix_start_no_header() {
        let mail = password_reset("[A]\r\nBcc: b@example.org\n ", "a@example.org", &of("alice"));
        assert!(!mail.subject.contains(['\r', '\n']));
    }

    #[test]
    fn link_and_username_have_a_line_each_in_the_text() {
        for mail in [
            confirm_address("", "a@example.org", &of("alice")),
            password_reset("", "a@example.org", &of("alice")),
        ] {
            assert!(has_line(&mail.text, LINK));
            assert!(has_line(&mail.text, "alice"));
        }
    }

    #[test]
    fn html_links_the_escaped_link_and_shows_it() {
        let html = password_reset("", "a@example.org", &of("alice")).html;
        let link = LINK.replace('&', "&#38;");
        assert!(html.contains(&format!("href=\"{link}\"")));
        assert!(html.contains(&format!(">{link}<")));
        assert!(!html.contains(LINK));
    }

    #[test]
    fn username_is_never_markup() {
        let html = confirm_address("", "a@example.org", &of("<a href=\"x\" title='y'>&")).html;
        assert!(
            html.contains("<strong>&#60;a href=&#34;x&#34; title=&#39;y&#39;&#62;&#38;</strong>")
        );
    }

    #[test]
    fn username_brings_no_line_of_its_own_and_hides_nothing() {
        let mail = confirm_address(
            "",
            "a@example.org",
            &of("al\r\n\nice\u{202e}\u{2028}\u{85}\u{200b}\0"),
        );
        assert!(has_line(&mail.text, "alice"));
        assert!(mail.html.contains("<strong>alice</strong>"));
    }

    #[test]
    fn endless_username_is_cut() {
        let mail = confirm_address("", "a@example.org", &of(&"x".repeat(5000)));
        assert!(has_line(&mail.text, &"x".repeat(MAX_USERNAME_LENGTH)));
    }

    #[test]
    fn several_accounts_share_a_mail_with_a_link_each() {
        let entries = ["amy", "bob"]
            .map(|username| Entry { username, link: format!("{LINK}&for={username}") });
        for mail in [
            confirm_address("", "a@example.org", &entries),
            password_reset("", "a@example.org", &entries),
        ] {
            for Entry { username, link } in &entries {
                assert!(
                    has_line(&mail.text, username) && has_line(&mail.text, link),
                    "{}",
                    mail.text
                );
                assert!(mail.html.contains(&link.replace('&', "&#38;")), "{}", mail.html);
            }
        }
    }

    #[test]
    fn notice_shows_a_strangers_words_on_one_line_and_never_as_markup() {
        let browser = "<b>Firefox</b>\r\nhttp://evil.example.net/\u{202e}".to_owned();
        let [account] = of("amy");
        let mail =
            notice("", "a@example.org", account, Attached::Address("b@example.org"), vec![browser]);
        assert!(has_line(&mail.text, "b@example.org") && has_line(&mail.text, LINK));
        assert!(has_line(&mail.text, "<b>Firefox</b>http://evil.example.net/"));
        assert!(
            mail.html.contains("&#60;b&#62;Firefox") && !mail.html.contains("<b>"),
            "{}",
            mail.html
        );
    }
}
