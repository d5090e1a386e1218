//! Messages over SMTP, accepted, refused and deferred.

use super::*;

#[tokio::test]
async fn plain_smtp_delivers_text_and_html_with_subject_and_sender() {
    let sink = Sink::plain();
    let mut server = TestServer::with_transport(&[], Some(sink.transport())).await;
    let token = server.register("alice", "Alice@Example.ORG").await;
    let stored = server.get("emails/", &[("authorization", &token)]).await.json();
    let stored = stored[0]["email"]
        .as_str()
        .or_else(|| stored["results"][0]["email"].as_str())
        .unwrap()
        .to_owned();

    let mails = sink.wait_for(1).await;
    server.stop().await;
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("stock@example.org", [stored.clone()].as_slice())
    );
    assert_eq!(mail.header("Subject"), "[InvenTree] Please Confirm Your Email Address");
    assert!(mail.header("From").contains("<stock@example.org>"), "{}", mail.header("From"));
    assert_eq!(mail.header("To"), stored);
    assert!(mail.header("Content-Type").starts_with("multipart/alternative;"));
    assert!(!mail.header("Date").is_empty() && !mail.header("Message-ID").is_empty());

    let text = mail.part("text/plain");
    let link = text
        .lines()
        .find(|line| line.starts_with(&format!("{SITE}{LINK}")))
        .expect("a link on its own line");
    assert!(mail.part("text/html").contains(&format!("href=\"{link}\"")));
}

#[tokio::test]
async fn starttls_and_login_deliver() {
    for mechanisms in ["PLAIN", "LOGIN", "LOGIN PLAIN"] {
        let sink = Sink::running(Encryption::StartTls, Some(Login { mechanisms, ..LOGIN }));
        let queue = Queue::new();
        queue.add("alice@example.org").await;
        queue.worker(Some(sink.transport())).run_once().await.unwrap();
        let mails = sink.delivered();
        assert_eq!((queue.waiting().await, mails.len()), (0, 1), "{mechanisms}");
        assert_eq!(
            (mails[0].encrypted, mails[0].user.as_deref()),
            (true, Some("stock")),
            "{mechanisms}"
        );
    }
}

#[tokio::test]
async fn implicit_tls_delivers() {
    let sink = Sink::running(Encryption::Implicit, None);
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    queue.worker(Some(sink.transport())).run_once().await.unwrap();
    assert_eq!(queue.waiting().await, 0);
    assert!(sink.delivered().iter().all(|mail| mail.encrypted));
    assert_eq!(sink.recipients(), ["alice@example.org"]);
}

#[tokio::test]
async fn untrusted_certificate_keeps_the_email() {
    for encryption in [Encryption::StartTls, Encryption::Implicit] {
        let sink = Sink::running(encryption, None);
        keeps_the_email_until_fixed(&sink, SmtpSettings { roots: None, ..sink.settings() }).await;
    }
}

#[tokio::test]
async fn server_without_starttls_gets_no_email_when_it_is_required() {
    let sink = Sink::plain();
    keeps_the_email_until_fixed(&sink, SmtpSettings { tls: true, ..sink.settings() }).await;
}

#[tokio::test]
async fn wrong_smtp_password_keeps_the_email_until_it_is_fixed() {
    let sink = Sink::running(Encryption::StartTls, Some(LOGIN));
    let wrong = Some(Secret::new("stale".to_owned()));
    keeps_the_email_until_fixed(&sink, SmtpSettings { password: wrong, ..sink.settings() }).await;
}

#[tokio::test]
async fn missing_smtp_login_keeps_the_email_until_it_is_configured() {
    let sink = Sink::running(Encryption::None, Some(LOGIN));
    keeps_the_email_until_fixed(
        &sink,
        SmtpSettings { username: None, password: None, ..sink.settings() },
    )
    .await;
}

#[tokio::test]
async fn refused_recipient_does_not_block_the_next() {
    let sink = Sink::plain();
    sink.refuse("nobody@example.org", "550 5.1.1 <nobody@example.org>: no such user");
    let queue = Queue::new();
    queue.add("nobody@example.org").await;
    queue.add("alice@example.org").await;
    queue.worker(Some(sink.transport())).run_once().await.unwrap();
    assert_eq!(sink.recipients(), ["alice@example.org"]);
    assert_eq!(queue.waiting().await, 0);
}

/// A mail server that refuses one recipient with this reply, after the first round of an email to
/// it and one to Alice, which alone arrived.
async fn after_refusing(recipient: &str, reply: &str) -> (Sink, Queue, OutboxWorker) {
    let sink = Sink::plain();
    sink.refuse(recipient, reply);
    let queue = Queue::new();
    queue.add(recipient).await;
    queue.add("alice@example.org").await;
    let mut worker = queue.worker(Some(sink.transport()));
    worker.run_once().await.unwrap();
    assert_eq!(
        (sink.recipients(), queue.waiting().await),
        (vec!["alice@example.org".to_owned()], 1)
    );
    sink.accept(recipient);
    (sink, queue, worker)
}

/// Many servers send 554 for a single recipient.
#[tokio::test]
async fn recipient_refused_by_policy_does_not_block_the_next_and_is_not_lost() {
    let reply = "554 5.7.1 <far@example.net>: Relay access denied";
    let (sink, queue, mut worker) = after_refusing("far@example.net", reply).await;
    queue.advance(LATER);
    worker.run_once().await.unwrap();
    assert_eq!((sink.recipients().len(), queue.waiting().await), (2, 0));
}

#[tokio::test]
async fn unsupported_recipient_does_not_block_the_next() {
    let sink = Sink::plain();
    let queue = Queue::new();
    queue.add("\u{e4}lice@example.org").await;
    queue.add("\"a b\"@example.org").await;
    queue.add("alice@example.org").await;
    queue.worker(Some(sink.transport())).run_once().await.unwrap();
    assert_eq!(sink.recipients(), ["\"a b\"@example.org", "alice@example.org"]);
    assert_eq!(
        queue.waiting().await,
        1,
        "the address beyond ASCII waits for a server that takes it"
    );
}

#[tokio::test]
async fn deferred_recipient_is_tried_again_later() {
    let (sink, queue, mut worker) =
        after_refusing("busy@example.org", "451 4.7.1 Greylisted").await;
    worker.run_once().await.unwrap();
    assert_eq!(queue.waiting().await, 1, "it is too early");
    queue.advance(chrono::Duration::seconds(30));
    worker.run_once().await.unwrap();
    assert_eq!(sink.recipients(), ["alice@example.org", "busy@example.org"]);
    assert_eq!(queue.waiting().await, 0);
}

#[tokio::test]
async fn email_is_in_the_language_of_its_request() {
    let sink = Sink::plain();
    let mut server = TestServer::with_transport(&[], Some(sink.transport())).await;
    server.register("amy", "amy@example.org").await;
    let cases = [
        ("de", "[InvenTree] Zurücksetzen Ihres Passworts", "Guten Tag,", "Netzwerk: 127.0.0.1"),
        ("ja", "[InvenTree] パスワードのリセット", "こんにちは。", "ネットワーク：127.0.0.1"),
        ("tlh", "[InvenTree] Password Reset Email", "Hello,", "Network: 127.0.0.1"),
    ];
    for (n, (tag, subject, greeting, network)) in cases.into_iter().enumerate() {
        let body = json!({ "email": "amy@example.org" });
        let response = server.post("password/reset/", &[("accept-language", tag)], body).await;
        assert_eq!(response.status, 200);
        let mail = sink.wait_for(n + 2).await.remove(n + 1);
        assert!(mail.data.is_ascii(), "{}", mail.data);
        assert_eq!(mail.decoded_header("Subject"), subject);
        let language = if tag == "tlh" { "en" } else { tag };
        assert_eq!(mail.header("Content-Language"), language);
        let text = mail.part("text/plain");
        assert!(text.starts_with(greeting) && text.contains(network), "{text}");
        let html = mail.part("text/html");
        assert!(html.contains(&format!("<html lang=\"{language}\" dir=\"ltr\">")), "{html}");
        assert!(html.contains(greeting) && html.contains(network), "{html}");
        let link = text.lines().find(|line| line.starts_with("http")).unwrap();
        assert!(html.contains(&format!("href=\"{}\"", link.replace('&', "&#38;"))), "{html}");
    }
    server.stop().await;
    let ids: std::collections::BTreeSet<String> =
        sink.delivered().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 4, "each has its own");
    assert!(ids.iter().all(|id| id.ends_with("@example.org>")), "{ids:?}");
}

#[tokio::test]
async fn emails_use_sentences_of_a_custom_language_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("locales")).unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join("locales").join(name), text).unwrap();
    };
    write("nl.json", r#"{"language.name": "Nederlands", "mail/hello": "Hallo,"}"#);
    write("de.json", r#"{"mail/hello": "Moin,"}"#);
    let place = folder.path().to_str().unwrap();
    let server = TestServer::with(&[("CUSTOMIZE_DIR", place)]).await;
    server.register("amy", "amy@example.org").await;
    server.take_mails(1).await;
    for (tag, greeting) in [("nl", "Hallo,"), ("de", "Moin,")] {
        let body = json!({ "email": "amy@example.org" });
        server.post("password/reset/", &[("accept-language", tag)], body).await;
        let mail = server.take_mails(1).await.remove(0);
        assert!(mail.text.starts_with(greeting), "{}", mail.text);
        assert_eq!(mail.language, tag);
    }
}
