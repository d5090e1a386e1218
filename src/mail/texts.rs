//! What mails say: every sentence a person reads in one, in one place.
//!
//! A user name is a stranger's text: escaped in HTML, without control characters in plain text, never in a subject.

use super::Message;

/// The mail that proves an address.
pub fn confirm_address(prefix: &str, to: &str, username: &str, link: &str) -> Message {
    compose(
        prefix,
        to,
        link,
        &Words {
            subject: "Please Confirm Your Email Address",
            greeting: "Hello",
            username,
            why: "You are receiving this email because this address was given for the following account:",
            what: "To confirm that the address is yours, open this link:",
            button: "Confirm email address",
            otherwise: "If this was not you, ignore this email: nothing happens then.",
        },
    )
}

/// The mail that lets a person choose a new password.
pub fn password_reset(prefix: &str, to: &str, username: &str, link: &str) -> Message {
    compose(
        prefix,
        to,
        link,
        &Words {
            subject: "Password Reset Email",
            greeting: "Hello",
            username,
            why: "You are receiving this email because a password reset was requested for the following account:",
            what: "To choose a new password, open this link:",
            button: "Choose a new password",
            otherwise: "If you did not request this, ignore this email: your password stays as it is.",
        },
    )
}

struct Words<'a> {
    subject: &'a str,
    greeting: &'a str,
    username: &'a str,
    why: &'a str,
    what: &'a str,
    button: &'a str,
    otherwise: &'a str,
}

fn compose(prefix: &str, to: &str, link: &str, words: &Words<'_>) -> Message {
    let Words { subject, greeting, username, why, what, button, otherwise } = words;
    let username: String = username.chars().filter(|c| !c.is_control()).collect();
    let prefix: String = prefix.chars().filter(|c| !c.is_control()).collect();
    let (name, href) = (escape(&username), escape(link));
    Message {
        to: to.to_owned(),
        subject: format!("{prefix}{subject}"),
        text: format!("{greeting},\n\n{why}\n\n    {username}\n\n{what}\n\n{link}\n\n{otherwise}\n"),
        html: format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{subject}</title></head>\
             <body style=\"font-family:system-ui,sans-serif;line-height:1.5;max-width:34em;margin:2em auto;\
             padding:0 1em\"><p>{greeting},</p><p>{why}</p><p><strong>{name}</strong></p><p>{what}</p>\
             <p><a href=\"{href}\" style=\"display:inline-block;padding:.6em 1.2em;border-radius:.4em;\
             background:#1f5fbf;color:#ffffff;text-decoration:none\">{button}</a></p>\
             <p style=\"word-break:break-all\"><a href=\"{href}\">{href}</a></p><p>{otherwise}</p></body></html>\n"
        ),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup_or_headers() {
        let message = confirm_address("[X]\r\nBcc: a@b ", "a@example.com", "<b>\r\nx", "https://x/?a=1&b=2");
        assert_eq!(message.subject, "[X]Bcc: a@b Please Confirm Your Email Address");
        assert!(message.html.contains("&lt;b&gt;x") && !message.html.contains("<b>"));
        assert!(message.text.contains("    <b>x\n"));
        assert!(message.html.contains("href=\"https://x/?a=1&amp;b=2\""));
    }

    #[test]
    fn link_stands_on_a_line_of_its_own() {
        let message = password_reset("", "a@example.com", "amy", "https://x/reset");
        assert!(message.text.lines().any(|line| line == "https://x/reset"));
        assert!(message.text.contains("amy"));
    }
}
