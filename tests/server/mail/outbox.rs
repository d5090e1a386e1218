//! Messages that wait: a server that is down, crashes, keys and expiry.

use super::*;

#[tokio::test]
async fn unreachable_smtp_server_changes_no_response_and_loses_no_email() {
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
async fn hanging_smtp_server_delays_no_response() {
    use tokio::io::AsyncWriteExt;

    for greeting in [&b""[..], b"220 slow.example.com ESMTP\r\n"] {
        let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings =
            SmtpSettings { port: hanging.local_addr().unwrap().port(), ..Sink::plain().settings() };
        let queue = Queue::new();
        queue.add("alice@example.org").await;
        let mut worker = queue.worker(Some(Transport::smtp(settings.clone()).unwrap()));
        let round = tokio::spawn(async move { worker.run_once().await });
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
        queue.worker(Some(sink.transport())).run_once().await.unwrap();
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
    let after = match &before.database {
        TestDatabase::File(file) => {
            let directory = tempfile::tempdir().unwrap();
            let copy = directory.path().join("auth.sqlite3");
            std::fs::copy(file, &copy).unwrap();
            std::fs::copy(file.with_extension("sqlite3-wal"), copy.with_extension("sqlite3-wal"))
                .unwrap();
            let store = Store::open(&copy.clone().into()).unwrap();
            Queue {
                store,
                _directory: directory,
                database: TestDatabase::File(copy),
                ..Queue::new()
            }
        }
        // A database server is independent of this process.
        database => Queue {
            store: Store::open(&database.database()).unwrap(),
            database: database.clone(),
            ..Queue::new()
        },
    };
    drop(before);

    after.worker(Some(sink.transport())).run_once().await.unwrap();
    assert_eq!(sink.recipients(), ["alice@example.org", "bob@example.org"]);
    assert_eq!(after.waiting().await, 0);
}

#[tokio::test]
async fn email_is_never_sent_twice_within_a_process() {
    let sink = Sink::plain();
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut worker = queue.worker(Some(sink.transport()));
    for _ in 0..3 {
        worker.run_once().await.unwrap();
        queue.advance(LATER);
    }
    assert_eq!(sink.recipients(), ["alice@example.org"]);
}

/// The only real wait: until the store's lock timeout expires.
#[tokio::test]
async fn sent_email_that_could_not_be_deleted_is_not_sent_again() {
    let sink = Sink::plain();
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut worker = queue.worker(Some(sink.transport()));
    let silence = sink.keep_silent().await;
    let round = tokio::spawn(async move { (worker.run_once().await, worker) });
    sink.wait_for(1).await;
    let lock = queue.database.lock();
    drop(silence);
    let (outcome, mut worker) = round.await.unwrap();
    assert!(outcome.is_err(), "the deletion was to fail");
    drop(lock);
    assert_eq!(queue.waiting().await, 1);

    worker.run_once().await.unwrap();
    assert_eq!((sink.delivered().len(), queue.waiting().await), (1, 0));
}

#[tokio::test]
async fn email_encrypted_under_another_key_is_dropped_and_the_next_is_sent() {
    let sink = Sink::plain();
    let mut queue = Queue::under([8; 32]);
    queue.add("alice@example.org").await;
    queue.outbox = outbox(&KEY);
    queue.add("bob@example.org").await;
    queue.worker(Some(sink.transport())).run_once().await.unwrap();
    assert_eq!(sink.recipients(), ["bob@example.org"]);
    assert_eq!(queue.waiting().await, 0);
}

#[tokio::test]
async fn expired_email_is_dropped() {
    let mut sink = Sink::reserve(Encryption::None, None);
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut worker = queue.worker(Some(sink.transport()));
    worker.run_once().await.unwrap();
    queue.advance(chrono::Duration::days(3) - chrono::Duration::seconds(1));
    worker.run_once().await.unwrap();
    assert_eq!(queue.waiting().await, 1, "it is not expired yet");

    sink.start();
    queue.advance(chrono::Duration::seconds(1));
    worker.run_once().await.unwrap();
    assert_eq!((queue.waiting().await, sink.delivered().len()), (0, 0));
}

/// Checks the file before the email is sent, and the leftovers of its deletion.
#[tokio::test]
async fn outbox_links_are_encrypted() {
    let mut sink = Sink::reserve(Encryption::None, None);
    let mut server = TestServer::with_transport(&[], Some(sink.transport())).await;
    let _ = ask(&server, "alice").await;
    let waiting = server.database.bytes();
    sink.start();
    look_again(&server, &sink, 2).await;
    server.stop().await;
    let left = server.database.bytes();

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
async fn without_a_mail_server_email_waits() {
    let queue = Queue::new();
    queue.add("alice@example.org").await;
    let mut nowhere = queue.worker(None);
    for _ in 0..3 {
        assert!(!nowhere.run_once().await.unwrap());
        queue.advance(LATER);
    }
    assert_eq!(queue.waiting().await, 1);

    let sink = Sink::plain();
    queue.worker(Some(sink.transport())).run_once().await.unwrap();
    assert_eq!(
        (queue.waiting().await, sink.recipients()),
        (0, vec!["alice@example.org".to_owned()])
    );
}
