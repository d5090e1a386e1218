//! What the mails say: every word of them is in this file.
//!
//! A username is whatever a stranger typed at registration, and his mail reaches whomever he named as its owner. So a
//! username must never become markup, a second line or a hidden turn of the text; nor may a subject hold a line break.

use super::Message;

/// The longest username there is; a mail shows no more, whatever it is given.
const USERNAME_LENGTH: usize = 150;

pub fn confirm_address(prefix: &str, to: &str, username: &str, link: &str) -> Message {
    Wording {
        subject: "Please Confirm Your Email Address",
        before: "This address was given as the e-mail address of the InvenTree account",
        ask: "If that is right, please confirm it here:",
        button: "Confirm address",
        after: "If you do not know this account, ignore this mail: the address stays unconfirmed.",
    }
    .render(prefix, to, username, link)
}

pub fn password_reset(prefix: &str, to: &str, username: &str, link: &str) -> Message {
    Wording {
        subject: "Password Reset Email",
        before: "A new password was asked for, for the InvenTree account",
        ask: "If that was you, choose one here:",
        button: "Choose a new password",
        after: "The link works once, and for a limited time. If it was not you, ignore this mail: \
                the password stays as it is.",
    }
    .render(prefix, to, username, link)
}

/// The sentences in which the mails differ.
struct Wording {
    subject: &'static str,
    before: &'static str,
    ask: &'static str,
    button: &'static str,
    after: &'static str,
}

impl Wording {
    fn render(&self, prefix: &str, to: &str, username: &str, link: &str) -> Message {
        let username = shown(username);
        Message {
            to: to.to_owned(),
            subject: one_line(&format!("{prefix}{}", self.subject)),
            text: self.text(&username, link),
            html: self.html(&escaped(&username), &escaped(link)),
        }
    }

    fn text(&self, username: &str, link: &str) -> String {
        let Wording { before, ask, after, .. } = self;
        format!("Hello,\n\n{before}\n\n    {username}\n\n{ask}\n\n{link}\n\n{after}\n")
    }

    /// Names no colour but the button's, so that each reader's light or dark background does for the rest.
    fn html(&self, username: &str, link: &str) -> String {
        let Wording { subject, before, ask, button, after } = self;
        format!(
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{subject}</title>
</head>
<body style="margin: 0; padding: 24px">
<div style="max-width: 520px; margin: 0 auto; font: 16px/1.5 system-ui, sans-serif">
<p>Hello,</p>
<p>{before}</p>
<p style="padding-left: 16px"><strong>{username}</strong></p>
<p>{ask}</p>
<p style="margin: 24px 0"><a href="{link}" style="{BUTTON}">{button}</a></p>
<p style="font-size: 13px; opacity: 0.8">Or open this link:<br>
<a href="{link}" style="word-break: break-all">{link}</a></p>
<p style="font-size: 13px; opacity: 0.8">{after}</p>
</div>
</body>
</html>
"#
        )
    }
}

const BUTTON: &str = "display: inline-block; padding: 10px 20px; border-radius: 6px; background: #1f5fae; \
                      color: #ffffff; text-decoration: none";

/// A username fit to be shown on one line.
fn shown(username: &str) -> String {
    username.chars().filter(|&c| !c.is_control() && !hides_text(c)).take(USERNAME_LENGTH).collect()
}

/// Characters that show nothing themselves but break the line, or reorder or hide what is around them.
fn hides_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Without the characters that could start a second header.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// For HTML, inside and outside quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://stock.example.org/platform/set-password?uid=1&token=c8-0a";

    fn has_line(text: &str, line: &str) -> bool {
        text.lines().any(|found| found.trim_start() == line)
    }

    #[test]
    fn subjects_are_those_of_the_reference_behind_the_prefix() {
        let confirm = confirm_address("[InvenTree] ", "a@example.org", "alice", LINK);
        let reset = password_reset("[InvenTree] ", "a@example.org", "alice", LINK);
        assert_eq!(confirm.subject, "[InvenTree] Please Confirm Your Email Address");
        assert_eq!(reset.subject, "[InvenTree] Password Reset Email");
    }

    #[test]
    fn line_breaks_in_the_prefix_start_no_header() {
        let mail = password_reset("[A]\r\nBcc: b@example.org\n ", "a@example.org", "alice", LINK);
        assert!(!mail.subject.contains(['\r', '\n']));
    }

    #[test]
    fn link_and_username_have_a_line_each_in_the_text() {
        for mail in
            [confirm_address("", "a@example.org", "alice", LINK), password_reset("", "a@example.org", "alice", LINK)]
        {
            assert!(has_line(&mail.text, LINK));
            assert!(has_line(&mail.text, "alice"));
        }
    }

    #[test]
    fn html_links_the_escaped_link_and_shows_it() {
        let html = password_reset("", "a@example.org", "alice", LINK).html;
        let link = LINK.replace('&', "&amp;");
        assert!(html.contains(&format!("href=\"{link}\"")));
        assert!(html.contains(&format!(">{link}<")));
        assert!(!html.contains(LINK));
    }

    #[test]
    fn username_is_never_markup() {
        let html = confirm_address("", "a@example.org", "<a href=\"x\" title='y'>&", LINK).html;
        assert!(html.contains("<strong>&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;</strong>"));
    }

    #[test]
    fn username_brings_no_line_of_its_own_and_hides_nothing() {
        let mail = confirm_address("", "a@example.org", "al\r\n\nice\u{202e}\u{2028}\u{85}\u{200b}\0", LINK);
        assert!(has_line(&mail.text, "alice"));
        assert!(mail.html.contains("<strong>alice</strong>"));
    }

    #[test]
    fn endless_username_is_cut() {
        let mail = confirm_address("", "a@example.org", &"x".repeat(5000), LINK);
        assert!(has_line(&mail.text, &"x".repeat(USERNAME_LENGTH)));
    }
}
