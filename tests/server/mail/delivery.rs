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
        queue.rounds(Some(sink.transport())).once().await.unwrap();
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
    queue.rounds(Some(sink.transport())).once().await.unwrap();
    assert_eq!(queue.waiting().await, 0);
    assert!(sink.delivered().iter().all(|mail| mail.encrypted));
    assert_eq!(sink.recipients(), ["alice@example.org"]);
}

#[tokio::test]
async fn untrusted_certificate_keeps_the_mail() {
    for encryption in [Encryption::StartTls, Encryption::Implicit] {
        let sink = Sink::running(encryption, None);
        keeps_the_mail_until_mended(
            &sink,
            SmtpSettings { extra_root_pem: None, ..sink.settings() },
        )
        .await;
    }
}

#[tokio::test]
async fn server_without_starttls_gets_no_mail_when_it_is_required() {
    let sink = Sink::plain();
    keeps_the_mail_until_mended(&sink, SmtpSettings { tls: true, ..sink.settings() }).await;
}

#[tokio::test]
async fn wrong_smtp_password_keeps_the_email_until_it_is_fixed() {
    let sink = Sink::running(Encryption::StartTls, Some(LOGIN));
    let wrong = Some(Secret::new("stale".to_owned()));
    keeps_the_mail_until_mended(&sink, SmtpSettings { password: wrong, ..sink.settings() }).await;
}

#[tokio::test]
async fn missing_smtp_login_keeps_the_mail_until_settings_are_mended() {
    let sink = Sink::running(Encryption::None, Some(LOGIN));
    keeps_the_mail_until_mended(
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
    queue.rounds(Some(sink.transport())).once().await.unwrap();
    assert_eq!(sink.recipients(), ["alice@example.org"]);
    assert_eq!(queue.waiting().await, 0);
}

/// Many servers send 554 for a single recipient.
#[tokio::test]
async fn recipient_refused_by_policy_does_not_block_the_next_and_is_not_lost() {
    let sink = Sink::plain();
    sink.refuse("far@example.net", "554 5.7.1 <far@example.net>: Relay access denied");
    let queue = Queue::new();
    queue.add("far@example.net").await;
    queue.add("alice@example.org").await;
    let mut rounds = queue.rounds(Some(sink.transport()));
    rounds.once().await.unwrap();
    assert_eq!(
        (sink.recipients(), queue.waiting().await),
        (vec!["alice@example.org".to_owned()], 1)
    );

    sink.accept("far@example.net");
    queue.advance(LATER);
    rounds.once().await.unwrap();
    assert_eq!((sink.recipients().len(), queue.waiting().await), (2, 0));
}

#[tokio::test]
async fn unsupported_recipient_does_not_block_the_next() {
    let sink = Sink::plain();
    let queue = Queue::new();
    queue.add("alice@b\u{fc}cher.example").await;
    queue.add("\"a b\"@example.org").await;
    queue.add("alice@example.org").await;
    queue.rounds(Some(sink.transport())).once().await.unwrap();
    assert_eq!(sink.recipients(), ["\"a b\"@example.org", "alice@example.org"]);
    assert_eq!(
        queue.waiting().await,
        1,
        "the address beyond ASCII waits for a server that takes it"
    );
}

#[tokio::test]
async fn deferred_recipient_is_tried_again_later() {
    let sink = Sink::plain();
    sink.refuse("busy@example.org", "451 4.7.1 Greylisted");
    let queue = Queue::new();
    queue.add("busy@example.org").await;
    queue.add("alice@example.org").await;
    let mut rounds = queue.rounds(Some(sink.transport()));
    rounds.once().await.unwrap();
    assert_eq!(
        (sink.recipients(), queue.waiting().await),
        (vec!["alice@example.org".to_owned()], 1)
    );

    sink.accept("busy@example.org");
    rounds.once().await.unwrap();
    assert_eq!(queue.waiting().await, 1, "it is too early");
    queue.advance(chrono::Duration::seconds(30));
    rounds.once().await.unwrap();
    assert_eq!(sink.recipients(), ["alice@example.org", "busy@example.org"]);
    assert_eq!(queue.waiting().await, 0);
}
