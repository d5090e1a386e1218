//! Addresses, replies and timeouts of SMTP, against sockets of this process.

use std::io::{BufRead, BufReader, Write};

use super::*;

fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: None,
        password: None,
        tls: false,
        ssl: false,
        sender: "Stock <stock@example.org>".to_owned(),
        extra_root_pem: None,
    }
}

fn message(to: &str) -> Message {
    Message {
        to: to.to_owned(),
        subject: "[X] Hello".to_owned(),
        text: "https://x.example/?a=1\n".to_owned(),
        html: "<p>hi</p>".to_owned(),
    }
}

fn smtp() -> Smtp {
    Smtp::new(settings(25)).unwrap()
}

#[tokio::test]
async fn silent_server_is_given_up_and_loses_no_mail() {
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
async fn unusable_address_is_refused_without_asking_a_server() {
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
fn server(answer: impl Fn(&str) -> &'static str + Send + 'static) -> u16 {
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
            let reply = answer(&line);
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
async fn answers_that_concern_every_mail_lose_none() {
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
async fn answers_that_may_change_put_one_mail_off() {
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
async fn refusals_of_one_mail_are_for_good_and_do_not_repeat_the_servers_words() {
    for (command, reply, told) in [
        (
            "RCPT",
            "550 5.1.1 <amy@example.org>: unknown",
            "RCPT: the mail server answered 550 5.1.1",
        ),
        ("RCPT", "553 amy@example.org unknown", "RCPT: the mail server answered 553"),
        (".", "554 5.6.0 no", "message: the mail server answered 554 5.6.0"),
    ] {
        assert_eq!(outcome(command, reply).await, Err(TransportError::Refused(told.to_owned())));
    }
}

#[tokio::test]
async fn mail_that_was_taken_is_sent_whatever_follows() {
    assert_eq!(outcome("QUIT", "").await, Ok(()));
}

#[test]
fn mail_has_both_parts_and_the_headers_it_needs() {
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
        "\r\nDate: ",
        "\r\nhttps://x.example/?a=1\r\n",
    ] {
        assert!(mail.contains(expected), "{expected} in {mail}");
    }
}

#[test]
fn quoted_address_is_written_as_it_is() {
    let mail = smtp().compose(&message("\"a \\\" b\"@example.org")).unwrap();
    assert!(
        String::from_utf8(mail.formatted()).unwrap().contains("To: \"a \\\" b\"@example.org\r\n")
    );
}

#[test]
fn message_id_is_the_senders_and_the_same_for_each_try() {
    let (first, second) = (message("amy@example.org"), message("bob@example.org"));
    let id = smtp().message_id(&first);
    assert!(id.ends_with("@example.org>") && id.len() > 40, "{id}");
    assert_eq!(id, smtp().message_id(&first));
    assert_ne!(id, smtp().message_id(&second));
}

#[test]
fn sender_must_be_one_ascii_address() {
    for sender in ["", "stock", "stöck@example.org", "stock@bücher.example"] {
        assert!(
            Smtp::new(SmtpSettings { sender: sender.to_owned(), ..settings(25) }).is_err(),
            "{sender}"
        );
    }
}
