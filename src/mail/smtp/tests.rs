//! Addresses, replies and timeouts of SMTP, against sockets of this process.

use std::io::{BufRead, BufReader, Write};

use chrono::DateTime;

use super::*;

fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: None,
        password: None,
        tls: false,
        ssl: false,
        sender: "stock@example.org".to_owned(),
        sender_name: "Stock".to_owned(),
        reply_to: None,
        site_url: "https://auth.example.com".to_owned(),
        roots: None,
    }
}

fn message(to: &str) -> Message {
    Message {
        to: to.to_owned(),
        subject: "[X] Hello".to_owned(),
        text: "https://x.example/?a=1\n".to_owned(),
        html: "<p>hi</p>".to_owned(),
        language: "de".to_owned(),
        date: DateTime::UNIX_EPOCH,
        id: "c0ffee".to_owned(),
    }
}

fn smtp() -> Smtp {
    Smtp::new(settings(25)).unwrap()
}

#[tokio::test]
async fn unresponsive_smtp_server_times_out_and_loses_no_email() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut smtp = Smtp::new(settings(listener.local_addr().unwrap().port())).unwrap();
    smtp.command_timeout = Duration::from_millis(20);
    let outcome = smtp.send(&message("amy@example.org")).await;
    assert_eq!(
        outcome,
        Err(TransportError::Unreachable("connecting: the mail server timed out".to_owned()))
    );
}

#[tokio::test]
async fn invalid_address_is_refused_without_a_connection() {
    for address in [
        "",
        "amy",
        "amy@",
        "amy@example.org\r\nBcc: eve@example.org",
        "\"a\r\n\"@b.example",
        "\"a\"b c\"@d.example",
        "a@b.example, c@d.example",
    ] {
        let outcome = smtp().send(&message(address)).await;
        assert!(matches!(outcome, Err(TransportError::Refused(_))), "{address}: {outcome:?}");
    }
}

/// A server with a scripted reply for each command; an empty reply closes the connection. It
/// serves one connection.
fn server(reply_to: impl Fn(&str) -> &'static str + Send + 'static) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut is_text = false;
        for line in std::iter::once(Ok("HELLO".to_owned())).chain(lines) {
            let Ok(line) = line else { return };
            if is_text && line != "." {
                continue;
            }
            let reply = reply_to(&line);
            is_text = reply.starts_with("354");
            if reply.is_empty() || write!(stream, "{reply}\r\n").is_err() {
                return;
            }
        }
    });
    port
}

/// The outcome if `command` gets `reply` and every other command succeeds.
async fn outcome(command: &'static str, reply: &'static str) -> Result<(), TransportError> {
    let port = server(move |line| match line {
        line if line.starts_with(command) => reply,
        "HELLO" => "220 here",
        "DATA" => "354 go on",
        _ => "250 fine",
    });
    Smtp::new(settings(port)).unwrap().send(&message("amy@example.org")).await
}

#[tokio::test]
async fn server_wide_smtp_errors_keep_every_email() {
    for (command, reply) in [
        ("HELLO", "554 no"),
        ("HELLO", "421 busy"),
        ("EHLO", "550 no"),
        ("MAIL", "550 5.1.8 <stock@example.org>: no such sender"),
        ("MAIL", "452 4.3.1 full"),
        ("MAIL", ""),
    ] {
        let outcome = outcome(command, reply).await;
        assert!(
            matches!(outcome, Err(TransportError::Unreachable(_))),
            "{command} {reply}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn temporary_smtp_errors_defer_one_email() {
    for (command, reply) in [
        ("RCPT", "451 4.7.1 greylisted"),
        ("RCPT", "550 5.7.1 relaying denied"),
        ("RCPT", "554 relaying denied"),
        ("RCPT", "530 log in first"),
        ("RCPT", ""),
        ("DATA", "421 going away"),
        (".", "452 4.3.1 full"),
        (".", ""),
    ] {
        let outcome = outcome(command, reply).await;
        assert!(
            matches!(outcome, Err(TransportError::Deferred(_))),
            "{command} {reply}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn permanent_smtp_errors_drop_one_email_and_quote_no_response() {
    for (command, reply, told) in [
        ("RCPT", "550 5.1.1 <amy@example.org>: unknown", "RCPT: the mail server replied 550 5.1.1"),
        ("RCPT", "553 amy@example.org unknown", "RCPT: the mail server replied 553"),
        (".", "554 5.6.0 no", "message: the mail server replied 554 5.6.0"),
    ] {
        assert_eq!(outcome(command, reply).await, Err(TransportError::Refused(told.to_owned())));
    }
}

#[tokio::test]
async fn accepted_email_counts_as_sent_despite_later_errors() {
    assert_eq!(outcome("QUIT", "").await, Ok(()));
}

#[test]
fn email_has_both_parts_and_the_required_headers() {
    let mail = String::from_utf8(smtp().compose(&message("amy@example.org")).unwrap().formatted())
        .unwrap();
    for expected in [
        "From: Stock <stock@example.org>\r\n",
        "To: amy@example.org\r\n",
        "Subject: [X] Hello\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
        "Message-ID: <c0ffee@example.org>\r\n",
        "Content-Language: de\r\n",
        "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
        "\r\nhttps://x.example/?a=1\r\n",
    ] {
        assert!(mail.contains(expected), "{expected} in {mail}");
    }
}

#[test]
fn quoted_address_is_kept_verbatim() {
    let mail = smtp().compose(&message("\"a \\\" b\"@example.org")).unwrap();
    assert!(
        String::from_utf8(mail.formatted()).unwrap().contains("To: \"a \\\" b\"@example.org\r\n")
    );
}

#[test]
fn non_ascii_domains_are_encoded_as_a_labels() {
    let settings = SmtpSettings {
        sender: "Lager <lager@bücher.example>".to_owned(),
        reply_to: Some("hilfe@bücher.example".to_owned()),
        ..settings(25)
    };
    let mail = Smtp::new(settings).unwrap().compose(&message("amy@例え.example")).unwrap();
    assert!(mail.envelope().to()[0].to_string().is_ascii());
    let mail = String::from_utf8(mail.formatted()).unwrap();
    for expected in [
        "From: Lager <lager@xn--bcher-kva.example>\r\n",
        "Reply-To: hilfe@xn--bcher-kva.example\r\n",
        "To: amy@xn--r8jz45g.example\r\n",
        "Message-ID: <c0ffee@xn--bcher-kva.example>\r\n",
    ] {
        assert!(mail.contains(expected), "{expected} in {mail}");
    }
}

/// Their A-labels are those of another domain.
#[test]
fn domain_changed_by_idna_gets_no_email() {
    for domain in
        ["\u{212a}ite.example", "ｋｉｔｅ.example", "kite\u{3002}example", "bü\u{ad}cher.example"]
    {
        assert_eq!(a_labels(domain), None, "{domain}");
    }
}

#[test]
fn ehlo_names_the_site_and_never_localhost() {
    for (site_url, name) in [
        ("https://auth.example.com", "auth.example.com"),
        ("https://auth.example.com:8443", "auth.example.com"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("http://192.0.2.1:8000", "[192.0.2.1]"),
        ("http://[2001:db8::1]:8000", "[IPv6:2001:db8::1]"),
        ("http://localhost:8000", "[127.0.0.1]"),
    ] {
        assert_eq!(client_id(site_url).to_string(), name);
    }
}

#[test]
fn sender_and_reply_to_must_be_addresses() {
    for text in ["", "stock", "stöck@example.org", "stock@"] {
        let sender = SmtpSettings { sender: text.to_owned(), ..settings(25) };
        assert!(Smtp::new(sender).is_err(), "{text}");
    }
    let reply_to = SmtpSettings { reply_to: Some("stock".to_owned()), ..settings(25) };
    assert!(matches!(Smtp::new(reply_to), Err(SetupError::ReplyTo)));
}
