//! Email over real SMTP: delivery, and the queue while the mail server is unavailable,
//! misconfigured or rejects messages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use inventree_auth::mail::Outbox;
use inventree_auth::mail::transport::{SmtpSettings, Transport};
use inventree_auth::mail::worker::OutboxWorker;
use inventree_auth::secret::Secret;
use inventree_auth::store::Store;
use serde_json::{Value, json};
use test_support::place::Place;
use test_support::smtp::{Encryption, Login, Sink};
use test_support::{Answer, PASSWORD, TestServer};

const KEY: [u8; 32] = [7; 32];
const SITE: &str = "http://auth.example.com";
const LINK: &str = "/accounts/confirm-email/";

const LOGIN: Login =
    Login { mechanisms: "PLAIN LOGIN", username: "stock", password: "smtp-secret" };

/// Longer than every backoff.
const LATER: chrono::Duration = chrono::Duration::hours(2);

/// An outbox in a file and a clock, without a server.
struct Queue {
    _directory: tempfile::TempDir,
    place: Place,
    store: Store,
    outbox: Outbox,
    clock: Arc<Mutex<DateTime<Utc>>>,
}

impl Queue {
    fn new() -> Queue {
        Queue::under(KEY)
    }

    fn under(key: [u8; 32]) -> Queue {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::new(directory.path());
        let store = Store::open(&place.database()).unwrap();
        let start = Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap();
        let outbox = Outbox::new(&key, "[InvenTree] ", SITE);
        Queue { _directory: directory, place, store, outbox, clock: Arc::new(Mutex::new(start)) }
    }

    fn now(&self) -> DateTime<Utc> {
        *self.clock.lock().unwrap()
    }

    fn advance(&self, by: chrono::Duration) {
        *self.clock.lock().unwrap() += by;
    }

    async fn add(&self, to: &str) {
        let message = self
            .outbox
            .confirm_address(to, &[("alice".to_owned(), "the-confirmation-key".to_owned())]);
        let mut nonce = [0; 24];
        nonce[..to.len().min(24)].copy_from_slice(&to.as_bytes()[..to.len().min(24)]);
        let (sealed, outbox, now) =
            (self.outbox.seal(&message, nonce), self.outbox.clone(), self.now());
        self.store.write(move |w| outbox.queue(w, &sealed, now)).await.unwrap();
    }

    fn rounds(&self, transport: Option<Transport>) -> OutboxWorker {
        let clock = Arc::clone(&self.clock);
        let log = slog::Logger::root(slog::Discard, slog::o!());
        let now = Arc::new(move || *clock.lock().unwrap());
        OutboxWorker::new(self.store.clone(), self.outbox.clone(), transport, now, log)
    }

    async fn waiting(&self) -> i64 {
        self.store.read(|r| r.outbox_count()).await.unwrap()
    }
}

/// A delivery with wrong settings fails and keeps the message; a new worker with the right ones
/// delivers it.
async fn keeps_the_mail_until_mended(sink: &Sink, wrong: SmtpSettings) {
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut rounds = queue.rounds(Some(Transport::smtp(wrong).unwrap()));
    for _ in 0..3 {
        rounds.once().await.unwrap();
        queue.advance(chrono::Duration::minutes(2));
    }
    assert_eq!((queue.waiting().await, sink.delivered().len()), (1, 0));

    queue.rounds(Some(sink.transport())).once().await.unwrap();
    assert_eq!(
        (queue.waiting().await, sink.recipients()),
        (0, vec!["alice@example.org".to_owned()])
    );
}

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
async fn wrong_smtp_password_keeps_the_mail_until_settings_are_mended() {
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
async fn address_beyond_what_the_server_can_take_does_not_block_the_next() {
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

/// The visible part of a response, without its random key.
fn seen(answer: &Answer) -> (u16, Vec<String>, Value) {
    let mut body = answer.json();
    if let Some(key) = body.get_mut("key") {
        *key = Value::Null;
    }
    let mut headers: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    (answer.status, headers, body)
}

async fn ask(server: &TestServer, username: &str) -> [(u16, Vec<String>, Value); 2] {
    let email = format!("{username}@example.org");
    let body = json!({
        "username": username, "email": email, "password1": PASSWORD, "password2": PASSWORD,
    });
    let registered = server.post("registration/", &[], body).await;
    let reset = server.post("password/reset/", &[], json!({ "email": email })).await;
    [seen(&registered), seen(&reset)]
}

/// Wakes the worker, regardless of its backoff.
async fn look_again(server: &TestServer, sink: &Sink, count: usize) {
    for _ in 0..500 {
        server.clock.advance(chrono::Duration::minutes(1));
        server.app().outbox.wake();
        if sink.delivered().len() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn server_down_answers_stay_the_same_and_mails_arrive_after_it_is_back() {
    let mut sink = Sink::plain();
    let mut server = TestServer::with_transport(&[], Some(sink.transport())).await;
    let up = ask(&server, "alice").await;
    sink.wait_for(2).await;

    sink.stop().await;
    assert_eq!(ask(&server, "bob").await, up);
    assert_eq!(ask(&server, "carol").await, up);
    assert_eq!(sink.delivered().len(), 2);

    sink.start();
    look_again(&server, &sink, 6).await;
    server.stop().await;
    let mut recipients = sink.recipients();
    recipients.sort();
    let twice = |name: &str| [format!("{name}@example.org"), format!("{name}@example.org")];
    assert_eq!(recipients, [twice("alice"), twice("bob"), twice("carol")].concat());
}

/// The server accepts the connection and then stops responding, at once or later.
#[tokio::test]
async fn mail_server_that_hangs_holds_up_no_answer_and_keeps_no_mail() {
    use tokio::io::AsyncWriteExt;

    for greeting in [&b""[..], b"220 slow.example.com ESMTP\r\n"] {
        let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings =
            SmtpSettings { port: hanging.local_addr().unwrap().port(), ..Sink::plain().settings() };
        let queue = Queue::new();
        queue.add("alice@example.org").await;
        let mut rounds = queue.rounds(Some(Transport::smtp(settings.clone()).unwrap()));
        let round = tokio::spawn(async move { rounds.once().await });
        let (mut held, _) = hanging.accept().await.unwrap();
        held.write_all(greeting).await.unwrap();
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if round.is_finished() {
                break;
            }
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(5)).await;
            tokio::time::resume();
        }
        assert!(round.is_finished(), "it waits for ever");
        round.await.unwrap().unwrap();
        assert_eq!(queue.waiting().await, 1);
        queue.advance(LATER);
        let sink = Sink::plain();
        queue.rounds(Some(sink.transport())).once().await.unwrap();
        assert_eq!(
            (queue.waiting().await, sink.recipients()),
            (0, vec!["alice@example.org".to_owned()])
        );

        let server =
            TestServer::with_transport(&[], Some(Transport::smtp(settings).unwrap())).await;
        assert_eq!(ask(&server, "bob").await.map(|(status, ..)| status), [201, 200]);
        let (_second, _) = hanging.accept().await.unwrap();
        assert_eq!(ask(&server, "carol").await.map(|(status, ..)| status), [201, 200]);
        assert_eq!(server.log_in("carol", PASSWORD).await.status, 200);
    }
}

/// The files are copied while the store is open, as a crash would leave them.
#[tokio::test]
async fn crash_between_commit_and_sending_loses_nothing() {
    let sink = Sink::plain();
    let before = Queue::new();
    before.add("alice@example.org").await;
    before.add("bob@example.org").await;
    let after = match &before.place {
        Place::File(file) => {
            let directory = tempfile::tempdir().unwrap();
            let copy = directory.path().join("auth.sqlite3");
            std::fs::copy(file, &copy).unwrap();
            std::fs::copy(file.with_extension("sqlite3-wal"), copy.with_extension("sqlite3-wal"))
                .unwrap();
            let store = Store::open(&copy.clone().into()).unwrap();
            Queue { store, _directory: directory, place: Place::File(copy), ..Queue::new() }
        }
        // A database server is independent of this process.
        place => Queue {
            store: Store::open(&place.database()).unwrap(),
            place: place.clone(),
            ..Queue::new()
        },
    };
    drop(before);

    after.rounds(Some(sink.transport())).once().await.unwrap();
    assert_eq!(sink.recipients(), ["alice@example.org", "bob@example.org"]);
    assert_eq!(after.waiting().await, 0);
}

#[tokio::test]
async fn sent_mail_is_never_sent_twice_within_a_process() {
    let sink = Sink::plain();
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut rounds = queue.rounds(Some(sink.transport()));
    for _ in 0..3 {
        rounds.once().await.unwrap();
        queue.advance(LATER);
    }
    assert_eq!(sink.recipients(), ["alice@example.org"]);
}

/// The only real wait: until the store's lock timeout expires.
#[tokio::test]
async fn sent_mail_that_could_not_be_deleted_is_not_sent_again() {
    let sink = Sink::plain();
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut rounds = queue.rounds(Some(sink.transport()));
    let silence = sink.keep_silent().await;
    let round = tokio::spawn(async move { (rounds.once().await, rounds) });
    sink.wait_for(1).await;
    let lock = queue.place.lock();
    drop(silence);
    let (outcome, mut rounds) = round.await.unwrap();
    assert!(outcome.is_err(), "the deletion was to fail");
    drop(lock);
    assert_eq!(queue.waiting().await, 1);

    rounds.once().await.unwrap();
    assert_eq!((sink.delivered().len(), queue.waiting().await), (1, 0));
}

#[tokio::test]
async fn mail_sealed_under_another_key_is_dropped_and_the_next_goes_out() {
    let sink = Sink::plain();
    let mut queue = Queue::under([8; 32]);
    queue.add("alice@example.org").await;
    queue.outbox = Outbox::new(&KEY, "", SITE);
    queue.add("bob@example.org").await;
    queue.rounds(Some(sink.transport())).once().await.unwrap();
    assert_eq!(sink.recipients(), ["bob@example.org"]);
    assert_eq!(queue.waiting().await, 0);
}

#[tokio::test]
async fn expired_mail_is_dropped() {
    let mut sink = Sink::reserve(Encryption::None, None);
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut rounds = queue.rounds(Some(sink.transport()));
    rounds.once().await.unwrap();
    queue.advance(chrono::Duration::days(3) - chrono::Duration::seconds(1));
    rounds.once().await.unwrap();
    assert_eq!(queue.waiting().await, 1, "it is not expired yet");

    sink.start();
    queue.advance(chrono::Duration::seconds(1));
    rounds.once().await.unwrap();
    assert_eq!((queue.waiting().await, sink.delivered().len()), (0, 0));
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Checks the file before the email is sent, and the leftovers of its deletion.
#[tokio::test]
async fn outbox_holds_no_link_in_clear() {
    let mut sink = Sink::reserve(Encryption::None, None);
    let mut server = TestServer::with_transport(&[], Some(sink.transport())).await;
    let _ = ask(&server, "alice").await;
    let waiting = server.place.bytes();
    sink.start();
    look_again(&server, &sink, 2).await;
    server.stop().await;
    let left = server.place.bytes();

    let text: String = sink.wait_for(2).await.iter().map(|mail| mail.part("text/plain")).collect();
    let key = text.split_once(LINK).unwrap().1.split('/').next().unwrap();
    let token = text.split_once("&token=").unwrap().1.lines().next().unwrap();
    for bytes in [waiting, left] {
        assert!(holds(&bytes, "alice@example.org"), "these are not the bytes that matter");
        for secret in [key, token, LINK, "/platform/set-password", "Please Confirm"] {
            assert!(!holds(&bytes, secret), "{secret} lies open");
        }
    }
}

#[tokio::test]
async fn without_a_host_mails_wait_until_one_is_set() {
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut nowhere = queue.rounds(None);
    for _ in 0..3 {
        assert!(!nowhere.once().await.unwrap());
        queue.advance(LATER);
    }
    assert_eq!(queue.waiting().await, 1);

    let sink = Sink::plain();
    queue.rounds(Some(sink.transport())).once().await.unwrap();
    assert_eq!(
        (queue.waiting().await, sink.recipients()),
        (0, vec!["alice@example.org".to_owned()])
    );
}
