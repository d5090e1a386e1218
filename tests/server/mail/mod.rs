//! Email over real SMTP: delivery, and the queue while the mail server is unavailable,
//! misconfigured or rejects messages.

mod delivery;
mod outbox;
mod owner_language;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use inventree_auth::languages::Languages;
use inventree_auth::mail::transport::{SmtpSettings, Transport};
use inventree_auth::mail::worker::OutboxWorker;
use inventree_auth::mail::{Outbox, Request, Site};
use inventree_auth::secret::Secret;
use inventree_auth::store::Store;
use serde_json::{Value, json};
use test_support::database::TestDatabase;
use test_support::smtp::{Encryption, Login, Sink};
use test_support::{PASSWORD, Response, TestServer};

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
    database: TestDatabase,
    store: Store,
    outbox: Outbox,
    clock: Arc<Mutex<DateTime<Utc>>>,
}

fn outbox(key: &[u8; 32]) -> Outbox {
    let site = Site {
        product: "InvenTree".to_owned(),
        contact: None,
        prefix: "[InvenTree] ".to_owned(),
        url: SITE.to_owned(),
        languages: Arc::new(Languages::new(None, "InvenTree").unwrap()),
    };
    Outbox::new(key, site)
}

impl Queue {
    fn new() -> Queue {
        Queue::under(KEY)
    }

    fn under(key: [u8; 32]) -> Queue {
        let directory = tempfile::tempdir().unwrap();
        let database = TestDatabase::new(directory.path());
        let store = Store::open(&database.database()).unwrap();
        let start = Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap();
        let outbox = outbox(&key);
        Queue { _directory: directory, database, store, outbox, clock: Arc::new(Mutex::new(start)) }
    }

    fn now(&self) -> DateTime<Utc> {
        *self.clock.lock().unwrap()
    }

    fn advance(&self, by: chrono::Duration) {
        *self.clock.lock().unwrap() += by;
    }

    async fn add(&self, to: &str) {
        let accounts = [("alice".to_owned(), "the-confirmation-key".to_owned())];
        let at = self.now();
        let request = Request { at, address: "127.0.0.1", user_agent: "", language: "en" };
        let message = self.outbox.confirm_address(to, &accounts, 3, &request);
        let mut nonce = [0; 24];
        nonce[..to.len().min(24)].copy_from_slice(&to.as_bytes()[..to.len().min(24)]);
        let (sealed, outbox, now) =
            (self.outbox.seal(&message, nonce), self.outbox.clone(), self.now());
        self.store.write(move |w| outbox.queue(w, &sealed, now)).await.unwrap();
    }

    fn worker(&self, transport: Option<Transport>) -> OutboxWorker {
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
async fn keeps_the_email_until_fixed(sink: &Sink, wrong: SmtpSettings) {
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut worker = queue.worker(Some(Transport::smtp(wrong).unwrap()));
    for _ in 0..3 {
        worker.run_once().await.unwrap();
        queue.advance(chrono::Duration::minutes(2));
    }
    assert_eq!((queue.waiting().await, sink.delivered().len()), (1, 0));

    queue.worker(Some(sink.transport())).run_once().await.unwrap();
    assert_eq!(
        (queue.waiting().await, sink.recipients()),
        (0, vec!["alice@example.org".to_owned()])
    );
}

/// The visible part of a response, without its random key.
fn seen(response: &Response) -> (u16, Vec<String>, Value) {
    let mut body = response.json();
    if let Some(key) = body.get_mut("key") {
        *key = Value::Null;
    }
    let mut headers: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    (response.status, headers, body)
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

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
